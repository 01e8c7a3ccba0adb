"""Look into one sound file: tags, length, a hash, and whether it can be played at all."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import av
import mutagen
from mutagen.aiff import AIFF
from mutagen.apev2 import APEv2
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.mp3 import MP3, BitrateMode
from mutagen.mp4 import MP4
from mutagen.trueaudio import TrueAudio
from mutagen.wave import WAVE
from mutagen.wavpack import WavPack

from device.music.decode import BAD_PACKETS_IN_A_ROW
from device.music.ffmpeg import DAMAGED, SOUND_HERTZ, open_sound
from device.music.tags import Tags, flatten, parse

PROMISES_LENGTH = (FLAC, WAVE, AIFF, MP4, ASF, WavPack, TrueAudio)
"""Formats whose header says how long the sound is, whatever became of the rest of the file.

The others are as long as what is there (Ogg, AAC; an MP3 that is cut off, too) and play to where
they end.
"""
MISSING_SECONDS = 2.0
"""So much less sound than promised, and 5 % of it, is a broken file and not a rounding."""

STREAMED_BYTES = 0x7FFF_F000
"""A WAV that claims to hold so much, and more than there is, was written to a pipe: FFmpeg claims
4 GB then, SoX 4 KiB less than 2 GB."""
WALKED_BYTES = 64 << 20
"""So much coded sound is read where only that tells the length: all of most files, and several
seconds of a slow memory card. What lies behind it is reckoned to last as long for each byte."""
SAMPLED_PLACES, SAMPLED_PACKETS = (0.0, 0.25, 0.5, 0.75), 20
"""Where in an MP3, and at how many packets in a row, it is seen whether its bit rate varies: half
a second at each."""

LONGEST_SECONDS = 86_400.0
"""A longer file is no music, or its header is damaged."""

TIMEOUT_SECONDS = 10.0
"""A drive that slept wakes up in this time, and the watchdog is fed at least so often."""
WAVE_PROBE_BYTES = 200_000
"""Enough to tell what a WAV is."""
HASHED_BYTES = 65_536
"""So much coded sound names a track: 4 s of a 128 kbit/s MP3, 0.5 s of a FLAC."""
HASHED_PACKETS = 200
"""Or so many packets: 4 s of Opus, 5 s of MP3, whose packets may be small."""
LOOKED_AT_PACKETS = 500
"""More are not looked at, even if they are all alike: ten seconds of silence, or more."""
EXACT_LENGTH = ("flac", "wav", "aiff", "ogg", "mov,mp4,m4a,3gp,3g2,mj2")
"""FFmpeg's containers that tell the length to the sample, whatever tags the file has."""


class Unplayable(Exception):  # noqa: N818 - a state of the file, not a programming error
    """The file cannot be played; the message says why."""


class TooSlow(Unplayable):
    """Reading it took too long; that may be the drive's fault, so it is worth another try."""


class Probe(NamedTuple):
    """What a sound file holds: `audio_hash` names its coded sound by how that begins, see
    `_Fingerprint`, and how many seconds it has."""

    tags: Tags
    seconds: float
    audio_hash: str


def probe(path: Path) -> Probe:
    """Tags, length and hash of a sound file.

    Raises `Unplayable`. Content counts, not the name's ending: whatever FFmpeg can decode is
    fine. mutagen reads the tags; where it finds none (as in a WAV's INFO), FFmpeg's metadata serve.
    """
    try:
        # It guesses by the name's ending, too: a FLAC named .mp3 makes it give up.
        file: Any = mutagen.File(path)
    except Exception:  # noqa: BLE001 - whatever it trips over, FFmpeg has the last word
        file = None
    seconds = 0.0 if _is_streamed(file, path) else _stated(file)
    try:
        # In a WAV, FFmpeg searches megabytes for surround sound in disguise.
        enough = WAVE_PROBE_BYTES if isinstance(file, WAVE) else None
        with open_sound(path, probe_bytes=enough, timeout_seconds=TIMEOUT_SECONDS) as container:
            heard = _listen(container, seconds if isinstance(file, PROMISES_LENGTH) else 0)
        seconds = seconds or heard.seconds
        unsure = _is_cut_off(file, path) or (_guesses_length(file) and _varies(path, seconds))
        if seconds <= 0.0 or unsure:
            seconds = _walked(path) or seconds
    except Unplayable:
        raise
    except av.error.ExitError as error:
        raise TooSlow(
            f"not read within {TIMEOUT_SECONDS:.0f} s: it is damaged, or its drive is very slow"
        ) from error
    except DAMAGED as error:
        raise Unplayable(f"not sound, or damaged ({_words(error)})") from error
    if seconds <= 0.0:
        raise Unplayable("it holds no sound")
    if seconds > LONGEST_SECONDS:
        raise Unplayable(f"damaged: it claims to last {seconds / 3600:.0f} hours")
    flat = flatten(getattr(file, "tags", None) or heard.metadata)
    if isinstance(file, MP3):
        flat = _ape_tags(path) | flat
    # Not all containers tell the length exactly, but all parts of a series begin with its jingle.
    return Probe(parse(flat), seconds, f"{heard.audio_hash}-{int(seconds + 0.5)}")


def _stated(file: Any) -> float:  # noqa: ANN401 - mutagen has no common type
    """Seconds that a file says it lasts, 0 where it does not."""
    return float(getattr(getattr(file, "info", None), "length", 0.0) or 0.0)


