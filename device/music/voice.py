"""A track that sounds, on its way in, through or out; and the ramps that make it smooth."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

from device.music.decode import RATE, Samples
from device.types import Track, TrackId

Gains = npt.NDArray[np.float64]
"""A gain for each frame: shape (frames, 1)."""

DECLICK_SECONDS = 0.01
"""The shortest fade: sound that starts or stops at once clicks."""


class Source(Protocol):
    """What a voice reads: `device.music.deck.Deck`."""

    @property
    def ready(self) -> bool:
        """Whether there is enough to sound, or nothing more will come."""
        ...

    @property
    def finished(self) -> bool:
        """Whether all was read."""
        ...

    @property
    def remaining(self) -> int | None:
        """How many frames are left; None while the end is not in sight."""
        ...

    @property
    def error(self) -> str | None:
        """Why it ended early, None when it did not."""
        ...

    def read(self, frames: int) -> Samples:
        """The next samples: fewer than `frames` at the end, or when decoding lags behind."""
        ...

    def close(self) -> None:
        """Nothing more will be read."""
        ...


class Ramp:
    """A number on an even way to where it was sent."""

    def __init__(self, value: float) -> None:
        self.value = self.target = value
        self._step = 0.0  # per frame

    def send(self, target: float, seconds: float) -> None:
        """Be there in so many seconds."""
        self.target = target
        self._step = abs(target - self.value) / max(1.0, seconds * RATE)

    def pace(self, target: float, seconds: float) -> None:
        """Go there so fast that the way from 0 to 1 takes so many seconds."""
        self.target = target
        self._step = 1.0 / max(1.0, seconds * RATE)

    def take_over(self, other: Ramp) -> None:
        """Go on from where another one is."""
        self.value, self.target, self._step = other.value, other.target, other._step

    @property
    def frames_left(self) -> int:
        """How long it is still on its way."""
        distance = abs(self.target - self.value)
        return math.ceil(distance / self._step) if distance else 0

    def next(self, frames: int) -> float | Gains:
        """Its values for the next frames; a single number where it rests."""
        if self.value == self.target or frames == 0:
            return self.value
        step = math.copysign(self._step, self.target - self.value)
        way = self.value + step * np.arange(1, frames + 1)[:, None]
        way = np.minimum(way, self.target) if step > 0 else np.maximum(way, self.target)
        self.value = float(way[-1, 0])
        return way


class Voice:
    """A track that sounds. `gain` brings it to the common loudness, `faded_in` is 0 (silent) to
    1 (full)."""

    def __init__(
        self, track: Track, source: Source, *, start_seconds: float, faded_in: float, gain: float
    ) -> None:
        self.track, self.source = track, source
        self.start_seconds = start_seconds
        self.frames = 0  # read so far
        self.gain, self.fade = Ramp(gain), Ramp(faded_in)

    @property
    def id(self) -> TrackId:
        """Of which track."""
        return self.track.id

    def fade_to(self, target: float, seconds: float) -> None:
        """Fade, so that all the way from silent to full takes `seconds`."""
        self.fade.pace(target, max(seconds, DECLICK_SECONDS))

    def let_go(self, seconds: float) -> None:
        """Fade out, unless it already does."""
        if self.fade.target != 0.0:
            self.fade_to(0.0, seconds)

    def hasten(self, seconds: float) -> None:
        """Be silent within so many seconds."""
        if self.fade.target != 0.0 or self.fade.frames_left > seconds * RATE:
            self.fade.send(0.0, max(seconds, DECLICK_SECONDS))

    @property
    def silent(self) -> bool:
        """Faded out, for good or until told otherwise."""
        return self.fade.value == self.fade.target == 0.0

    @property
    def position_seconds(self) -> float:
        """Where reading stands."""
        return self.start_seconds + self.frames / RATE

    @property
    def left_seconds(self) -> float:
        """How much of it is to come: as its file claims, until the end is in sight."""
        left = self.source.remaining
        if left is None:
            return max(0.0, self.track.duration_seconds - self.position_seconds)
        return left / RATE

    def add_to(self, mix: Samples) -> int:
        """Add the next samples; returns how many there were. Reads no further than is heard."""
        wanted = len(mix)
        if self.fade.target == 0.0:
            wanted = min(wanted, self.fade.frames_left)
        samples = self.source.read(wanted)
        count = len(samples)
        mix[:count] += samples * self._envelope(count)
        self.frames += count
        return count

    def _envelope(self, frames: int) -> npt.NDArray[np.float32]:
        """Gain of the next frames: the sine of an even way, so that the powers of a track that
        comes and one that goes add up to one."""
        gains = self.gain.next(frames) * np.sin(np.multiply(self.fade.next(frames), math.pi / 2))
        return np.asarray(gains, np.float32)
