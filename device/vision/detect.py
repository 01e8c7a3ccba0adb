"""Faces in a picture, by MediaPipe's full-range BlazeFace.

The model (192x192, Apache-2.0) gives one candidate for each cell of a 48x48 grid: a score, a
box and six points. Decoding follows MediaPipe's `face_detection_full_range` graph; blending
of overlapping candidates follows Bazarevsky et al., "BlazeFace" (2019), section 3.4.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from device.types import Box, Detection, Point
from device.vision.align import LEFT_EYE, RIGHT_EYE, eyes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from device.ports import Image
    from device.vision.runtime import Model, Output

    Candidates = npt.NDArray[np.float32]

GRID = 48
MIN_SCORE = 0.5
"""Score of a face where nothing else is asked, and in crops, which training cuts alike."""

SAME_FACE_IOU = 0.3
LARGE = 0.25
"""Height of a face, as a share of its picture, from which one look may overlook it."""

SMALL = 0.15
"""Height below which a face's eyes are but ten of the model's pixels apart: too few to cut by."""

CLOSER_LOOKS = 4
"""Small faces whose eyes are looked for again in a picture of their own, 4 ms each: crops of
RAF-DB shown 60 pixels wide in a frame of 640 then read 81 % right instead of 51 %."""

DOUBTFUL = 0.6
"""Share of the least score from which a closer look is worth its time: of 326 faces of 6 to 12 %
of a photo's width 83 % are found instead of 76 %, with no more found where there are none."""

CLOSER_ROOM = 4.0
"""Side of that picture in widths of the face."""

CROP_LOOKS = (3.0, 2.2, 4.5, 1.8)
"""How much larger than a face crop its ground is made, in the order tried: of 400 faces of
RAF-DB 98, 95, 95 and 87 % are found, of UTKFace all."""


class BlazeDetector:
    """A `FaceDetector`. Not to be shared between threads."""

    def __init__(self, model: Model, *, min_score: float = MIN_SCORE) -> None:
        self._model = model
        self._min_score = min_score

    def detect(self, image: Image) -> list[Detection]:
        """Faces in an RGB image of any size, best first, overlapping ones merged.

        Small ones are looked at more closely, and the doubtful among them count if that look
        finds them, too. Where nothing is found, the picture is looked at once more at half its
        size, for faces that fill the view: of 112 wider than a quarter of a photo, one look
        finds 97 %, the second the rest.
        """
        doubtful = self._look(image, 1.0, DOUBTFUL * self._min_score)
        close = [self._look_closer(image, face) for face in doubtful[:CLOSER_LOOKS]]
        faces = [f for f in close + doubtful[CLOSER_LOOKS:] if f.score >= self._min_score]
        if not faces:
            second = self._look(image, 2.0, self._min_score)
            return [face for face in second if face.box.height > LARGE]
        return _distinct(sorted(faces, key=lambda face: -face.score))

    def detect_in_crop(self, image: Image) -> Detection:
        """The face in an image that is already one face cut out.

        The model needs room around a face, so the crop is put on a larger black ground. The
        centred template stands in where no face is found; its score is 0.
        """
        for room in CROP_LOOKS:
            seen = self._look(image, room, MIN_SCORE)
            found = [face for face in seen if _is_central(face)]
            if found:
                return max(found, key=lambda face: face.score)
        return Detection(
            box=Box(x=0.0, y=0.0, width=1.0, height=1.0),
            score=0.0,
            left_eye=LEFT_EYE,
            right_eye=RIGHT_EYE,
        )

    def _look_closer(self, image: Image, face: Detection) -> Detection:
        """A small or doubtful face as seen in a picture of its own, if that shows it."""
        if face.box.height > SMALL and face.score >= self._min_score:
            return face
        height, width = image.shape[:2]
        box = face.box
        reach = CLOSER_ROOM / 2 * max(box.width * width, box.height * height)
        x, y = (box.x + box.width / 2) * width, (box.y + box.height / 2) * height
        left, top = max(0, int(x - reach)), max(0, int(y - reach))
        part = image[top : int(y + reach) + 1, left : int(x + reach) + 1]
        area = Box(
            x=left / width,
            y=top / height,
            width=part.shape[1] / width,
            height=part.shape[0] / height,
        )
        seen = [_within(area, found) for found in self._look(part, 1.0, self._min_score)]
        same = [found for found in seen if _overlap(found.box, box) > SAME_FACE_IOU]
        return max(same, key=lambda found: _overlap(found.box, box), default=face)

    def _look(self, image: Image, room: float, min_score: float) -> list[Detection]:
        """Faces in the image when it takes 1 / `room` of the model's view, centred."""
        size = self._model.size
        height, width = image.shape[:2]
        scale = size / room / max(height, width)
        inner_w, inner_h = max(1, round(width * scale)), max(1, round(height * scale))
        left, top = (size - inner_w) // 2, (size - inner_h) // 2
        view = np.zeros((size, size, 3), np.uint8)
        view[top : top + inner_h, left : left + inner_w] = cv2.resize(
            image,
            (inner_w, inner_h),
            interpolation=cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR,
        )
        rows = _decode(self._model.run(view), min_score)
        # From fractions of the view to fractions of the image.
        rows[:, 1::2] = (rows[:, 1::2] * size - left) / inner_w
        rows[:, 2::2] = (rows[:, 2::2] * size - top) / inner_h
        return [_detection(row) for row in _merged(rows)]