def _is_streamed(file: Any, path: Path) -> bool:  # noqa: ANN401 - as above
    """Whether a WAV's header was written when nobody knew yet how long it would be."""
    if not isinstance(file, WAVE):
        return False
    info: Any = file.info  # untyped
    claimed = float(info.length * info.bitrate / 8.0)
    return claimed >= STREAMED_BYTES - 1 and claimed > path.stat().st_size


def _guesses_length(file: Any) -> bool:  # noqa: ANN401 - as above
    """Whether an MP3's length is but its size by the bit rate of its first frame."""
    info: Any = getattr(file, "info", None)
    return isinstance(file, MP3) and info.bitrate_mode is BitrateMode.UNKNOWN


def _is_cut_off(file: Any, path: Path) -> bool:  # noqa: ANN401 - as above
    """Whether an MP3 is smaller than its Xing or VBRI header states; never so without one.

    It may be on its way here. mutagen tells the stated bytes as a bit rate, rounded to a whole
    number: a byte a second is no shortage.
    """
    if not isinstance(file, MP3):
        return False
    info: Any = file.info  # untyped
    there = path.stat().st_size - info.frame_offset
    return bool(info.length * (info.bitrate / 8.0 - 1.0) > there)


def _varies(path: Path, seconds: float) -> bool:
    """Whether an MP3's packets differ by more than a byte of padding."""
    sizes: set[int] = set()
    try:
        with open_sound(path, timeout_seconds=TIMEOUT_SECONDS, fast_seek=True) as container:
            for share in SAMPLED_PLACES:
                container.seek(int(share * seconds * av.time_base))
                # The first one may be half of a packet.
                packets = islice(container.demux(audio=0), 1, SAMPLED_PACKETS)
                sizes.update(packet.size for packet in packets if packet.size)
    except av.error.FFmpegError:
        return False  # it plays to where it ends, so a guess of its length will do
    return bool(sizes) and max(sizes) - min(sizes) > 1


def _walked(path: Path) -> float:
    """Where a file's last packet ends, in seconds, by its packets themselves; 0 if none tells.

    Raises one of `DAMAGED`.
    """
    end = read = 0
    with open_sound(path, timeout_seconds=TIMEOUT_SECONDS) as container:
        stream = container.streams.audio[0]
        for packet in container.demux(stream):
            if packet.pts is None:
                continue
            end = max(end, packet.pts - (stream.start_time or 0) + (packet.duration or 0))
            read += packet.size
            if read > WALKED_BYTES and packet.pos:
                end = end * container.size // (packet.pos + packet.size)
                break
        return float(end * stream.time_base)


def _ape_tags(path: Path) -> dict[str, str]:
    """Tags that mp3gain and old players put behind an MP3's sound."""
    reader: Any = APEv2  # untyped
    try:
        return flatten(reader(path))
    except Exception:  # noqa: BLE001 - mostly there are none; damaged ones are as good as none
        return {}


class _Heard(NamedTuple):
    """What FFmpeg makes of a file."""

    seconds: float
    metadata: dict[str, str]
    audio_hash: str


class _Fingerprint:
    """SHA-256 (hex, first 32 digits) of the first `HASHED_BYTES` of coded sound, and its length.

    Or of `HASHED_PACKETS`. Only packets' payloads count, for tags lie outside of them. Packets
    that came before count once: seconds of digital silence, with which many tracks begin, do not
    make them one. The length, where the container tells it exactly, parts a short cut from the
    whole piece.
    """

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._left, self._looks = HASHED_BYTES, LOOKED_AT_PACKETS
        self._seen: set[bytes] = set()

    def take(self, payload: bytes) -> bool:
        """Add a packet; False when it is enough."""
        self._looks -= 1
        if payload not in self._seen:
            self._seen.add(payload)
            self._sha.update(payload[: self._left])
            self._left -= len(payload)
        return self._left > 0 and self._looks > 0 and len(self._seen) < HASHED_PACKETS

    def name(self, length: int | None) -> str:
        """The hash; `length` in the stream's own units."""
        self._sha.update(f"/{length}".encode())
        return self._sha.hexdigest()[:32]


def _listen(container: Any, promised: float) -> _Heard:  # noqa: ANN401 - PyAV's classes differ by version
    """Decode the beginning, and see that a promised end is there."""
    stream = _sound_of(container)
    fingerprint, decoded, bad = _Fingerprint(), False, 0
    for packet in container.demux(stream):
        try:
            decoded = decoded or bool(packet.decode())
        except av.FFmpegError:
            bad += 1
            if bad == BAD_PACKETS_IN_A_ROW:  # so many are passed over when it is played, too
                raise
        if not fingerprint.take(bytes(packet)) and decoded:
            break
    if not decoded:
        raise Unplayable("not sound, or damaged" if bad else "it holds no sound")
    exact = container.format.name in EXACT_LENGTH
    audio_hash = fingerprint.name(stream.duration if exact else None)
    metadata = {**container.metadata, **stream.metadata}
    length = container.duration / av.time_base if container.duration else 0.0
    if promised > MISSING_SECONDS:
        end = _end(container, stream, promised)
        if promised - end > max(MISSING_SECONDS, 0.05 * promised):
            raise Unplayable(f"cut off: not all of its {promised:.0f} seconds are there")
    return _Heard(length, metadata, audio_hash)


def _sound_of(container: Any) -> Any:  # noqa: ANN401 - as above
    """Its first stream of sound, if that can be decoded."""
    if not container.streams.audio:
        raise Unplayable("it holds no sound")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise Unplayable("there is no decoder for its sound")
    hertz = stream.codec_context.sample_rate
    if hertz and hertz not in SOUND_HERTZ:
        raise Unplayable(f"damaged: it claims {hertz} samples a second")
    return stream


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
