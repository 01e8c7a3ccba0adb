"""Any sound file -> blocks of stereo float32, as a stream: a file is never held whole."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, groupby

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from device.music.ffmpeg import SOUND_HERTZ, open_sound

log = logging.getLogger(__name__)

Samples = npt.NDArray[np.float32]
"""Sound: shape (frames, 2), left and right, full scale at -1..1."""

RATE = 44_100
"""Frames a second of everything that is mixed: the rate of most music, which then needs no
resampling at all."""

LOUDEST = 1e6
"""Samples of a float file are cut here: some that hold whole numbers of 16 or 24 bits are as loud,
and play well once they are levelled; of what is louder, squares and sums would overflow."""
PREROLL_SECONDS = 0.2
"""A seek aims this much early: MP3 and AAC need the frames before to decode one properly."""
BAD_PACKETS_IN_A_ROW = 200
"""A file with so many undecodable packets, one after the other (about 5 s), is given up."""
PADDING_SAMPLES = 4608
"""No encoder pads the end by more: two frames of HE-AAC, and some. More beyond the stated end
is music."""
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
            if stream.codec_context is None:  # damaged, or of a kind that FFmpeg has no decoder for
                raise CannotDecode("there is no decoder for its sound")
            stream.codec_context.thread_type = "NONE"  # one thread is plenty, and small
            frames = _frames(container, stream, start_seconds, path)
            end = _stated_end(container, stream)
            if end is not None:
                frames = _without_padding(frames, end)
            yield from _from(start_seconds, frames)
    except (av.FFmpegError, OSError) as error:
        raise CannotDecode(error.strerror or str(error)) from error


Placed = tuple[float | None, AudioFrame]
"""A decoded frame, and its place in seconds where that is known."""


def _stated_end(container: InputContainer, stream: AudioStream) -> float | None:
    """Where the music ends, in seconds, in MP4 files; FFmpeg decodes their padding, too.

    iTunes and its like write `iTunSMPB`: hexadecimal numbers, the third of which counts the
    samples without padding. Others state it as the duration. For MP3, Ogg and Opus FFmpeg itself
    leaves out what the encoder added.
    """
    if "mp4" not in container.format.name:
        return None
    numbers = container.metadata.get("iTunSMPB", "").split()
    rate = stream.codec_context.sample_rate
    if len(numbers) > 3 and re.fullmatch("[0-9A-Fa-f]{1,16}", numbers[3]) and rate:
        return int(numbers[3], 16) / rate
    if stream.duration is None or stream.time_base is None:
        return None
    return float(stream.duration * stream.time_base)


def _without_padding(frames: Iterator[Placed], end_seconds: float) -> Iterator[Placed]:
    """Frames up to the end; all of them where far more follows, for then the end was a lie."""
    beyond: list[Placed] = []
    samples = 0
    for place, frame in frames:
        over = _samples_beyond(place, frame, end_seconds)
        if over == 0 and not beyond:
            yield place, frame
            continue
        beyond.append((place, frame))
        samples += over
        if samples > PADDING_SAMPLES:
            yield from beyond
            yield from frames
            return
    for place, frame in beyond:
        kept = frame.samples - _samples_beyond(place, frame, end_seconds)
        if kept > 0:
            yield place, _first(frame, kept)


def _samples_beyond(place: float | None, frame: AudioFrame, end_seconds: float) -> int:
    """How many of a frame's samples lie beyond an end."""
    if place is None:
        return 0
    over = place * frame.sample_rate + frame.samples - end_seconds * frame.sample_rate
    return max(0, min(frame.samples, round(over)))


def _first(frame: AudioFrame, samples: int) -> AudioFrame:
    """The first samples of a frame."""
    if samples == frame.samples:
        return frame
    numbers = frame.to_ndarray()
    width = 1 if frame.format.is_planar else len(frame.layout.channels)
    cut = np.ascontiguousarray(numbers[:, : samples * width])
    first = AudioFrame.from_ndarray(cut, format=frame.format.name, layout=frame.layout.name)
    first.sample_rate = frame.sample_rate
    return first


def _frames(
    container: InputContainer, stream: AudioStream, start_seconds: float, path: str
) -> Iterator[Placed]:
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


def _from(start_seconds: float, frames: Iterator[Placed]) -> Iterator[Samples]:
    """Resampled blocks, cut exactly at `start_seconds`."""
    first = next(frames, None)
    if first is None:
        if start_seconds > 0.0:
            return  # sought beyond the end
        raise CannotDecode("there is no sound in it")
    place = first[0]
    # A file without time stamps has been sought to about the right place.
    skip = 0 if place is None else max(0, round((start_seconds - place) * RATE))
    for block in _resampled(frame for _, frame in chain([first], frames)):
        yield block[skip:]
        skip = max(0, skip - len(block))


def _resampled(frames: Iterator[AudioFrame]) -> Iterator[Samples]:
    """Blocks at `RATE`. Radio recordings and chained Ogg files may change in the middle."""
    for (_, _, hertz), alike in groupby(frames, _kind):
        if hertz not in SOUND_HERTZ:
            raise CannotDecode(f"damaged: it claims {hertz} samples a second")
        resampler = AudioResampler(format="flt", layout="stereo", rate=RATE)
        for frame in chain(alike, [None]):  # None: what the resampler still holds
            yield from _resample(resampler, frame)


def _kind(frame: AudioFrame) -> tuple[str, str, int]:
    """What a resampler takes for one and the same kind of sound."""
    return frame.format.name, frame.layout.name, frame.sample_rate


def _resample(resampler: AudioResampler, frame: AudioFrame | None) -> Iterator[Samples]:
    for resampled in resampler.resample(frame):
        block: Samples = resampled.to_ndarray().reshape(-1, 2).astype(np.float32, copy=False)
        # A float file may hold anything, and what is not a number would silence the limiter.
        if not np.abs(block).max(initial=0.0) <= LOUDEST:  # True for what is not a number, too
            block = np.nan_to_num(block, posinf=1.0, neginf=-1.0).clip(-LOUDEST, LOUDEST)
        yield block
