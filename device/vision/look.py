"""Faces, emotions and ages in files: what `attune look` shows."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import msgspec
import numpy as np

from device.ports import FaceDetector
from device.types import readable
from device.vision.files import is_clip, is_image, is_too_large, read_image, to_rgb
from device.vision.quality import is_sound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from device.ports import FaceReader, Image
    from device.types import Detection

log = logging.getLogger(__name__)


class CropDetector(FaceDetector, Protocol):
    """A detector that also knows pictures of nothing but a face."""

    def detect_in_crop(self, image: Image) -> Detection:
        """The face in an image that is already one face cut out."""
        ...


class SeenFace(msgspec.Struct, frozen=True):
    """One face; `box` is left, top, width and height in pixels, ages are in years."""

    box: tuple[int, int, int, int]
    score: float
    emotion: dict[str, float]
    age: float
    age_interval: tuple[float, float]


class SeenFrame(msgspec.Struct, frozen=True, omit_defaults=True):
    """One frame of one file, counted from 0; `error` says why a file could not be looked at."""

    file: str
    frame: int
    faces: tuple[SeenFace, ...]
    error: str = ""


def look(
    paths: Sequence[Path],
    *,
    crop: bool,
    detector: CropDetector,
    reader: FaceReader,
    every: int = 1,
) -> Iterator[SeenFrame]:
    """Each frame of pictures, clips, GIFs and folders of them.

    Of clips only each `every`-th frame; with `crop`, each picture is one face already cut out.
    A file that cannot be read gives one record with its error, and the rest goes on.
    """
    for path in _files(paths):
        frame = -1
        try:
            for frame, image in _frames(path, every):
                found = [detector.detect_in_crop(image)] if crop else detector.detect(image)
                yield SeenFrame(
                    file=readable(str(path)),
                    frame=frame,
                    faces=tuple(_seen(image, face, reader) for face in found if is_sound(face)),
                )
            error = "" if frame >= 0 else "no picture or clip that can be decoded"
        except OSError as failure:
            error = failure.strerror or str(failure)
        if error:
            log.warning("%s: %s", path, error)
            yield SeenFrame(file=readable(str(path)), frame=0, faces=(), error=error)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as named, and what looks like pictures and clips in folders, by name."""
    for path in paths:
        if path.is_dir():
            inside = [
                file
                for file in path.rglob("*")
                if file.is_file() and (is_image(file) or is_clip(file))
            ]
            yield from sorted(inside) or [path]
        else:
            yield path


def _frames(path: Path, every: int) -> Iterator[tuple[int, Image]]:
    """Numbered frames of a picture or clip, none where it is neither. Raises OSError."""
    if path.is_dir():
        raise OSError(0, "the folder holds no picture or clip")
    # Neither suffix is to be trusted; a clip is no picture, but costs a read to find out.
    image = None if is_clip(path) else read_image(path)
    if image is not None:
        yield 0, image
        return
    if not path.stat().st_size:
        raise OSError(0, "the file is empty")
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if is_too_large(capture):
            raise OSError(0, "its pictures are too large")
        number = 0
        while capture.grab():
            if number % every == 0:
                good, bgr = capture.retrieve()
                if good:
                    yield number, to_rgb(np.asarray(bgr, np.uint8))
            number += 1
    finally:
        capture.release()


def _seen(image: Image, face: Detection, reader: FaceReader) -> SeenFace:
    height, width = image.shape[:2]
    box, reading = face.box, reader.read(image, face)
    low, high = reading.age_interval_years
    return SeenFace(
        box=(
            round(box.x * width),
            round(box.y * height),
            round(box.width * width),
            round(box.height * height),
        ),
        score=round(face.score, 4),
        emotion={label.value: round(p, 4) for label, p in reading.emotions.items()},
        age=round(reading.age_years, 1),
        age_interval=(round(low, 1), round(high, 1)),
    )
