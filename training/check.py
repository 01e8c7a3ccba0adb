"""Looks a data folder over: what it holds, what cannot be read, what is there twice."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from training.data import EMOTIONS, DataError, Years, load, recognise
from training.data.base import PARTS, class_of, name_some, read_content
from training.duplicates import SIDE, Pair, Thumbnails, near_pairs, thumbnail
from training.pictures import MILLIONS, decode, read_picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from training.data import Sample

CELL = 80
"""Side in pixels of a face in the contact sheet."""
COLUMNS = 12
MARGIN = 130
"""Pixels left of the faces for their group's name."""


class Part(NamedTuple):
    """A part of a data set: what of it can be read, in one order, and what cannot."""

    groups: list[str]
    """Emotion or decade of each picture."""
    others: dict[str, Counter[str]]
    """Pictures of each gender and race, where these are known."""
    thumbnails: Thumbnails
    sizes: npt.NDArray[np.int64]
    """(n, 2) width and height in pixels."""
    digests: list[str]
    unreadable: list[Path]


class Twins(NamedTuple):
    """Pictures of two parts that are the same, byte by byte or nearly."""

    first: str
    second: str
    equal: list[tuple[Path, Path]]
    near: list[Pair]
    """Without the equal ones."""


class Check(NamedTuple):
    """What a data folder holds."""

    title: str
    parts: dict[str, Part]
    twins: list[Twins]


def check_data(root: Path, task: str) -> Check:
    """Read all pictures of a data set and compare its parts with one another.

    `task` is emotion, age or face; for face, `root` holds photos without labels.
    """
    if task == "face":
        from training.detector.photos import photos  # noqa: PLC0415 - only this task has photos

        title, parts = "photos", {}
        for name in PARTS:
            files = [(photo.path, "photo") for photo in photos(root, name)]
            parts[name] = _look(files, name)
    else:
        layout = recognise(root, task)
        title, parts = layout.value, {}
        for name in layout.parts:
            samples = load(layout, root, name)
            part = _look([(s.path, group_of(s, task)) for s in samples], name)
            parts[name] = part._replace(others=_others(samples))
    pairs = combinations(parts.items(), 2)
    return Check(title, parts, [_twins(one, other) for one, other in pairs])


def describe(check: Check) -> Iterator[str]:
    """The check in words, line by line."""
    yield f"layout: {check.title}"
    for name, part in check.parts.items():
        yield f"{name}: {len(part.groups)} pictures, {_sizes(part.sizes)}"
        for what, counts in {"groups": Counter(part.groups), **part.others}.items():
            known = sorted(counts.items(), key=lambda item: _rank(item[0]))
            yield f"  {what}: " + ", ".join(f"{value} {number}" for value, number in known)
        if repeated := len(part.digests) - len(set(part.digests)):
            yield f"  {repeated} are byte by byte another of the part again"
        if part.unreadable:
            names = name_some([str(path) for path in part.unreadable])
            yield f"  {len(part.unreadable)} cannot be read: {names}"
    for twins in check.twins:
        yield (
            f"{twins.first} and {twins.second}: {len(twins.equal)} equal pairs, "
            f"{len(twins.near)} nearly equal"
        )


def refuse_unreadable(check: Check) -> None:
    """DataError that names the files which are no pictures, if there are any."""
    broken = [str(path) for part in check.parts.values() for path in part.unreadable]
    if broken:
        raise DataError(
            f"{len(broken)} files are no pictures that OpenCV reads: {name_some(broken)}; "
            f"unpack the data set again, or remove them; one of more than {MILLIONS} million "
            "pixels must be scaled down"
        )


