"""Live pictures through OpenCV: V4L2 devices, network streams, GStreamer pipelines.

OpenCV's captures block, some of them for ever when a camera vanishes. So a thread of its own
grabs without pause, which keeps the newest frame at hand, and decodes only what is asked for.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from device.config_keys import redacted
from device.ports import Frame, PartUnavailable
from device.vision.files import to_rgb

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from device.ports import Clock, Image
    from device.settings import CameraSettings

log = logging.getLogger(__name__)

MAXIMUM_GRAB_HERTZ = 60.0
"""Bounds the work of a stream that is not live and comes as fast as it is read."""
PATIENCE_SECONDS = 2.0
"""How long leaving waits for a capture that blocks."""


class Capture(Protocol):
    """The part of `cv2.VideoCapture` that is used here."""

    def isOpened(self) -> bool: ...  # noqa: D102, N802 - OpenCV's names and documentation
    def grab(self) -> bool: ...  # noqa: D102
    def retrieve(self) -> tuple[bool, Any]: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102


class LiveCamera:
    """A `Camera` around a blocking OpenCV capture; `mend` ends the message when it is gone."""

    def __init__(
        self, name: str, capture: Callable[[], Capture], clock: Clock, timeout: float, mend: str
    ) -> None:
        self._name = name
        self._capture = capture
        self._clock = clock
        self._timeout = timeout
        self._mend = mend
        self._changed = threading.Condition()
        self._stop = False
        self._opened = False
        self._wanted = False
        self._frame: Frame | None = None
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"grab {name}", daemon=True)

    def __enter__(self) -> Self:
        """Open the capture. Raises PartUnavailable."""
        if any(thread.name == self._thread.name for thread in threading.enumerate()):
            # One more thread would hang as the last one does.
            raise self._unavailable("still hangs from the last try")
        self._thread.start()
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._opened or self._failure, self._timeout)
                if not self._opened:
                    raise self._unavailable(self._failure or "cannot be opened in time")
        except PartUnavailable:
            self._leave()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    def read(self, timeout_seconds: float) -> Frame | None:
        """The next frame that arrives. Raises PartUnavailable."""
        with self._changed:
            self._frame, self._wanted = None, True
            self._changed.wait_for(lambda: self._frame or self._failure, timeout_seconds)
            self._wanted = False
            if self._frame is None:
                raise self._unavailable(
                    self._failure or f"sent nothing for {timeout_seconds:g} seconds"
                )
            return self._frame

    def _unavailable(self, what: str) -> PartUnavailable:
        return PartUnavailable(f"{self._name} {what}; {self._mend}")

    def _leave(self) -> None:
        self._stop = True
        self._thread.join(PATIENCE_SECONDS)
        if self._thread.is_alive():
            log.debug("%s does not let go; its thread ends when it does", self._name)

    def _run(self) -> None:
        capture = self._capture()
        try:
            if not capture.isOpened():
                self._tell(failure="cannot be opened")
                return
            self._tell()
            while not self._stop:
                began = time.monotonic()
                if not capture.grab():
                    self._tell(failure="stopped sending")
                    return
                if self._wanted:
                    self._deliver(capture)
                time.sleep(max(0.0, began + 1 / MAXIMUM_GRAB_HERTZ - time.monotonic()))
        finally:
            capture.release()

    def _tell(self, failure: str | None = None) -> None:
        with self._changed:
            self._opened = True if failure is None else self._opened
            self._failure = failure
            self._changed.notify_all()

    def _deliver(self, capture: Capture) -> None:
        try:
            good, bgr = capture.retrieve()
        except cv2.error as error:  # a damaged MJPEG picture; the next one may be whole
            log.debug("%s sent a picture that cannot be decoded: %s", self._name, error)
            return
        if not good or bgr is None or not bgr.size:
            return
        image: Image = to_rgb(np.asarray(bgr, np.uint8))
        with self._changed:
            self._frame = Frame(image, image, self._clock.monotonic())
            self._changed.notify_all()


def device_camera(settings: CameraSettings, device: str, clock: Clock) -> LiveCamera:
    """A V4L2 device such as /dev/video0. Raises PartUnavailable where there is none."""
    if not Path(device).exists():
        raise PartUnavailable(
            f"no such device {device}; `attune doctor` lists cameras; is it plugged in?"
        )
    if not os.access(device, os.R_OK | os.W_OK):
        raise PartUnavailable(
            f"no permission to use {device}; add the user to the group video "
            "(sudo usermod -aG video USER) and log in again"
        )

    def capture() -> Capture:
        # MJPG: raw pictures of this size do not fit through USB 2 at a useful rate.
        return cv2.VideoCapture(
            device,
            cv2.CAP_V4L2,
            [
                *(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
                *(cv2.CAP_PROP_FRAME_WIDTH, settings.width),
                *(cv2.CAP_PROP_FRAME_HEIGHT, settings.height),
                *(cv2.CAP_PROP_BUFFERSIZE, 1),
            ],
        )

    mend = "is it plugged in, and does no other program use it? `attune doctor` lists cameras"
    return LiveCamera(device, capture, clock, settings.timeout_seconds, mend)


def stream_camera(settings: CameraSettings, url: str, clock: Clock) -> LiveCamera:
    """A network camera: rtsp://, http:// or https://."""
    if url.startswith("rtsp"):
        # UDP loses packets over wireless networks, and every lost one smears the picture.
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
    milliseconds = round(settings.timeout_seconds * 1000)

    def capture() -> Capture:
        return cv2.VideoCapture(
            url,
            cv2.CAP_FFMPEG,
            [
                *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds),
                *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds),
            ],
        )

    mend = "is the camera on the network, and are address, user and password right?"
    return LiveCamera(redacted(url), capture, clock, settings.timeout_seconds, mend)


def pipeline_camera(settings: CameraSettings, pipeline: str, clock: Clock) -> LiveCamera:
    """A GStreamer pipeline that ends in BGR at an appsink, as Jetson's CSI cameras want it."""
    if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        raise PartUnavailable(
            "this OpenCV has no GStreamer; use the system's: apt-get install python3-opencv, "
            "remove opencv-python-headless from the virtual environment, and make that one with "
            "--system-site-packages"
        )

    def capture() -> Capture:
        return cv2.VideoCapture(pipeline, cv2.CAP_GSTREAMER)

    mend = "try it with gst-launch-1.0; it must end in `videoconvert ! video/x-raw,format=BGR"
    return LiveCamera(
        f"gst:{redacted(pipeline)}",
        capture,
        clock,
        settings.timeout_seconds,
        f"{mend} ! appsink drop=true max-buffers=1`",
    )
