"""Pictures in files, read so that whatever is wrong with one is told with its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from device.vision import MOST_PIXELS
from training.data import DataError
from training.data.base import read_content

if TYPE_CHECKING:
    from pathlib import Path

MILLIONS = MOST_PIXELS // 1_000_000


def read_picture(path: Path, how: int = cv2.IMREAD_COLOR) -> npt.NDArray[np.uint8]:
    """A picture file as OpenCV has it, BGR or grey; DataError where there is none to be read."""
    return decode(path, read_content(path), how)


def decode(path: Path, content: bytes, how: int = cv2.IMREAD_COLOR) -> npt.NDArray[np.uint8]:
    """The same of what was read of the file `path`."""
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), how) if content else None
    except cv2.error as error:  # its own words name OpenCV's source, and no file
        raise DataError(
            f"{path} is no image that OpenCV reads, or one of more than {MILLIONS} million "
            "pixels: scale it down, replace or remove it"
        ) from error
    if image is None:
        raise DataError(f"{path} is no image that OpenCV reads: replace or remove it")
    return np.asarray(image, np.uint8)
