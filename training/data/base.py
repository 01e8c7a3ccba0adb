"""What all data sets share: a sample, the parts, the lists of names, and how a fault is told."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

EMOTIONS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
"""RAF-DB's classes 1..7 in its order; equal to `device.types.Emotion`, as a test shows."""

MAX_AGE = 100
"""Ages above are trained as 100; they are judged as they are."""

OLDEST = 130
"""Years above which a label must be a mistake."""

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")

SPLITS = Path(__file__).parents[1] / "splits"
PARTS = ("train", "valid", "test")
VALID_SHARE = 0.1
"""What is held out of a data set whose publisher holds nothing out."""

NAMED = 3
"""How many of the files at fault a message names."""


class DataError(Exception):
    """A data set is not where or what it should be; the message names the mend."""


class AbsentError(DataError):
    """A data set, or a whole part of it, is not there: what can do without it does."""


class Years(NamedTuple):
    """An age known only as a group: from `low` to `high` years, both within it."""

    low: int
    high: int


class Sample(NamedTuple):
    """One picture of one face.

    `label` is a class number (emotion), years or `Years` (age), or the votes for each class.
    `gender` and `race` are the publisher's own words in small letters, where it has any.
    """

    path: Path
    label: int | tuple[float, ...]
    gender: str | None = None
    race: str | None = None


def class_of(sample: Sample) -> int:
    """The number of a sample's class; of votes, that of the most voted."""
    label = sample.label
    return label.index(max(label)) if isinstance(label, tuple) else label


def check_part(part: str, parts: Collection[str] = PARTS) -> None:
    """ValueError where `part` is none of a data set's."""
    if part not in parts:
        raise ValueError(f"part must be one of {', '.join(parts)}, not {part!r}")


def listed(name: str, **columns: str) -> set[str]:
    """The files of `splits`/`name`.csv, those only whose other columns are as given."""
    with (SPLITS / f"{name}.csv").open(newline="") as file:
        return {
            row["file"]
            for row in csv.DictReader(file)
            if all(row[column] == value for column, value in columns.items())
        }


def left_out(name: str, part: str) -> set[str]:
    """Files of a data set that must not be in `part`, since a nearly equal picture is held out.

    Train must hold no near-duplicate of any data set's valid or test part, valid none of a test
    part. `training.near` makes the lists.
    """
    held_out = {"train": {"valid", "test"}, "valid": {"test"}, "test": set[str]()}[part]
    return set().union(*(listed(f"{name}_near_{each}") for each in held_out))


def listed_name(name: str, path: Path) -> str:
    """A picture as the lists name it: FairFace's with its folder."""
    return f"{path.parent.name}/{path.name}" if name == "fairface" else path.name


def first_base(root: Path, *names: str) -> Path | None:
    """The first of `root` and its folders `names` that is there."""
    return next((root / name for name in names if (root / name).is_dir()), None)


def files_in(folder: Path) -> list[str]:
    """Names of the folder's pictures, sorted."""
    pictures = (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    return sorted(path.name for path in pictures if path.is_file())


def in_folders(classes: Mapping[Path, int], mend: str) -> list[Sample]:
    """The pictures of each class's folder; DataError that names the folders which hold none."""
    found = {
        folder: [Sample(folder / name, label) for name in files_in(folder)]
        for folder, label in classes.items()
    }
    if empty := [str(folder) for folder, pictures in found.items() if not pictures]:
        raise DataError(f"{name_some(empty)}: no pictures there; {mend}")
    return [sample for pictures in found.values() for sample in pictures]


def read_content(path: Path) -> bytes:
    """A file whole; DataError where the system does not let it be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def refuse_missing(samples: Sequence[Sample], mend: str) -> None:
    """DataError that names the first files that are not there, and how to get them."""
    folders = {sample.path.parent for sample in samples}
    there = {path for folder in folders if folder.is_dir() for path in folder.iterdir()}
    missing = [str(sample.path) for sample in samples if sample.path not in there]
    if missing:
        raise DataError(f"{name_some(missing)} of {len(samples)} pictures not there: {mend}")


def name_some(names: Sequence[str]) -> str:
    """`a, b, c and 4 more`: the first few names and the count."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def refuse_empty(samples: Sequence[Sample], classes: Sequence[str], folder: Path) -> None:
    """DataError where a class has no picture: nothing can be learned about it. Votes count for
    the class with most of them."""
    seen = {class_of(sample) for sample in samples}
    empty = [name for number, name in enumerate(classes) if number not in seen]
    if empty:
        raise DataError(
            f"{folder} holds no picture of {', '.join(empty)}: unpack the data set again, whole"
        )
