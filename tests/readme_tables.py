"""The README's tables that code can make: `python -m tests.readme_tables` writes them.

Speed and memory come from `tests/benchmarks/bench.json`, as `attune bench --json` printed it.
"""

from __future__ import annotations

import re
from pathlib import Path

from device.config_text import markdown_table
from device.home.entities import ENTITIES

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"


def entities() -> str:
    """Every Home Assistant entity, a row each."""
    kinds: dict[str, list[str]] = {}
    for entity in ENTITIES:
        kind = "diagnostic" if entity.diagnostic else entity.platform.replace("_", " ")
        kinds.setdefault(kind, []).append(entity.name)
    rows = [f"| {kind} | {', '.join(names)} |" for kind, names in kinds.items()]
    return "\n".join(["| kind | entities |", "|---|---|", *rows])


def tables() -> dict[str, str]:
    """Name of each marked region and what belongs there."""
    return {"entities": entities(), "settings": markdown_table().strip()}


def filled(text: str) -> str:
    """The README with every region as code makes it now."""
    for name, table in tables().items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        text, count = re.subn(
            pattern, lambda m, t=table: f"{m[1]}{t}\n{m[2]}", text, flags=re.DOTALL
        )
        if count != 1:
            raise ValueError(f"README.md has {count} regions named {name}, not one")
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
