"""Pictures and clips in files, read without trusting them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from device.vision import MOST_PIXELS

if TYPE_CHECKING:
    from device.ports import Image

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm"})
PNG = b"\x89PNG\r\n\x1a\n"
CLIP_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".gif"})


def is_image(path: Path) -> bool:
    """Whether a file's name says that it is a picture (a GIF counts as a clip)."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def is_clip(path: Path) -> bool:
    """Whether a file's name says that it is a clip."""
    return path.suffix.lower() in CLIP_SUFFIXES


def images_in(folder: Path) -> list[Path]:
    """The picture files right in a folder, by name. Raises OSError."""
    return sorted(path for path in folder.iterdir() if is_image(path) and path.is_file())


def read_image(path: Path) -> Image | None:
    """A picture as RGB, turned as its EXIF data says; None where it is none. Raises OSError."""
    data = np.frombuffer(path.read_bytes(), np.uint8)
    if not data.size or _claims_more_than_it_has(data.tobytes()):
        return None
    try:
        bgr = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:  # larger than MOST_PIXELS
        return None
    return None if bgr is None else to_rgb(np.asarray(bgr, np.uint8))


def _claims_more_than_it_has(data: bytes) -> bool:
    """Whether a PNG has a chunk that is longer than the file: OpenCV 4.11 makes room for it, up to
    2 GB, before it looks."""
    if not data.startswith(PNG):
        return False
    place = len(PNG)
    while place + 8 <= len(data):
        place += 12 + int.from_bytes(data[place : place + 4], "big")  # length, name, checksum
    return place > len(data)


def is_too_large(capture: cv2.VideoCapture) -> bool:
    """Whether the frames of an opened clip or stream have more than `MOST_PIXELS`."""
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    return bool(width * height > MOST_PIXELS)


def to_rgb(bgr: Image) -> Image:
    """OpenCV's channel order to ours; a single channel becomes grey."""
    code = cv2.COLOR_BGR2RGB if bgr.ndim == 3 else cv2.COLOR_GRAY2RGB
    return np.asarray(cv2.cvtColor(bgr, code), np.uint8)


def fit(image: Image, width: int, height: int) -> Image:
    """The image, shrunk if need be so that it fits into `width` x `height` pixels."""
    scale = min(width / image.shape[1], height / image.shape[0])
    if scale >= 1.0:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
