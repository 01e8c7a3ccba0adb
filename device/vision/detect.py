"""Faces in a picture, by Attune's own detector.

Two models of the same make: the first looks at the whole picture, the second again at each place
that may be a face. Each gives, for each cell of three grids (every 8th, 16th and 32nd pixel), a
score and where the face is that the cell belongs to: a box and five points (eyes, nose, corners of
the mouth). `training.detector.network` says how they are made, `training.detector.loss.decode` the
same as here. A third one, of another make, is asked about what both leave in doubt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from device.types import Box, Detection, Point
from device.vision.align import LEFT_EYE, RIGHT_EYE
from device.vision.runtime import Model, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from device.ports import Image
    from device.vision.runtime import Output

    Candidates = npt.NDArray[np.float32]
    """Rows: score, left, top, right, bottom, x and y of the eye on the left and of the eye on the
    right."""

FIRST, CLOSER, DOUBT = "face", "face-closer", "face-doubt"
"""Names of the three models: one looks at the whole picture, one at each place that may be a face,
one at those that are in doubt still."""
STRIDES = (8, 16, 32)
MIN_SCORE = 0.5
"""Score of a face where nothing else is asked: at this one the detector reaches its floors."""

CROP_SCORE = 0.5
"""Score of a face in a crop: noise reaches that at most, 99 % of RAF-DB's validation faces 0.7."""

SAME_FACE_IOU = 0.4
"""Overlap of two candidates of one look, or of two looks, that show the same face."""

TWO_FACES_IOU = 0.25
"""The most that faces of two people overlap: of 8,696 in the photos to learn from, two pairs do by
more. A face that is seen from the side, or in a hand, is else found twice."""

DOUBTFUL = 0.7
"""Share of the least score from which a face is worth a closer look."""

CLOSER_LOOKS = 32
"""Faces that are looked at again in a picture of their own, the best first; a large one, too: in
the middle of its picture its eyes are placed better, and what is none is known better. More than a
room holds: in crowds the others are believed as the first look sees them, right or wrong."""

MIRRORED = [0, 3, 2, 1, 4, 7, 8, 5, 6]
"""Columns of a mirrored candidate in their order: left and right have changed places."""

CLOSE_SIDE = 160
"""Side of that picture, and of the black ground that a crop is shown on."""

CLOSER_ROOM = 1.7
"""How many times wider than a face its own picture is."""

CLOSE_SCORE = 0.1
"""Score of a face in its own picture: that there is one is half known."""

CERTAIN = 0.85
"""Score of both looks from which nobody else is asked, and the most that somebody else can lift one
to: what both are sure of comes first."""

DOUBT_ROOM = 1.4
"""How many times wider than a face the picture is that the third model is asked with."""

DOUBT_WEIGHT = 0.5
"""What the third model's log odds weigh beside those of both looks; chosen on the validation
photos."""

SLIGHT = 1 / 256
"""The least that eight bits can say of a score."""

CROP_SIDES = (96, 128, 64)
"""Longer sides that a crop is shown at, in the order tried."""


WHOLE = Box(x=0.0, y=0.0, width=1.0, height=1.0)
"""All of an image."""


