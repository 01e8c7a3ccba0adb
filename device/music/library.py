"""Find the music: walk the folders, look into every sound file, leave out what cannot play."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from device.music.affect import OwnTag, affect_of
from device.music.probe import Unplayable, probe
from device.types import Track, TrackId

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

log = logging.getLogger(__name__)

ENDINGS = (
    ".mp3 .mp2 .flac .ogg .oga .opus .m4a .m4b .mp4 .aac .wma .asf .wav .wave .aiff .aif .aifc "
    ".alac .ape .wv .mpc .tta .mka .webm .ac3 .dts .dsf .dff .amr .au .caf .spx .w64 .tak"
)
"""Files with these endings are looked into; others (covers, lists, notes) are no music."""
_ENDINGS = frozenset(ENDINGS.split())
_NOT_OURS = (".", "@eaDir", "$RECYCLE.BIN", "lost+found")
"""Names that start so are hidden, or belong to a file server or file system."""
OWN_TAGS = ".attune.toml"
"""The user's own word on files beside it: `["song.mp3"]`, then `valence`, `arousal` or `mood`."""


class Skipped(NamedTuple):
    """A file or folder that was left out, printably named, and why."""

    path: str
    reason: str


class Known(NamedTuple):
    """A track as found by an earlier scan, good for as long as its stamp stays the same."""

    stamp: tuple[int, ...]
    track: Track


class ScanResult(NamedTuple):
    """What a scan found. `missing` names folders that are not there, with the mend.

    `known` makes the next scan fast: files that did not change are not opened again.
    """

    tracks: tuple[Track, ...]
    skipped: tuple[Skipped, ...]
    missing: tuple[str, ...]
    known: Mapping[str, Known]


class _Root(NamedTuple):
    """One configured folder, and what its tracks' ids start with."""

    path: Path
    namespace: str


def scan(
    folders: Sequence[Path],
    known: Mapping[str, Known] | None = None,
    keep_going: Callable[[int], bool] = lambda _: True,
) -> ScanResult | None:
    """Look through folders, and those within; links are followed, each place is seen once.

    `known`: the last result's. `keep_going` is called before each file and folder with the
    number of tracks so far; once it returns False the scan ends, and the result is None.
    """
    return _Scan(known or {}, keep_going).run(folders)


def track_id(namespace: str, relative: str) -> TrackId:
    """Id of the file at a path relative to its library folder; see `TrackId`."""
    return TrackId(hashlib.sha256(os.fsencode(namespace + relative)).hexdigest()[:16])


class _Stopped(Exception):  # noqa: N818 - asked for, not an error
    """The scan shall end."""


