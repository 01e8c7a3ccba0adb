"""The motion gate: a frame that shows nothing new is not analysed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from device.ports import Image

GRID = (64, 48)
"""Cells, across and down. Each is a mean of many pixels, so that the sensor's noise is gone."""
CELL_CHANGE = 6
"""Grey levels (of 255) by which a cell must differ: a face that turns changes its cells by tens,
noise of a dim room by one or two."""
CELLS_CHANGED = 6
"""Cells that must differ: a face 2 m from the camera covers about 16."""
NOBODY_SECONDS = 3.0
"""Even an unchanged view is analysed that often: a face may have been overlooked."""
SOMEBODY_SECONDS = 1.0
"""With a face in view more often: a smile far away changes few pixels."""


class MotionGate:
    """Compares each frame with the last one that was analysed, so that slow change adds up."""

    def __init__(self) -> None:
        self._seen: npt.NDArray[np.uint8] | None = None
        self._at = 0.0

    def passes(self, image: Image, at: float, *, somebody: bool) -> bool:
        """Whether an RGB image, taken at `at`, is worth analysing; if so it is remembered.

        `somebody` tells whether a face was in view when the last one was analysed.
        """
        cells = _cells(image)
        patience = SOMEBODY_SECONDS if somebody else NOBODY_SECONDS
        if self._seen is not None and at - self._at < patience:
            changed = np.count_nonzero(cv2.absdiff(cells, self._seen) >= CELL_CHANGE)
            if changed < CELLS_CHANGED:
                return False
        self._seen, self._at = cells, at
        return True


def _cells(image: Image) -> npt.NDArray[np.uint8]:
    """The grey means of a coarse grid, shape (48, 64)."""
    small = cv2.resize(image, GRID, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
