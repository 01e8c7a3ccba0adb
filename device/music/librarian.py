"""Scans the music folders in a thread of its own: at the start, when asked, when one changes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from device.music.library import Progress, ScanResult, scan
from device.music.looks import Unanswered
from device.music.walk import Root, roots
from device.ports import PartUnavailable, WorkerContext
from device.types import Health, LibraryScanned, Part, PartChanged

log = logging.getLogger(__name__)

RESCAN_SECONDS = 6 * 3600.0
"""New files are found after so long even if nobody asks."""
RESTLESS_SECONDS = 60.0
"""Where music came, or is coming, it is looked for more after so long."""
GLANCE_SECONDS = 10.0
"""So often it is seen whether a drive was plugged in or out, by a look at its folder alone."""
TELL_SECONDS = 1.0
"""So often the progress is told."""
FEW_FILES = 20
"""The first files say little about how long the others will take."""


class Librarian:
    """The body of the worker `library`: posts what it found, then rests.

    `known`: the library as it was found last, also by an earlier run.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        post: Callable[[LibraryScanned | PartChanged], None],
        known: LibraryScanned,
    ) -> None:
        self._places, self._post, self._known = roots(folders), post, known
        self._context: WorkerContext | None = None
        self._asked = False
        self._health = Health.STARTING
        self._unused: tuple[str, ...] = ()

    def scan(self) -> None:
        """Look again now; callable from any thread."""
        self._asked = True
        if self._context is not None:
            self._context.wake()

    def settled(self, library: LibraryScanned) -> None:
        """A posted library as it was taken in, with other ids; callable from any thread.

        It may be overtaken by a scan that began before: what that finds is settled again.
        """
        self._known = library

    def run(self, context: WorkerContext) -> None:
        """Scan, post, rest. Raises PartUnavailable while there is no music at all; what is known
        stays known, for a drive may be back soon."""
        self._context = context
        while not context.stopping:
            self._asked = False
            seen = self._glance(context)
            result = scan(self._places, self._known, _Teller(context, self._tell).go_on)
            if result is None:
                return
            self._known = result.library
            self._post(result.library)
            self._tell_unused(result.unused)
            if not result.tracks:
                self._tell(Health.DOWN, message := _no_music(result, self._places))
                raise PartUnavailable(message)
            context.up(summary := _summary(result, self._places))
            self._tell(Health.UP, summary)  # the supervisor tells only what is new to it
            self._rest(context, seen, RESTLESS_SECONDS if result.restless else RESCAN_SECONDS)

    def _tell_unused(self, unused: tuple[str, ...]) -> None:
        """Playlists that say nothing, once each."""
        for playlist in unused:
            if playlist not in self._unused:
                log.info("not used: %s", playlist)
        self._unused = unused

    def _rest(self, context: WorkerContext, seen: object, seconds: float) -> None:
        """Until it is time, somebody asks, or a folder comes, goes or changes at its top."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._asked and self._glance(context) == seen:
            if context.wait(GLANCE_SECONDS):
                return

    def _glance(self, context: WorkerContext) -> object:
        return [_look_of(root, context) for root in self._places]

    def _tell(self, health: Health | None, detail: str, progress: float | None = None) -> None:
        """Progress (health: None, as it was) or its end."""
        self._health = health or self._health
        self._post(PartChanged("library", Part(self._health, detail, progress)))


def _look_of(root: Root, context: WorkerContext) -> object:
    """What changes when a drive is mounted, gone or silent, or an album is put on it."""

    def meanwhile() -> None:
        context.beat()
        if context.stopping:
            raise Unanswered(f"{root.path} is not waited for any longer")

    try:
        status = root.look(lambda _: root.path.stat(), meanwhile)
    except Unanswered:
        return "silent"
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns


class _Teller:
    """Tells how far a scan is, now and then, and how long it will take."""

    def __init__(
        self, context: WorkerContext, tell: Callable[[Health | None, str, float | None], None]
    ) -> None:
        self._context, self._tell = context, tell
        self._began = self._told_at = time.monotonic()
        self._opening_since: float | None = None

    def go_on(self, progress: Progress) -> bool:
        """Whether to; also feeds the watchdog."""
        self._context.beat()
        now = time.monotonic()
        if self._opening_since is None and progress.to_open:
            self._opening_since = now
        if now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            self._tell(None, words(progress, now - (self._opening_since or now)), share(progress))
        return not self._context.stopping


def share(progress: Progress) -> float:
    """How much is done, 0..1."""
    return round(progress.opened / progress.to_open, 3) if progress.to_open else 0.0


def words(progress: Progress, seconds: float) -> str:
    """How far a scan is that opens files since so many seconds, and how long it will take."""
    if progress.to_open is None:
        return f"looking through the folders: {progress.files:,} files"
    told = f"scanning {progress.opened:,} of {progress.to_open:,}"
    if progress.opened < FEW_FILES:
        return told
    left = seconds / progress.opened * (progress.to_open - progress.opened)
    return f"{told}, {left:.0f} s left" if left < 100 else f"{told}, {left / 60:.0f} min left"


def _no_music(result: ScanResult, places: Sequence[Root]) -> str:
    if result.absent:
        return "; ".join(result.absent)
    names = ", ".join(str(root.path) for root in places)
    return f"no music in {names}: put some there, or name another folder under [music] folders"


def _summary(result: ScanResult, places: Sequence[Root]) -> str:
    words = [f"{len(result.tracks)} tracks"]
    if result.skipped:
        words.append(f"{len(result.skipped)} skipped (see `attune library`)")
    tops = tuple(f"{root.path}{os.sep}" for root in places)
    gone = sum(track.path.startswith(tops) for track in result.library.gone)
    if gone:
        words.append(f"{gone} missing, not forgotten")
    return "; ".join([", ".join(words), *result.absent])
