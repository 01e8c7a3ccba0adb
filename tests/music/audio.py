"""Real sound files, made on the spot: what tests scan, decode and play."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import mutagen
import mutagen.aiff
import mutagen.asf
import mutagen.id3
import mutagen.mp4
import mutagen.wave
import numpy as np
import soundfile

SOUNDFILE = {
    "wav": ("WAV", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
"""Format -> libsndfile's container and encoding."""

PYAV = {
    "m4a": ("ipod", "aac"),
    "aac": ("adts", "aac"),
    "wma": ("asf", "wmav2"),
    "alac.m4a": ("ipod", "alac"),
}
"""Format -> FFmpeg's container and encoder, for what libsndfile does not write."""

FORMATS = (*SOUNDFILE, *PYAV)
RATE = 48_000
"""Samples a second, unless told: the one rate that every format here knows."""

ID3 = {
    "title": mutagen.id3.TIT2,
    "artist": mutagen.id3.TPE1,
    "album": mutagen.id3.TALB,
    "genre": mutagen.id3.TCON,
    "date": mutagen.id3.TDRC,
    "originaldate": mutagen.id3.TDOR,
    "bpm": mutagen.id3.TBPM,
    "mood": mutagen.id3.TMOO,
    "albumartist": mutagen.id3.TPE2,
    "tracknumber": mutagen.id3.TRCK,
    "discnumber": mutagen.id3.TPOS,
}
MP4 = {"title": "©nam", "artist": "©ART", "album": "©alb", "genre": "©gen", "date": "©day"} | {
    "albumartist": "aART"
}
ASF = {
    "title": "Title",
    "artist": "Author",
    "album": "WM/AlbumTitle",
    "genre": "WM/Genre",
    "date": "WM/Year",
    "originaldate": "WM/OriginalReleaseYear",
    "bpm": "WM/BeatsPerMinute",
    "mood": "WM/Mood",
    "albumartist": "WM/AlbumArtist",
    "tracknumber": "WM/TrackNumber",
    "discnumber": "WM/PartOfSet",
}


def sine(
    seconds: float, hertz: float = 440.0, *, amplitude: float = 0.25, rate: int = RATE
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A stereo sine, float32, shape (samples, 2), -1..1."""
    time = np.arange(round(seconds * rate)) / rate
    wave = (amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
    return np.stack([wave, wave], axis=1)


def tone(
    path: Path,
    seconds: float = 1.0,
    hertz: float = 440.0,
    format: str | None = None,  # noqa: A002 - the word that everybody uses
    tags: Mapping[str, str] | None = None,
    *,
    amplitude: float = 0.25,
    rate: int = RATE,
) -> Path:
    """Write a sine to `path` (its folder is made too) and tag it.

    `format` is one of `FORMATS`; None takes it from the path's suffix, so that a file may also
    lie about itself. Names of tags are those of Vorbis comments, in any case.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = format or path.suffix.lstrip(".").lower()
    samples = sine(seconds, hertz, amplitude=amplitude, rate=rate)
    if kind in SOUNDFILE:
        container, encoding = SOUNDFILE[kind]
        with soundfile.SoundFile(path, "w", rate, 2, encoding, format=container) as output:
            # In blocks: libsndfile's Vorbis encoder overflows its stack on long writes.
            for start in range(0, len(samples), 4096):
                output.write(samples[start : start + 4096])
    else:
        _encode(path, samples, rate, *PYAV[kind])
    if tags:
        tag(path, tags)
    return path


def tag(path: Path, tags: Mapping[str, str]) -> None:
    """Write tags the way that the file's own format has them."""
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    for name, text in tags.items():
        key = name.lower()
        if isinstance(file.tags, mutagen.id3.ID3):
            frame = ID3.get(key)
            file.tags.add(
                frame(encoding=3, text=text)
                if frame
                else mutagen.id3.TXXX(encoding=3, desc=name, text=text)
            )
        elif isinstance(file, mutagen.mp4.MP4):
            _tag_mp4(file, key, name, text)
        elif isinstance(file, mutagen.asf.ASF):
            file[ASF.get(key, name)] = text
        else:
            file[name] = text
    file.save()


def _tag_mp4(file: mutagen.mp4.MP4, key: str, name: str, text: str) -> None:
    if key == "bpm":
        file["tmpo"] = [int(text)]
    elif key == "itunesadvisory":
        file["rtng"] = [int(text)]
    elif key in ("tracknumber", "discnumber"):
        number, _, total = text.partition("/")
        file["trkn" if key == "tracknumber" else "disk"] = [(int(number), int(total or 0))]
    elif key in MP4:
        file[MP4[key]] = text
    else:
        file[f"----:com.apple.iTunes:{name}"] = text.encode()


def _encode(
    path: Path,
    samples: np.ndarray[Any, np.dtype[np.float32]],
    rate: int,
    container: str,
    encoder: str,
) -> None:
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(encoder, rate=rate, layout="stereo")
        stream.bit_rate = 128_000
        fifo = av.AudioFifo()
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T), format="fltp", layout="stereo"
        )
        if encoder == "alac":
            pcm = np.ascontiguousarray((samples.T * 32767).astype(np.int16))
            frame = av.AudioFrame.from_ndarray(pcm, format="s16p", layout="stereo")
        frame.sample_rate = rate
        fifo.write(frame)
        size = stream.codec_context.frame_size or 1024
        while (chunk := fifo.read(size, partial=True)) is not None:
            output.mux(stream.encode(chunk))
        output.mux(stream.encode(None))
