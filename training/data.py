"""Data sets in the layouts their publishers give them: who is in which part, with which label."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

EMOTIONS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
"""RAF-DB's classes 1..7 in its order; equal to `device.types.Emotion`, as a test shows."""

FERPLUS_VOTES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear")
"""The order of FER+'s first seven counts."""

MAX_AGE = 100
"""Ages above are trained as 100; they are judged as they are."""

SPLITS = Path(__file__).parent / "splits"
PARTS = ("train", "valid", "test")
VALID_SEED = 2017
VALID_SHARE = 0.1


class DataError(Exception):
    """A data set is not where or what it should be; the message names the mend."""


class Sample(NamedTuple):
    """One picture of one face: `label` is a class number (emotion) or years (age), or the votes
    for each class."""

    path: Path
    label: int | tuple[float, ...]


def samples(task: str, root: Path, part: str) -> list[Sample]:
    """The `part` (train, valid or test) of a task's data set, sorted by file name."""
    if part not in PARTS:
        raise ValueError(f"part must be one of {PARTS}, not {part!r}")
    return rafdb(root, part) if task == "emotion" else utkface(root, part)


def rafdb(root: Path, part: str) -> list[Sample]:
    """RAF-DB in Kaggle's layout, `DATASET/train/1/train_00001_aligned.jpg`.

    The publisher has no validation part: the tenth of train listed in `splits/rafdb.csv` is it.
    """
    held_out = _valid_names()
    found = _rafdb_folder(root, "test" if part == "test" else "train")
    if part == "test":
        return found
    return [s for s in found if (s.path.name in held_out) == (part == "valid")]


def utkface(root: Path, part: str) -> list[Sample]:
    """UTKFace's aligned and cropped faces, `26_1_0_20170116182520500.jpg.chip.jpg`.

    The parts are those of `splits/utkface.csv`; what is not listed there is left out.
    """
    with (SPLITS / "utkface.csv").open(newline="") as file:
        names = sorted(row["file"] for row in csv.DictReader(file) if row["split"] == part)
    folder = root / "UTKFace" if (root / "UTKFace").is_dir() else root
    found = [Sample(folder / name, int(name.split("_")[0])) for name in names]
    missing = [sample.path.name for sample in found if not sample.path.exists()]
    if missing:
        raise DataError(
            f"{folder} lacks {len(missing)} of UTKFace's {len(found)} {part} faces "
            f"(such as {missing[0]}): unpack UTKFace.tar.gz (aligned and cropped) there"
        )
    return found


def ferplus(root: Path) -> list[Sample]:
    """FER+'s train part, `FER2013Train/fer0000000.png` and `label.csv`, with its ten votes a face.

    Faces that most voters saw none of the seven emotions in (contempt, unknown, no face) are
    left out (Barsoum et al., 2016).
    """
    folder = next(
        (f for f in (root / "FER2013Train", root / "ferplus/FER2013Train") if f.is_dir()), None
    )
    if folder is None or not (folder / "label.csv").exists():
        raise DataError(f"{root} holds no FER+: expected {root}/FER2013Train/label.csv")
    found = []
    with (folder / "label.csv").open(newline="") as file:
        for name, _, *votes in csv.reader(file):
            counts = dict(zip(FERPLUS_VOTES, map(float, votes), strict=False))
            label = tuple(counts[emotion] for emotion in EMOTIONS)
            if 2 * sum(label) > sum(map(float, votes)):
                found.append(Sample(folder / name, label))
    return found


def split_rafdb(root: Path) -> list[str]:
    """Names of a seeded, class-stratified tenth of RAF-DB's train part."""
    by_class: dict[int, list[str]] = defaultdict(list)
    for sample in _rafdb_folder(root, "train"):
        by_class[int(sample.path.parent.name)].append(sample.path.name)
    chosen: list[str] = []
    for label, names in sorted(by_class.items()):
        rng = random.Random(VALID_SEED + label - 1)  # noqa: S311 - a split, not a secret
        chosen += rng.sample(sorted(names), round(len(names) * VALID_SHARE))
    return sorted(chosen)


def _valid_names() -> set[str]:
    with (SPLITS / "rafdb.csv").open(newline="") as file:
        return {row["file"] for row in csv.DictReader(file)}


def _rafdb_folder(root: Path, folder: str) -> list[Sample]:
    base = next(
        (b for b in (root / "DATASET", root / "rafdb" / "DATASET", root) if (b / folder).is_dir()),
        None,
    )
    if base is None:
        raise DataError(f"{root} holds no RAF-DB: expected {root}/DATASET/{folder}/1/*.jpg")
    found = [
        Sample(path, label)
        for label in range(len(EMOTIONS))
        for path in (base / folder / str(label + 1)).glob("*.jpg")
    ]
    if not found:
        raise DataError(f"{base / folder} holds no faces: expected {base / folder}/1/*.jpg")
    return sorted(found, key=lambda sample: sample.path.name)
