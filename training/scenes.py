"""Faces cut out by their publisher, put back into a view like a camera's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from device.types import Box

if TYPE_CHECKING:
    Image = npt.NDArray[np.uint8]

WIDTH, HEIGHT = 640, 480
FACE_WIDTHS = (0.15, 0.40)
"""Of the frame: somebody from about a metre and a half away to one at a desk."""

WALL = (60, 200)
"""Grey levels of the background: black would help the detector, which crops are shown so."""

NOISE = 3.0
"""Standard deviation of the background's levels, as of a camera in good light."""


def scene(crop: Image, rng: np.random.Generator) -> tuple[Image, Box]:
    """A frame of `WIDTH` by `HEIGHT` with a square crop at a random place and size, and where.

    The background is a plain wall. What belongs around a face (hair, neck, shoulders) is missing
    from RAF-DB's crops and is not made up: a detector finds the same face more easily in a photo.
    """
    side = round(WIDTH * rng.uniform(*FACE_WIDTHS))
    left, top = int(rng.integers(0, WIDTH - side + 1)), int(rng.integers(0, HEIGHT - side + 1))
    wall = rng.uniform(*WALL) + NOISE * rng.standard_normal((HEIGHT, WIDTH, 3), np.float32)
    frame = np.asarray(np.clip(np.rint(wall), 0, 255), np.uint8)
    frame[top : top + side, left : left + side] = cv2.resize(
        crop, (side, side), interpolation=cv2.INTER_CUBIC
    )
    box = Box(x=left / WIDTH, y=top / HEIGHT, width=side / WIDTH, height=side / HEIGHT)
    return frame, box
