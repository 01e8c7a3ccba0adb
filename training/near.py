"""Adds to `splits/*_near_*.csv`, which keep copies of held-out faces out of training.

    python -m training.near DIR

DIR holds the data sets, each where training finds it. Each train part is compared with the valid
and test parts of every data set, for each set is learned from by some model and measured on.
Within a data set pictures are compared as they are. Data sets cut faces differently, so pictures
of two are compared as the device cuts them, by the eyes: finding these takes most of the time, 8
minutes on one core, where runs/cache does not hold them yet. A new detector finds other eyes, and
so other pairs: look again then, before anything is trained. What was listed stays, for a copy that
one detector's eyes showed is none the less one.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from training.crops import Places, load_crops
from training.data import PARTS, AbsentError, base
from training.data.age import FAIRFACE_PARTS
from training.duplicates import SIDE, Pair, Thumbnails, near_pairs, read_thumbnails, thumbnail
from training.experiment import EXPERIMENTS
from training.pool import SETS

if TYPE_CHECKING:
    from training.data import Sample

    Parts = dict[str, list[Sample]]

PLACES = Places(Path("models_tflite"), Path("runs/cache"))
CUT = replace(EXPERIMENTS["age"], side=72, margin=0)
"""The device's cut, before it is made a thumbnail: as wide as the age model's, of fewer pixels."""

Key = tuple[str, str]
"""A data set's name and a part."""
Near = dict[Key, set[tuple[str, str]]]
"""By data set and held-out part: the files to leave out, each with what it is near to."""


def main() -> int:
    """Look at what the lists leave in, and write them at the end alone."""
    parser = argparse.ArgumentParser(prog="python -m training.near", description=__doc__)
    parser.add_argument("data", type=Path, metavar="DIR", help="folder of the data sets")
    try:
        _look(parser.parse_args().data)
    except base.DataError as error:
        print(f"training.near: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    return 0


def _look(root: Path) -> None:
    sets = {}
    for name in SETS:
        try:
            sets[name] = _parts(name, root)
        except AbsentError as error:
            print(f"without {name}: {error}")  # noqa: T201 - a command
    if not sets:
        raise base.DataError(f"{root} holds none of the data sets that lists are kept of")
    found: Near = defaultdict(set)
    for name, parts in sets.items():
        _within(found, name, parts)
    _across(found, sets)
    for name in sets:
        for part in ("valid", "test"):
            rows = read_list(name, part) | found[name, part]
            write_list(name, part, rows)
            near = len({file for file, _ in rows})
            print(f"{name}: {near} near {part}")  # noqa: T201 - a command


def read_list(name: str, part: str) -> set[tuple[str, str]]:
    """What `write_list` wrote."""
    with (base.SPLITS / f"{name}_near_{part}.csv").open(newline="") as file:
        return {(row["file"], row["near"]) for row in csv.DictReader(file)}


def write_list(name: str, part: str, rows: set[tuple[str, str]]) -> None:
    """`splits`/`name`_near_`part`.csv: a file once for each held-out face that it is near to."""
    path = base.SPLITS / f"{name}_near_{part}.csv"
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "near"])
        writer.writerows(sorted(rows))
    unfinished.replace(path)


def _within(found: Near, name: str, chosen: Parts) -> None:
    parts = {
        part: read_thumbnails([sample.path for sample in samples])
        for part, samples in chosen.items()
    }
    for earlier, later in (("train", "test"), ("train", "valid"), ("valid", "test")):
        if earlier in parts and later in parts:
            _note(found, (name, later), name, near_pairs(parts[earlier], parts[later]))


def _across(found: Near, sets: dict[str, Parts]) -> None:
    cut = {
        (name, part): _cut(chosen, name if part == "train" else f"{name}-{part}")
        for name, parts in sets.items()
        for part, chosen in parts.items()
    }
    for (name, part), held_out in cut.items():
        for other in sets:
            if part != "train" and other != name:
                _note(found, (other, part), name, near_pairs(cut[other, "train"], held_out))


def _note(found: Near, key: Key, held_out: str, pairs: list[Pair]) -> None:
    """Note the first of each pair under `key`, as near to the second, of the set `held_out`."""
    name, _ = key
    for pair in pairs:
        near = f"{held_out}/{base.listed_name(held_out, pair.second)}"
        found[key].add((base.listed_name(name, pair.first), near))


def _parts(name: str, root: Path) -> Parts:
    _, load = SETS[name]
    return {part: load(root, part) for part in (FAIRFACE_PARTS if name == "fairface" else PARTS)}


def _cut(chosen: list[Sample], name: str) -> Thumbnails:
    """Thumbnails of the faces as the device cuts them."""
    faces = load_crops(CUT, chosen, PLACES, name).images
    images = [
        thumbnail(np.asarray(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), np.uint8)) for face in faces
    ]
    paths = [sample.path for sample in chosen]
    return Thumbnails(paths, np.array(images, np.uint8).reshape(-1, SIDE, SIDE))


if __name__ == "__main__":
    raise SystemExit(main())
