"""Key and mode, from how strong each pitch class sounds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from device.music.listen.spectrum import MONO_RATE, Frames, hann
from device.music.loudness import SILENCE_DBFS

FFT = 8192
HOP = 4096
"""Windows of half a second: 2 Hz tell semitones apart from C2 on."""
AUDIBLE = 10 ** (SILENCE_DBFS / 20)
LOWEST, HIGHEST = 65.0, 2100.0
"""Hertz that are looked at: fundamentals and their first overtones."""
NAMES = ("C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B")
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""How well each degree fits a key (C. Krumhansl & E. Kessler, Psychological Review 89, 1982)."""


class Key(NamedTuple):
    """`tonic`: 0 is C. `majorness`: by how much the best major key fits better than the best minor
    one, as correlations: "surely minor" is below 0, "surely major" above."""

    tonic: int
    minor: bool
    majorness: float

    @property
    def name(self) -> str:
        """As musicians write it."""
        return f"{NAMES[self.tonic]} {'minor' if self.minor else 'major'}"


class Tonality:
    """Is fed mono samples; keeps twelve numbers."""

    def __init__(self) -> None:
        self._frames = Frames(FFT, HOP)
        self._chroma = np.zeros(12)

    def feed(self, samples: npt.NDArray[np.float32]) -> None:
        """Take in samples at MONO_RATE."""
        windows = self._frames.feed(samples)
        # Each window counts alike, so that the faint noise of a silent one must not count at all.
        windows = windows[np.abs(windows).max(axis=1, initial=0.0) > AUDIBLE]
        if len(windows):
            spectra = np.abs(np.fft.rfft(windows * hann(FFT)))[:, _FIRST:_LAST]
            # Only peaks: the flanks of a loud note would sound as its neighbours.
            inner = spectra[:, 1:-1]
            peaks = (inner > spectra[:, :-2]) & (inner >= spectra[:, 2:])
            strength = np.sqrt(np.where(peaks, inner, 0.0)) @ _CLASSES[1:-1]
            total = strength.sum(axis=1, keepdims=True)
            self._chroma += (strength / np.maximum(total, 1e-9)).sum(axis=0)

    @property
    def key(self) -> Key | None:
        """The key that fits best; None without any pitch."""
        if self._chroma.max() <= 0.0:
            return None
        fits = np.array(
            [
                [np.corrcoef(np.roll(profile, tonic), self._chroma)[0, 1] for tonic in range(12)]
                for profile in (MAJOR, MINOR)
            ]
        )
        mode, tonic = np.unravel_index(np.nanargmax(fits), fits.shape)
        return Key(int(tonic), bool(mode), float(fits[0].max() - fits[1].max()))


def _classes() -> tuple[int, int, npt.NDArray[np.float64]]:
    """First and last bin in range, and each one's pitch class, one-hot, the sharper the nearer."""
    hertz = np.arange(FFT // 2 + 1) * MONO_RATE / FFT
    first, last = np.searchsorted(hertz, (LOWEST, HIGHEST))
    pitch = 69 + 12 * np.log2(hertz[first:last] / 440.0)
    distance = np.abs((pitch[:, None] - np.arange(12) + 6) % 12 - 6)
    near = np.exp(-0.5 * (distance / 0.3) ** 2)
    # Overtones crowd high up, where a fifth of the third partial misleads.
    return int(first), int(last), near * (220.0 / np.maximum(hertz[first:last], 220.0))[:, None]


_FIRST, _LAST, _CLASSES = _classes()
