"""Faces in a picture, by Attune's own detector.

Two models of the same make: the first looks at the whole picture, the second again at each place
that may be a face. Each gives, for each cell of three grids (every 8th, 16th and 32nd pixel), a
score and where the face is that the cell belongs to: a box and five points (eyes, nose, corners of
the mouth). `training.detector.network` says how they are made, `training.detector.loss.decode` the
same as here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from device.types import Box, Detection, Point
from device.vision.align import LEFT_EYE, RIGHT_EYE
from device.vision.runtime import Model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from device.ports import Image
    from device.vision.runtime import Output

    Candidates = npt.NDArray[np.float32]
    """Rows: score, left, top, right, bottom, x and y of the eye on the left and of the eye on the
    right."""

FIRST, CLOSER = "face", "face-closer"
"""Names of the two models: one looks at the whole picture, one at each place that may be a face."""
STRIDES = (8, 16, 32)
MIN_SCORE = 0.4
"""Score of a face where nothing else is asked: at this one the detector reaches its floors."""

CROP_SCORE = 0.5
"""Score of a face in a crop: noise reaches that at most, 99 % of RAF-DB's validation faces 0.7."""

SAME_FACE_IOU = 0.4

DOUBTFUL = 0.9
"""Share of the least score from which a face is worth a closer look."""

CLOSER_LOOKS = 8
"""Faces that are looked at again in a picture of their own, the best first; a large one, too: in
the middle of its picture its eyes are placed better, and what is none is known better."""

MIRRORED = [0, 3, 2, 1, 4, 7, 8, 5, 6]
"""Columns of a mirrored candidate in their order: left and right have changed places."""

CLOSE_SIDE = 160
"""Side of that picture, and of the black ground that a crop is shown on."""

CLOSER_ROOM = 1.7
"""How many times wider than a face its own picture is."""

CLOSE_SCORE = 0.1
"""Score of a face in its own picture: that there is one is half known."""

CROP_SIDES = (96, 128, 64)
"""Longer sides that a crop is shown at, in the order tried."""