class Asked(Protocol):
    """What is asked about a picture: a `Model`, or the network that one is made from."""

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the images that `run` expects."""
        ...

    def run(self, image: Image) -> list[Output]:
        """Scores and places of each grid; of the third model, the chance of a face."""
        ...


class Looker(Asked, Protocol):
    """What takes pictures of any sides."""

    def take(self, height: int, width: int) -> None:
        """Expect images of these sides from now on."""
        ...


def open_detector(
    folder: Path,
    *,
    threads: int = 1,
    runtime: str | None = None,
    min_score: float = MIN_SCORE,
) -> GridDetector:
    """The detector of a folder of models. Raises `ModelError`."""
    first, closer, doubt = (
        Model(folder, name, threads=threads, runtime=runtime) for name in (FIRST, CLOSER, DOUBT)
    )
    closer.take(CLOSE_SIDE, CLOSE_SIDE)
    if doubt.answers != 1 or doubt.sides != (doubt.size, doubt.size):
        raise ModelError(
            f"{doubt.path} gives {doubt.answers} numbers for {doubt.sides} pixels, not one for a "
            "square: restore it from the release"
        )
    return GridDetector(first, closer, doubt, min_score=min_score)


class Inset(NamedTuple):
    """What is shown where: the `area` of an image, in fractions, fills these pixels of a view."""

    area: Box
    left: int
    top: int
    width: int
    height: int


class GridDetector:
    """A `FaceDetector`: `model` looks at whole pictures, `closer` at what that may have found,
    `doubt`, if there is one, at what both leave in doubt.

    Not to be shared between threads.
    """

    def __init__(
        self,
        model: Looker,
        closer: Looker,
        doubt: Asked | None = None,
        *,
        min_score: float = MIN_SCORE,
    ) -> None:
        self._model, self._closer, self._doubt = model, closer, doubt
        self._min_score = min_score
        self._longer = max(model.sides)

    def detect(self, image: Image) -> list[Detection]:
        """Faces in an RGB image of any size, best first, overlapping ones merged.

        The picture fills the model's longer side; the other is as long as it needs. The best
        are then looked at closer, and in a mirror: their places are the mean of these two looks,
        their scores that of the first and them and, where that is no certain one, of what the
        third model says.
        """
        width, height = _fitted(image, self._longer)
        self._model.take(*(-(-side // STRIDES[-1]) * STRIDES[-1] for side in (height, width)))
        whole = _centred(image, self._longer, self._model.sides)
        rows = list(_look(self._model, image, whole, DOUBTFUL * self._min_score))
        closer = [self._look_closer(image, row) for row in rows[:CLOSER_LOOKS]]
        settled = [self._settle(image, row) for row in closer]
        faces = [_detection(row) for row in (*settled, *rows[CLOSER_LOOKS:])]
        kept = [face for face in faces if face.score >= self._min_score]
        return _distinct(sorted(kept, key=lambda face: -face.score))

    def detect_in_crop(self, image: Image) -> Detection:
        """The face in an image that is already one face cut out.

        The model needs room around a face, so the crop is put on a larger black ground. The
        centred template stands in where no face is found; its score is 0.
        """
        for side in CROP_SIDES:
            shown = _centred(image, side, self._closer.sides)
            rows = _look(self._closer, image, shown, CROP_SCORE)
            found = [row for row in rows if _is_central(_detection(row))]
            if found:
                return _detection(self._look_closer(image, max(found, key=lambda row: row[0])))
        return Detection(box=WHOLE, score=0.0, left_eye=LEFT_EYE, right_eye=RIGHT_EYE)

    def _look_closer(self, image: Image, face: Candidates) -> Candidates:
        """A face (9) as seen in a picture of its own and in that one's mirror image, its place the
        mean of both; its score is the mean of the first look's and of theirs."""
        seen: list[Candidates] = []
        shown = _around(image, face, CLOSER_ROOM, CLOSE_SIDE)
        if shown is not None:
            for mirror in (False, True):
                rows = _look(self._closer, image, shown, CLOSE_SCORE, mirror=mirror)
                seen += _same(list(rows), face)
        row = np.mean(seen, axis=0) if seen else face.copy()
        row[0] = (face[0] + sum(each[0] for each in seen) / 2) / 2
        return np.asarray(row, np.float32)

    def _settle(self, image: Image, face: Candidates) -> Candidates:
        """A face (9) with the score that it has with the third model's, unless it is certain."""
        if self._doubt is None or face[0] >= CERTAIN:
            return face
        shown = _around(image, face, DOUBT_ROOM, self._doubt.sides[0])
        if shown is None:
            return face
        (chance,) = self._doubt.run(_view(image, shown, self._doubt.sides))
        settled = face.copy()
        settled[0] = pooled(float(face[0]), float(chance[0]))
        return settled


