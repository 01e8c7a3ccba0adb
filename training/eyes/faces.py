"""Faces with the teacher's points, and the crops that the network learns from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from device.types import Box, Detection, Point
from device.vision.align import align, similarity
from device.vision.eyes import USUAL, places
from training.data import DataError, load, recognise
from training.detector.augment import wear
from training.detector.labels import COLUMNS, MIRRORED, SURE, Teacher, merge, mirrored
from training.detector.photos import read_photo
from training.detector.plan import DetectorPlan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from training.detector.labels import Faces, Source
    from training.eyes.plan import EyePlan

    Image = npt.NDArray[np.uint8]
    Points = npt.NDArray[np.float64]

LEAST_EYES = 3.0
"""Distance of the eyes in pixels below which nobody can say where they are."""
ROOM = 3.2
"""Distances of the eyes that a face's own picture reaches to all sides."""
LOOKS = (320, 448)
"""Longer sides that the teacher looks at a crop in: its faces are then some 300 pixels wide."""
GROUND = 0.15
"""Share of a crop's longer side that it gets of black ground on each side."""
EYES_OF_USUAL = float(USUAL[1, 0] - USUAL[0, 0])
OTHERS = np.array([[0.5, 0.6], [0.33, 0.8], [0.67, 0.8]])
"""About where the nose and the corners of the mouth are in a crop, as `USUAL`."""


class Face(NamedTuple):
    """A picture with one face in it, BGR, and the teacher's five points, pixels (5, 2)."""

    image: Image
    points: Points

    @property
    def distance(self) -> float:
        """Of the eyes."""
        return float(np.hypot(*(self.points[1] - self.points[0])))


def faces_in_photos(images: Sequence[Image], labels: Sequence[Faces]) -> list[Face]:
    """Each face that the teacher is sure of, with some of its surroundings."""
    found = []
    for image, rows in zip(images, labels, strict=True):
        height, width = image.shape[:2]
        for row in rows[rows[:, 0] >= SURE]:
            points = row[5:].reshape(5, 2).astype(np.float64)
            face = Face(image, points)
            if face.distance < LEAST_EYES:
                continue
            reach = ROOM * face.distance + 4
            middle = points[:2].mean(0)
            low = np.clip(middle - reach, 0, None).astype(int)
            high = np.clip(middle + reach, 0, (width, height)).astype(int)
            part = image[low[1] : high[1], low[0] : high[0]].copy()
            found.append(Face(part, points - low))
    return found


def faces_in_crops(plan: EyePlan, source: Source) -> list[Face]:
    """The training faces of other data sets, labelled once and kept."""
    found = []
    for name, every in plan.others:
        root = source.data / name
        if not root.is_dir():
            raise DataError(f"{root} is missing: the eye network learns from its faces, too")
        chosen = [sample.path for sample in load(recognise(root), root, "train")][::every]
        rows = _label_crops(chosen, source, f"{name}-{every}")
        for path, row in zip(chosen, rows, strict=True):
            if row[0] < SURE:
                continue
            face = Face(read_photo(path), row[5:].reshape(5, 2).astype(np.float64))
            if face.distance >= LEAST_EYES:
                found.append(face)
    return found


def _label_crops(chosen: Sequence[Path], source: Source, name: str) -> Faces:
    """The best face in each picture (n, 15); zeros where there is none."""
    path = source.cache / f"points-{name}.npz"
    files = [file.name for file in chosen]
    if path.exists():
        with np.load(path) as stored:
            if stored["files"].tolist() == files:
                return np.asarray(stored["rows"], np.float32)
    judge = Teacher(source.teacher)
    bar = tqdm(chosen, f"labelling {name}", mininterval=1)
    rows = np.stack([label_crop(judge, read_photo(file)) for file in bar])
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part.npz")
    np.savez_compressed(unfinished, files=files, rows=rows)
    unfinished.rename(path)
    return rows


