"""Loudness of a short piece of sound, by ITU-R BS.1770-4: what announcements are levelled by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from device.music.decode import RATE, Samples

BLOCK = round(0.4 * RATE)
HOP = BLOCK // 4
SEGMENT, RUN_UP = 1 << 17, 1 << 13
"""Frames that are filtered at once, and those before them from which the filter starts: its
memory, of a high-pass at 38 Hz, is gone after a tenth of a second."""

Floats = npt.NDArray[np.float64]


def loudness_lufs(sound: Samples) -> float:
    """Integrated loudness, gated at -70 LUFS and at 10 LU below the mean; -inf for silence.

    Sound shorter than a block of 400 ms counts as one.
    """
    power = np.concatenate([[0.0], np.cumsum(_weighted_power(sound))])
    starts = np.arange(0, max(1, len(sound) - BLOCK + 1), HOP)
    ends = np.minimum(starts + BLOCK, len(sound))
    blocks = (power[ends] - power[starts]) / np.maximum(1, ends - starts)
    audible = blocks[blocks > 10 ** ((-70.0 + 0.691) / 10)]
    if not len(audible):
        return float("-inf")
    return float(-0.691 + 10 * np.log10(audible[audible > audible.mean() / 10].mean()))


def _weighted_power(sound: Samples) -> Floats:
    """Square of the K-weighted samples, both sides added: shape (frames,)."""
    response = _k_weighting(np.fft.rfftfreq(SEGMENT + RUN_UP, 1 / RATE))
    power = np.empty(len(sound))
    for start in range(0, len(sound), SEGMENT):
        first = max(0, start - RUN_UP)
        piece = sound[first : start + SEGMENT]
        spectrum = np.fft.rfft(piece, SEGMENT + RUN_UP, axis=0) * response[:, None]
        filtered = np.fft.irfft(spectrum, SEGMENT + RUN_UP, axis=0)[start - first : len(piece)]
        power[start : start + SEGMENT] = np.square(filtered).sum(axis=1)
    return power


def _k_weighting(hertz: Floats) -> npt.NDArray[np.complex128]:
    """The standard's two filters, a high shelf and a high-pass, at any rate: analogue parameters
    from B. De Man, "Evaluation of implementations of the EBU R128 loudness measurement" (2018)."""
    z = np.exp(-2j * np.pi * hertz / RATE)
    k, q = np.tan(np.pi * 1681.974450955533 / RATE), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    top = (high + band * k / q + k * k) + 2 * (k * k - high) * z
    top = top + (high - band * k / q + k * k) * z * z
    shelf = top / ((1 + k / q + k * k) + 2 * (k * k - 1) * z + (1 - k / q + k * k) * z * z)
    k, q = np.tan(np.pi * 38.13547087602444 / RATE), 0.5003270373238773
    below = (1 + k / q + k * k) + 2 * (k * k - 1) * z + (1 - k / q + k * k) * z * z
    return np.asarray(shelf * (1 - z) ** 2 / below)
