"""From the setting `[camera] source` to a camera."""

from __future__ import annotations

import fcntl
import logging
import os
import struct
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from device.ports import Camera, Frame, PartUnavailable
from device.vision.capture import device_camera, pipeline_camera, stream_camera
from device.vision.picamera import PiCamera
from device.vision.picamera import cameras as pi_cameras
from device.vision.replay import ClipCamera, FolderCamera
from device.vision.slideshow import SlideshowCamera

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from device.ports import Clock, Image
    from device.settings import CameraSettings

log = logging.getLogger(__name__)

STREAMS = ("rtsp://", "rtsps://", "http://", "https://")
SLIDESHOW = "slideshow:"
PROBE_SECONDS = 3.0
TURNS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}
VIDIOC_QUERYCAP = 0x80685600
"""ioctl of linux/videodev2.h; answers `struct v4l2_capability`, 104 bytes."""
CAN_CAPTURE = 0x1
NOT_CAMERAS = ("bcm2835-isp", "bcm2835-codec", "rpivid", "rpi-hevc", "pispbe", "unicam", "rp1-cfe")
"""Drivers of a Raspberry Pi's helpers and raw sensors: they capture, but no pictures."""


class FoundCamera(NamedTuple):
    """A camera that was found: what it is called, and the source to set for it."""

    name: str
    source: str


def open_camera(settings: CameraSettings, clock: Clock) -> Camera:
    """The camera that the settings name, yet to be entered. Raises PartUnavailable."""
    camera = _source(settings, clock)
    return _Turned(camera, settings.rotate) if settings.rotate else camera


def list_cameras() -> list[FoundCamera]:
    """The cameras of this machine, in the order that `auto` tries them."""
    try:
        found = [
            FoundCamera(str(info.get("Model", "camera")), "picamera2") for info in pi_cameras()
        ]
    except PartUnavailable as error:
        log.debug("no picamera2: %s", error)
        found = []
    return found + v4l2_cameras(Path("/dev"))


def v4l2_cameras(devices: Path) -> list[FoundCamera]:
    """The video devices in a folder that say that they capture pictures."""
    paths = [path for path in devices.glob("video*") if path.name[5:].isdigit()]
    paths.sort(key=lambda path: int(path.name[5:]))
    found = []
    for path in paths:
        name = _card(path)
        if name is not None:
            found.append(FoundCamera(name, str(path)))
    return found


def _source(settings: CameraSettings, clock: Clock) -> Camera:
    source = settings.source
    if source == "auto":
        return _Auto(settings, clock)
    if source == "picamera2":
        return PiCamera(settings, clock)
    if source.startswith(STREAMS):
        return stream_camera(settings, source, clock)
    if source.startswith("gst:"):
        return pipeline_camera(settings, source[len("gst:") :], clock)
    if source.startswith("/dev/"):
        return device_camera(settings, source, clock)
    return _replay(settings, clock)


def _replay(settings: CameraSettings, clock: Clock) -> Camera:
    """A camera that shows files."""
    path = Path(settings.source.removeprefix(SLIDESHOW)).expanduser()
    if settings.source.startswith(SLIDESHOW):
        return SlideshowCamera(path, settings, clock)
    if path.is_dir():
        return FolderCamera(path, settings, clock)
    if path.exists():
        return ClipCamera(path, clock, loop=settings.loop)
    raise PartUnavailable(
        f"no such file or folder: {path}; set [camera] source to auto, picamera2, /dev/videoN, "
        "rtsp://…, http://…, a clip, a folder or gst:PIPELINE"
    )


def _card(path: Path) -> str | None:
    """What a V4L2 device calls itself; None where it is no camera, or may not be asked."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    answer = bytearray(104)
    try:
        fcntl.ioctl(handle, VIDIOC_QUERYCAP, answer)
    except OSError:
        return None
    finally:
        os.close(handle)
    driver, card = (
        answer[at : at + size].split(b"\0")[0].decode(errors="replace")
        for at, size in ((0, 16), (16, 32))
    )
    (capabilities,) = struct.unpack_from("=I", answer, 88)  # device_caps
    if not capabilities & CAN_CAPTURE or driver.startswith(NOT_CAMERAS):
        return None
    return card or path.name


class _Auto:
    """The first camera that really captures: picamera2's, else V4L2's."""

    def __init__(self, settings: CameraSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._camera: Camera | None = None

    def __enter__(self) -> Self:
        """Try one after the other. Raises PartUnavailable."""
        failures: list[str] = []
        for found in list_cameras():
            self._camera = self._try(found, failures)
            if self._camera is not None:
                log.info("using the camera %s (%s)", found.name, found.source)
                return self
        raise PartUnavailable(
            "; ".join(failures)
            or "no camera was found; plug one in, or set [camera] source; is the user in the "
            "group video? `attune doctor` lists cameras"
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._camera is not None:
            self._camera.__exit__(kind, error, trace)

    def read(self, timeout_seconds: float) -> Frame | None:
        assert self._camera is not None, "read outside of the context"  # noqa: S101
        return self._camera.read(timeout_seconds)

    def _try(self, found: FoundCamera, failures: list[str]) -> Camera | None:
        """The camera, entered, once it gave a picture."""
        with ExitStack() as stack:
            try:
                camera = stack.enter_context(self._open(found))
                camera.read(PROBE_SECONDS)
            except PartUnavailable as error:
                failures.append(str(error))
                return None
            stack.pop_all()
            return camera

    def _open(self, found: FoundCamera) -> Camera:
        if found.source == "picamera2":
            return PiCamera(self._settings, self._clock)
        return device_camera(self._settings, found.source, self._clock)


class _Turned:
    """Another camera's frames, turned clockwise."""

    def __init__(self, camera: Camera, degrees: int) -> None:
        self._camera = camera
        self._code = TURNS[degrees]

    def __enter__(self) -> Self:
        self._camera.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._camera.__exit__(kind, error, trace)

    def read(self, timeout_seconds: float) -> Frame | None:
        frame = self._camera.read(timeout_seconds)
        if frame is None:
            return None
        detect = self._turn(frame.detect)
        full = detect if frame.full is frame.detect else self._turn(frame.full)
        return Frame(detect, full, frame.at)

    def _turn(self, image: Image) -> Image:
        return np.asarray(cv2.rotate(image, self._code), np.uint8)
