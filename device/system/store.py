"""What is remembered, in one SQLite file that survives `kill -9` and power cuts.

The write-ahead log with `synchronous=FULL` makes each call durable when it returns. Writes are
few and small, because the file lives on an SD card: what did not change is not written again.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from device.ports import Clock, Play, Resume
from device.system.database import lock, open_database
from device.types import Affect, Goal, Heard, Listened, Mood, Track, TrackId

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

log = logging.getLogger(__name__)
Result = TypeVar("Result")

TRACK_COLUMNS = (
    "id, path, title, artist, valence, arousal, deviation, affect_source, duration_seconds,"
    " album, genre, year, tempo_bpm, loudness_lufs, explicit"
)
MOOD_COLUMNS = "label, valence, arousal, confidence, people, age_years, youngest_years"

REFUSALS = (
    "database or disk is full",
    "disk I/O error",
    "attempt to write a readonly database",  # an SD card that failed is mounted read-only
    "unable to open database file",
    "database is locked",
)
"""How SQLite says that the disk, not we, is at fault (error codes come with Python 3.11)."""


class SqliteStore:
    """`ports.Store` in `folder`, which is created where it is missing.

    Entering raises `StateError`. A damaged file is set aside beside the new one. Where the disk
    refuses a write (full, broken), that is logged once and the write is lost: the music goes on.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._resources = ExitStack()
        self._refused = False
        self._saved: Resume | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(lock(self._folder))
            db = open_database(self._folder, self._clock.wall())
            self._db = stack.enter_context(closing(db))
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._resources.close()

    # --- where to go on ---

    def load_resume(self) -> Resume | None:
        """Where to go on, None at the very first start."""
        row = self._db.execute(
            "SELECT track, position_seconds, playing, paused_by_hand, volume, goal, privacy"
            " FROM resume"
        ).fetchone()
        if row is None:
            return None
        track, position, playing, paused_by_hand, volume, goal, privacy = row
        return Resume(
            track=None if track is None else TrackId(track),
            position_seconds=position,
            playing=bool(playing),
            paused_by_hand=bool(paused_by_hand),
            volume=volume,
            goal=None if goal is None else Goal(goal),
            privacy=bool(privacy),
        )

    def save_resume(self, resume: Resume) -> None:
        """Remember where to go on; nothing is written when nothing changed."""
        if resume == self._saved:
            return
        stored = self._write(
            lambda db: db.execute(
                "INSERT OR REPLACE INTO resume VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
                resume,
            )
        )
        self._saved = None if stored is None else resume

    # --- the library ---

    def tracks(self) -> Sequence[Track]:
        """The library as last scanned, ordered by path."""
        rows = self._db.execute(f"SELECT {TRACK_COLUMNS} FROM tracks ORDER BY path")  # noqa: S608 - a constant
        return [_track(row) for row in rows]

    def replace_tracks(self, tracks: Sequence[Track]) -> None:
        """The library as scanned just now; only what differs is written, all or nothing."""
        known = {track.id: track for track in self.tracks()}
        changed = [_track_row(track) for track in tracks if known.get(track.id) != track]
        gone = known.keys() - {track.id for track in tracks}
        if not changed and not gone:
            return

        def replace(db: sqlite3.Connection) -> None:
            db.executemany("DELETE FROM tracks WHERE id = ?", ((track,) for track in gone))
            db.executemany(
                f"INSERT OR REPLACE INTO tracks VALUES ({_marks(15)})",  # noqa: S608 - marks alone
                changed,
            )

        self._write(replace)

    # --- what listening told ---

    def listened(self) -> Sequence[Listened]:
        """All that was listened to, and what could not be; what is unreadable is left out."""
        rows = self._db.execute("SELECT sound, version, heard, error FROM listened")
        return [known for row in rows if (known := _listened(*row)) is not None]

    def add_listened(self, listened: Listened) -> None:
        """A track was listened to; replaces what an older analysis said of the same sound."""
        heard = None if listened.heard is None else msgspec.json.encode(listened.heard).decode()
        self._write(
            lambda db: db.execute(
                "INSERT OR REPLACE INTO listened VALUES (?, ?, ?, ?)",
                (listened.key, listened.version, heard, listened.error),
            )
        )

    # --- the diary ---

    def add_play(self, play: Play) -> int:
        """A track was started; returns the row to end it by, 0 when the disk refused it."""
        cursor = self._insert(
            f"plays (track, wall, goal, probability, because, {MOOD_COLUMNS})",
            (
                play.track,
                play.wall,
                play.goal.value,
                play.choice.probability,
                play.choice.because,
                *_mood_row(play.mood),
            ),
        )
        return 0 if cursor is None else cursor.lastrowid or 0

    def end_play(self, row: int, *, heard_seconds: float, finished: bool) -> None:
        """A started track ended: how much was heard, and whether to its end."""
        if row != 0:
            self._write(
                lambda db: db.execute(
                    "UPDATE plays SET heard_seconds = ?, finished = ? WHERE id = ?",
                    (heard_seconds, finished, row),
                )
            )

    def last_plays(self, count: int) -> Sequence[tuple[TrackId, float]]:
        """The newest plays, newest first, with their wall time."""
        # By row, not by wall time: the clock of a board without a battery may go backwards.
        rows = self._db.execute("SELECT track, wall FROM plays ORDER BY id DESC LIMIT ?", (count,))
        return [(TrackId(track), wall) for track, wall in rows]

    def add_feedback(self, track: TrackId, wall: float, *, liked: bool, mood: Mood) -> None:
        """A like or dislike in such a mood."""
        self._insert(
            f"feedback (track, wall, liked, {MOOD_COLUMNS})",
            (track, wall, liked, *_mood_row(mood)),
        )

    def feedback(self) -> dict[TrackId, int]:
        """Likes minus dislikes of each track that has any."""
        rows = self._db.execute("SELECT track, sum(2 * liked - 1) FROM feedback GROUP BY track")
        return {TrackId(track): balance for track, balance in rows}

    def add_mood(self, wall: float, mood: Mood) -> None:
        """A mood; only the first of each minute is kept."""
        minute = int(wall // 60)
        if self._db.execute("SELECT 1 FROM moods WHERE minute = ?", (minute,)).fetchone() is None:
            self._insert(f"moods (minute, {MOOD_COLUMNS})", (minute, *_mood_row(mood)))

    # --- writing ---

    def _insert(self, into: str, row: tuple[object, ...]) -> sqlite3.Cursor | None:
        sql = f"INSERT INTO {into} VALUES ({_marks(len(row))})"  # noqa: S608 - names from this file
        return self._write(lambda db: db.execute(sql, row))

    def _write(self, work: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """Run `work` in one transaction; None when the disk refused."""
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                result = work(self._db)
        except sqlite3.OperationalError as error:
            if not _disk_refused(error):
                raise
            if not self._refused:
                log.error(  # noqa: TRY400 - the disk's fault; our stack says nothing
                    "nothing is remembered for now: %s: %s; make room, or check the disk",
                    self._folder,
                    error,
                )
            self._refused = True
            return None
        if self._refused:
            log.info("%s can be written again", self._folder)
        self._refused = False
        return result


def _listened(sound: str, version: int, heard: str | None, error: str | None) -> Listened | None:
    """A row of what was heard; None when another version of Attune wrote it, which listens anew."""
    try:
        content = None if heard is None else msgspec.json.decode(heard, type=Heard)
    except msgspec.DecodeError:
        return None
    return Listened(sound, version, content, error)


def _disk_refused(error: sqlite3.OperationalError) -> bool:
    return str(error).startswith(REFUSALS)


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _mood_row(mood: Mood) -> tuple[str | float | None, ...]:
    return (
        mood.label.value,
        mood.valence,
        mood.arousal,
        mood.confidence,
        mood.people,
        mood.age_years,
        mood.youngest_years,
    )


def _track_row(track: Track) -> tuple[str | float | None, ...]:
    return (
        track.id,
        track.path,
        track.title,
        track.artist,
        track.affect.valence,
        track.affect.arousal,
        track.affect.deviation,
        track.affect.source,
        track.duration_seconds,
        track.album,
        track.genre,
        track.year,
        track.tempo_bpm,
        track.loudness_lufs,
        track.explicit,
    )


def _track(row: tuple[Any, ...]) -> Track:
    """The inverse of `_track_row`."""
    track, path, title, artist, valence, arousal, deviation, source, duration, *rest = row
    album, genre, year, tempo, loudness, explicit = rest
    return Track(
        id=TrackId(track),
        path=path,
        title=title,
        artist=artist,
        affect=Affect(valence, arousal, deviation, source),
        duration_seconds=duration,
        album=album,
        genre=genre,
        year=year,
        tempo_bpm=tempo,
        loudness_lufs=loudness,
        explicit=bool(explicit),
    )