class Looker(Protocol):
    """What looks at a picture: a `Model`, or the network that one is made from."""

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the images that `run` expects."""
        ...

    def take(self, height: int, width: int) -> None:
        """Expect images of these sides from now on."""
        ...

    def run(self, image: Image) -> list[Output]:
        """Scores and places of each grid."""
        ...


def open_detector(
    folder: Path,
    *,
    threads: int = 1,
    runtime: str | None = None,
    min_score: float = MIN_SCORE,
) -> GridDetector:
    """The detector of a folder of models. Raises `ModelError`."""
    first, closer = (
        Model(folder, name, threads=threads, runtime=runtime) for name in (FIRST, CLOSER)
    )
    closer.take(CLOSE_SIDE, CLOSE_SIDE)
    return GridDetector(first, closer, min_score=min_score)


class GridDetector:
    """A `FaceDetector`: `model` looks at whole pictures, `closer` at what that may have found.

    Not to be shared between threads.
    """

    def __init__(self, model: Looker, closer: Looker, *, min_score: float = MIN_SCORE) -> None:
        self._model, self._closer = model, closer
        self._min_score = min_score
        self._longer = max(model.sides)

    def detect(self, image: Image) -> list[Detection]:
        """Faces in an RGB image of any size, best first, overlapping ones merged.

        The picture fills the model's longer side; the other is as long as it needs. The best
        are then looked at closer, and in a mirror: their places are the mean of these two looks,
        their scores that of the first and them.
        """
        inner = _fitted(image, self._longer)
        sides = [-(-side // STRIDES[-1]) * STRIDES[-1] for side in inner]
        self._model.take(sides[1], sides[0])
        whole = Box(x=0.0, y=0.0, width=1.0, height=1.0)
        rows = list(_look(self._model, image, whole, inner, DOUBTFUL * self._min_score))
        closer = [self._look_closer(image, row) for row in rows[:CLOSER_LOOKS]]
        faces = [_detection(row) for row in (*closer, *rows[CLOSER_LOOKS:])]
        kept = [face for face in faces if face.score >= self._min_score]
        return _distinct(sorted(kept, key=lambda face: -face.score))

    def detect_in_crop(self, image: Image) -> Detection:
        """The face in an image that is already one face cut out.

        The model needs room around a face, so the crop is put on a larger black ground. The
        centred template stands in where no face is found; its score is 0.
        """
        whole = Box(x=0.0, y=0.0, width=1.0, height=1.0)
        for side in CROP_SIDES:
            rows = _look(self._closer, image, whole, _fitted(image, side), CROP_SCORE)
            found = [row for row in rows if _is_central(_detection(row))]
            if found:
                return _detection(self._look_closer(image, max(found, key=lambda row: row[0])))
        return Detection(box=whole, score=0.0, left_eye=LEFT_EYE, right_eye=RIGHT_EYE)

    def _look_closer(self, image: Image, face: Candidates) -> Candidates:
        """A face (9) as seen in a picture of its own and in that one's mirror image, its place the
        mean of both; its score is the mean of the first look and these."""
        height, width = image.shape[:2]
        x, y = (face[1] + face[3]) / 2 * width, (face[2] + face[4]) / 2 * height
        reach = CLOSER_ROOM / 2 * max((face[3] - face[1]) * width, (face[4] - face[2]) * height)
        left, top = max(0, int(x - reach)), max(0, int(y - reach))
        right, bottom = min(width, int(x + reach) + 1), min(height, int(y + reach) + 1)
        seen: list[Candidates] = []
        if right > left and bottom > top:
            area = Box(
                x=left / width,
                y=top / height,
                width=(right - left) / width,
                height=(bottom - top) / height,
            )
            scale = CLOSE_SIDE / (2 * reach + 2)
            inner = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
            for mirror in (False, True):
                rows = _look(self._closer, image, area, inner, CLOSE_SCORE, mirror=mirror)
                seen += _same(list(rows), face)
        row = np.mean(seen, axis=0) if seen else face.copy()
        row[0] = (face[0] + sum(each[0] for each in seen) / 2) / 2
        return np.asarray(row, np.float32)


def _fitted(image: Image, longer: int) -> tuple[int, int]:
    """Width and height of an image whose longer side becomes `longer`."""
    height, width = image.shape[:2]
    scale = longer / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _look(
    model: Looker,
    image: Image,
    area: Box,
    inner: tuple[int, int],
    min_score: float,
    *,
    mirror: bool = False,
) -> Iterator[Candidates]:
    """Faces, merged, in fractions of the image, when its part `area` is shown `inner` (width,
    height) large in the middle of the model's view, or that in a mirror."""
    height, width = image.shape[:2]
    left, top = round(area.x * width), round(area.y * height)
    right, bottom = (
        round((area.x + area.width) * width),
        round((area.y + area.height) * height),
    )
    view = np.zeros((*model.sides, 3), np.uint8)
    x, y = (view.shape[1] - inner[0]) // 2, (view.shape[0] - inner[1]) // 2
    view[y : y + inner[1], x : x + inner[0]] = cv2.resize(
        image[top:bottom, left:right],
        inner,
        interpolation=cv2.INTER_AREA if 2 * inner[0] < right - left else cv2.INTER_LINEAR,
    )
    if mirror:
        rows = decode(model.run(np.ascontiguousarray(view[:, ::-1])), min_score)
        rows[:, 1::2] = view.shape[1] - rows[:, 1::2]
        rows = rows[:, MIRRORED]
    else:
        rows = decode(model.run(view), min_score)
    # From the view's pixels to fractions of the part, then of the image.
    rows[:, 1::2] = (rows[:, 1::2] - x) / inner[0] * area.width + area.x
    rows[:, 2::2] = (rows[:, 2::2] - y) / inner[1] * area.height + area.y
    return _merged(rows)