def _decode(outputs: list[Output], min_score: float) -> Candidates:
    """Candidates above `min_score`, best first, one row each: score, left, top, right,
    bottom, x and y of the eye on the left and of the eye on the right, as fractions of the view.
    """
    logits = next(out for out in outputs if out.shape[-1] == 1)[:, 0]
    raw = next(out for out in outputs if out.shape[-1] == 16)
    keep = np.flatnonzero(logits > math.log(min_score / (1 - min_score)))
    keep = keep[np.argsort(-logits[keep])]
    score = 1 / (1 + np.exp(-np.clip(logits[keep], -80, 80)))
    size = 4 * GRID
    anchor = np.stack([keep % GRID + 0.5, keep // GRID + 0.5], 1) / GRID
    centre = raw[keep, 0:2] / size + anchor
    half = raw[keep, 2:4] / size / 2
    points = [raw[keep, at : at + 2] / size + anchor for at in (4, 6)]
    return np.hstack([score[:, None], centre - half, centre + half, *points]).astype(np.float32)


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


def _detection(row: Candidates) -> Detection:
    score, left, top, right, bottom, *points = (float(value) for value in row)
    first, second = Point(x=points[0], y=points[1]), Point(x=points[2], y=points[3])
    return Detection(
        box=Box(x=left, y=top, width=right - left, height=bottom - top),
        score=score,
        left_eye=first,
        right_eye=second,
    )


def _within(area: Box, face: Detection) -> Detection:
    """A face found in a part of an image, in fractions of the whole image."""

    def place(point: Point) -> Point:
        return Point(x=area.x + point.x * area.width, y=area.y + point.y * area.height)

    corner = place(Point(x=face.box.x, y=face.box.y))
    left_eye, right_eye = eyes(face)
    return Detection(
        box=Box(
            x=corner.x,
            y=corner.y,
            width=face.box.width * area.width,
            height=face.box.height * area.height,
        ),
        score=face.score,
        left_eye=place(left_eye),
        right_eye=place(right_eye),
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
    rows = np.array(
        [[0, b.x, b.y, b.x + b.width, b.y + b.height] for b in (one, other)], np.float32
    )
    return float(_iou(rows[0], rows[1:])[0])


def _is_central(face: Detection) -> bool:
    """Whether a face covers the middle of its image and is no speck in it."""
    box = face.box
    return (
        box.x < 0.5 < box.x + box.width
        and box.y < 0.5 < box.y + box.height
        and box.width * box.height > 0.1
    )
