"""Look into one sound file: its tags and length, and whether it can be played at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import mutagen
from mutagen.aiff import AIFF
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.mp4 import MP4
from mutagen.wave import WAVE

from device.music.ffmpeg import DAMAGED, open_sound
from device.music.tags import Tags, flatten, parse

PROMISES_LENGTH = (FLAC, WAVE, AIFF, MP4, ASF)
"""Formats whose header says how long the sound is, whatever became of the rest of the file.

The others are as long as what is there (Ogg, AAC), or cannot be checked without reading all
of it (MP3): those play to where they end.
"""
MISSING_SECONDS = 2.0
"""So much less sound than promised, and 5 % of it, is a broken file and not a rounding."""

LONGEST_SECONDS = 86_400.0
"""A longer file is no music, or its header is damaged."""


class Unplayable(Exception):  # noqa: N818 - a state of the file, not a programming error
    """The file cannot be played; the message says why."""


def probe(path: Path) -> tuple[Tags, float]:
    """Tags and length in seconds of a sound file.

    Raises `Unplayable`. Content counts, not the name's ending: whatever FFmpeg can decode is
    fine. mutagen reads the tags; where it finds none (as in a WAV's INFO), FFmpeg's metadata serve.
    """
    try:
        # It guesses by the name's ending, too: a FLAC named .mp3 makes it give up.
        file: Any = mutagen.File(path)
    except Exception:  # noqa: BLE001 - whatever it trips over, FFmpeg has the last word
        file = None
    seconds = float(getattr(getattr(file, "info", None), "length", 0.0) or 0.0)
    try:
        with open_sound(path) as container:
            heard, metadata = _listen(
                container, seconds if isinstance(file, PROMISES_LENGTH) else 0
            )
    except Unplayable:
        raise
    except DAMAGED as error:
        raise Unplayable(f"not sound, or damaged ({_words(error)})") from error
    if seconds <= 0.0:
        seconds = heard
    if seconds <= 0.0:
        raise Unplayable("it holds no sound")
    if seconds > LONGEST_SECONDS:
        raise Unplayable(f"damaged: it claims to last {seconds / 3600:.0f} hours")
    tags = getattr(file, "tags", None)
    return parse(flatten(tags or metadata)), seconds


def _listen(container: Any, promised: float) -> tuple[float, dict[str, str]]:  # noqa: ANN401 - PyAV's classes differ by version
    """Decode the beginning, and see that a promised end is there: length and metadata."""
    if not container.streams.audio:
        raise Unplayable("it holds no sound")
    stream = container.streams.audio[0]
    if next(container.decode(stream), None) is None:
        raise Unplayable("it holds no sound")
    metadata = {**container.metadata, **stream.metadata}
    length = container.duration / av.time_base if container.duration else 0.0
    if promised > MISSING_SECONDS:
        end = _end(container, stream, promised)
        if promised - end > max(MISSING_SECONDS, 0.05 * promised):
            raise Unplayable(f"cut off: not all of its {promised:.0f} seconds are there")
    return length, metadata


def _end(container: Any, stream: Any, promised: float) -> float:  # noqa: ANN401 - as above
    """Where the last packet near the promised end stops, in seconds; 0 where nothing is."""
    end = 0.0
    try:
        container.seek(int((promised - 1.0) * av.time_base))
        for packet in container.demux(stream):
            if packet.pts is not None:
                end = float((packet.pts + (packet.duration or 0)) * stream.time_base)
    except av.error.FFmpegError:
        pass  # there is nothing to seek to: the file ends before
    return end


def _words(error: Exception) -> str:
    """What went wrong, without the path that the log names anyway."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
