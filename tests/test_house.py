"""The house has rooms: each module imports only from where the design allows it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BASE = {
    "device",
    "device.types",
    "device.lessons",
    "device.diary",
    "device.ports",
    "device.settings",
    "device.config",
}
ALLOWED: dict[str, set[str]] = {
    "device.types": {"device"},
    "device.lessons": {"device.types"},
    "device.diary": {"device.types", "device.lessons"},
    "device.ports": {"device.types", "device.lessons"},
    "device.settings": {"device.types"},
    "device.config": BASE | {"device.config"},
    "device.inference": set(),
    "device.vision": BASE | {"device.vision", "device.inference"},
    "device.mood": {"device.types", "device.settings", "device.mood"},
    "device.music": BASE | {"device.music", "device.inference"},
    "device.home": BASE | {"device.home"},
    "device.system": BASE | {"device.system"},
    "device.inbox": {"device.types", "device.lessons"},
    "device.holdings": {"device.types", "device.ports", "device.music"},
    "device.speaker": BASE - {"device.config"} | {"device.mood", "device.music", "device.holdings"},
    # The composition root and the command line know every room, but not each other.
    "device.daemon": BASE
    | {"device." + room for room in ("vision", "mood", "music", "home")}
    | {"device.system", "device.inbox", "device.speaker"},
    "training": {"device.vision", "device.music", "device.inference", "device.types", "training"}
    | {"device.settings"},
    "conversion": {"device.vision", "device.music", "device.inference", "device.types"}
    | {"training", "conversion"},
}


def room_of(module: str) -> str:
    """`device.config_text` belongs to `device.config`, `device.vision.align` to `device.vision`."""
    parts = module.split(".")
    if parts[0] != "device":
        return parts[0]
    if len(parts) == 1:
        return "device"
    return "device." + ("config" if parts[1].startswith("config") else parts[1])


def imports(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: relative imports hide the rooms"
            if node.module == "device":  # `from device import config`
                names = [alias.name for alias in node.names]
                yield from (f"device.{n}" if is_module(n) else "device" for n in names)
            elif node.module is not None:
                yield node.module


def is_module(name: str) -> bool:
    return (ROOT / "device" / name).is_dir() or (ROOT / "device" / f"{name}.py").is_file()


def sources() -> list[Path]:
    return sorted(
        path for top in ("device", "training", "conversion") for path in (ROOT / top).rglob("*.py")
    )


@pytest.mark.parametrize("source", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_its_room_may(source: Path) -> None:
    module = ".".join(source.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    allowed = ALLOWED.get(room_of(module))
    if allowed is None:  # the command line's parts may know all
        return
    ours = {room_of(name) for name in imports(source) if name.split(".")[0] in ALLOWED_TOPS}
    assert ours <= {room_of(name) for name in allowed} | {room_of(module)}


ALLOWED_TOPS = {"device", "training", "conversion"}


def test_the_speaker_knows_no_adapter() -> None:
    adapters = {"device.music.player", "device.system.store", "device.home.mqtt"}
    for file in ("speaker.py", "holdings.py", "music/session.py"):
        assert adapters.isdisjoint(imports(ROOT / "device" / file))


def test_only_vision_imports_opencv_in_the_daemon() -> None:
    users = {
        str(path.relative_to(ROOT / "device").parent)
        for path in (ROOT / "device").rglob("*.py")
        if "cv2" in set(imports(path))
    }
    assert users <= {"vision"}
