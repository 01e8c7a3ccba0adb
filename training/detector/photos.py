"""Photos to learn finding faces from: any folder of them, and which part each belongs to.

A photo is known by its content, so that renamed or re-ordered files stay in their part.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from training.data import DataError, recognise
from training.data.base import read_content
from training.pictures import read_picture

SPLIT = Path(__file__).parents[1] / "splits" / "photos.csv"
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
SHARE = 10
"""One photo in so many is held out for testing, and as many for choosing the best weights."""
SAME = 4
"""Bits of 64 that the difference hashes of one motif's copies differ in at most."""


class Photo(NamedTuple):
    """One file; `key` is the start of its SHA-256."""

    path: Path
    key: str


def photos(root: Path, part: str | None = None) -> list[Photo]:
    """Photos of a folder and those below it, by name, or one part of them.

    `splits/photos.csv` names the part of each photo that Attune's own detector was made with;
    others are divided by their content, see `split_photos`. DataError where a part would be empty.
    """
    folder = root / "photos" if (root / "photos").is_dir() else root
    if folder == root and (layout := _labelled(root)):
        raise DataError(f"{root} holds {layout}, no photos: put those into {root / 'photos'}")
    named = (p for p in folder.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES)
    files = sorted(path for path in named if path.is_file())
    if not files:
        raise DataError(f"{folder} holds no photos: expected {folder}/*.jpg")
    found = [keyed(path) for path in files]
    if part is None:
        return found
    parts = _parts(found)
    chosen = [photo for photo in found if parts[photo.key] == part]
    if not chosen:
        raise DataError(
            f"none of the {len(found)} photos in {folder} is {part}: a tenth is test and a tenth "
            "valid, by chance, copies together; put more photos there, some hundreds at least"
        )
    return chosen


def _labelled(root: Path) -> str | None:
    """The data set of faces that a folder holds, whose crops are no photos, if it does."""
    try:
        return recognise(root).value
    except DataError:
        return None


def read_photo(path: Path) -> npt.NDArray[np.uint8]:
    """A photo as BGR; DataError where it cannot be read."""
    return read_picture(path)


def _parts(found: list[Photo]) -> dict[str, str]:
    """Each photo's part, by its key."""
    listed = _listed()
    if all(photo.key in listed for photo in found):
        return listed
    return split_photos(found) | listed


def split_photos(found: list[Photo]) -> dict[str, str]:
    """Each photo's part, by its key: chance by content, copies of a motif alike.

    This made `splits/photos.csv`.
    """
    hashes = np.array([_difference_hash(photo) for photo in found])
    lead = {photo.key: photo.key for photo in found}
    for row, photo in enumerate(found):
        for twin in np.flatnonzero((hashes[row] != hashes[:row]).sum(1) <= SAME):
            first, second = sorted((_lead(lead, photo.key), _lead(lead, found[twin].key)))
            lead[second] = first
    names = {0: "test", 1: "valid"}
    drawn = {key: int(_lead(lead, key)[:8], 16) % SHARE for key in lead}
    return {key: names.get(number, "train") for key, number in sorted(drawn.items())}


def _lead(lead: dict[str, str], key: str) -> str:
    while lead[key] != key:
        key = lead[key]
    return key


def _difference_hash(photo: Photo) -> npt.NDArray[np.bool_]:
    """Whether each of 8x8 places is darker than the one to its right (Krawetz, 2013); of a file
    that is no picture, and so like no other, the bits of its key."""
    try:
        grey = cv2.cvtColor(read_photo(photo.path), cv2.COLOR_BGR2GRAY)
    except DataError:
        return np.unpackbits(np.frombuffer(bytes.fromhex(photo.key), np.uint8)).astype(bool)
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA)
    return np.asarray(small[:, :-1] < small[:, 1:]).ravel()


def keyed(path: Path) -> Photo:
    """A file by its content; DataError where it cannot be read."""
    return Photo(path, hashlib.sha256(read_content(path)).hexdigest()[:16])


def _listed() -> dict[str, str]:
    with SPLIT.open(newline="") as file:
        return {row["photo"]: row["split"] for row in csv.DictReader(file)}