class _Scan:
    """The state of one scan."""

    def __init__(self, known: Mapping[str, Known], keep_going: Callable[[int], bool]) -> None:
        self._known, self._keep_going = known, keep_going
        self._found: dict[str, Known] = {}
        self._skipped: list[Skipped] = []
        self._missing: list[str] = []
        self._seen: set[tuple[int, int]] = set()

    def run(self, folders: Sequence[Path]) -> ScanResult | None:
        try:
            for root in _roots(folders):
                if root.path.is_dir():
                    self._folder(root, root.path)
                else:
                    self._missing.append(
                        f"{_printable(root.path)} is not there: mount or create it, or change "
                        "`folders` under [music] in the configuration"
                    )
        except _Stopped:
            return None
        return ScanResult(
            tracks=tuple(known.track for known in self._found.values()),
            skipped=tuple(self._skipped),
            missing=tuple(self._missing),
            known=self._found,
        )

    def _folder(self, root: _Root, top: Path) -> None:
        """All of a folder, without recursion: a tree may be deeper than Python's stack."""
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            self._breathe()
            try:
                if not self._first_visit(folder.stat()):
                    continue
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                self._skip(folder, f"cannot be opened: {error.strerror}")
                continue
            own_stamp, own = self._own_tags(folder)
            below = []
            for path, status in self._music(entries):
                if stat.S_ISDIR(status.st_mode):
                    below.append(path)
                else:
                    self._breathe()
                    self._file(root, path, status, own_stamp, own.get(path.name))
            waiting += reversed(below)

    def _music(self, entries: Sequence[os.DirEntry[str]]) -> Iterator[tuple[Path, os.stat_result]]:
        """Folders and files that may be music; hidden ones and others' are passed by."""
        for entry in entries:
            if entry.name.startswith(_NOT_OURS):
                continue
            path = Path(entry.path)
            try:
                status = entry.stat()
            except OSError as error:
                if path.suffix.lower() in _ENDINGS:
                    self._skip(path, f"cannot be opened: {error.strerror}")
                continue
            if stat.S_ISDIR(status.st_mode):
                yield path, status
            elif path.suffix.lower() in _ENDINGS:
                if stat.S_ISREG(status.st_mode):
                    yield path, status
                else:
                    self._skip(path, "not a file")

    def _file(
        self,
        root: _Root,
        path: Path,
        status: os.stat_result,
        own_stamp: tuple[int, ...],
        own: OwnTag | None,
    ) -> None:
        if not self._first_visit(status):
            return
        stamp = (status.st_size, status.st_mtime_ns, *own_stamp)
        before = self._known.get(str(path))
        if before is not None and before.stamp == stamp:
            self._found[str(path)] = before
            return
        try:
            track = _track(root, path, status, own)
        except Unplayable as error:
            self._skip(path, str(error))
        else:
            self._found[str(path)] = Known(stamp, track)

    def _own_tags(self, folder: Path) -> tuple[tuple[int, ...], Mapping[str, OwnTag | None]]:
        """The user's tags for the files of a folder, and a stamp of the file they stand in."""
        path = folder / OWN_TAGS
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                self._skip(path, "not a file")
                return (), {}
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return (), {}
        except (OSError, ValueError) as error:
            self._skip(path, f"not read: {error}")
            return (), {}
        tags = {name: self._own_tag(path, name, entry) for name, entry in table.items()}
        return (status.st_size, status.st_mtime_ns), tags

    def _own_tag(self, path: Path, name: str, entry: object) -> OwnTag | None:
        try:
            return msgspec.convert(entry, OwnTag)
        except msgspec.ValidationError as error:
            self._skip(path, f"entry {name!r}: {error}")
            return None

    def _first_visit(self, status: os.stat_result) -> bool:
        """False for what was seen already, by another way or in a circle of links."""
        place = (status.st_dev, status.st_ino)
        new = place not in self._seen
        self._seen.add(place)
        return new

    def _skip(self, path: Path, reason: str) -> None:
        name = _printable(path)
        log.warning("skipped %s: %s", name, reason)
        self._skipped.append(Skipped(name, reason))

    def _breathe(self) -> None:
        if not self._keep_going(len(self._found)):
            raise _Stopped


def _roots(folders: Sequence[Path]) -> list[_Root]:
    """Namespaces that keep equal relative paths of two folders apart.

    They depend on the configuration alone, not on which folders are there just now: the first
    folder has none, the others have their names, with a number when that name came before.
    """
    roots: list[_Root] = []
    for folder in folders:
        path = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100 - links stay as configured
        namespace, number = f"{path.name}\0" if roots else "", 1
        while namespace in {root.namespace for root in roots}:
            number += 1
            namespace = f"{path.name}\0{number}\0"
        roots.append(_Root(path, namespace))
    return roots


def _track(root: _Root, path: Path, status: os.stat_result, own: OwnTag | None) -> Track:
    """The track in a file. Raises `Unplayable`."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise Unplayable("its name is not valid UTF-8: rename it") from None
    if status.st_size == 0:
        raise Unplayable("the file is empty")
    tags, seconds = probe(path)
    relative = path.relative_to(root.path)
    return Track(
        id=track_id(root.namespace, relative.as_posix()),
        path=str(path),
        title=tags.title or path.stem,
        artist=tags.artist or "",
        affect=affect_of(
            own=own,
            valence=tags.valence,
            arousal=tags.arousal,
            moods=tags.moods,
            folders=(root.path.name, *relative.parts[:-1]),
            genre=tags.genre,
        ),
        duration_seconds=seconds,
        album=tags.album,
        genre=tags.genre,
        year=tags.year,
        tempo_bpm=tags.tempo_bpm,
        loudness_lufs=tags.loudness_lufs,
        explicit=tags.explicit,
    )


def _printable(path: Path) -> str:
    """A path for people and journals: what is not text is escaped."""
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