def label_crop(judge: Teacher, image: Image) -> npt.NDArray[np.float32]:
    """The best face in a BGR picture that is little more than a face (15); zeros: none."""
    margin = round(GROUND * max(image.shape[:2]))
    shown = np.asarray(
        cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_CONSTANT), np.uint8
    )
    mirror = np.ascontiguousarray(shown[:, ::-1])
    width, longer = shown.shape[1], max(shown.shape[:2])
    looks = [[judge.look(shown, s), mirrored(judge.look(mirror, s), width)] for s in LOOKS]
    rows = merge(looks, [side / longer for side in LOOKS])
    if not len(rows):
        return np.zeros(COLUMNS, np.float32)
    best = rows[0]
    best[1:] -= margin
    return np.asarray(best, np.float32)


class Maker:
    """Makes the network's pictures as the device will cut them, by eyes that are somewhat off."""

    def __init__(self, plan: EyePlan, photos: Sequence[Face], crops: Sequence[Face]) -> None:
        self._plan = plan
        self._pools = [photos, crops] if crops else [photos]

    def make(self, rng: np.random.Generator) -> tuple[Image, npt.NDArray[np.float32]]:
        """A crop (side, side, 3) RGB, and how far its five points are from `USUAL` and `OTHERS`
        in distances of the eyes (5, 2)."""
        plan = self._plan
        pool = 0 if len(self._pools) == 1 or rng.random() < plan.photos else 1
        face = self._pools[pool][rng.integers(len(self._pools[pool]))]
        if rng.random() < plan.shrunk[pool] and face.distance > plan.nearest_eyes:
            face = _shrunk(face, plan.nearest_eyes, rng)
        seen = _seen(face, plan, rng)
        crop = align(face.image, seen, plan.side, zoom=plan.zoom)
        height, width = face.image.shape[:2]
        matrix = similarity(width, height, seen, plan.side, plan.zoom)
        points = (face.points - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
            points = points[MIRRORED] * (-1, 1) + (plan.side, 0)
        if rng.random() < plan.worn:
            crop = wear(np.ascontiguousarray(crop), DetectorPlan(), rng)
        away = (points / plan.side - usual(plan.zoom)) / (EYES_OF_USUAL * plan.zoom)
        return np.ascontiguousarray(crop[:, :, ::-1]), away.astype(np.float32)


def usual(zoom: float) -> Points:
    """Where the five points usually are in a crop, fractions of it (5, 2)."""
    return np.concatenate([places(np.zeros((2, 2)), zoom), (OTHERS - 0.5) * zoom + 0.5])


def _shrunk(face: Face, least: float, rng: np.random.Generator) -> Face:
    """The same face from farther away: as good as the teacher's points of near faces are, the
    network may become better than the teacher is with far ones."""
    wanted = math.exp(rng.uniform(math.log(least), math.log(face.distance)))
    height, width = face.image.shape[:2]
    size = [max(2, round(side * wanted / face.distance)) for side in (width, height)]
    small = cv2.resize(face.image, size, interpolation=cv2.INTER_AREA)
    return Face(np.asarray(small, np.uint8), face.points * size / (width, height))


def _seen(face: Face, plan: EyePlan, rng: np.random.Generator) -> Detection:
    """The face as the detector may see it."""
    height, width = face.image.shape[:2]
    share = math.exp(rng.normal(0, 0.5))
    middle = face.points[:2].mean(0) + rng.normal(0, plan.away * share, 2) * face.distance
    turn = rng.normal(0, plan.turn * share)
    grow = math.exp(rng.normal(0, plan.away * share))
    cosine, sine = grow * math.cos(turn), grow * math.sin(turn)
    half = np.array([[cosine, -sine], [sine, cosine]]) @ (face.points[1] - face.points[0]) / 2
    left, right = (Point(x=x / width, y=y / height) for x, y in (middle - half, middle + half))
    whole = Box(x=0.0, y=0.0, width=1.0, height=1.0)
    return Detection(box=whole, score=1.0, left_eye=left, right_eye=right)
