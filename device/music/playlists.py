"""Playlists, M3U and XSPF, in and out.

Nothing that a playlist names is ever opened because of it: its entries only say of tracks that
were found otherwise that they belong together. So it cannot lead out of the music folders.
"""

from __future__ import annotations

import os
import re
import stat
import xml.parsers.expat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PureWindowsPath
from types import MappingProxyType
from urllib.parse import quote, unquote, urlsplit
from xml.sax.saxutils import escape

from device.music.labels import plain
from device.types import Track

LARGEST_BYTES = 10_000_000
MOST_ENTRIES = 100_000
WRITTEN = (".m3u", ".m3u8", ".xspf")
"""Endings of what can be written, and read."""


class BadPlaylist(Exception):  # noqa: N818 - a state of the file, not a programming error
    """The playlist is refused; the message says why."""


def spelled(paths: Iterable[str]) -> dict[str, str]:
    """Each way that a playlist may spell the path of a file -> that path."""
    exact = {path: path for path in paths}
    return {plain(path): path for path in exact} | exact


def read_playlist(path: Path, files: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """Absolute, normalised paths of the files that a playlist names; the web is left out.

    `files`: those that are there, see `spelled`. An entry may be spelled with percent signs, or
    with spaces around it, if it names one of them only so. Raises `BadPlaylist`.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BadPlaylist("not a file")
        if status.st_size > LARGEST_BYTES:
            raise BadPlaylist(f"it is larger than {LARGEST_BYTES // 1_000_000} MB")
        data = path.read_bytes()
    except OSError as error:
        raise BadPlaylist(f"cannot be opened: {error.strerror}") from error
    entries = _xspf(data) if path.suffix.lower() == ".xspf" else _m3u(data)
    found = []
    for entry in entries:
        place = _found(path.parent, entry, files) or _place(path.parent, entry.strip())
        if place is not None:
            found.append(place)
        if len(found) > MOST_ENTRIES:
            raise BadPlaylist(f"it names more than {MOST_ENTRIES:,} files")
    return found


def write_playlist(path: Path, tracks: Sequence[Track]) -> None:
    """Write M3U8 or XSPF, as the ending says, with paths relative to it where that is possible.

    A file that is there is replaced at once or not at all. Raises `OSError`, and `ValueError`
    for another ending.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITTEN:
        raise ValueError(f"{path.name} does not end with {', '.join(WRITTEN)}")
    lines = _xspf_lines(path, tracks) if suffix == ".xspf" else _m3u_lines(path, tracks)
    text = "".join(f"{line}\n" for line in lines)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _found(folder: Path, entry: str, files: Mapping[str, str]) -> str | None:
    """Which file that is there an entry means; letter by letter comes first."""
    ways = list(dict.fromkeys((entry, entry.strip())))
    if "%" in entry:
        ways += map(unquote, ways[:])
    for way in ways:
        place = _place(folder, way)
        if place is not None and (file := files.get(place) or files.get(plain(place))):
            return file
    return None


# --- reading ---------------------------------------------------------------------------------


def _m3u(data: bytes) -> Iterator[str]:
    """Entries of an M3U: UTF-8, or the Windows-1252 of old players."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
    if "\0" in text:
        raise BadPlaylist("it is not text")
    for line in re.split(r"[\r\n]+", text):
        if line.strip() and not line.lstrip().startswith("#"):
            yield line


def _xspf(data: bytes) -> list[str]:
    """Locations of an XSPF (xspf.org, version 1). Entities of its own are refused: a few lines of
    them can stand for gigabytes, or for other files."""
    parser = xml.parsers.expat.ParserCreate(namespace_separator=" ")
    found: list[str] = []
    open_tags: list[str] = []
    text: list[str] = []

    def start(name: str, _attributes: dict[str, str]) -> None:
        open_tags.append(name.rpartition(" ")[2])
        text.clear()

    def end(_name: str) -> None:
        if open_tags[-3:] == ["trackList", "track", "location"]:
            found.append("".join(text).strip())
        open_tags.pop()

    def refuse(*_: object) -> None:
        raise BadPlaylist("it declares a document type or entities, which no playlist needs")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except (xml.parsers.expat.ExpatError, ValueError, LookupError) as error:
        raise BadPlaylist(f"it is not XML: {error}") from error
    return [_from_uri(entry) for entry in found]


def _from_uri(entry: str) -> str:
    """A relative reference is spelled with percent signs, too; others stay as they are."""
    return entry if ":" in entry.split("/", maxsplit=1)[0] else unquote(entry)


def _place(folder: Path, entry: str) -> str | None:
    """Where an entry points to; None for what is not a file of this machine."""
    if "://" in entry or entry.startswith("file:"):
        try:
            uri = urlsplit(entry)
        except ValueError:
            return None
        if uri.scheme != "file" or uri.netloc not in ("", "localhost"):
            return None
        entry = unquote(uri.path)
    elif "\\" in entry and "/" not in entry:
        windows = PureWindowsPath(entry)
        if not windows.drive:  # else it stays as it is: a file, but of another machine
            entry = windows.as_posix()
    return None if "\0" in entry else os.path.normpath(folder / entry)


# --- writing ---------------------------------------------------------------------------------


def _m3u_lines(path: Path, tracks: Sequence[Track]) -> Iterator[str]:
    yield "#EXTM3U"
    for track in tracks:
        if "\n" in track.path or "\r" in track.path:
            continue  # no line can hold it
        yield f"#EXTINF:{round(track.duration_seconds)},{_name(track)}"
        place = _relative(path, track)
        yield f"./{place}" if place.startswith("#") or place[0].isspace() else place


def _xspf_lines(path: Path, tracks: Sequence[Track]) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList>'
    for track in tracks:
        place = _relative(path, track)
        uri = f"file://{quote(place)}" if place.startswith("/") else quote(place)
        fields = {
            "location": uri,
            "title": track.title,
            "creator": track.artist,
            "album": track.album,
            "duration": str(round(track.duration_seconds * 1000)),
        }
        inner = "".join(f"<{key}>{escape(text)}</{key}>" for key, text in fields.items() if text)
        yield f"<track>{inner}</track>"
    yield "</trackList></playlist>"


def _name(track: Track) -> str:
    return f"{track.artist} - {track.title}" if track.artist else track.title


def _relative(playlist: Path, track: Track) -> str:
    """From the playlist's folder, if the track lies there or below a folder that both share."""
    folder = os.path.realpath(playlist.parent)
    if os.path.commonpath([folder, track.path]) == "/":
        return track.path
    return os.path.relpath(track.path, folder)