def write_pairs(check: Check, path: Path) -> None:
    """Equal and nearly equal pictures of different parts, as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["part", "file", "other_part", "other_file", "likeness"])
        for first, second, equal, near in check.twins:
            for one, other in equal:
                writer.writerow([first, one, second, other, "equal"])
            for pair in near:
                writer.writerow([first, pair.first, second, pair.second, f"{pair.likeness:.3f}"])


def write_sheet(check: Check, path: Path) -> None:
    """A contact sheet as PNG: for each group a row of faces, spread over the first part."""
    part = next(iter(check.parts.values()))
    rows = defaultdict(list)
    for file, group in zip(part.thumbnails.paths, part.groups, strict=True):
        rows[group].append(file)
    strips = [_strip(group, rows[group]) for group in sorted(rows, key=_rank)]
    path.parent.mkdir(parents=True, exist_ok=True)
    if not strips or not cv2.imwrite(str(path), np.vstack(strips)):
        raise DataError(f"{path} cannot be written, or there is nothing to show on it")


def group_of(sample: Sample, task: str) -> str:
    """The emotion (of votes: the most voted) or the decade that a sample belongs to."""
    if task == "emotion":
        return EMOTIONS[class_of(sample)]
    label = sample.label
    if isinstance(label, Years):
        return f"{label.low}-{label.high}"
    assert isinstance(label, int)  # noqa: S101 - for the type checker: ages have no votes
    return f"{label // 10 * 10}-{label // 10 * 10 + 9}"


def _rank(group: str) -> tuple[int, str]:
    """Ages in their order, then words in theirs."""
    low = group.partition("-")[0]
    return (int(low), "") if low.isdecimal() else (0, group)


def _look(files: list[tuple[Path, str]], name: str) -> Part:
    """Decode each file once."""
    paths, groups, images, sizes, digests, unreadable = [], [], [], [], [], []
    for path, group in tqdm(files, f"reading {name}", mininterval=1, leave=False):
        try:
            content = read_content(path)
            grey = decode(path, content, cv2.IMREAD_GRAYSCALE)
        except DataError:
            unreadable.append(path)
            continue
        paths.append(path)
        groups.append(group)
        images.append(thumbnail(grey))
        sizes.append(grey.shape[::-1])
        digests.append(hashlib.sha256(content).hexdigest())
    stack = np.array(images, np.uint8).reshape(-1, SIDE, SIDE)
    extent = np.array(sizes, np.int64).reshape(-1, 2)
    return Part(groups, {}, Thumbnails(paths, stack), extent, digests, unreadable)


def _others(samples: list[Sample]) -> dict[str, Counter[str]]:
    known = {
        "gender": Counter(sample.gender for sample in samples if sample.gender),
        "race": Counter(sample.race for sample in samples if sample.race),
    }
    return {what: counts for what, counts in known.items() if counts}


def _twins(first: tuple[str, Part], second: tuple[str, Part]) -> Twins:
    (name, one), (other_name, other) = first, second
    places = defaultdict(list)
    for digest, path in zip(other.digests, other.thumbnails.paths, strict=True):
        places[digest].append(path)
    equal = [
        (path, twin)
        for digest, path in zip(one.digests, one.thumbnails.paths, strict=True)
        for twin in places.get(digest, ())
    ]
    known = set(equal)
    near = near_pairs(one.thumbnails, other.thumbnails)
    return Twins(name, other_name, equal, [p for p in near if (p.first, p.second) not in known])


def _sizes(sizes: npt.NDArray[np.int64]) -> str:
    if not len(sizes):
        return "none of them readable"
    ranked = sizes[np.argsort(sizes.prod(1), kind="stable")]
    least, median, most = (f"{w}x{h}" for w, h in ranked[[0, len(ranked) // 2, -1]])
    return f"all {least}" if least == most else f"{least} to {most}, median {median}"


def _strip(group: str, paths: list[Path]) -> npt.NDArray[np.uint8]:
    """A group's name and some of its faces, evenly spread."""
    strip = np.full((CELL, MARGIN + COLUMNS * CELL, 3), 255, np.uint8)
    for line, text in enumerate((group, str(len(paths)))):
        place = (6, CELL // 2 - 4 + 18 * line)
        cv2.putText(strip, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    some = min(COLUMNS, len(paths))
    for column in range(some):
        image = read_picture(paths[column * len(paths) // some])
        scale = CELL / max(image.shape[:2])
        width, height = (max(1, round(side * scale)) for side in image.shape[1::-1])
        left = MARGIN + column * CELL
        strip[:height, left : left + width] = cv2.resize(image, (width, height))
    return strip
