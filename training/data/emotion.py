"""RAF-DB and FER+: faces with an emotion."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from typing import TYPE_CHECKING

from training.data.base import (
    EMOTIONS,
    PARTS,
    VALID_SHARE,
    AbsentError,
    DataError,
    Sample,
    check_part,
    first_base,
    in_folders,
    left_out,
    listed,
    name_some,
    refuse_empty,
    refuse_missing,
)

if TYPE_CHECKING:
    from pathlib import Path

FERPLUS_VOTES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear")
"""The order of FER+'s first seven counts; contempt, unknown and no face follow."""

FERPLUS_FOLDERS = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}
FERPLUS_COUNTS = 10
VALID_SEED = 2017
OFFICIAL_LABELS = "EmoLabel/list_patition_label.txt"
"""Spelled as the publisher spells it."""


def rafdb(root: Path, part: str) -> list[Sample]:
    """RAF-DB's aligned faces, `train_00001_aligned.jpg`, sorted by name, in either layout.

    Kaggle's: `DATASET/train/5/train_00001_aligned.jpg`. The publisher's:
    `basic/Image/aligned/train_00001_aligned.jpg` and `basic/EmoLabel/list_patition_label.txt`.

    The publisher has no validation part: the tenth of train listed in `splits/rafdb.csv` is it.
    Train is without the near-duplicates of valid and test that were found, valid without those of
    test (`splits/rafdb_near_*.csv`). Test is the publisher's, untouched.
    """
    check_part(part)
    found = _all_rafdb(root, "test" if part == "test" else "train")
    if part != "test":
        held_out, left = listed("rafdb"), left_out("rafdb", part)
        found = [
            sample
            for sample in found
            if (sample.path.name in held_out) == (part == "valid") and sample.path.name not in left
        ]
    if part == "train":
        refuse_empty(found, EMOTIONS, root)
    return found


def split_rafdb(root: Path) -> list[str]:
    """Names of a seeded, class-stratified tenth of RAF-DB's train part."""
    by_class: dict[int, list[str]] = defaultdict(list)
    for sample in _all_rafdb(root, "train"):
        assert isinstance(sample.label, int)  # noqa: S101 - for the type checker
        by_class[sample.label].append(sample.path.name)
    chosen: list[str] = []
    for label, names in sorted(by_class.items()):
        rng = random.Random(VALID_SEED + label)  # noqa: S311 - a split, not a secret
        chosen += rng.sample(sorted(names), round(len(names) * VALID_SHARE))
    return sorted(chosen)


def kaggle_base(root: Path) -> Path | None:
    """The folder that holds `train/1/train_*` or `test/1/test_*`."""
    for base in (root / "DATASET", root / "rafdb" / "DATASET", root):
        for half in ("train", "test"):
            if next((base / half).glob(f"[1-7]/{half}_*"), None) is not None:
                return base
    return None


def official_base(root: Path) -> Path | None:
    """The folder that holds the publisher's list of labels."""
    bases = (root / "basic", root / "rafdb" / "basic", root)
    return next((base for base in bases if (base / OFFICIAL_LABELS).is_file()), None)


def _all_rafdb(root: Path, half: str) -> list[Sample]:
    """The publisher's train or test half."""
    if (base := kaggle_base(root)) is not None:
        if not (base / half).is_dir():
            raise AbsentError(f"{base} holds no {half}: unpack RAF-DB whole to have it")
        found = _kaggle(base / half)
    elif (base := official_base(root)) is not None:
        found = _official(base, half)
    else:
        raise AbsentError(
            f"{root} holds no RAF-DB: expected {root}/DATASET/{half}/1/*.jpg (Kaggle's layout) "
            f"or {root}/basic/{OFFICIAL_LABELS} (the publisher's)"
        )
    if not found:
        raise DataError(f"{base} holds no faces of RAF-DB's {half} part: unpack it again, whole")
    return sorted(found, key=lambda sample: sample.path.name)


