"""Loudness and peak of a stream after ITU-R BS.1770-4 and EBU R 128, Tech 3342 for its range."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from device.music.decode import RATE, Samples

Floats = npt.NDArray[np.float64]

STEP = RATE // 10
"""Frames of 100 ms: blocks of 400 ms and of 3 s both advance by so much."""
BLOCK = 4 * STEP
STEPS = 13
CHUNK = STEP * STEPS
"""Frames that are filtered at once, 1.3 s."""
_FFT = 65_536
_HISTORY = _FFT - CHUNK
"""Frames before a chunk that are filtered with it, 186 ms: by then the K-weighting's impulse
response, a double pole at 38 Hz, has fallen by 380 dB, so that filtering in the frequency domain
(overlap-save) is the recursive filter itself."""
ABSOLUTE_GATE = -70.0
"""LUFS; quieter blocks are silence."""
SILENCE_DBFS = -60.0
"""Samples below this, up to the first above and after the last, are silence at the ends."""
OVERSAMPLING = 4
_TAPS = 24
"""Of each phase; with this window within 0.1 dB up to 19 kHz."""


def _k_weighting(bins: int) -> npt.NDArray[np.complex128]:
    """Frequency response of both of BS.1770's filters at RATE, for an FFT of so many bins.

    The standard gives coefficients for 48 kHz alone; the analogue parameters that lead to them,
    and to those of other rates, are B. De Man's ("Evaluation of implementations of the EBU R128
    loudness measurement", AES 145, 2018).
    """
    z = np.exp(-1j * np.pi * np.arange(bins) / (bins - 1))
    k, q = math.tan(math.pi * 1681.974450955533 / RATE), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = (
        (high + band * k / q + k * k)
        + 2 * (k * k - high) * z
        + (high - band * k / q + k * k) * z * z
    ) / ((1 + k / q + k * k) + 2 * (k * k - 1) * z + (1 - k / q + k * k) * z * z)
    k, q = math.tan(math.pi * 38.13547087602444 / RATE), 0.5003270373238773
    # The standard's numerator is (1 - z)^2 with a denominator that begins with 1.
    first = 1 + k / q + k * k
    cut = (1 - z) ** 2 / (1 + (2 * (k * k - 1) * z + (1 - k / q + k * k) * z * z) / first)
    return np.asarray(shelf * cut)


def _interpolators() -> npt.NDArray[np.float32]:
    """Coefficients (phase, tap) of the three values between two samples: a windowed sinc."""
    phases = np.arange(1, OVERSAMPLING) / OVERSAMPLING
    offsets = np.arange(_TAPS) - (_TAPS // 2 - 1)
    distance = phases[:, None] - offsets
    window = np.i0(5.0 * np.sqrt(np.maximum(0.0, 1 - (distance / (_TAPS / 2)) ** 2))) / np.i0(5.0)
    return np.asarray(np.sinc(distance) * window, np.float32)


_WEIGHTS = _k_weighting(_FFT // 2 + 1)
_PHASES = _interpolators()
_NEIGHBOUR = 0.5
"""A peak between samples is looked for beside samples of at least this share of the highest so
far. Of a sine below 14.7 kHz, a sample beside the peak is never smaller."""


class Loudness:
    """A meter that is fed chunks of stereo, shape (CHUNK, 2), the last one of any length."""

    def __init__(self) -> None:
        self._history = np.zeros((2, _HISTORY))
        self._tail = np.zeros((2, _TAPS), np.float32)
        self._powers: list[Floats] = []
        self._frames = 0
        self._first: int | None = None
        self._last = 0
        self._peak = 0.0

    def feed(self, chunk: Samples) -> None:
        """Take in the next CHUNK frames, or the last ones, however few."""
        channels = np.ascontiguousarray(chunk.T)
        size = np.abs(channels)
        self._listen_for_silence(size)
        self._mind_peak(channels, size)
        self._powers.append(self._weigh(channels))
        self._frames += len(chunk)

    def _weigh(self, channels: npt.NDArray[np.float32]) -> Floats:
        """Mean square of each whole step after K-weighting, both channels added."""
        count = channels.shape[1]
        block = np.zeros((2, _FFT))
        block[:, :_HISTORY] = self._history
        block[:, _HISTORY : _HISTORY + count] = channels
        self._history = block[:, count : count + _HISTORY]
        weighted = np.fft.irfft(np.fft.rfft(block) * _WEIGHTS, _FFT)[:, _HISTORY:]
        steps = np.square(weighted).sum(axis=0).reshape(STEPS, STEP).sum(axis=1) / STEP
        return np.asarray(steps[: count // STEP])

    def _mind_peak(self, channels: npt.NDArray[np.float32], size: npt.NDArray[np.float32]) -> None:
        """The largest value at and between samples."""
        self._peak = max(self._peak, float(size.max(initial=0.0)))
        joined = np.concatenate([self._tail, channels], axis=1)
        self._tail = joined[:, -_TAPS:]
        for channel in joined:
            middle = np.abs(channel[_TAPS // 2 : len(channel) - _TAPS // 2])
            near = np.flatnonzero(middle > _NEIGHBOUR * self._peak)
            if near.size:
                # Window n lies around the place before middle[n].
                both = np.union1d(near, near + 1)
                windows = np.lib.stride_tricks.sliding_window_view(channel, _TAPS)[both]
                self._peak = max(self._peak, float(np.abs(windows @ _PHASES.T).max()))

    def _listen_for_silence(self, size: npt.NDArray[np.float32]) -> None:
        loud = (size > 10 ** (SILENCE_DBFS / 20)).any(axis=0)
        if loud.any():
            if self._first is None:
                self._first = self._frames + int(loud.argmax())
            self._last = self._frames + len(loud) - int(loud[::-1].argmax())

    @property
    def seconds(self) -> float:
        """How much was heard."""
        return self._frames / RATE

    @property
    def lead_in_seconds(self) -> float:
        """Silence at the beginning; all of it when nothing else is there."""
        return (self._frames if self._first is None else self._first) / RATE

    @property
    def lead_out_seconds(self) -> float:
        """Silence at the end; none when there is nothing but silence, which counts once."""
        return 0.0 if self._first is None else (self._frames - self._last) / RATE

    @property
    def peak_dbfs(self) -> float | None:
        """True peak; None for digital silence."""
        return 20 * math.log10(self._peak) if self._peak > 0 else None

    @property
    def integrated_lufs(self) -> float | None:
        """Gated loudness of everything; None where nothing reaches -70 LUFS or 400 ms."""
        power = self._windows(4)
        audible = power[_lufs(power) > ABSOLUTE_GATE]
        if not audible.size:
            return None
        kept = audible[_lufs(audible) > _lufs(audible.mean()) - 10.0]
        return float(_lufs(kept.mean()))

    @property
    def range_lu(self) -> float:
        """Loudness range: from the 10th to the 95th percentile of what is heard in 3 s; 0 for
        what is shorter."""
        power = self._windows(30)
        audible = power[_lufs(power) > ABSOLUTE_GATE]
        if not audible.size:
            return 0.0
        kept = _lufs(audible[_lufs(audible) > _lufs(audible.mean()) - 20.0])
        low, high = np.percentile(kept, (10, 95))
        return float(high - low)

    def _windows(self, steps: int) -> Floats:
        """Mean square of all stretches of so many steps."""
        power = np.concatenate([*self._powers, np.zeros(0)])
        if len(power) < steps:
            return np.zeros(0)
        total = np.concatenate(([0.0], np.cumsum(power)))
        return np.asarray((total[steps:] - total[:-steps]) / steps)


def loudness_lufs(sound: Samples) -> float | None:
    """Integrated loudness of a piece held whole, shape (frames, 2); None for silence.

    What is shorter than a block of 400 ms is repeated until it fills one.
    """
    if 0 < len(sound) < BLOCK:
        sound = np.tile(sound, (math.ceil(BLOCK / len(sound)), 1))
    meter = Loudness()
    for start in range(0, len(sound), CHUNK):
        meter.feed(sound[start : start + CHUNK])
    return meter.integrated_lufs


def _lufs(power: Floats | np.floating[npt.NBitBase]) -> Floats:
    """Loudness of a mean square."""
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(power, 1e-12)))
