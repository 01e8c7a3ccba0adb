"""How far a face that was found can be trusted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from device.ports import Image
    from device.types import Box, Detection

SIDE = 64
HALF_SHARP = 150.0
"""Variance that counts as 0.5. Sharp faces of films and photos have 700 to 1,500, the same
faces softened by a Gaussian of 1/64 of their width 110, by 1/32 of it 30."""
EYES_APART = 1e-3
"""Eyes nearer to each other than this fraction of the frame belong to no face."""


def is_sound(face: Detection) -> bool:
    """Whether a detection is a face at all, and not numbers gone wild."""
    box = face.box
    if not (math.isfinite(box.x + box.y) and 0 < box.width < 4 and 0 < box.height < 4):
        return False
    if face.left_eye is None or face.right_eye is None:
        return True
    apart = math.hypot(face.right_eye.x - face.left_eye.x, face.right_eye.y - face.left_eye.y)
    return EYES_APART < apart < math.inf


def sharpness(image: Image, box: Box) -> float:
    """Variance of the Laplacian of a face, 64 pixels wide, mapped to 0..1.

    The measure is that of Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy"
    (2000). At a fixed size it does not depend on the camera's resolution, and a face of few
    pixels counts as blurred, which for its readers it is.
    """
    height, width = image.shape[:2]
    left, right = _span(box.x, box.width, width)
    top, bottom = _span(box.y, box.height, height)
    if right <= left or bottom <= top:
        return 0.0
    grey = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    shrinks = (right - left) > SIDE
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    grey = cv2.resize(grey, (SIDE, SIDE), interpolation=method)
    variance = float(np.var(cv2.Laplacian(grey, cv2.CV_32F)))
    return variance / (variance + HALF_SHARP)


def _span(start: float, length: float, pixels: int) -> tuple[int, int]:
    """A fraction of an axis in whole pixels, cut at its ends."""
    first, last = np.clip([start * pixels, (start + length) * pixels], 0, pixels)
    return int(first), int(np.ceil(last))
