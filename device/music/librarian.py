"""Scans the music folders in a thread of its own, at the start and when asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from device.music.library import Known, ScanResult, scan
from device.ports import PartUnavailable, WorkerContext
from device.types import LibraryScanned

RESCAN_SECONDS = 6 * 3600.0
"""New files are found after so long even if nobody asks."""


class Librarian:
    """The body of the worker `library`: posts what it found, then rests."""

    def __init__(self, folders: Sequence[Path], post: Callable[[LibraryScanned], None]) -> None:
        self._folders, self._post = folders, post
        self._context: WorkerContext | None = None
        self._known: Mapping[str, Known] = {}

    def scan(self) -> None:
        """Look again now; callable from any thread."""
        if self._context is not None:
            self._context.wake()

    def run(self, context: WorkerContext) -> None:
        """Scan, post, rest. Raises PartUnavailable when there is no music: what was known stays
        known, for a drive may be back soon."""
        self._context = context
        while not context.stopping:
            result = scan(self._folders, self._known, lambda _: _go_on(context))
            if result is None:
                return
            if not result.tracks:
                raise PartUnavailable(_no_music(result, self._folders))
            self._known = result.known
            self._post(LibraryScanned(result.tracks, len(result.skipped)))
            context.up(_summary(result))
            context.wait(RESCAN_SECONDS)


def _go_on(context: WorkerContext) -> bool:
    context.beat()
    return not context.stopping


def _no_music(result: ScanResult, folders: Sequence[Path]) -> str:
    if result.missing:
        return "; ".join(result.missing)
    places = ", ".join(str(folder) for folder in folders)
    return f"no music in {places}: put some there, or name another folder under [music] folders"


def _summary(result: ScanResult) -> str:
    words = [f"{len(result.tracks)} tracks"]
    if result.skipped:
        words.append(f"{len(result.skipped)} skipped (see the log)")
    return "; ".join([", ".join(words), *result.missing])
