"""Files in place of a camera: a clip replayed at its own pace, a folder of pictures."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import cv2
import numpy as np

from device.ports import Frame, PartUnavailable
from device.vision.files import fit, images_in, is_too_large, read_image, to_rgb

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from device.ports import Clock, Image
    from device.settings import CameraSettings

log = logging.getLogger(__name__)

SECONDS_PER_IMAGE = 5.0
USUAL_HERTZ = 25.0
"""Pace of a clip that does not tell its own."""


class ClipCamera:
    """A `Camera` that replays a clip (a GIF too), leaving frames out when it is read slowly."""

    def __init__(self, path: Path, clock: Clock, *, loop: bool) -> None:
        self._path = path
        self._clock = clock
        self._loop = loop
        self._capture: cv2.VideoCapture | None = None
        self._hertz = USUAL_HERTZ
        self._started = 0.0
        self._grabbed = 0
        self._image: Image | None = None

    def __enter__(self) -> Self:
        """Open the file. Raises PartUnavailable."""
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def read(self, timeout_seconds: float) -> Frame | None:  # noqa: ARG002 - a file never stalls
        """The frame that is due now; None at the end."""
        now = self._clock.monotonic()
        if not self._advance(now):
            if not self._loop:
                return None
            self._open()
            self._advance(now)
        if self._image is None:
            raise PartUnavailable(f"{self._path} holds no picture that can be decoded")
        return Frame(self._image, self._image, now)

    def _open(self) -> None:
        self._close()
        capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            capture.release()
            what = "is no clip that OpenCV can read" if self._path.exists() else "does not exist"
            raise PartUnavailable(f"{self._path} {what}; name another file in [camera] source")
        if is_too_large(capture):
            capture.release()
            raise PartUnavailable(f"{self._path}: its pictures are too large; name another file")
        hertz = capture.get(cv2.CAP_PROP_FPS)
        self._capture = capture
        self._hertz = hertz if np.isfinite(hertz) and 0.1 <= hertz <= 240 else USUAL_HERTZ
        self._started = self._clock.monotonic()
        self._grabbed = 0
        self._image = None

    def _close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _advance(self, now: float) -> bool:
        """Go on to the frame that is due at `now`; False when the clip is over."""
        assert self._capture is not None, "read outside of the context"  # noqa: S101
        due = int((now - self._started) * self._hertz) + 1
        if due <= self._grabbed and self._image is not None:
            return True
        while self._grabbed < due:
            if not self._capture.grab():
                return False
            self._grabbed += 1
        good, bgr = self._capture.retrieve()
        if good:
            self._image = to_rgb(np.asarray(bgr, np.uint8))
        return True


class FolderCamera:
    """A `Camera` that shows each picture of a folder for some seconds, by name."""

    def __init__(self, folder: Path, settings: CameraSettings, clock: Clock) -> None:
        self._album = Album(folder)
        self._settings = settings
        self._clock = clock
        self._shown = -1
        self._image: Image | None = None
        self._started = 0.0

    def __enter__(self) -> Self:
        """List the folder. Raises PartUnavailable where it holds no picture."""
        self._album.list()
        self._started = self._clock.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._image = None

    def read(self, timeout_seconds: float) -> Frame | None:  # noqa: ARG002 - a file never stalls
        """The picture that is due now; None at the end."""
        now = self._clock.monotonic()
        turn = int((now - self._started) / SECONDS_PER_IMAGE)
        if self._image is None or turn != self._shown:
            if turn >= len(self._album) and not self._settings.loop:
                return None
            image = self._album.image(turn)
            self._image = fit(image, self._settings.width, self._settings.height)
            self._shown = turn
        return Frame(self._image, self._image, now)


class Album:
    """The pictures of a folder; files that are none are left out, and named in the log."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: list[Path] = []

    def __len__(self) -> int:
        """How many pictures there are, as far as known."""
        return len(self._paths)

    def list(self) -> None:
        """Look into the folder. Raises PartUnavailable where it holds no picture."""
        try:
            self._paths = images_in(self._folder)
        except OSError as error:
            raise PartUnavailable(f"cannot read {self._folder}: {error.strerror}") from error
        self.image(0)

    def image(self, turn: int) -> Image:
        """The picture of a turn, round and round. Raises PartUnavailable where none is left."""
        while self._paths:
            path = self._paths[turn % len(self._paths)]
            image = _read(path)
            if image is not None:
                return image
            log.warning("%s is no picture that can be decoded; it is left out", path)
            self._paths.remove(path)
        raise PartUnavailable(f"{self._folder} holds no picture; put JPEG or PNG files there")


def _read(path: Path) -> Image | None:
    try:
        return read_image(path)
    except OSError:
        return None
