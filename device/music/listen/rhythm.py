"""Tempo and onsets, from how much the spectrum rises."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from device.music.listen.spectrum import FRAME_RATE

Floats = npt.NDArray[np.float64]

WINDOW = 1024
"""Frames, 16 s, in which one tempo is looked for; half of them overlap."""
TEMPI = (40.0, 220.0)
FAVOURITE_BPM, OCTAVES = 120.0, 0.9
"""Centre and width of where listeners tap (D. Ellis, "Beat tracking by dynamic programming",
Journal of New Music Research 36, 2007)."""
CLEAR = 0.1
"""Mean autocorrelation at the beat below which there is no tempo to speak of."""
ONSET_SECONDS = 0.05
"""An onset is the highest rise within so much before and after it."""
ONSET_RISE = 0.03
"""Least mean rise of log10-mel bands above the local mean: audible, not a tremor."""
ONSET_SHARE = 1.5
"""How many times the local mean it must be, too: noise rises all the time, by a fifth more here
and there."""


class Rhythm:
    """Is fed log-mel spectra; memory does not grow with the piece."""

    def __init__(self) -> None:
        self._last: npt.NDArray[np.float32] | None = None
        self._rises = np.zeros(0)
        self._correlation = np.zeros(WINDOW)
        self._windows = 0
        self._seconds = 0.0
        self._onsets = 0
        self._near = np.zeros(0)

    def feed(self, mels: npt.NDArray[np.float32]) -> None:
        """Take in spectra (count, mels)."""
        if not len(mels):
            return
        before = mels[:1] if self._last is None else self._last
        rises = np.maximum(0.0, np.diff(np.concatenate([before, mels]), axis=0)).mean(axis=1)
        self._last = mels[-1:]
        self._count_onsets(rises)
        self._rises = np.concatenate([self._rises, rises])
        while len(self._rises) >= WINDOW:
            self._correlate(self._rises[:WINDOW])
            self._rises = self._rises[WINDOW // 2 :]
        self._seconds += len(mels) / FRAME_RATE

    def end(self) -> None:
        """A piece shorter than one window is judged by what there is."""
        if self._windows == 0 and len(self._rises) >= WINDOW // 4:
            self._correlate(self._rises)

    def _correlate(self, rises: Floats) -> None:
        centred = rises - rises.mean()
        spectrum = np.fft.rfft(centred, 2 * WINDOW)
        lags = np.fft.irfft(np.square(np.abs(spectrum)))[:WINDOW]
        if lags[0] > 0.0:
            # As many products at each lag as at lag 0, so that long beats count, too.
            overlap = np.maximum(len(rises) - np.arange(WINDOW), len(rises) // 4)
            self._correlation += lags / lags[0] * len(rises) / overlap
            self._windows += 1

    def _count_onsets(self, rises: Floats) -> None:
        reach = round(ONSET_SECONDS * FRAME_RATE)
        joined = np.concatenate([self._near, rises])
        self._near = joined[-2 * reach :]
        if len(joined) <= 2 * reach:
            return
        around = np.lib.stride_tricks.sliding_window_view(joined, 2 * reach + 1)
        middle = around[:, reach]
        least = ONSET_SHARE * around.mean(axis=1) + ONSET_RISE
        self._onsets += int(((middle == around.max(axis=1)) & (middle > least)).sum())

    @property
    def onset_rate(self) -> float:
        """Onsets a second."""
        return self._onsets / self._seconds if self._seconds else 0.0

    @property
    def tempo_bpm(self) -> float | None:
        """Beats a minute; None where there is no beat. Half and double are easily confused."""
        if self._windows == 0:
            return None
        mean = self._correlation / self._windows
        tempi = np.geomspace(*TEMPI, 700)
        periods = 60.0 * FRAME_RATE / tempi
        lags = np.arange(WINDOW)
        # A beat comes again after two, three and four of its periods, too. Did those count as much,
        # twice the tempo of a slow piece would win: all that the beat's own has, it has as well.
        combs = np.array([np.interp(periods * multiple, lags, mean) for multiple in (1, 2, 3, 4)])
        weights = 1.0 / np.arange(1, 5)
        strength = weights @ combs / weights.sum()
        taste = np.exp(-0.5 * (np.log2(tempi / FAVOURITE_BPM) / OCTAVES) ** 2)
        best = int(np.argmax(strength * taste))
        return float(tempi[best]) if strength[best] > CLEAR else None
