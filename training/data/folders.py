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
    files_in,
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
    wrong, empty, found = [], [], []
    for folder in sorted(path for path in base.iterdir() if path.is_dir()):
        label = _label(folder.name, task)
        if label is None:
            wrong.append(str(folder))
            continue
        samples = [Sample(folder / name, label) for name in files_in(folder)]
        if not samples:
            empty.append(str(folder))
        found += samples
    classes = ", ".join(EMOTIONS) if task == "emotion" else f"years from 0 to {OLDEST}"
    if wrong:
        raise DataError(f"{name_some(wrong)}: a class's folder must be one of {classes}")
    if empty:
        raise DataError(f"{name_some(empty)}: no pictures there; fill the folder or remove it")
    return found


def _label(name: str, task: str) -> int | None:
    if task == "emotion":
        return EMOTIONS.index(name) if name in EMOTIONS else None
    years = name.isascii() and name.isdecimal()
    return int(name) if years and int(name) <= OLDEST else None


def _part_of(path: Path) -> str:
    digest = hashlib.sha256(read_content(path)).digest()
    return HELD_OUT.get(int.from_bytes(digest[:4], "big") % 10, "train")
