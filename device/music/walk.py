"""Walk the music folders: which sound files, labels and playlists are there. Opens no sound."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeVar

from device.music.endings import is_sound
from device.music.labels import LABEL_FILES, Label, Labels, read_labels
from device.music.looks import Looks, Pulse, Unanswered

Result = TypeVar("Result")
Place = tuple[int, int]
"""Device and inode: where a file or folder is, whatever leads there."""

_PLAYLISTS = frozenset((".m3u", ".m3u8", ".xspf"))
_NOT_OURS = frozenset(
    (
        *("lost+found", "$recycle.bin", "system volume information"),
        *(".trash", ".trashes", ".recycle", "#recycle", "@recycle"),
        *(".zfs", ".snapshot", ".snapshots", "#snapshot", "@recently-snapshot", ".git"),
        *("@eadir", ".@__thumb", ".thumbnails", ".stfolder", ".stversions", ".sync"),
        *(".appledb", ".appledesktop", ".appledouble", ".ds_store", ".fseventsd"),
        *(".documentrevisions-v100", ".spotlight-v100", ".temporaryitems"),
        *(".cache", ".config", ".local", ".var"),
    )
)
"""What file systems, file servers and programs keep for themselves: some of it copies of music,
erased or older. Another name may begin with a dot as a title does: "...Baby One More Time"."""
_NOT_OURS_BEGIN = ("._", ".trash-")
"""A Mac's notes beside each file; what the user of a number threw away."""
MISTAKES_NAMED = 5
"""Of one label file: somebody's poem named `mood.txt` has as many as lines."""
PATIENCE_SECONDS = 30.0
"""A drive that slept wakes up in a third of this time; one that is silent for longer, though it is
asked for a single file, counts as not there."""


class Root(NamedTuple):
    """One configured folder, what its tracks' ids start with, and the one look at it at a time."""

    path: Path
    namespace: str
    looks: Looks

    def look(self, look: Callable[[Pulse], Result], meanwhile: Callable[[], None]) -> Result:
        """What a look at this folder returns or raises; see `Looks.take`.

        Raises `Unanswered` where the drive is silent, and at once while an earlier look hangs.
        """
        return self.looks.take(look, str(self.path), PATIENCE_SECONDS, meanwhile)


class SoundFile(NamedTuple):
    """A file that may be music, as it was found first; `links` are other ways to it."""

    root: Root
    path: Path
    size: int
    mtime_ns: int
    label: Label
    links: tuple[SoundFile, ...] = ()

    @property
    def ways(self) -> tuple[SoundFile, ...]:
        """All of them, the one that was found first before the others."""
        return (self, *self.links)

    @property
    def folders(self) -> tuple[str, ...]:
        """Names of the folders that it lies in, outermost first, from the configured one on."""
        return self.root.path.name, *self.path.relative_to(self.root.path).parts[:-1]


class Found(NamedTuple):
    """All that lies in the music folders; those that are `gone`, and those that are `silent`.

    `folders_ns`: when each folder, and each within, changed last, in ns since the epoch.
    """

    files: list[SoundFile]
    playlists: list[tuple[Root, Path]]
    gone: set[Root]
    silent: set[Root]
    folders_ns: list[int]


def roots(folders: Sequence[Path]) -> list[Root]:
    """Namespaces that keep equal relative paths of two folders apart.

    They depend on the configuration alone, not on which folders are there just now: the first
    folder has none, the others have their names, with a number when that name came before.
    """
    found: list[Root] = []
    for folder in folders:
        path = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100 - links stay as configured
        namespace, number = f"{path.name}\0" if found else "", 1
        while namespace in {root.namespace for root in found}:
            number += 1
            namespace = f"{path.name}\0{number}\0"
        found.append(Root(path, namespace, Looks(1)))
    return found


def walk(
    places: Sequence[Root], skip: Callable[[Path, str], None], breathe: Callable[[int], None]
) -> Found:
    """Look through folders, and those within; links are followed, each place is found once.

    `skip` is told what cannot be used, and why; `breathe` the number of files, often.
    """
    found, seen = Found([], [], set(), set(), []), set[Place]()
    ways: dict[Place, list[SoundFile]] = {}
    for root in places:
        walker = _Walker(root, seen, lambda more: breathe(len(ways) + more))
        try:
            there = root.look(walker.walk, walker.breathe)
        except Unanswered:
            found.silent.add(root)
            continue
        if not there:
            found.gone.add(root)
            continue
        for path, reason in walker.refused:
            skip(path, reason)
        for place, file in walker.files:
            ways.setdefault(place, []).append(file)
        found.playlists.extend(walker.playlists)
        found.folders_ns.extend(walker.folders_ns)
        seen = walker.seen
    for first, *links in ways.values():
        found.files.append(_together(first, links) if links else first)
    return found


