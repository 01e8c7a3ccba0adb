"""Find the music: what is in the folders, what it says of itself, what the user says of it."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from device.music.affect import affect_of, is_genre
from device.music.identity import Present, settle, track_id
from device.music.labels import Label
from device.music.playlists import BadPlaylist, read_playlist
from device.music.probe import TooSlow, Unplayable, probe
from device.music.walk import Root, SoundFile, roots, walk
from device.music.words import place_of_folder
from device.types import LibraryScanned, SkippedFile, Track

log = logging.getLogger(__name__)

READER = 2
"""Raised when files are read otherwise, so that all are read anew."""
CHANGING = "it changed while it was read: it is looked at again in a minute"


class Progress(NamedTuple):
    """How far a scan is: `files` seen, and of those `to_open` that are new or changed, `opened`."""

    files: int
    opened: int = 0
    to_open: int | None = None


class ScanResult(NamedTuple):
    """What a scan found. `absent` names folders that are not there, or empty, with the mend.

    `library` makes the next scan quick: files that did not change are not opened again.
    `restless`: a file was just being written; look again soon.
    """

    library: LibraryScanned
    absent: tuple[str, ...] = ()
    restless: bool = False

    @property
    def tracks(self) -> tuple[Track, ...]:
        """What may be played."""
        return self.library.tracks

    @property
    def skipped(self) -> tuple[SkippedFile, ...]:
        """What was left out."""
        return self.library.skipped


def scan(
    folders: Sequence[Path],
    known: LibraryScanned | None = None,
    keep_going: Callable[[Progress], bool] = lambda _: True,
    wall: float | None = None,
) -> ScanResult | None:
    """Look through folders, and those within; links are followed, each place is seen once.

    `known`: the last result's library. `keep_going` is called before each file and folder; once
    it returns False the scan ends, and the result is None. `wall`: now, in seconds since the epoch.
    """
    now = time.time() if wall is None else wall
    return _Scan(known or LibraryScanned(), keep_going).run(roots(folders), now)


class _Stopped(Exception):  # noqa: N818 - asked for, not an error
    """The scan shall end."""


class _Scan:
    """The state of one scan."""

    def __init__(self, known: LibraryScanned, keep_going: Callable[[Progress], bool]) -> None:
        self._known, self._keep_going = known, keep_going
        stamps = {file.track: file.stamp for file in known.files}
        self._before = {
            track.path: Present(track, stamps.get(track.id, ""))
            for track in (*known.missing, *known.tracks)
        }
        self._skipped_before = {skipped.path: skipped for skipped in known.skipped}
        self._there: list[Present] = []
        self._skipped: list[SkippedFile] = []
        self._restless = False

    def run(self, places: Sequence[Root], wall: float) -> ScanResult | None:
        try:
            found = walk(places, self._skip, lambda files: self._breathe(Progress(files)))
            lists = self._playlists(found.playlists)
            changed = [
                (file, stamp, names)
                for file in found.files
                for names in (lists.get(str(file.path), ()),)
                for stamp in (_stamp(file, names),)
                if not self._unchanged(file, stamp)
            ]
            for number, (file, stamp, names) in enumerate(changed):
                self._breathe(Progress(len(found.files), number, len(changed)))
                self._open(file, stamp, names)
        except _Stopped:
            return None
        there = sorted(self._there, key=lambda present: present.track.path)
        library = settle(self._known, there, wall)
        skipped = {skipped.path: skipped for skipped in self._skipped}
        return ScanResult(
            library=LibraryScanned(
                library.tracks, library.missing, tuple(skipped.values()), library.files
            ),
            absent=tuple(_absent(places, library)),
            restless=self._restless,
        )

    def _unchanged(self, file: SoundFile, stamp: str) -> bool:
        """Take over what is known of a file, if it need not be opened."""
        path = str(file.path)
        if file.label.skip:
            self._skipped.append(SkippedFile(_printable(file.path), "your label says: skip"))
            return True
        before = self._before.get(path)
        if before is not None and before.stamp == stamp:
            self._there.append(before)
            return True
        skipped = self._skipped_before.get(path)
        if skipped is not None and skipped.stamp == stamp:
            self._skipped.append(skipped)
            return True
        return False

    def _open(self, file: SoundFile, stamp: str, playlists: Sequence[str]) -> None:
        try:
            track = _track(file, playlists)
        except Unplayable as error:
            self._skip(file.path, str(error), "" if isinstance(error, TooSlow) else stamp)
            return
        try:
            status = file.path.stat()
        except OSError as error:
            self._skip(file.path, f"cannot be opened: {error.strerror}")
            return
        if (status.st_size, status.st_mtime_ns) != (file.size, file.mtime_ns):
            self._restless = True
            self._skip(file.path, CHANGING)
            return
        self._there.append(Present(track, stamp))

    def _playlists(self, paths: Sequence[Path]) -> Mapping[str, Sequence[str]]:
        """Path of a track -> names of playlists that say something of it: of a mood or genre."""
        names: dict[str, list[str]] = {}
        for path in paths:
            if place_of_folder(path.stem) is None and not is_genre(path.stem):
                continue
            self._breathe(Progress(0))
            try:
                entries = read_playlist(path)
            except BadPlaylist as error:
                self._skip(path, str(error))
                continue
            for entry in dict.fromkeys(entries):
                names.setdefault(entry, []).append(path.stem)
        return names

    def _skip(self, path: Path, reason: str, stamp: str = "") -> None:
        name = _printable(path)
        if stamp and name != str(path):
            stamp = ""  # by another name it would not be found again
        before = self._skipped_before.get(name)
        if before is None or before.reason != reason:
            log.warning("skipped %s: %s", name, reason)
        self._skipped.append(SkippedFile(name, reason, stamp))

    def _breathe(self, progress: Progress) -> None:
        if not self._keep_going(progress):
            raise _Stopped


def _stamp(file: SoundFile, playlists: Sequence[str]) -> str:
    """Differs once the file, or what is said of it from without, changed."""
    said = ""
    if playlists or file.label != _SILENT:
        said = hashlib.sha256(repr((file.label, playlists)).encode()).hexdigest()[:8]
    return f"{READER}:{file.size}:{file.mtime_ns}:{said}"


_SILENT = Label()


def _absent(places: Sequence[Root], library: LibraryScanned) -> list[str]:
    """Folders that are not there, or whose drive is not mounted, and the mend."""
    messages = []
    for root in places:
        name, below = _printable(root.path), f"{root.path}{os.sep}"
        if not root.path.is_dir():
            messages.append(
                f"{name} is not there: mount or create it, or change `folders` under [music] in "
                "the configuration"
            )
        elif not any(track.path.startswith(below) for track in library.tracks):
            gone = sum(track.path.startswith(below) for track in library.missing)
            if gone:
                messages.append(
                    f"{name} holds none of its {gone} tracks any more: is its drive mounted? "
                    "They are remembered"
                )
    return messages


def _track(file: SoundFile, playlists: Sequence[str]) -> Track:
    """The track in a file. Raises `Unplayable`."""
    path, root, own = file.path, file.root, file.label
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise Unplayable("its name is not valid UTF-8: rename it") from None
    if file.size == 0:
        raise Unplayable("the file is empty")
    tags, seconds, audio_hash = probe(path)
    relative = path.relative_to(root.path)
    folders = (root.path.name, *relative.parts[:-1])
    sorted_as = (*reversed(folders), *playlists)
    genre = own.genre or tags.genre or next(filter(is_genre, sorted_as), None)
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
            playlists=playlists,
            folders=folders,
            genre=genre,
        ),
        duration_seconds=seconds,
        album=tags.album,
        genre=genre,
        year=own.year or tags.year,
        tempo_bpm=tags.tempo_bpm,
        loudness_lufs=tags.loudness_lufs,
        explicit=tags.explicit if own.explicit is None else own.explicit,
        album_artist=tags.album_artist,
        track_number=tags.track_number,
        disc_number=tags.disc_number,
        peak_dbfs=tags.peak_dbfs,
        album_loudness_lufs=tags.album_loudness_lufs,
        album_peak_dbfs=tags.album_peak_dbfs,
        audio_hash=audio_hash,
    )


def _printable(path: Path) -> str:
    """A path for people and journals: what is not text is escaped."""
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
