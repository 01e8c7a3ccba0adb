"""The demonstration's camera: portraits that come, move a little as people do, and go."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from device.ports import Frame
from device.vision.files import fit
from device.vision.replay import Album

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from device.ports import Clock, Image
    from device.settings import CameraSettings

SHOW_SECONDS = 8.0
EMPTY_SECONDS = 5.0
WALL_RGB = (186, 178, 166)
NOISE_DEVIATION = 3.0
"""About what a small sensor shows in a living room, in grey levels of 255."""
NOISE_SHIFTS = 16
NOISE_SEED = 1


class SlideshowCamera:
    """A `Camera` that shows each portrait for 8 s before a plain wall, then 5 s of the wall.

    What it shows depends on the time since it was entered, and on nothing else.
    """

    def __init__(self, folder: Path, settings: CameraSettings, clock: Clock) -> None:
        self._album = Album(folder)
        self._width, self._height = settings.width, settings.height
        self._clock = clock
        self._turn = -1
        self._portrait: Image | None = None
        self._wall: Image | None = None
        self._started = 0.0

    def __enter__(self) -> Self:
        """List the folder. Raises PartUnavailable where it holds no picture."""
        self._album.list()
        self._wall = _noisy_wall(self._width, self._height)
        self._started = self._clock.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._portrait = self._wall = None

    def read(self, timeout_seconds: float) -> Frame | None:  # noqa: ARG002 - nothing to wait for
        """The scene as it is now; it never ends."""
        now = self._clock.monotonic()
        turn, into = divmod(now - self._started, SHOW_SECONDS + EMPTY_SECONDS)
        image = self._empty(now - self._started)
        if into < SHOW_SECONDS:
            if int(turn) != self._turn or self._portrait is None:
                self._turn = int(turn)
                self._portrait = fit(self._album.image(self._turn), self._width, self._height)
            _place(self._portrait, image, into)
        return Frame(image, image, now)

    def _empty(self, elapsed: float) -> Image:
        """The wall, its noise shifted from frame to frame as if it were fresh."""
        assert self._wall is not None, "read outside of the context"  # noqa: S101
        step = int(elapsed * 30)
        x, y = step * 7 % NOISE_SHIFTS, step * 11 % NOISE_SHIFTS
        return self._wall[y : y + self._height, x : x + self._width].copy()


def _noisy_wall(width: int, height: int) -> Image:
    """A plain wall, a little larger than the view."""
    shape = (height + NOISE_SHIFTS, width + NOISE_SHIFTS, 1)
    noise = np.random.default_rng(NOISE_SEED).normal(0.0, NOISE_DEVIATION, shape)
    wall: Image = np.clip(np.array(WALL_RGB) + noise, 0, 255).astype(np.uint8)
    return wall


def _place(portrait: Image, view: Image, into: float) -> None:
    """Draw the portrait into the view, panned and zoomed as of `into` seconds."""
    height, width = view.shape[:2]
    zoom = 0.92 + 0.08 * math.sin(2 * math.pi * into / SHOW_SECONDS)
    room_x = (width - zoom * portrait.shape[1]) / 2
    room_y = (height - zoom * portrait.shape[0]) / 2
    pan = 0.4 * math.sin(math.pi * into / SHOW_SECONDS)
    matrix = np.array([[zoom, 0.0, room_x * (1 + pan)], [0.0, zoom, room_y * (1 + pan / 2)]])
    cv2.warpAffine(
        portrait,
        matrix,
        (width, height),
        dst=view,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_TRANSPARENT,
    )
