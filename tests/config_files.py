"""Configuration files of a test's own, and what is said against them."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.config import ConfigError, load


def write(folder: Path, text: str) -> Path:
    path = folder / "attune.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text), {})
    return [(each.line, each.key, each.reason) for each in caught.value.problems]
