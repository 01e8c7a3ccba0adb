"""One pass over a file: everything that its sound tells, with memory that does not grow."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from device.music.decode import Samples, decode
from device.music.listen.rhythm import Rhythm
from device.music.listen.spectrum import FFT, HOP, MONO_RATE, Frames, Mono, log_mel, magnitudes
from device.music.listen.tagger import Patches, Tagger
from device.music.listen.tonality import Tonality
from device.music.loudness import CHUNK, Loudness
from device.types import Heard

QUIET = 1e-3
"""Magnitude, as a mean over a spectrum, below which its brightness says nothing."""


def listen(
    path: str,
    seconds: float,
    tagger: Tagger | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Heard:
    """Everything about the sound of a file that claims to last so many seconds.

    Without a tagger there are no tags. Raises `device.music.decode.CannotDecode`.
    """
    loudness, mono, frames = Loudness(), Mono(), Frames(FFT, HOP)
    rhythm, tonality, brightness = Rhythm(), Tonality(), _Brightness()
    patches = Patches(seconds)

    def hear(samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> None:
        spectra = magnitudes(frames.feed(samples))
        mels = log_mel(spectra)
        brightness.feed(spectra)
        rhythm.feed(mels)
        tonality.feed(samples)
        patches.feed(mels)

    for chunk in _chunks(decode(path)):
        loudness.feed(chunk)
        hear(mono.feed(chunk))
        progress()
    hear(mono.end())
    rhythm.end()
    key = tonality.key
    tags = {} if tagger is None else tagger.tags(patches.all(), progress)
    return Heard(
        loudness_lufs=loudness.integrated_lufs,
        loudness_range_lu=loudness.range_lu,
        peak_dbfs=loudness.peak_dbfs,
        lead_in_seconds=loudness.lead_in_seconds,
        lead_out_seconds=loudness.lead_out_seconds,
        tempo_bpm=rhythm.tempo_bpm,
        onset_rate=rhythm.onset_rate,
        brightness_hertz=brightness.hertz,
        key=None if key is None else key.name,
        majorness=None if key is None else key.majorness,
        tags=tags,
    )


def _chunks(blocks: Iterator[Samples]) -> Iterator[Samples]:
    """Blocks of any length as pieces of CHUNK frames, the last one shorter."""
    waiting: list[Samples] = []
    count = 0
    for block in blocks:
        waiting.append(block)
        count += len(block)
        if count < CHUNK:
            continue
        joined = np.concatenate(waiting)
        whole = len(joined) // CHUNK * CHUNK
        for start in range(0, whole, CHUNK):
            yield joined[start : start + CHUNK]
        waiting, count = [joined[whole:]], len(joined) - whole
    if count:
        yield np.concatenate(waiting)


class _Brightness:
    """Mean spectral centroid of what sounds, up to 8 kHz."""

    def __init__(self) -> None:
        self._hertz = np.arange(FFT // 2 + 1, dtype=np.float32) * (MONO_RATE / FFT)
        self._sum, self._count = 0.0, 0

    def feed(self, spectra: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
        total = spectra.sum(axis=1)
        heard = total > QUIET * spectra.shape[1]
        self._sum += float((spectra[heard] @ self._hertz / total[heard]).sum())
        self._count += int(heard.sum())

    @property
    def hertz(self) -> float | None:
        return self._sum / self._count if self._count else None
