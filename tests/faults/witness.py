"""Somebody at home while things go wrong: asks, likes, listens, and notes how long each had to
wait."""

from __future__ import annotations

import contextlib
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from device.client import NotRunning, Refused
from device.types import Like, Play, SetVolume, Status
from tests.daemon import Daemon

if TYPE_CHECKING:
    from typing_extensions import Self

ASK_SECONDS = 0.1
PATIENCE_SECONDS = 4.0
"""On a machine that is busy with other things."""
LIKE_EVERY = 5
"""So many questions to a like."""


class Witness:
    """Asks in a thread of its own, from enter to leave."""

    def __init__(self, daemon: Daemon, *, likes: bool = True) -> None:
        self._daemon, self._may_like = daemon, likes
        self.answers = self.likes = 0
        self.volume: int | None = None
        self.longest_wait_seconds = 0.0
        """For an answer."""
        self.longest_pause_seconds = 0.0
        """In which the music did not go on."""
        self._place: tuple[str, float] | None = None
        self._moved_at = 0.0
        self._unanswered_since = math.inf
        self._over, self._has_liked = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> Self:
        self._moved_at = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._may_like:  # what goes wrong may be over sooner than a first like
            self._has_liked.wait(PATIENCE_SECONDS)
        self._over.set()
        self._thread.join()

    def kept_up(self) -> str:
        """Asserts that neither answers nor the music stopped for long; in words."""
        assert self.answers
        assert self.longest_wait_seconds < PATIENCE_SECONDS
        assert self.longest_pause_seconds < PATIENCE_SECONDS
        likes, volume = remembered(self._daemon)
        assert (likes, volume) == (self.likes, self.volume)
        return (
            f"longest wait for an answer {self.longest_wait_seconds:.1f} s, music never stood "
            f"still, {self.likes} of {self.likes} likes kept"
        )

    def _live(self) -> None:
        turn = 0
        while not self._over.wait(ASK_SECONDS):
            turn += 1
            waiting_since = min(self._unanswered_since, time.monotonic())
            try:
                self._note(self._ask(turn))
                self._unanswered_since = math.inf
            except (NotRunning, Refused):
                self._unanswered_since = waiting_since
            waited = time.monotonic() - waiting_since
            self.longest_wait_seconds = max(self.longest_wait_seconds, waited)

    def _ask(self, turn: int) -> Status:
        client = self._daemon.client
        if turn % LIKE_EVERY or not self._may_like:
            return client.status()
        volume = 40 + turn % 20
        client.command(SetVolume(volume))
        self.volume = volume
        status = client.command(Like())
        if status.track is not None:
            self.likes += 1
            self._has_liked.set()
        return status

    def _note(self, status: Status) -> None:
        now = time.monotonic()
        self.answers += 1
        place = status.track and (status.track.id, status.track.position_seconds)
        if place is not None and place != self._place:
            self._place, self._moved_at = place, now
        self.longest_pause_seconds = max(self.longest_pause_seconds, now - self._moved_at)


@contextlib.contextmanager
def alive(
    folder: Path, environment: Mapping[str, str] | None = None, **tables: dict[str, Any]
) -> Iterator[Daemon]:
    """A daemon that answers; it must have met no bug when it is left."""
    tables["music"] = {"listen": False, **tables.get("music", {})}
    daemon = Daemon(folder, **tables)
    try:
        daemon.start(**environment or {})
        until(daemon, lambda status: status.tracks > 0)
        yield daemon
        assert daemon.exit_code in (None, 0)
        assert "Traceback" not in daemon.told()
    finally:
        daemon.kill()


def until(daemon: Daemon, accept: Callable[[Status], bool], seconds: float = 90.0) -> float:
    """Wait for such a status; how many seconds it took. A part that is missing is tried again
    after up to a minute."""
    began = time.monotonic()
    status: Status | None = None
    while time.monotonic() - began < seconds and daemon.exit_code is None:
        with contextlib.suppress(NotRunning, Refused):
            status = daemon.client.status()
            if accept(status):
                return time.monotonic() - began
        time.sleep(0.05)
    pytest.fail(f"it did not come to that: {status}\n{daemon.told()[-5000:]}")


def plays(daemon: Daemon) -> None:
    """Have it play, and wait until it does."""
    daemon.client.command(Play())
    until(daemon, lambda status: status.playing and status.track is not None)


def remembered(daemon: Daemon) -> tuple[int, int | None]:
    """Likes and volume as the database of a daemon holds them; asserts that it is whole."""
    path = Path(daemon.tables["state"]["folder"]) / "attune.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (likes,) = db.execute("SELECT count(*) FROM feedback").fetchone()
        row = db.execute("SELECT volume FROM resume").fetchone()
    return likes, None if row is None else row[0]
