"""What a sound file says of itself: tags of any format, read into one shape."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mutagen.asf import ASFTags
from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

log = logging.getLogger(__name__)

REPLAYGAIN_LUFS = -18.0
"""What ReplayGain 2.0 plays at: a track's loudness is this minus its gain."""
R128_LUFS = -23.0
"""What RFC 7845's R128 gains play at; they are whole 1/256 dB."""
VARIOUS = "Various Artists"
"""As MusicBrainz calls the artist of a compilation."""
LONGEST_TEXT = 300
"""Characters of a title that are kept: more is not a title."""

ALIASES = {
    # ID3v2.3 and 2.4, as mutagen and FFmpeg name the frames
    "tit2": "title",
    "tpe1": "artist",
    "tpe2": "albumartist",
    "talb": "album",
    "tcon": "genre",
    "tdor": "originaldate",
    "tory": "originaldate",
    "tdrc": "date",
    "tdrl": "releasedate",
    "tyer": "date",
    "tbpm": "bpm",
    "tmoo": "mood",
    "trck": "tracknumber",
    "tpos": "discnumber",
    "tcmp": "compilation",
    # MP4
    "©nam": "title",
    "©art": "artist",
    "aart": "albumartist",
    "©alb": "album",
    "©gen": "genre",
    "©day": "date",
    "tmpo": "bpm",
    "rtng": "itunesadvisory",
    "trkn": "tracknumber",
    "disk": "discnumber",
    "cpil": "compilation",
    # ASF
    "author": "artist",
    "wm/albumtitle": "album",
    "wm/albumartist": "albumartist",
    "wm/genre": "genre",
    "wm/year": "date",
    "wm/originalreleaseyear": "originaldate",
    "wm/beatsperminute": "bpm",
    "wm/mood": "mood",
    "wm/tracknumber": "tracknumber",
    "wm/partofset": "discnumber",
    "wm/iscompilation": "compilation",
    # APEv2 and loose spellings
    "year": "date",
    "originalyear": "originaldate",
    "original year": "originaldate",
    "tempo": "bpm",
    "album artist": "albumartist",
    "album_artist": "albumartist",
    "track": "tracknumber",
    "disc": "discnumber",
}
"""Names that formats have for a tag -> the Vorbis comment of that meaning."""

YES = ("1", "true", "yes")
_EXPLICIT = re.compile(r"(?:[(\[][^)\]]*|\s[-\u2013\u2014]\s+)\bexplicit\b", re.IGNORECASE)
"""What stores add to a title or an album's name, in brackets or behind a dash."""
_NOT_EXPLICIT = re.compile(r"\b(?:not|non)[\s-]explicit\b", re.IGNORECASE)


class Tags(NamedTuple):
    """A file's tags, checked: None or empty where it says nothing, or nothing sensible."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    genre: str | None = None
    year: int | None = None
    tempo_bpm: float | None = None
    loudness_lufs: float | None = None
    explicit: bool = False
    moods: tuple[str, ...] = ()
    valence: float | None = None
    arousal: float | None = None
    album_artist: str | None = None
    track_number: int | None = None
    disc_number: int | None = None
    peak_dbfs: float | None = None
    album_loudness_lufs: float | None = None
    album_peak_dbfs: float | None = None


def flatten(tags: Any) -> dict[str, str]:  # noqa: ANN401 - mutagen has no common type
    """Tags of any format as mutagen has them, or FFmpeg's metadata, as lower-case name -> text.

    Several values of one tag are joined by "; ". Pictures and other data are left out.
    """
    if tags is None:
        return {}
    values: Any = tags  # mutagen's own types call untyped functions
    if isinstance(tags, ID3):
        pairs: Iterable[tuple[str, Any]] = (
            (frame.desc if frame.FrameID == "TXXX" else frame.FrameID, frame.text)
            for frame in values.values()
            if hasattr(frame, "text") and frame.FrameID.startswith("T")
        )
        if "TCON" in tags:
            pairs = (*pairs, ("TCON", values["TCON"].genres))  # "(17)" is spelled out there
        pairs = (*_relative_volume(values), *pairs)
    elif isinstance(tags, MP4Tags):
        pairs = (
            (name.rpartition(":")[2], value[0] if name in ("trkn", "disk") and value else value)
            for name, value in values.items()
        )
    elif isinstance(tags, ASFTags):
        pairs = ((name, value) for name, value in values.as_dict().items())
    else:
        pairs = values.items()
    flat: dict[str, str] = {}
    for name, value in pairs:
        text = _text(value)
        if text:
            key = name.casefold()
            flat[ALIASES.get(key, key)] = text
    return flat


def parse(flat: Mapping[str, str]) -> Tags:
    """Make sense of flattened tags; what makes none is as good as not there."""
    title = flat.get("title")
    album = flat.get("album")
    return Tags(
        title=title,
        artist=flat.get("artist") or flat.get("albumartist"),
        album=album,
        genre=flat.get("genre"),
        year=_year(flat.get("originaldate"))
        or _year(flat.get("date"))
        or _year(flat.get("releasedate")),  # of this edition, which may be long after
        tempo_bpm=_number(flat.get("bpm"), 20.0, 400.0),
        loudness_lufs=_loudness(flat, "track"),
        explicit=flat.get("itunesadvisory") in ("1", "4")
        or flat.get("explicit", "").casefold() in YES
        or any(_says_explicit(text) for text in (title, album) if text),
        moods=tuple(
            part.strip() for part in re.split(r"[;,/|]", flat.get("mood", "")) if part.strip()
        ),
        valence=_number(flat.get("valence"), -1.0, 1.0),
        arousal=_number(flat.get("arousal"), -1.0, 1.0),
        album_artist=flat.get("albumartist") or _of_many(flat),
        track_number=_count(flat.get("tracknumber")),
        disc_number=_count(flat.get("discnumber")),
        peak_dbfs=_peak(flat, "track"),
        album_loudness_lufs=_loudness(flat, "album"),
        album_peak_dbfs=_peak(flat, "album"),
    )


def _of_many(flat: Mapping[str, str]) -> str | None:
    """The album artist of what is only marked as part of a compilation."""
    return VARIOUS if flat.get("compilation", "").casefold() in ("1", "true") else None


def _relative_volume(tags: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - mutagen's ID3
    """ReplayGain as ID3v2.4's own frame, RVA2, has it: gain in dB and peak of full scale."""
    for frame in tags.getall("RVA2"):
        scope = frame.desc.casefold()
        if scope in ("track", "album"):
            yield f"replaygain_{scope}_gain", str(frame.gain)
            yield f"replaygain_{scope}_peak", str(frame.peak)


