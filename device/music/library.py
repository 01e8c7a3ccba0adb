"""Find the music: what is in the folders, what it says of itself, what the user says of it."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from device.music.affect import affect_of, is_genre
from device.music.identity import Present, settle, track_id
from device.music.labels import Label
from device.music.looks import Pulse, Unanswered
from device.music.playlists import BadPlaylist, read_playlist, spelled
from device.music.probe import TooSlow, Unplayable, probe
from device.music.tags import printable
from device.music.walk import Found, Root, SoundFile, walk
from device.music.words import place_of_folder
from device.types import LibraryScanned, SkippedFile, Track, readable

log = logging.getLogger(__name__)
Result = TypeVar("Result")

READER = 5
"""Raised when files are read otherwise, so that all are read anew."""
CHANGING = "it changed while it was read: it is looked at again in a minute"
SETTLED_SECONDS = 120.0
"""Files and folders that changed no longer ago may be on their way here: a copy over Wi-Fi rests
for seconds, hardly for minutes."""


class Progress(NamedTuple):
    """How far a scan is: `files` seen, and of those `to_open` that are new or changed, `opened`."""

    files: int
    opened: int = 0
    to_open: int | None = None


class ScanResult(NamedTuple):
    """What a scan found. `absent` names folders that are not there, are silent or empty, with the
    mend.

    `library` makes the next scan quick: files that did not change are not opened again.
    `restless`: music came, or is coming; look again soon. `unused` names playlists that say nothing
    of any track, and why.
    """

    library: LibraryScanned
    absent: tuple[str, ...] = ()
    restless: bool = False
    unused: tuple[str, ...] = ()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """What may be played."""
        return self.library.tracks

    @property
    def skipped(self) -> tuple[SkippedFile, ...]:
        """What was left out."""
        return self.library.skipped


def scan(
    places: Sequence[Root],
    known: LibraryScanned | None = None,
    keep_going: Callable[[Progress], bool] = lambda _: True,
    wall: float | None = None,
) -> ScanResult | None:
    """Look through folders, and those within; links are followed, each place is found once.

    `known`: the last result's library. `keep_going` is called before each file and folder; once
    it returns False the scan ends, and the result is None. `wall`: now, in seconds since the epoch.
    """
    now = time.time() if wall is None else wall
    return _Scan(known or LibraryScanned(), keep_going).run(places, now)


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
        self._there: list[tuple[Root, Present]] = []
        self._skipped: list[SkippedFile] = []
        self._silent: set[Root] = set()
        self._unused: list[str] = []
        self._restless = False
        self._progress = Progress(0)

    def run(self, places: Sequence[Root], wall: float) -> ScanResult | None:
        try:
            found = walk(places, self._skip, lambda files: self._breathe(Progress(files)))
            self._silent |= found.silent
            lists = self._playlists(found)
            changed = [
                (file, stamp, names)
                for file in found.files
                for names in (_names(file, lists),)
                for stamp in (_stamp(file, names),)
                if not self._unchanged(file, stamp)
            ]
            self._progress = Progress(len(found.files), 0, len(changed))
            for root, ours in groupby(changed, lambda each: each[0].root):
                self._open_all(root, list(ours))
        except _Stopped:
            return None
        there = [present for root, present in self._there if root not in self._silent]
        there.sort(key=lambda present: present.track.path)
        skipped = {skipped.path: skipped for skipped in self._skipped}
        library = replace(settle(self._known, there, wall), skipped=tuple(skipped.values()))
        return ScanResult(
            library=library,
            absent=tuple(_absent(places, found.gone, self._silent, library)),
            restless=self._restless or _is_fresh(found, wall),
            unused=tuple(self._unused),
        )

    def _unchanged(self, file: SoundFile, stamp: str) -> bool:
        """Take over what is known of a file, if it need not be opened."""
        path = str(file.path)
        if file.label.skip:
            self._skipped.append(SkippedFile(_printable(file.path), "your label says: skip"))
            return True
        before = self._before.get(path)
        if before is not None and before.stamp == stamp:
            self._there.append((file.root, before))
            return True
        skipped = self._skipped_before.get(path)
        if skipped is not None and skipped.stamp == stamp:
            self._skipped.append(skipped)
            return True
        return False

    def _open_all(
        self, root: Root, changed: Sequence[tuple[SoundFile, str, Sequence[str]]]
    ) -> None:
        """Open a folder's files, one after the other, unless its drive is silent."""

        def look(pulse: Pulse) -> None:
            for file, stamp, names in changed:
                pulse.beat(str(file.path))
                self._breathe(self._progress)
                self._open(file, stamp, names)
                self._progress = self._progress._replace(opened=self._progress.opened + 1)

        if root not in self._silent:
            self._look(root, look)

    def _open(self, file: SoundFile, stamp: str, playlists: Sequence[str]) -> None:
        """Take in a file, or say why not. Either makes restless, for the rest of an album may be
        on its way; but not what is never known again, and so opened each time."""
        found: Track | str
        try:
            found = _track(file, playlists)
        except TooSlow as error:
            self._skip(file.path, str(error))
            return
        except Unplayable as error:
            found = str(error)
        try:
            status = file.path.stat()
        except OSError as error:
            self._skip(file.path, f"cannot be opened: {error.strerror}")
            return
        if (status.st_size, status.st_mtime_ns) != (file.size, file.mtime_ns):
            self._restless = True
            self._skip(file.path, CHANGING)
        elif isinstance(found, str):
            self._skip(file.path, found, stamp)
            self._restless |= self._skipped[-1].stamp != ""
        else:
            self._there.append((file.root, Present(found, stamp)))
            self._restless = True

    def _playlists(self, found: Found) -> Mapping[str, Sequence[str]]:
        """Path of a file -> names of playlists that say something of it: of a mood or genre."""
        names: dict[str, list[str]] = {}
        ways = (str(way.path) for file in found.files for way in file.ways)
        files = spelled(ways) if found.playlists else {}
        for root, path in found.playlists:
            if place_of_folder(path.stem) is None and not is_genre(path.stem):
                self._unused.append(f"{_printable(path)}: its name is no mood and no genre")
                continue
            self._breathe(self._progress)
            entries = self._look(root, partial(self._entries, path, files))
            for entry in entries or ():
                names.setdefault(entry, []).append(path.stem)
            if entries is not None and not any(entry in files for entry in entries):
                none = "none of the files it names is here" if entries else "it names no files"
                self._unused.append(f"{_printable(path)}: {none}")
        return names

    def _entries(self, path: Path, files: Mapping[str, str], _pulse: Pulse) -> Sequence[str] | None:
        """What a playlist names, each once; None where it is refused."""
        try:
            return list(dict.fromkeys(read_playlist(path, files)))
        except BadPlaylist as error:
            self._skip(path, str(error))
            return None

    def _look(self, root: Root, look: Callable[[Pulse], Result]) -> Result | None:
        """What comes of it; None where the folder's drive is silent."""
        try:
            return root.look(look, lambda: self._breathe(self._progress))
        except Unanswered:
            self._silent.add(root)
            return None

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