def _together(first: SoundFile, links: Sequence[SoundFile]) -> SoundFile:
    """A file with other ways to it, and with what all of them say; the first one wins."""
    label = first.label
    for link in links:
        label = label.over(link.label)
    return first._replace(label=label, links=tuple(links))


class _Walker:
    """Looks through one folder."""

    def __init__(self, root: Root, seen: set[Place], breathe: Callable[[int], None]) -> None:
        self._root, self._breathe = root, breathe
        self.seen = seen.copy()
        self.files: list[tuple[Place, SoundFile]] = []
        self.playlists: list[tuple[Root, Path]] = []
        self.refused: list[tuple[Path, str]] = []
        self.folders_ns: list[int] = []

    def breathe(self) -> None:
        """Tell how many files there are so far."""
        self._breathe(len(self.files))

    def walk(self, pulse: Pulse) -> bool:
        """All of the folder, without recursion: a tree may be deeper than Python's stack.

        False where it is not there.
        """
        if not os.path.isdir(self._root.path):  # noqa: PTH112 - a drive that fails is not there
            return False
        waiting = [(self._root.path, Label())]
        while waiting:
            folder, inherited = waiting.pop()
            pulse.beat(str(folder))
            self.breathe()
            waiting += reversed(self._folder(folder, inherited, pulse))
        return True

    def _folder(self, folder: Path, inherited: Label, pulse: Pulse) -> list[tuple[Path, Label]]:
        """Take what lies in a folder; the folders within it."""
        try:
            status = folder.stat()
            if not self._first_visit(status):
                return []
            self.folders_ns.append(status.st_mtime_ns)
            entries = _listed(folder, pulse)
        except OSError as error:
            self.refused.append((folder, f"cannot be opened: {error.strerror}"))
            return []
        labels = self._labels(folder, entries, inherited)
        below = []
        for path, status in self._ours(entries, pulse):
            if stat.S_ISDIR(status.st_mode):
                below.append((path, labels.all))
            elif path.suffix.lower() in _PLAYLISTS:
                self.playlists.append((self._root, path))
            else:
                label = labels.of(path.name)
                found = SoundFile(self._root, path, status.st_size, status.st_mtime_ns, label)
                self.files.append((_place(status), found))
        return below

    def _labels(
        self, folder: Path, entries: Sequence[os.DirEntry[str]], inherited: Label
    ) -> Labels:
        names = [entry.name for entry in entries]
        if not any(name.casefold() in LABEL_FILES for name in names):
            return Labels(inherited)
        labels, problems = read_labels(folder, names, inherited)
        for path, ours in groupby(problems, lambda problem: problem.path):
            self.refused.append((path, _in_short([problem.reason for problem in ours])))
        return labels

    def _ours(
        self, entries: Sequence[os.DirEntry[str]], pulse: Pulse
    ) -> Iterator[tuple[Path, os.stat_result]]:
        """Folders, playlists and files that may be music; what others keep there is passed by."""
        for entry in entries:
            name = entry.name.casefold()
            if name in _NOT_OURS or name.startswith(_NOT_OURS_BEGIN):
                continue
            pulse.beat(entry.path)
            path = Path(entry.path)
            wanted = is_sound(entry.name) or path.suffix.lower() in _PLAYLISTS
            try:
                status = entry.stat()
            except OSError as error:
                if wanted:
                    self.refused.append((path, f"cannot be opened: {error.strerror}"))
                continue
            if stat.S_ISDIR(status.st_mode):
                yield path, status
            elif wanted:
                if stat.S_ISREG(status.st_mode):
                    yield path, status
                else:
                    self.refused.append((path, "not a file"))

    def _first_visit(self, status: os.stat_result) -> bool:
        """False for a folder that was seen already, by another way or in a circle of links."""
        place = _place(status)
        new = place not in self.seen
        self.seen.add(place)
        return new


def _place(status: os.stat_result) -> Place:
    return status.st_dev, status.st_ino


def _listed(folder: Path, pulse: Pulse) -> list[os.DirEntry[str]]:
    """What lies in a folder, by name; a slow server tells of it little by little.

    Raises OSError.
    """
    entries = []
    with os.scandir(folder) as listing:
        for entry in listing:
            pulse.beat(str(folder))
            entries.append(entry)
    return sorted(entries, key=lambda entry: entry.name)


def _in_short(reasons: Sequence[str]) -> str:
    """A file's first mistakes, and how many more there are."""
    named, more = "; ".join(reasons[:MISTAKES_NAMED]), len(reasons) - MISTAKES_NAMED
    return f"{named}; and {more} more" if more > 0 else named
