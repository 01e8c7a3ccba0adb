"""Tracks that lie in memory, and a mixer's sound rendered faster than it would be heard."""

from __future__ import annotations

from typing import Any

import numpy as np

from device.music.decode import RATE, Samples
from device.music.limiter import DELAY, Limiter
from device.music.mixer import Mixer
from device.types import Affect, Track, TrackId

CHUNK = 8192
"""As many frames as the player mixes at once."""


class ArraySource:
    """A decoded track that lies in memory; `ready` may be held back."""

    def __init__(self, samples: Samples, *, ready: bool = True, error: str | None = None) -> None:
        self._samples, self.ready, self.error = samples, ready, error
        self.closed = False

    @property
    def finished(self) -> bool:
        return self.ready and len(self._samples) == 0

    @property
    def remaining(self) -> int | None:
        return len(self._samples) if self.ready else None

    def read(self, frames: int) -> Samples:
        samples, self._samples = self._samples[:frames], self._samples[frames:]
        return samples

    def close(self) -> None:
        self.closed = True
        self._samples = self._samples[:0]


class Hesitant(ArraySource):
    """A track that its thread has ready just after somebody asked for the n-th time."""

    def __init__(self, samples: Samples, asked: int) -> None:
        self._left = asked
        super().__init__(samples)

    @property
    def ready(self) -> bool:
        self._left -= 1
        return self._left < 0

    @ready.setter
    def ready(self, _: bool) -> None:
        """Not to be told."""


def track(name: str, lufs: float | None = -18.0, seconds: float = 60.0, **fields: Any) -> Track:
    affect = Affect(0.0, 0.0, 0.5, "unknown")
    return Track(TrackId(name), f"/{name}", name, "", affect, seconds, loudness_lufs=lufs, **fields)


def sine(hertz: float, seconds: float, amplitude: float = 0.3) -> Samples:
    wave = amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)
    return np.repeat(wave[:, None], 2, axis=1).astype(np.float32)


def level(seconds: float, amplitude: float = 0.3) -> Samples:
    return np.full((round(seconds * RATE), 2), amplitude, np.float32)


def noise(seconds: float, seed: int, amplitude: float = 0.1) -> Samples:
    """As energy adds up best in: no part of one noise resembles another."""
    rng = np.random.default_rng(seed)
    return (amplitude * rng.standard_normal((round(seconds * RATE), 2))).astype(np.float32)


def render(mixer: Mixer, seconds: float) -> np.ndarray[Any, Any]:
    chunks = [mixer.render(CHUNK) for _ in range(round(seconds * RATE / CHUNK))]
    return np.concatenate(chunks)


def limited(sound: Samples, chunk: int = CHUNK) -> Samples:
    """The whole sound through a limiter, in time with it."""
    limiter = Limiter()
    padded = np.concatenate([sound, np.zeros((DELAY + chunk, 2), np.float32)])
    parts = [
        limiter.process(padded[start : start + chunk]) for start in range(0, len(padded), chunk)
    ]
    return np.concatenate(parts)[DELAY : DELAY + len(sound)]
