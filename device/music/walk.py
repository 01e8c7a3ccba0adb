"""Walk the music folders: which sound files, labels and playlists are there. Opens no sound."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from device.music.labels import LABEL_FILES, Label, Labels, read_labels

ENDINGS = (
    ".mp3 .mp2 .flac .ogg .oga .opus .m4a .m4b .mp4 .aac .wma .asf .wav .wave .aiff .aif .aifc "
    ".alac .ape .wv .mpc .tta .mka .webm .ac3 .dts .dsf .dff .amr .au .caf .spx .w64 .tak"
)
"""Files with these endings are looked into; others (covers, notes) are no music."""
_ENDINGS = frozenset(ENDINGS.split())
_PLAYLISTS = frozenset((".m3u", ".m3u8", ".xspf"))
_NOT_OURS = (".", "@eaDir", "$RECYCLE.BIN", "lost+found")
"""Names that start so are hidden, or belong to a file server or file system."""
MISTAKES_NAMED = 5
"""Of one label file: somebody's poem named `mood.txt` has as many as lines."""


class Root(NamedTuple):
    """One configured folder, and what its tracks' ids start with."""

    path: Path
    namespace: str


class SoundFile(NamedTuple):
    """A file that may be music, as it was found."""

    root: Root
    path: Path
    size: int
    mtime_ns: int
    label: Label


class Found(NamedTuple):
    """All that lies in the music folders."""

    files: list[SoundFile]
    playlists: list[Path]


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
        found.append(Root(path, namespace))
    return found


def walk(
    places: Sequence[Root], skip: Callable[[Path, str], None], breathe: Callable[[int], None]
) -> Found:
    """Look through folders, and those within; links are followed, each place is seen once.

    `skip` is told what cannot be used, and why; `breathe` the number of files, often.
    """
    walker = _Walker(skip, breathe)
    for root in places:
        if root.path.is_dir():
            walker.folder(root)
    return walker.found


class _Walker:
    def __init__(self, skip: Callable[[Path, str], None], breathe: Callable[[int], None]) -> None:
        self._skip, self._breathe = skip, breathe
        self._seen: set[tuple[int, int]] = set()
        self.found = Found([], [])

    def folder(self, root: Root) -> None:
        """All of a folder, without recursion: a tree may be deeper than Python's stack."""
        waiting = [(root.path, Label())]
        while waiting:
            folder, inherited = waiting.pop()
            self._breathe(len(self.found.files))
            try:
                if not self._first_visit(folder.stat()):
                    continue
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                self._skip(folder, f"cannot be opened: {error.strerror}")
                continue
            labels = self._labels(folder, entries, inherited)
            below = []
            for path, status in self._ours(entries):
                if stat.S_ISDIR(status.st_mode):
                    below.append((path, labels.all))
                elif path.suffix.lower() in _PLAYLISTS:
                    self.found.playlists.append(path)
                elif self._first_visit(status):
                    label = labels.of(path.name)
                    found = SoundFile(root, path, status.st_size, status.st_mtime_ns, label)
                    self.found.files.append(found)
            waiting += reversed(below)

    def _labels(
        self, folder: Path, entries: Sequence[os.DirEntry[str]], inherited: Label
    ) -> Labels:
        names = [entry.name for entry in entries]
        if not any(name.casefold() in LABEL_FILES for name in names):
            return Labels(inherited)
        labels, problems = read_labels(folder, names, inherited)
        for path, ours in groupby(problems, lambda problem: problem.path):
            self._skip(path, _in_short([problem.reason for problem in ours]))
        return labels

    def _ours(self, entries: Sequence[os.DirEntry[str]]) -> Iterator[tuple[Path, os.stat_result]]:
        """Folders, playlists and files that may be music; hidden ones and others' are passed by."""
        for entry in entries:
            if entry.name.startswith(_NOT_OURS):
                continue
            path = Path(entry.path)
            wanted = path.suffix.lower() in _ENDINGS or path.suffix.lower() in _PLAYLISTS
            try:
                status = entry.stat()
            except OSError as error:
                if wanted:
                    self._skip(path, f"cannot be opened: {error.strerror}")
                continue
            if stat.S_ISDIR(status.st_mode):
                yield path, status
            elif wanted:
                if stat.S_ISREG(status.st_mode):
                    yield path, status
                else:
                    self._skip(path, "not a file")

    def _first_visit(self, status: os.stat_result) -> bool:
        """False for what was seen already, by another way or in a circle of links."""
        place = (status.st_dev, status.st_ino)
        new = place not in self._seen
        self._seen.add(place)
        return new


def _in_short(reasons: Sequence[str]) -> str:
    """A file's first mistakes, and how many more there are."""
    named, more = "; ".join(reasons[:MISTAKES_NAMED]), len(reasons) - MISTAKES_NAMED
    return f"{named}; and {more} more" if more > 0 else named
