"""What was sounded, as captured by SDL's disk driver, and how to measure it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from device.music.decode import RATE

Sound = np.ndarray[Any, np.dtype[np.float64]]
"""Shape (frames, 2), full scale at -1..1."""

SILENCE = 1e-3
"""Amplitude (-60 dB) below which nothing is heard."""


def read_raw(path: Path) -> Sound:
    """A capture: 16-bit little-endian stereo at the player's rate."""
    numbers = np.fromfile(path, dtype="<i2")
    return numbers[: len(numbers) // 2 * 2].reshape(-1, 2) / 32768.0


def rms(sound: Sound) -> float:
    """Root mean square amplitude of both channels."""
    return float(np.sqrt(np.mean(np.square(sound)))) if len(sound) else 0.0


def decibels(amplitude: float) -> float:
    """Amplitude as dB of full scale."""
    return float(20 * np.log10(max(amplitude, 1e-9)))


def windows(sound: Sound, seconds: float) -> list[Sound]:
    """The sound in whole windows, one after the other."""
    size = round(seconds * RATE)
    return [sound[start : start + size] for start in range(0, len(sound) - size + 1, size)]


def dominant_hertz(sound: Sound) -> float:
    """Frequency of the strongest partial, to about 1 / duration."""
    mono = sound.mean(axis=1) * np.hanning(len(sound))
    spectrum = np.abs(np.fft.rfft(mono, n=max(len(mono), RATE)))
    return float(np.argmax(spectrum) * RATE / max(len(mono), RATE))


def amplitude_at(sound: Sound, hertz: float) -> float:
    """Amplitude of a sine of this frequency in the sound."""
    mono = sound.mean(axis=1)
    carrier = np.exp(-2j * np.pi * hertz * np.arange(len(mono)) / RATE)
    window = np.hanning(len(mono))
    return float(2 * np.abs(np.sum(mono * window * carrier)) / np.sum(window))


def audible(sound: Sound, threshold: float = SILENCE) -> Sound:
    """Without the silence before and after."""
    loud = np.flatnonzero(np.abs(sound).max(axis=1) > threshold)
    return sound[loud[0] : loud[-1] + 1] if len(loud) else sound[:0]


def longest_silence_seconds(sound: Sound, threshold: float = SILENCE) -> float:
    """The longest run of frames below the threshold."""
    loud = np.flatnonzero(np.abs(sound).max(axis=1) > threshold)
    edges = np.concatenate([[-1], loud, [len(sound)]])
    return float((np.diff(edges) - 1).max() / RATE)


def sharpest_bend(sound: Sound) -> float:
    """The largest second difference: a click bends more sharply than the tone it is in, whose
    own is amplitude x (2 pi hertz / rate)^2."""
    return float(np.abs(np.diff(sound, n=2, axis=0)).max())
