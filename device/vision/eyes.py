"""The eyes of a found face, placed anew by a small network that sees the face close by.

The detector places eyes of faces of all sizes, wherever they are, in one look; this network sees
one face cut out by these eyes, upright and always equally large, and says how far off they are.
`training.eyes` says how it is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from device.types import Point
from device.vision.align import LEFT_EYE, RIGHT_EYE, align, similarity

if TYPE_CHECKING:
    import numpy.typing as npt

    from device.ports import Image
    from device.types import Detection
    from device.vision.runtime import Model

    Places = npt.NDArray[np.float64]
    """Both eyes' x and y (2, 2), the left one first."""

USUAL = np.array([[LEFT_EYE.x, LEFT_EYE.y], [RIGHT_EYE.x, RIGHT_EYE.y]])
"""Where a crop's eyes are, as fractions of it, if they were found right and nothing is zoomed."""

FARTHEST = 0.5
"""Distances of the eyes from which a correction is no longer believed."""


class EyeFinder:
    """Corrects the eyes of detections. Not to be shared between threads."""

    def __init__(self, model: Model) -> None:
        self._model, self._zoom = model, model.sidecar.crop.zoom

    def refine(self, image: Image, face: Detection) -> Detection:
        """The detection with its eyes placed anew; as it is where its eyes are nonsense.

        The network sees the crop and its mirror image: the mean of both is a tenth better.
        """
        size = self._model.size
        try:
            crop = align(image, face, size, zoom=self._zoom)
        except ValueError:
            return face
        away = (self._away(crop) + _mirrored(self._away(crop[:, ::-1]))) / 2
        if not np.abs(away).max() < FARTHEST:
            return face
        height, width = image.shape[:2]
        matrix = similarity(width, height, face, size, self._zoom)
        seen = places(away, self._zoom) * size - 0.5
        found = (np.linalg.solve(matrix[:, :2], (seen - matrix[:, 2]).T).T + 0.5) / (width, height)
        left, right = (Point(x=float(x), y=float(y)) for x, y in found)
        return msgspec.structs.replace(face, left_eye=left, right_eye=right)

    def _away(self, crop: Image) -> Places:
        return np.asarray(self._model.run(crop)[0], np.float64).reshape(2, 2)


def places(away: Places, zoom: float) -> Places:
    """Eyes as fractions of a crop, from how far they are from their usual places in distances of
    those; any number of crops (..., 2, 2)."""
    seen = USUAL + away * (USUAL[1, 0] - USUAL[0, 0])
    return np.asarray((seen - 0.5) * zoom + 0.5, np.float64)


def _mirrored(away: Places) -> Places:
    """What was said of the mirror image, for the image itself."""
    return away[::-1] * (-1, 1)