def decode(outputs: list[Output], min_score: float) -> Candidates:
    """Candidates from `min_score` on, best first, in pixels of the model's view."""
    scores = sorted((out for out in outputs if out.shape[-1] == 1), key=lambda out: -out.size)
    places = sorted((out for out in outputs if out.shape[-1] != 1), key=lambda out: -out.size)
    rows = np.concatenate(
        [_decode_level(*level, min_score) for level in zip(scores, places, STRIDES, strict=True)]
    )
    return rows[np.argsort(-rows[:, 0], kind="stable")]


def _decode_level(score: Output, places: Output, stride: int, min_score: float) -> Candidates:
    """One grid's candidates. Sizes are powers of two in strides, places fractions of the size
    away from the cell's middle, so that eight bits suffice for faces of any size."""
    row, column, _ = np.nonzero(score >= min_score)
    if not len(row):  # as most levels of most pictures
        return np.empty((0, 9), np.float32)
    cell = (np.stack([column, row], 1) + 0.5) * stride
    found = places[row, column]
    sides = stride * 2 ** (found[:, 2:4] - 1)
    size = np.sqrt(sides.prod(1, keepdims=True))
    centre = cell + (found[:, 0:2] - 3) / 4 * size
    eyes = np.tile(cell, 2) + (found[:, 4:8] - 3) / 4 * size
    return np.hstack([score[row, column], centre - sides / 2, centre + sides / 2, eyes]).astype(
        np.float32
    )


def _merged(rows: Candidates) -> Iterator[Candidates]:
    """Each best candidate blended with those that overlap it, weighted by score."""
    while len(rows):
        same = _iou(rows[0], rows) > SAME_FACE_IOU
        same[0] = True
        group = rows[same]
        blend = np.average(group, axis=0, weights=group[:, 0])
        blend[0] = rows[0, 0]
        yield blend
        rows = rows[~same]


def _iou(one: Candidates, rows: Candidates) -> npt.NDArray[np.float32]:
    """Intersection over union of one box with each of many."""
    sides = np.minimum(one[3:5], rows[:, 3:5]) - np.maximum(one[1:3], rows[:, 1:3])
    inter = np.prod(np.maximum(sides, 0), axis=1)
    area = np.prod(one[3:5] - one[1:3]) + np.prod(rows[:, 3:5] - rows[:, 1:3], axis=1) - inter
    return np.asarray(inter / np.maximum(area, 1e-9), np.float32)


def _same(rows: list[Candidates], face: Candidates) -> list[Candidates]:
    """The one of the rows, if any, that shows the same face: the surest and nearest."""
    shared = _iou(face, np.reshape(rows, (-1, len(face))))
    near = [n for n in range(len(rows)) if shared[n] > SAME_FACE_IOU]
    return [rows[n] for n in sorted(near, key=lambda n: -rows[n][0] * shared[n])[:1]]


def _detection(row: Candidates) -> Detection:
    score, left, top, right, bottom, *points = (float(value) for value in row)
    first, second = Point(x=points[0], y=points[1]), Point(x=points[2], y=points[3])
    return Detection(
        box=Box(x=left, y=top, width=right - left, height=bottom - top),
        score=score,
        left_eye=first,
        right_eye=second,
    )


def _distinct(faces: list[Detection]) -> list[Detection]:
    """The faces without those that a better one before them overlaps."""
    kept: list[Detection] = []
    for face in faces:
        if all(_overlap(face.box, better.box) <= SAME_FACE_IOU for better in kept):
            kept.append(face)
    return kept


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    shared = max(across, 0.0) * max(down, 0.0)
    whole = one.width * one.height + other.width * other.height - shared
    return shared / max(whole, 1e-9)


def _is_central(face: Detection) -> bool:
    """Whether a face covers the middle of its image and is no speck in it."""
    box = face.box
    return (
        box.x < 0.5 < box.x + box.width
        and box.y < 0.5 < box.y + box.height
        and box.width * box.height > 0.1
    )
