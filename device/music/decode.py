"""Any sound file -> blocks of stereo float32, as a stream: a file is never held whole."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from device.music.ffmpeg import open_sound

log = logging.getLogger(__name__)

Samples = npt.NDArray[np.float32]
"""Sound: shape (frames, 2), left and right, full scale at -1..1."""

RATE = 44_100
"""Frames a second of everything that is mixed: the rate of most music, which then needs no
resampling at all."""

PREROLL_SECONDS = 0.2
"""A seek aims this much early: MP3 and AAC need the frames before to decode one properly."""
BAD_PACKETS_IN_A_ROW = 200
"""A file with so many undecodable packets, one after the other (about 5 s), is given up."""
CUT_SHORT_SECONDS = 2.0
"""A file that ends this much before its stated duration is worth a line in the log."""


class CannotDecode(Exception):  # noqa: N818 - it is about the file, not about us
    """A file holds no sound that we can play, or breaks off; the message says why."""


def decode(path: str, start_seconds: float = 0.0) -> Iterator[Samples]:
    """Blocks of sound at `RATE` from `start_seconds` on, each of some milliseconds.

    Mono is spread over both sides at equal power (-3 dB each), more channels are mixed down.
    Raises `CannotDecode` when the file cannot be opened, holds no sound or breaks halfway.
    """
    try:
        with open_sound(path) as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None:
                raise CannotDecode("there is no sound in it")
            stream.codec_context.thread_type = "NONE"  # one thread is plenty, and small
            yield from _from(start_seconds, _frames(container, stream, start_seconds, path))
    except (av.FFmpegError, OSError) as error:
        raise CannotDecode(error.strerror or str(error)) from error


def _frames(
    container: InputContainer, stream: AudioStream, start_seconds: float, path: str
) -> Iterator[tuple[float | None, AudioFrame]]:
    """Decoded frames from shortly before `start_seconds` on, each with its place in seconds."""
    base = stream.time_base or Fraction(1, av.time_base)
    origin = float((stream.start_time or 0) * base)
    target = start_seconds + origin - PREROLL_SECONDS
    if target > 0.0:
        _seek(container, stream, round(target / base))
    bad = 0
    end = None
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            bad += 1
            if bad == BAD_PACKETS_IN_A_ROW:
                raise
            log.debug("%s: skipped a damaged packet: %s", path, error)
            continue
        for frame in frames:
            bad = 0
            place = None if frame.time is None else frame.time - origin
            if place is not None:
                end = place + frame.samples / frame.sample_rate
            yield place, frame
    stated = (container.duration or 0) / av.time_base
    if end is not None and stated - end > CUT_SHORT_SECONDS:
        log.warning("%s ends at %.1f s and claims %.1f s: is it cut short?", path, end, stated)


def _seek(container: InputContainer, stream: AudioStream, offset: int) -> None:
    try:
        container.seek(offset, stream=stream)
    except av.FFmpegError as error:
        # Everything before the start is then decoded and dropped, which takes longer.
        log.debug("%s cannot be sought in: %s", container.name, error)


def _from(
    start_seconds: float, frames: Iterator[tuple[float | None, AudioFrame]]
) -> Iterator[Samples]:
    """Resampled blocks, cut exactly at `start_seconds`."""
    resampler = None
    resampled_kind = None
    skip = -1
    for place, frame in frames:
        if skip < 0:
            # A file without time stamps has been sought to about the right place.
            early = 0.0 if place is None else start_seconds - place
            skip = max(0, round(early * RATE))
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or kind != resampled_kind:
            # Radio recordings and chained Ogg files may change in the middle.
            resampled_kind = kind
            resampler = AudioResampler(format="flt", layout="stereo", rate=RATE)
        for block in _resample(resampler, frame):
            yield block[skip:]
            skip = max(0, skip - len(block))
    if resampler is None:
        if start_seconds > 0.0:
            return  # sought beyond the end
        raise CannotDecode("there is no sound in it")
    for block in _resample(resampler, None):
        yield block[skip:]


def _resample(resampler: AudioResampler, frame: AudioFrame | None) -> Iterator[Samples]:
    for resampled in resampler.resample(frame):
        block: Samples = resampled.to_ndarray().reshape(-1, 2).astype(np.float32, copy=False)
        # A float file may hold anything, and what is not a number would silence the limiter.
        yield block if np.isfinite(block).all() else np.nan_to_num(block, posinf=1.0, neginf=-1.0)