def _is_fresh(found: Found, wall: float) -> bool:
    """Whether anything changed just now. Not what changed long after now: some clock was wrong."""
    changed = chain(found.folders_ns, (file.mtime_ns for file in found.files))
    return any(abs(wall - ns / 1e9) < SETTLED_SECONDS for ns in changed)


def _names(file: SoundFile, lists: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Names of the playlists that a file is on, by whatever way to it, each once."""
    if not file.links:
        return lists.get(str(file.path), ())
    return list(dict.fromkeys(n for way in file.ways for n in lists.get(str(way.path), ())))


def _stamp(file: SoundFile, playlists: Sequence[str]) -> str:
    """Differs once the file, or what is said of it from without, changed."""
    said = ""
    if playlists or file.links or file.label != _SILENT:
        folders = [link.folders for link in file.links]
        said = hashlib.sha256(repr((file.label, playlists, folders)).encode()).hexdigest()[:8]
    return f"{READER}:{file.size}:{file.mtime_ns}:{said}"


_SILENT = Label()


def _absent(
    places: Sequence[Root], gone: set[Root], silent: set[Root], library: LibraryScanned
) -> Iterator[str]:
    """Folders that are not there, do not answer, or whose drive is not mounted, and the mend."""
    lost = library.gone
    for root in places:
        name, below = _printable(root.path), f"{root.path}{os.sep}"
        missing = sum(track.path.startswith(below) for track in lost)
        if root in gone:
            yield (
                f"{name} is not there: mount or create it, or change `folders` under [music] in "
                "the configuration"
            )
        elif root in silent:
            mend = f"{name} does not answer: is its server up, its drive awake?"
            yield f"{mend} Its tracks are remembered" if missing else mend
        elif missing and not any(track.path.startswith(below) for track in library.tracks):
            yield (
                f"{name} holds none of its {missing} tracks any more: is its drive mounted? "
                "They are remembered"
            )


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
    # The nearest folder counts first, and those of other ways to it last.
    folders = [name for way in reversed(file.ways) for name in way.folders]
    sorted_as = (*reversed(folders), *playlists)
    genre = own.genre or tags.genre or next(filter(is_genre, sorted_as), None)
    return Track(
        id=track_id(root.namespace, relative.as_posix()),
        path=str(path),
        title=tags.title or printable(path.stem) or _printable(Path(path.stem)),
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
    text = readable(str(path))
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