def pooled(score: float, chance: float) -> float:
    """Both looks' score with the chance of a face that the third model sees: their logarithmic
    opinion pool (Genest and Zidek, "Combining probability distributions", 1986), `CERTAIN` at
    most."""
    odds = (value / (1 - value) for value in np.clip((score, chance), SLIGHT, 1 - SLIGHT))
    ratio = next(odds) * next(odds) ** DOUBT_WEIGHT
    return min(float(ratio / (1 + ratio)), CERTAIN)


def _fitted(image: Image, longer: int) -> tuple[int, int]:
    """Width and height of an image whose longer side becomes `longer`."""
    height, width = image.shape[:2]
    scale = longer / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _centred(image: Image, longer: int, sides: tuple[int, int]) -> Inset:
    """The whole image in the middle of a view of `sides` (height, width)."""
    width, height = _fitted(image, longer)
    return Inset(WHOLE, (sides[1] - width) // 2, (sides[0] - height) // 2, width, height)


def _around(image: Image, face: Candidates, room: float, side: int) -> Inset | None:
    """A face (9) in the middle of a square view that is `room` times as wide, as far as the image
    goes; None where that has nothing of it."""
    height, width = image.shape[:2]
    x, y = (face[1] + face[3]) / 2 * width, (face[2] + face[4]) / 2 * height
    reach = room / 2 * max((face[3] - face[1]) * width, (face[4] - face[2]) * height)
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    right, bottom = min(width, int(x + reach) + 1), min(height, int(y + reach) + 1)
    if right <= left or bottom <= top:
        return None
    area = Box(
        x=left / width,
        y=top / height,
        width=(right - left) / width,
        height=(bottom - top) / height,
    )
    scale = side / (2 * reach + 2)
    inner = [max(1, round(size * scale)) for size in (right - left, bottom - top)]
    corner = [round((at - middle) * scale + side / 2) for at, middle in ((left, x), (top, y))]
    at = [min(max(0, place), side - size) for place, size in zip(corner, inner, strict=True)]
    return Inset(area, *at, *inner)


def _look(
    model: Looker, image: Image, shown: Inset, min_score: float, *, mirror: bool = False
) -> Iterator[Candidates]:
    """Faces, merged, in fractions of the image, of which the model is shown a part, or that in a
    mirror."""
    view = _view(image, shown, model.sides)
    if mirror:
        rows = decode(model.run(np.ascontiguousarray(view[:, ::-1])), min_score)
        rows[:, 1::2] = view.shape[1] - rows[:, 1::2]
        rows = rows[:, MIRRORED]
    else:
        rows = decode(model.run(view), min_score)
    # From the view's pixels to fractions of the part, then of the image.
    area = shown.area
    rows[:, 1::2] = (rows[:, 1::2] - shown.left) / shown.width * area.width + area.x
    rows[:, 2::2] = (rows[:, 2::2] - shown.top) / shown.height * area.height + area.y
    return _merged(rows)


def _view(image: Image, shown: Inset, sides: tuple[int, int]) -> Image:
    """A black picture of `sides` (height, width) with the part of an image in it."""
    height, width = image.shape[:2]
    area = shown.area
    left, top = round(area.x * width), round(area.y * height)
    right, bottom = round((area.x + area.width) * width), round((area.y + area.height) * height)
    view = np.zeros((*sides, 3), np.uint8)
    view[shown.top : shown.top + shown.height, shown.left : shown.left + shown.width] = cv2.resize(
        image[top:bottom, left:right],
        (shown.width, shown.height),
        interpolation=cv2.INTER_AREA if 2 * shown.width < right - left else cv2.INTER_LINEAR,
    )
    return view


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
        if all(_overlap(face.box, better.box) <= TWO_FACES_IOU for better in kept):
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
