"""How well the eyes of found faces are placed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from device.types import Box, Detection, Point
from device.vision.detect import MIN_SCORE
from training.detector.measure import figures, match

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from device.vision.eyes import EyeFinder
    from training.detector.labels import Faces

    Image = npt.NDArray[np.uint8]


def refined(finder: EyeFinder, image: Image, faces: Faces) -> Faces:
    """Rows of faces in a BGR photo, see `training.detector.labels`, with their eyes anew."""
    height, width = image.shape[:2]
    rgb = np.ascontiguousarray(image[:, :, ::-1])
    rows = faces.copy()
    for row in rows:
        x, y = row[5:9:2] / width, row[6:9:2] / height
        left, right = (Point(x=float(x[n]), y=float(y[n])) for n in (0, 1))
        whole = Box(x=0.0, y=0.0, width=1.0, height=1.0)
        face = Detection(box=whole, score=float(row[0]), left_eye=left, right_eye=right)
        face = finder.refine(rgb, face)
        if face.left_eye is not None and face.right_eye is not None:
            row[5:9:2] = face.left_eye.x * width, face.right_eye.x * width
            row[6:9:2] = face.left_eye.y * height, face.right_eye.y * height
    return rows


def eyes_measured(
    finder: EyeFinder, images: Sequence[Image], found: Sequence[Faces], truth: Sequence[Faces]
) -> dict[str, Any]:
    """Figures of found faces, their eyes placed anew, against the teacher's."""
    anew = [refined(finder, image, faces) for image, faces in zip(images, found, strict=True)]
    return figures(match(anew, truth, [max(image.shape[:2]) for image in images]), MIN_SCORE)