def _kaggle(folder: Path) -> list[Sample]:
    classes = {str(label + 1): label for label in range(len(EMOTIONS))}
    wrong = [str(f) for f in sorted(folder.iterdir()) if f.is_dir() and f.name not in classes]
    if wrong:
        raise DataError(f"{name_some(wrong)}: RAF-DB's classes are folders named 1 to 7")
    there = {folder / name: n for name, n in classes.items() if (folder / name).is_dir()}
    return in_folders(there, "unpack the data set again, whole")


def _official(base: Path, half: str) -> list[Sample]:
    labels = base / OFFICIAL_LABELS
    found = []
    for number, line in enumerate(labels.read_text().splitlines(), start=1):
        name, _, label = line.strip().partition(" ")
        if not name:
            continue
        if label not in {"1", "2", "3", "4", "5", "6", "7"}:
            raise DataError(
                f"{labels}, line {number}: expected a file and a class 1 to 7, as in "
                f"'train_00001.jpg 5', not {line!r}"
            )
        if name.startswith(half):
            stem = name.removesuffix(".jpg")
            path = base / "Image" / "aligned" / f"{stem}_aligned.jpg"
            found.append(Sample(path, int(label) - 1))
    refuse_missing(found, f"unpack RAF-DB's Image/aligned.zip into {base}/Image")
    return found


def ferplus_base(root: Path) -> Path | None:
    """The folder that holds FER+'s folders."""
    for base in (root, root / "ferplus"):
        if first_base(base, *FERPLUS_FOLDERS.values()) is not None:
            return base
    return None


def ferplus(root: Path, part: str = "train") -> list[Sample]:
    """FER+, `FER2013Train/fer0000000.png` and `label.csv`, with its ten votes a face.

    Train: the votes for each emotion; faces that most voters saw none of the seven in are left
    out, and near-duplicates of what any data set holds out (`splits/ferplus_near_*.csv`). Valid
    and test: the class by the paper's majority rule (`majority`), faces without one left out.
    """
    check_part(part, PARTS)
    base = ferplus_base(root)
    folder = (base or root) / FERPLUS_FOLDERS[part]
    table = folder / "label.csv"
    if not folder.is_dir():
        raise AbsentError(f"{root} holds no FER+: expected {table}")
    if not table.is_file():
        raise DataError(f"{table} is not there: without it nothing is known of the faces beside it")
    left = left_out("ferplus", part)
    found = []
    with table.open(newline="") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            name, counts = _ferplus_row(table, number, row)
            label = _votes(counts) if part == "train" else majority(counts)
            if label is not None and name not in left:
                found.append(Sample(folder / name, label))
    refuse_missing(found, "unpack FER+ again, whole")
    if part == "train":
        refuse_empty(found, EMOTIONS, folder)
    if not found:
        raise DataError(f"{folder} holds no faces of FER+'s {part} part: unpack it again, whole")
    return found


def majority(counts: list[float]) -> int | None:
    """The class that most of FER+'s ten counts are for; None where there is none of the seven.

    Single votes are taken for slips and dropped; the most voted must then hold more than half
    (Barsoum et al., "Training Deep Networks for Facial Expression Recognition with Crowd-Sourced
    Label Distribution", 2016, section 4, and their code).
    """
    kept = [count if count > 1 else 0.0 for count in counts]
    best = max(range(len(kept)), key=kept.__getitem__)
    if 2 * kept[best] <= sum(kept) or best >= len(FERPLUS_VOTES):
        return None
    return EMOTIONS.index(FERPLUS_VOTES[best])


def _votes(counts: list[float]) -> tuple[float, ...] | None:
    by_name = dict(zip(FERPLUS_VOTES, counts, strict=False))
    label = tuple(by_name[emotion] for emotion in EMOTIONS)
    return label if 2 * sum(label) > sum(counts) else None


def _ferplus_row(table: Path, number: int, row: list[str]) -> tuple[str, list[float]]:
    try:
        name, _, *votes = row
        counts = [float(vote) for vote in votes]
        if len(counts) != FERPLUS_COUNTS or min(counts) < 0:
            raise ValueError  # noqa: TRY301 - one answer to all that can be wrong with a row
    except ValueError:
        raise DataError(
            f"{table}, line {number}: expected a file, a box and ten counts of votes, not {row}"
        ) from None
    return name, counts