def _text(value: Any) -> str:  # noqa: ANN401 - whatever a tag may hold
    """Printable text of a tag's value or values; empty for data."""
    if isinstance(value, (list, tuple)):
        return "; ".join(filter(None, map(_text, value)))[:LONGEST_TEXT]
    if isinstance(value, (bytes, bytearray)):
        # MP4's freeform tags; pictures are bytes, too, but not text.
        value = bytes(value).decode("utf-8", "ignore") if len(value) <= LONGEST_TEXT else ""
    text = _readable(str(value)[: 4 * LONGEST_TEXT])
    values = filter(None, map(printable, text.split("\0")))  # as APEv2 parts several
    return "; ".join(values)[:LONGEST_TEXT]


def printable(text: str) -> str:
    """A name as it is shown and written: what is no text is a space, and of those one at a time."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _readable(text: str) -> str:
    """What was meant by text whose encoding was not told, or told wrong.

    Taggers wrote UTF-8 and Windows-1252 where ID3 and INFO promise Latin-1: "Ã¼" is "ü". FFmpeg
    passes bytes that are no UTF-8 on as surrogates.
    """
    if text.isascii():
        return text
    try:
        data = text.encode("latin-1", "surrogateescape")
    except UnicodeEncodeError:  # other letters are among it: it was told right
        return text.encode("utf-8", "replace").decode()
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _number(text: str | None, low: float, high: float) -> float | None:
    """The number that a text starts with, if it is within bounds."""
    match = re.match(r"\s*([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?)", text or "")
    if match is None:
        return None
    number = float(match[1].replace(",", "."))
    return number if low <= number <= high else None


def _year(text: str | None) -> int | None:
    """The first thing in a date that can be a year of music."""
    match = re.search(r"(?<!\d)(1[0-9]{3}|20[0-9]{2})(?!\d{1,3}(?!\d))", text or "")
    return int(match[1]) if match else None


def _says_explicit(text: str) -> bool:
    return _EXPLICIT.search(_NOT_EXPLICIT.sub("", text)) is not None


def _count(text: str | None) -> int | None:
    """The 3 of "3/12"."""
    number = _number(text, 1.0, 9999.0)
    return None if number is None else int(number)


def _loudness(flat: Mapping[str, str], scope: str) -> float | None:
    """Loudness in LUFS that ReplayGain or R128 tags stand for, of the track or the album."""
    gain = _number(flat.get(f"replaygain_{scope}_gain"), -50.0, 50.0)
    if gain is not None:
        return REPLAYGAIN_LUFS - gain
    steps = _number(flat.get(f"r128_{scope}_gain"), -32768.0, 32767.0)
    return None if steps is None else R128_LUFS - steps / 256


def _peak(flat: Mapping[str, str], scope: str) -> float | None:
    """Peak in dB re full scale; ReplayGain has it as a share of full scale, true ones above 1."""
    share = _number(flat.get(f"replaygain_{scope}_peak"), 1e-5, 16.0)
    return None if share is None else 20.0 * math.log10(share)
