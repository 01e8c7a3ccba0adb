"""Makes `splits/*_near_*.csv`, which keep copies of held-out faces out of training.

    python -m training.near DIR

DIR holds the data sets in folders named as in `SETS`. Within a data set pictures are compared as
they are. Data sets cut faces differently, so pictures of two are compared as the device cuts
them, by the eyes: finding these takes most of the time, 8 minutes on one core.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from tqdm import tqdm

from device.vision.align import align
from device.vision.detect import GridDetector
from device.vision.runtime import Model
from training.crops import read_image
from training.data import load, recognise
from training.data.base import SPLITS
from training.duplicates import SIDE, Pair, Thumbnails, near_pairs, read_thumbnails, thumbnail

if TYPE_CHECKING:
    from collections.abc import Sequence

SETS = {"rafdb": "rafdb", "utkface": "UTKFace", "ferplus": "ferplus", "fairface": "fairface"}
"""The lists' names and the data sets' folders."""
MODELS = Path("models_tflite")
CUT = 72
"""Side in pixels of the device's cut, before it is made a thumbnail."""

Key = tuple[str, str]
"""A data set's name and a part."""
Near = dict[Key, set[tuple[str, str]]]
"""By data set and held-out part: the files to leave out, each with what it is near to."""


def main() -> int:
    """Empty the lists, so that all is looked at, and fill them."""
    root = Path(sys.argv[1])
    for name in SETS:
        for part in ("valid", "test"):
            write_list(name, part, set())
    folders = {name: root / folder for name, folder in SETS.items()}
    found: Near = defaultdict(set)
    for name, folder in folders.items():
        _within(found, name, folder)
    _across(found, folders)
    for (name, part), rows in sorted(found.items()):
        write_list(name, part, rows)
        print(f"{name}: {len({file for file, _ in rows})} near {part}")  # noqa: T201 - a command
    return 0


def write_list(name: str, part: str, rows: set[tuple[str, str]]) -> None:
    """`splits`/`name`_near_`part`.csv: a file once for each held-out face that it is near to."""
    with (SPLITS / f"{name}_near_{part}.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "near"])
        writer.writerows(sorted(rows))


def _within(found: Near, name: str, folder: Path) -> None:
    parts = {part: read_thumbnails(paths) for part, paths in _parts(folder).items()}
    for earlier, later in (("train", "test"), ("train", "valid"), ("valid", "test")):
        if earlier in parts and later in parts:
            _note(found, (name, later), name, near_pairs(parts[earlier], parts[later]))


def _across(found: Near, folders: dict[str, Path]) -> None:
    cut = {
        (name, part): _cut(paths)
        for name, folder in folders.items()
        for part, paths in _parts(folder).items()
    }
    for (name, part), held_out in cut.items():
        for other in SETS:
            if part != "train" and other != name:
                _note(found, (other, part), name, near_pairs(cut[other, "train"], held_out))


def _note(found: Near, key: Key, held_out: str, pairs: list[Pair]) -> None:
    """Note the first of each pair under `key`, as near to the second, of the set `held_out`."""
    name, _ = key
    for pair in pairs:
        near = f"{held_out}/{_name(held_out, pair.second)}"
        found[key].add((_name(name, pair.first), near))


def _name(name: str, path: Path) -> str:
    """A picture as its data set's loader names it: FairFace with its folder."""
    return f"{path.parent.name}/{path.name}" if name == "fairface" else path.name


def _parts(folder: Path) -> dict[str, list[Path]]:
    layout = recognise(folder)
    return {part: [s.path for s in load(layout, folder, part)] for part in layout.parts}


def _cut(paths: Sequence[Path]) -> Thumbnails:
    """Thumbnails of the faces as the device cuts them."""
    detector = GridDetector(Model(MODELS, "face"))
    images = []
    for path in tqdm(paths, "cutting", mininterval=1):
        image = read_image(path)
        face = align(image, detector.detect_in_crop(image), CUT)
        images.append(thumbnail(np.asarray(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), np.uint8)))
    return Thumbnails(list(paths), np.array(images, np.uint8).reshape(-1, SIDE, SIDE))


if __name__ == "__main__":
    raise SystemExit(main())
