"""A true-peak limiter: looks ahead, so that no peak, not even between samples, is beyond -1 dB.

Where nothing is too loud, samples pass through as they are, to the bit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from device.music.decode import RATE, Samples

CEILING_DB = -1.0
"""Highest true peak, in dB of full scale, as EBU R 128 and streaming services ask."""
LOOK_AHEAD = 256
"""Frames (6 ms) over which the gain goes down before a peak. A power of two."""
RELEASE_DB = 30.0
"""How fast the gain comes back, in dB a second: slowly enough not to bend a bass note."""
TAPS = 16
"""Samples that each point between samples is worked out from."""
MARGIN_DB = 0.05
"""What the gain's own movement, and another meter's other filter, may make of a peak."""

Floats = npt.NDArray[np.float64]

DELAY = LOOK_AHEAD - 1 + TAPS // 2
"""By so many frames what comes out is late."""


def _between() -> npt.NDArray[np.float32]:
    """Weights of `TAPS` neighbouring samples for the points a quarter, a half and three quarters
    on from the middle one: shape (TAPS, 3). Windowed sincs (Kaiser, beta 5): four times
    oversampling, as ITU-R BS.1770-4, annex 2 asks for at 48 kHz."""
    places = np.array([0.25, 0.5, 0.75])[None, :] - np.arange(1 - TAPS // 2, TAPS // 2 + 1)[:, None]
    window = np.i0(5.0 * np.sqrt(np.maximum(0.0, 1 - (places / (TAPS / 2)) ** 2))) / np.i0(5.0)
    weights = np.sinc(places) * window
    return np.asarray(weights / weights.sum(axis=0), np.float32)


BETWEEN = _between()
_LIMIT = float(10 ** ((CEILING_DB - MARGIN_DB) / 20))
_HARMLESS = _LIMIT / max(1.0, float(np.abs(BETWEEN).sum(axis=0).max()))
"""Where no sample is beyond this, no point between samples can be beyond the limit."""
_RELEASE = RELEASE_DB / RATE


class Limiter:
    """Sound in, the same sound `DELAY` frames later and never too loud out."""

    def __init__(self) -> None:
        self._sound: Samples = np.zeros((DELAY + TAPS // 2 - 1, 2), np.float32)
        self._wanted: Floats = np.zeros(LOOK_AHEAD - 1)  # dB down, with the release
        self._deepest: Floats = np.zeros(LOOK_AHEAD - 1)  # the same, looked ahead

    @property
    def holds_sound(self) -> bool:
        """Whether something is still to come out."""
        return bool(self._sound[-DELAY:].any())

    def process(self, mix: Samples) -> Samples:
        """The next samples, as many as come in."""
        count = len(mix)
        sound = np.concatenate([self._sound, mix])
        early = len(sound) - DELAY - count
        out: Samples = sound[early : early + count]
        self._sound = sound[count:].copy()
        excess = _excess_db(sound[len(sound) - count - TAPS + 1 :])
        if excess is None and not self._wanted[-1] and not self._deepest.any():
            return out
        wanted = self._release(np.zeros(count) if excess is None else excess)
        deepest = np.concatenate([self._deepest, _deepest_ahead(wanted)])
        self._wanted, self._deepest = wanted[count:], deepest[count:]
        sums = np.cumsum(np.concatenate([[0.0], deepest]))
        down = np.maximum(0.0, (sums[LOOK_AHEAD:] - sums[:-LOOK_AHEAD]) / LOOK_AHEAD)
        gains = 10.0 ** (down[:, None] / -20.0)
        return np.asarray(out * gains, np.float32)

    def _release(self, excess: Floats) -> Floats:
        """How far down the gain must be, which comes back no faster than the release: shape
        (LOOK_AHEAD - 1 earlier ones + the new ones,)."""
        slope = _RELEASE * np.arange(len(excess) + 1)
        from_before = np.concatenate([self._wanted[-1:], excess])
        held = np.maximum.accumulate(from_before + slope) - slope
        # What is left of a release below this is no more than the rounding of 16 bits.
        held[held < 1e-6] = 0.0
        return np.concatenate([self._wanted, held[1:]])


def _excess_db(sound: Samples) -> Floats | None:
    """By how many dB the true peak of each frame, and of the points up to the next one, is over
    the limit; None where it never is. Shape (frames,) for TAPS - 1 frames more."""
    if np.abs(sound).max(initial=0.0) <= _HARMLESS:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(sound, TAPS, axis=0)
    peaks = np.abs(windows @ BETWEEN).max(axis=(1, 2))
    middle = TAPS // 2 - 1
    peaks = np.maximum(peaks, np.abs(sound[middle : middle + len(peaks)]).max(axis=1))
    if peaks.max() <= _LIMIT:
        return None
    return np.asarray(20.0 * np.log10(np.maximum(peaks, _LIMIT) / _LIMIT), np.float64)


def _deepest_ahead(wanted: Floats) -> Floats:
    """The maximum over each window of `LOOK_AHEAD`, by doubling."""
    width = 1
    while width < LOOK_AHEAD:
        wanted = np.maximum(wanted[:-width], wanted[width:])
        width *= 2
    return wanted
