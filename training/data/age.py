"""UTKFace and FairFace: faces with an age, gender and race."""

from __future__ import annotations

import csv
import random
import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from training.data.base import (
    MAX_AGE,
    OLDEST,
    VALID_SHARE,
    AbsentError,
    DataError,
    Sample,
    Years,
    check_part,
    left_out,
    listed,
    name_some,
    refuse_missing,
)

if TYPE_CHECKING:
    from pathlib import Path

UTKFACE_NAME = re.compile(r"(\d{1,3})_([01])(?:_([0-4]))?_\d+[ .]*jpg", re.ASCII)
"""Age, gender, race and the time of collection. Three of the published names lack the race, one its
dot, and one has a space."""

UTKFACE_GENDERS = ("male", "female")
UTKFACE_RACES = ("white", "black", "asian", "indian", "other")
FAIRFACE_CSV = "fairface_label_train.csv"
FAIRFACE_AGES = {
    "0-2": Years(0, 2),
    "3-9": Years(3, 9),
    "10-19": Years(10, 19),
    "20-29": Years(20, 29),
    "30-39": Years(30, 39),
    "40-49": Years(40, 49),
    "50-59": Years(50, 59),
    "60-69": Years(60, 69),
    "more than 70": Years(70, MAX_AGE),
}
FAIRFACE_PARTS = ("train", "test")
FAIRFACE_SEED = 2021


class Person(NamedTuple):
    """What a UTKFace file name says."""

    age: int
    gender: str
    race: str | None


def parse_utkface(name: str) -> Person:
    """`26_1_0_20170116182520500.jpg.chip.jpg`: 26 years, female, white; DataError otherwise."""
    match = UTKFACE_NAME.match(name)
    if match is None or int(match[1]) > OLDEST:
        raise DataError(
            f"{name}: UTKFace's names are AGE_GENDER_RACE_TIME.jpg with a gender 0 or 1 and a "
            "race 0 to 4, as in 26_1_0_20170116182520500.jpg.chip.jpg"
        )
    race = None if match[3] is None else UTKFACE_RACES[int(match[3])]
    return Person(int(match[1]), UTKFACE_GENDERS[int(match[2])], race)


def utkface_base(root: Path) -> Path | None:
    """The folder that holds files named as UTKFace's."""
    for base in (root / "UTKFace", root):
        if base.is_dir() and any(UTKFACE_NAME.match(path.name) for path in base.glob("*_*.jpg")):
            return base
    return None


def utkface(root: Path, part: str) -> list[Sample]:
    """UTKFace's aligned and cropped faces, `26_1_0_20170116182520500.jpg.chip.jpg`.

    The parts are those of `splits/utkface.csv`, which lists the name of each file and keeps equal
    pictures together; what is not listed there is left out. Train is without the near-duplicates of
    valid and test that were found, valid without those of test (`splits/utkface_near_*.csv`).
    """
    check_part(part)
    base = utkface_base(root)
    if base is None:
        raise AbsentError(
            f"{root} holds no UTKFace: unpack UTKFace.tar.gz (aligned and cropped) there"
        )
    names = sorted(listed("utkface", split=part) - left_out("utkface", part))
    found = []
    for name in names:
        person = parse_utkface(name)
        found.append(Sample(base / name, person.age, person.gender, person.race))
    refuse_missing(found, f"unpack UTKFace.tar.gz (aligned and cropped) into {base}")
    return found


def fairface_base(root: Path) -> Path | None:
    """The folder that holds FairFace's table."""
    return next((b for b in (root, root / "fairface") if (b / FAIRFACE_CSV).is_file()), None)


def fairface(root: Path, part: str) -> list[Sample]:
    """FairFace's train faces by `fairface_label_train.csv`; `label` is `Years`.

    Test is the tenth listed in `splits/fairface.csv`, held out by us; train is the rest without
    near-duplicates of what any data set holds out (`splits/fairface_near_*.csv`). There is no
    validation part.
    """
    check_part(part, FAIRFACE_PARTS)
    held_out = listed("fairface")
    left = left_out("fairface", part)
    found, names = [], set()
    for name, sample in _all_fairface(root):
        names.add(name)
        if (name in held_out) == (part == "test") and name not in left:
            found.append(sample)
    if part == "test" and (absent := sorted(held_out - names)):
        raise DataError(f"{root} lacks {name_some(absent)} of FairFace: unpack it again, whole")
    refuse_missing(found, "unpack FairFace's images beside its table")
    return found


def split_fairface(root: Path) -> list[str]:
    """Names of a seeded tenth of FairFace, stratified by age group, gender and race."""
    groups: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for name, sample in _all_fairface(root):
        groups[(sample.label, sample.gender, sample.race)].append(name)
    rng = random.Random(FAIRFACE_SEED)  # noqa: S311 - a split, not a secret
    chosen: list[str] = []
    for _, names in sorted(groups.items()):
        chosen += rng.sample(sorted(names), round(len(names) * VALID_SHARE))
    return sorted(chosen)


def _all_fairface(root: Path) -> list[tuple[str, Sample]]:
    """All rows of the table: the name in it, and the sample."""
    base = fairface_base(root)
    if base is None:
        raise AbsentError(f"{root} holds no FairFace: expected {root / FAIRFACE_CSV}")
    table = base / FAIRFACE_CSV
    with table.open(newline="") as file:
        reader = csv.DictReader(file)
        if lacking := {"file", "age", "gender", "race"} - set(reader.fieldnames or ()):
            raise DataError(f"{table} lacks the columns {', '.join(sorted(lacking))}")
        found = []
        for row in reader:
            if row["age"] not in FAIRFACE_AGES:
                raise DataError(
                    f"{table}, line {reader.line_num} ({row['file']}): the age must be one of "
                    f"{', '.join(FAIRFACE_AGES)}, not {row['age']!r}"
                )
            gender, race = row["gender"].lower(), row["race"].lower().replace("_", " ")
            label = FAIRFACE_AGES[row["age"]]
            found.append((row["file"], Sample(base / row["file"], label, gender, race)))
    if not found:
        raise DataError(f"{table} lists no faces: unpack FairFace again, whole")
    return found
