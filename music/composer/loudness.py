"""Loudness after ITU-R BS.1770-4 / EBU R 128, by FFT; and the peak between samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .dsp import SAMPLE_RATE, Response, Signal, fast_length, filtered

_BLOCK = round(0.4 * SAMPLE_RATE)
_HOP = _BLOCK // 4


def _shelf(hertz: Signal) -> npt.NDArray[np.complex128]:
    """The head's high shelf; analogue parameters from B. De Man, "Evaluation of
    implementations of the EBU R128 loudness measurement" (2018)."""
    k = np.tan(np.pi * 1681.974450955533 / SAMPLE_RATE)
    q = 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    z = np.exp(-2j * np.pi * hertz / SAMPLE_RATE)
    top = (high + band * k / q + k * k) + z * (2 * (k * k - high))
    top = top + z * z * (high - band * k / q + k * k)
    bottom = (1 + k / q + k * k) + z * (2 * (k * k - 1)) + z * z * (1 - k / q + k * k)
    return np.asarray(top / bottom)


def _rumble_cut(hertz: Signal) -> npt.NDArray[np.complex128]:
    k = np.tan(np.pi * 38.13547087602444 / SAMPLE_RATE)
    q = 0.5003270373238773
    z = np.exp(-2j * np.pi * hertz / SAMPLE_RATE)
    bottom = (1 + k / q + k * k) + z * (2 * (k * k - 1)) + z * z * (1 - k / q + k * k)
    return np.asarray((1 - z) ** 2 / (bottom / (1 + k / q + k * k)))


_K_WEIGHTING: tuple[Response, Response] = (_shelf, _rumble_cut)


def _blocks(signal: Signal) -> Signal:
    """Mean square of K-weighted 400 ms blocks, three quarters overlapping, channels added."""
    weighted = filtered(signal, *_K_WEIGHTING)
    power = np.square(weighted)
    if power.ndim == 2:
        power = power.sum(axis=1)
    total = np.concatenate(([0.0], np.cumsum(power)))
    starts = np.arange(0, max(1, len(power) - _BLOCK + 1), _HOP)
    ends = np.minimum(starts + _BLOCK, len(power))
    return np.asarray((total[ends] - total[starts]) / _BLOCK)


def integrated(signal: Signal) -> float:
    """Integrated loudness in LUFS; -inf for silence."""
    power = _blocks(signal)
    audible = power[power > 10 ** ((-70 + 0.691) / 10)]
    if not audible.size:
        return float("-inf")
    kept = audible[audible > audible.mean() * 0.1]
    return float(-0.691 + 10 * np.log10(kept.mean()))


def true_peak(signal: Signal) -> float:
    """The highest absolute value of the signal, four times oversampled (linear)."""
    highest = 0.0
    for channel in signal.T if signal.ndim == 2 else (signal,):
        for start in range(0, len(channel), 1 << 18):
            piece = channel[start : start + (1 << 18)]
            size = fast_length(len(piece))
            spectrum = np.fft.rfft(piece, size)
            fine = np.fft.irfft(spectrum, 4 * size) * 4
            # The block's own edges ring when it is cut out; the samples there count as they are.
            inner = fine[256 : max(257, 4 * len(piece) - 256)]
            highest = max(highest, float(np.abs(inner).max()), float(np.abs(piece).max()))
    return highest
