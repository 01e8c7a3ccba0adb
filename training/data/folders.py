"""A plain folder per class: one's own pictures."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from training.data.base import (
    EMOTIONS,
    OLDEST,
    PARTS,
    DataError,
    Sample,
    check_part,
    in_folders,
    name_some,
    read_content,
    refuse_empty,
)

if TYPE_CHECKING:
    from pathlib import Path

HELD_OUT = {0: "test", 1: "valid"}
"""Parts by a tenth of the pictures' hashes; the other eight are train."""


def is_folders(root: Path, task: str) -> bool:
    """Whether there is a folder of some class here, or below train, valid or test."""
    return any(
        _label(folder.name, task) is not None
        for base in (root, *(root / part for part in PARTS))
        if base.is_dir()
        for folder in base.iterdir()
        if folder.is_dir()
    )


def folders(root: Path, part: str, task: str) -> list[Sample]:
    """Pictures in `root/happiness` (emotion) or `root/34` (years), sorted by path.

    With `root/train`, `root/valid` and `root/test` these are the parts. Without, a picture's
    content decides: a tenth is test, a tenth valid, and equal pictures stay together.
    """
    check_part(part)
    divided = [each for each in PARTS if (root / each).is_dir()]
    if divided and part not in divided:
        raise DataError(f"{root} holds {', '.join(divided)} but no {part}: add {root / part}")
    base = root / part if divided else root
    found = _labelled(base, task)
    if not divided:
        found = [sample for sample in found if _part_of(sample.path) == part]
    if task == "emotion" and part == "train":
        refuse_empty(found, EMOTIONS, base)
    if not found:
        raise DataError(f"{base} holds no pictures for {part}: too few, or no jpg or png")
    return found


def _labelled(base: Path, task: str) -> list[Sample]:
    classes = {
        folder: _label(folder.name, task)
        for folder in sorted(path for path in base.iterdir() if path.is_dir())
    }
    if wrong := [str(folder) for folder, label in classes.items() if label is None]:
        known = ", ".join(EMOTIONS) if task == "emotion" else f"years from 0 to {OLDEST}"
        raise DataError(f"{name_some(wrong)}: a class's folder must be one of {known}")
    found = {folder: label for folder, label in classes.items() if label is not None}
    return in_folders(found, "fill the folder or remove it")


def _label(name: str, task: str) -> int | None:
    if task == "emotion":
        return EMOTIONS.index(name) if name in EMOTIONS else None
    years = name.isascii() and name.isdecimal()
    return int(name) if years and int(name) <= OLDEST else None


def _part_of(path: Path) -> str:
    digest = hashlib.sha256(read_content(path)).digest()
    return HELD_OUT.get(int.from_bytes(digest[:4], "big") % 10, "train")
