"""Raspberry Pi cameras through picamera2 (libcamera).

Configured once, with two streams of one view: a small one to search faces in and the main one
to cut them out of. A capture waits with a time-out, for a loosened cable makes it hang.
"""

from __future__ import annotations

import concurrent.futures
import importlib
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from device.ports import Frame, PartUnavailable

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from device.ports import Clock, Image
    from device.settings import CameraSettings

DETECT_LONGER_SIDE = 320
SLOWEST_FRAME_MICROSECONDS = 100_000
"""The sensor itself runs no slower than 10 frames a second: longer exposures blur faces."""
MEND = "is its ribbon cable seated, and does `rpicam-hello --list-cameras` show it?"


def cameras() -> list[dict[str, Any]]:
    """Raspberry Pi cameras as libcamera lists them. Raises PartUnavailable without picamera2.

    USB cameras are left out: libcamera lists them too, but cannot shrink their pictures.
    """
    try:
        found = _picamera2().global_camera_info()
    except RuntimeError as error:
        raise PartUnavailable(f"libcamera cannot list cameras: {error}; {MEND}") from error
    return [info for info in found if "usb" not in str(info.get("Id", "")).lower()]


class PiCamera:
    """A `Camera` on the first Raspberry Pi camera."""

    def __init__(self, settings: CameraSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._camera: Any = None
        self._detect_size = (0, 0)

    def __enter__(self) -> Self:
        """Start the sensor. Raises PartUnavailable."""
        found = cameras()
        if not found:
            raise PartUnavailable(f"no Raspberry Pi camera is attached; {MEND}")
        try:
            self._camera = _picamera2()(found[0].get("Num", 0))
            self._configure()
            self._camera.start()
        except (RuntimeError, IndexError) as error:
            self._close()
            raise PartUnavailable(f"the camera does not start: {error}; {MEND}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def read(self, timeout_seconds: float) -> Frame | None:
        """The newest frame. Raises PartUnavailable."""
        try:
            (main, lores), _ = self._camera.capture_arrays(["main", "lores"], wait=timeout_seconds)
        # Two classes until Python 3.11.
        except (TimeoutError, concurrent.futures.TimeoutError) as error:
            self._forget_jobs()
            raise PartUnavailable(
                f"the camera sent nothing for {timeout_seconds:g} seconds; {MEND}"
            ) from error
        except RuntimeError as error:
            raise PartUnavailable(f"the camera failed: {error}; {MEND}") from error
        return Frame(_rgb(lores, *self._detect_size), main, self._clock.monotonic())

    def _configure(self) -> None:
        settings = self._settings
        width, height = settings.width // 2 * 2, settings.height // 2 * 2
        shrink = min(1.0, DETECT_LONGER_SIDE / max(width, height))
        small = (int(width * shrink) // 2 * 2, int(height * shrink) // 2 * 2)
        # No more frames than are looked at: the image processor's work costs power and heat.
        wanted = round(1_000_000 / max(settings.face_hertz, settings.idle_hertz))
        duration = min(wanted, SLOWEST_FRAME_MICROSECONDS)
        config = self._camera.create_video_configuration(
            # What libcamera calls BGR888 lies in memory as red, green, blue.
            main={"format": "BGR888", "size": (width, height)},
            lores={"format": "YUV420", "size": small},
            buffer_count=3,
            controls={"FrameDurationLimits": (duration, duration)},
        )
        self._camera.configure(config)
        # The driver may have aligned the sizes.
        self._detect_size = self._camera.camera_configuration()["lores"]["size"]

    def _forget_jobs(self) -> None:
        """Let the camera be closed although a capture is still waited for."""
        cancel = getattr(self._camera, "cancel_all_and_flush", None)  # picamera2 >= 0.3.18
        if cancel is not None:
            cancel()

    def _close(self) -> None:
        if self._camera is not None:
            self._camera.close()
            self._camera = None


def _picamera2() -> Any:  # noqa: ANN401 - a module without types
    """The class Picamera2, imported only where it is asked for: that takes a second."""
    try:
        return importlib.import_module("picamera2").Picamera2
    except ImportError as error:
        mend = "apt-get install python3-picamera2, and a virtual environment that sees it: "
        raise PartUnavailable(
            f"picamera2 is missing ({error}); {mend}python3 -m venv --system-site-packages"
        ) from error
    # A numpy that its compiled parts were not built for, or libcamera of another version.
    except (ValueError, OSError) as error:
        raise PartUnavailable(
            f"picamera2 does not load ({error}); use the distribution's numpy beside it"
        ) from error


def _rgb(planes: Image, width: int, height: int) -> Image:
    """YUV 4:2:0 planes, shape (height * 3 / 2, stride), as an RGB image without the padding."""
    # cv2 takes a tenth of NumPy's time. The stride's padding is cut off afterwards, for until
    # then it keeps the planes in step.
    rgb = cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420)
    return np.ascontiguousarray(rgb[:height, :width])
