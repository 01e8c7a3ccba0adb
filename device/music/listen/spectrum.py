"""Mono at 16 kHz, and its mel spectrogram as the tagger was trained on it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from device.music.decode import RATE, Samples

Floats = npt.NDArray[np.float32]

MONO_RATE = 16_000
"""Samples a second: speech's rate, and the tagger's; nothing above 8 kHz is looked at."""
FFT = 512
HOP = 256
FRAME_RATE = MONO_RATE / HOP
"""Spectra a second: 62.5."""
MELS = 96


class Mono:
    """Stereo at RATE, in pieces, as mono at MONO_RATE: the mean of both sides, resampled by
    FFmpeg's own filter."""

    def __init__(self) -> None:
        self._resampler = AudioResampler(format="flt", layout="mono", rate=MONO_RATE)

    def feed(self, chunk: Samples) -> Floats:
        """What has become ready, shape (samples,)."""
        mono = np.ascontiguousarray(chunk.mean(axis=1, dtype=np.float32)[np.newaxis])
        frame = AudioFrame.from_ndarray(mono, format="flt", layout="mono")
        frame.sample_rate = RATE
        return _joined(self._resampler.resample(frame))

    def end(self) -> Floats:
        """The rest."""
        return _joined(self._resampler.resample(None))


def _joined(frames: list[AudioFrame]) -> Floats:
    parts = [frame.to_ndarray().reshape(-1) for frame in frames]
    return np.concatenate([*parts, np.zeros(0, np.float32)])


class Frames:
    """Cuts a stream into overlapping windows, each advanced by `hop`."""

    def __init__(self, size: int, hop: int) -> None:
        self._size, self._hop = size, hop
        self._rest = np.zeros(0, np.float32)

    def feed(self, samples: Floats) -> Floats:
        """Windows (count, size) that have become whole; a view."""
        joined = np.concatenate([self._rest, samples])
        count = max(0, (len(joined) - self._size) // self._hop + 1)
        self._rest = joined[count * self._hop :]
        if count == 0:
            return np.zeros((0, self._size), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(joined, self._size)
        return windows[: (count - 1) * self._hop + 1 : self._hop]


def hann(size: int) -> Floats:
    """The periodic window of Hann."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size), np.float32)


def magnitudes(windows: Floats) -> Floats:
    """Absolute spectra (count, size // 2 + 1) of windows (count, size)."""
    size = windows.shape[1]
    return np.abs(np.fft.rfft(windows * hann(size))).astype(np.float32)


def mel_bank(mels: int = MELS, fft: int = FFT, rate: int = MONO_RATE) -> Floats:
    """Triangular filters (fft // 2 + 1, mels) from 0 to rate / 2 on Slaney's mel scale, each of
    area 1: linear below 1 kHz, logarithmic above (M. Slaney, Auditory Toolbox, 1998), which is
    what librosa's `melspectrogram` does unless told otherwise."""
    step, knee = 200 / 3, 1000.0
    log_step = np.log(6.4) / 27
    top = knee / step + np.log(rate / 2 / knee) / log_step
    points = np.linspace(0.0, top, mels + 2)
    hertz = np.where(
        points < knee / step, points * step, knee * np.exp(log_step * (points - knee / step))
    )
    bins = np.arange(fft // 2 + 1) * rate / fft
    rising = (bins[:, None] - hertz[:-2]) / (hertz[1:-1] - hertz[:-2])
    falling = (hertz[2:] - bins[:, None]) / (hertz[2:] - hertz[1:-1])
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * 2.0 / (hertz[2:] - hertz[:-2]), np.float32)


_BANK = mel_bank()


def log_mel(spectra: Floats) -> Floats:
    """`log10(10000 x + 1)` of the mel power (count, MELS) of magnitudes (count, FFT // 2 + 1)."""
    return np.asarray(np.log10(1e4 * (np.square(spectra) @ _BANK) + 1.0), np.float32)
