"""What is remembered, in one SQLite file that survives `kill -9` and power cuts.

The write-ahead log with `synchronous=FULL` makes each call durable when it returns. Writes are
few and small, because the file lives on an SD card: what did not change is not written again.
"""

from __future__ import annotations

import functools
import logging
import operator
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from device.lessons import Ended, Lesson, Memory, Rating
from device.ports import CannotDo, Clock, Play, Resume
from device.system import switch
from device.system.copies import erase_copies, expire_copies
from device.system.database import FILE, lock, open_database
from device.system.forgetting import erase, expire
from device.system.rows import (
    BALANCE,
    CORRECTION_COLUMNS,
    END_COLUMNS,
    FEEDBACK_COLUMNS,
    FORGET_UNHEARD_OF,
    LESSON_COLUMNS,
    LISTENED_COLUMNS,
    MOOD_COLUMNS,
    PLAY_COLUMNS,
    RATINGS,
    RESUME_COLUMNS,
    TRACK_COLUMNS,
    correction_of,
    insertion,
    lesson_of,
    library_changes,
    listened_of,
    listened_row,
    moment_text,
    mood_row,
    resume_of,
    track_of,
)
from device.types import (
    Correct,
    KnownFile,
    LibraryScanned,
    Listened,
    Mood,
    SkippedFile,
    Track,
    TrackId,
)

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

log = logging.getLogger(__name__)
Result = TypeVar("Result")

REFUSALS = (
    "database or disk is full",
    "disk I/O error",
    "attempt to write a readonly database",  # an SD card that failed is mounted read-only
    "unable to open database file",
    "database is locked",
)
"""How SQLite says that the disk, not we, is at fault (error codes come with Python 3.11)."""
PAGE = 1000
"""So many plays are read or written at a time: 10 to 20 ms, for the music waits so long."""
LATEST_ROW = 2**63 - 1
NOWHERE = Resume(None, 0.0, False, False, None, None, False)
MEND = "make room, or check the disk"


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
        self._library: LibraryScanned | None = None

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
        """Where to go on, None at the very first start; without what cannot be so."""
        row = self._db.execute(f"SELECT {RESUME_COLUMNS} FROM resume").fetchone()  # noqa: S608 - a constant
        resume = None if row is None else resume_of(row)
        if switch.is_on(self._folder):
            return (resume or NOWHERE)._replace(privacy=True)
        return resume

    def save_resume(self, resume: Resume) -> bool:
        """Remember where to go on; False where the disk refused. Nothing is written when nothing
        changed."""
        if resume == self._saved:
            return True

        def save(db: sqlite3.Connection) -> bool:
            switch.keep(self._folder, on=resume.privacy)
            db.execute(insertion("resume", f"only, {RESUME_COLUMNS}"), (1, *resume))
            return True

        stored = self._write(save) is not None
        self._saved = resume if stored else None
        return stored

    # --- the library ---

    def tracks(self) -> Sequence[Track]:
        """The library as last scanned, ordered by path."""
        return sorted(self.library().tracks, key=lambda track: track.path)

    def library(self) -> LibraryScanned:
        """All of the last scan, missing tracks and skipped files too, ordered by path."""
        if self._library is None:
            self._library = self._load_library()
        return self._library

    def _load_library(self) -> LibraryScanned:
        # Columns are named, for ALTER TABLE puts new ones at the end.
        rows = self._db.execute(f"SELECT {TRACK_COLUMNS} FROM tracks ORDER BY path")  # noqa: S608 - a constant
        tracks = [track_of(row) for row in rows]
        files = tuple(
            KnownFile(TrackId(track), stamp, missing_since)
            for track, stamp, missing_since in self._db.execute(
                "SELECT track, stamp, missing_since FROM known_files"
            )
        )
        skipped = self._db.execute("SELECT path, reason, stamp FROM skipped_files ORDER BY path")
        missing = {file.track for file in files if file.missing_since is not None}
        return LibraryScanned(
            tracks=tuple(track for track in tracks if track.id not in missing),
            missing=tuple(track for track in tracks if track.id in missing),
            skipped=tuple(SkippedFile(*row) for row in skipped),
            files=files,
        )

    def replace_library(self, library: LibraryScanned) -> None:
        """The library as scanned just now; only what differs is written, all or nothing."""
        before = self.library()
        changes = library_changes(before, library)
        if not any(change.any for change in changes):
            return

        def replace(db: sqlite3.Connection) -> bool:
            for change in changes:
                change.write(db)
            db.execute(FORGET_UNHEARD_OF)
            return True

        # What the disk refused is compared with what is there the next time.
        self._library = library if self._write(replace) else None

    def remembered(self) -> set[TrackId]:
        """Tracks that have a history: were played, liked, disliked or corrected."""
        rows = self._db.execute(
            "SELECT track FROM plays UNION SELECT track FROM feedback"
            " UNION SELECT track FROM corrections"
        )
        return {TrackId(track) for (track,) in rows}

    # --- what listening told ---

    def listened(self) -> Sequence[Listened]:
        """All that was listened to, and what could not be; what is unreadable is left out."""
        rows = self._db.execute(f"SELECT {LISTENED_COLUMNS} FROM listened")  # noqa: S608 - a constant
        return [known for row in rows if (known := listened_of(*row)) is not None]

    def add_listened(self, listened: Listened) -> None:
        """A track was listened to; replaces what an older analysis said of the same sound."""
        self._insert("listened", LISTENED_COLUMNS, listened_row(listened))

    # --- the user's own word ---

    def corrections(self) -> dict[TrackId, Correct]:
        """The user's own word on tracks; damaged rows are left out."""
        rows = self._db.execute(f"SELECT {CORRECTION_COLUMNS} FROM corrections")  # noqa: S608 - a constant
        found = [each for row in rows if (each := correction_of(*row)) is not None]
        return {each.track: each for each in found}

    def correct(self, *words: Correct) -> None:
        """Remember the user's word on tracks, instead of earlier ones, all or nothing.

        Raises `CannotDo` where the disk refuses.
        """
        said = [msgspec.structs.astuple(word) for word in words if not word.says_nothing]

        def replace(db: sqlite3.Connection) -> bool:
            tracks = [(word.track,) for word in words]
            db.executemany("DELETE FROM corrections WHERE track = ?", tracks)
            db.executemany(insertion("corrections", CORRECTION_COLUMNS), said)
            return True

        if self._write(replace) is None:
            raise CannotDo(f"{self._folder} cannot be written: nothing was corrected; {MEND}")

    # --- the diary ---

    def add_play(self, play: Play) -> int:
        """A track was started; returns the row to end it by, 0 when the disk refused it."""
        cursor = self._insert(
            "plays",
            PLAY_COLUMNS,
            (
                play.track,
                play.wall,
                play.goal.value,
                play.choice.probability,
                play.choice.because,
                *mood_row(play.mood),
                moment_text(play.moment),
            ),
        )
        return 0 if cursor is None else cursor.lastrowid or 0

    def end_play(
        self,
        row: int,
        *,
        heard_seconds: float,
        ended: Ended,
        moved: float | None,
    ) -> None:
        """A started track ended: how much was heard, and see `Lesson`."""
        if row != 0:
            finished = ended is Ended.FINISHED
            self._write(
                lambda db: db.execute(
                    "UPDATE plays SET heard_seconds = ?, finished = ?, ended = ?, moved = ?"
                    " WHERE id = ?",
                    (heard_seconds, finished, ended.value, moved, row),
                )
            )

    def last_plays(self, count: int, since: float = 0.0) -> Sequence[tuple[TrackId, float]]:
        """The newest plays, newest first, with their wall time: of so many, those since then."""
        # By row, not by wall time: the clock of a board without a battery may go backwards.
        rows = self._db.execute(
            "SELECT track, wall FROM (SELECT id, track, wall FROM plays ORDER BY id DESC LIMIT ?)"
            " WHERE wall >= ? ORDER BY id DESC",
            (count, since),
        )
        return [(TrackId(track), wall) for track, wall in rows]

    def add_feedback(
        self, track: TrackId, wall: float, *, liked: bool, mood: Mood, play: int | None = None
    ) -> bool:
        """A like or dislike in such a mood, of the play of that row; False where the disk
        refused."""
        row = (track, wall, liked, *mood_row(mood), play)
        return self._insert("feedback", FEEDBACK_COLUMNS, row) is not None

    def feedback(self) -> dict[TrackId, int]:
        """Likes minus dislikes of each track that has any; of each play the last word."""
        return {TrackId(track): balance for track, balance in self._db.execute(BALANCE)}

    def add_mood(self, wall: float, mood: Mood) -> None:
        """A mood; only the first of each minute is kept."""
        minute = int(wall // 60)
        if self._db.execute("SELECT 1 FROM moods WHERE minute = ?", (minute,)).fetchone() is None:
            self._insert("moods", f"minute, {MOOD_COLUMNS}", (minute, *mood_row(mood)))

    # --- what taste is learned from ---

    def lessons(self, count: int) -> Iterator[Sequence[Lesson]]:
        """The newest plays that taste is learned from: the newest page first, each oldest first.

        Damaged rows are left out.
        """
        verdicts = dict(
            self._db.execute("SELECT play, liked FROM feedback WHERE play IS NOT NULL ORDER BY id")
        )
        before = LATEST_ROW
        while count > 0:
            rows = self._db.execute(
                f"SELECT {LESSON_COLUMNS} FROM plays WHERE moment IS NOT NULL AND id < ?"  # noqa: S608 - a constant
                " ORDER BY id DESC LIMIT ?",
                (before, min(count, PAGE)),
            ).fetchall()
            if not rows:
                return
            before, count = rows[-1][0], count - len(rows)
            yield [found for row in rows[::-1] if (found := lesson_of(row, verdicts)) is not None]

    def add_lessons(self, lessons: Sequence[Lesson]) -> Iterator[int]:
        """Plays of elsewhere, taken for older than all others: some at a time, and how many of
        them were not known yet.

        Raises `CannotDo` where the disk refuses; what was written before stays.
        """
        known = set(self._db.execute("SELECT track, wall FROM plays"))
        fresh = {(each.track, each.wall): each for each in lessons}
        new = [each for key, each in fresh.items() if key not in known][::-1]
        for start in range(0, len(new), PAGE):
            page = new[start : start + PAGE]
            if self._write(functools.partial(_add_older, page)) is None:
                learned = f"only {start} of {len(new)} plays were" if start else "nothing was"
                raise CannotDo(f"{self._folder} cannot be written: {learned} learned; {MEND}")
            yield len(page)

    def ratings(self, count: int) -> Sequence[Rating]:
        """Likes and dislikes that none of so many of the newest plays holds, oldest first; the
        newest so many."""
        rows = self._db.execute(RATINGS, {"count": count}).fetchall()
        return [Rating(TrackId(track), wall, bool(liked)) for track, wall, liked in rows[::-1]]

    def add_ratings(self, ratings: Sequence[Rating]) -> Iterator[None]:
        """Likes and dislikes of elsewhere, but for those that are known: some at a time.

        Raises `CannotDo` where the disk refuses; what was written before stays.
        """
        known = set(self._db.execute("SELECT track, wall FROM feedback"))
        fresh = {(each.track, each.wall): each for each in ratings}
        rows = [
            (each.track, each.wall, each.liked, *mood_row(Mood()), None)
            for key, each in fresh.items()
            if key not in known
        ]
        sql = insertion("feedback", FEEDBACK_COLUMNS)
        for start in range(0, len(rows), PAGE):
            page = rows[start : start + PAGE]
            if self._write(operator.methodcaller("executemany", sql, page)) is None:
                raise CannotDo(
                    f"{self._folder} cannot be written: likes and dislikes are missing; {MEND}"
                )
            yield

    def forget(self, since: float, what: Collection[Memory] = (Memory.TASTE, Memory.MOODS)) -> int:
        """Erase what is remembered from a wall time on, or may be; how many plays there were.

        What is deleted is overwritten (`secure_delete`), the log that held it is emptied, and
        copies of the whole (`device.system.copies`) are removed. Raises `CannotDo` where the
        disk refuses: nobody is told of an erasure that was none.
        """
        wall = self._clock.wall()
        count = self._write(lambda db: erase(db, wall, since, what))
        if count is None:
            raise CannotDo(f"{self._folder} cannot be written: nothing was forgotten; {MEND}")
        self._saved = None
        try:
            (busy, *_) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            erase_copies(self._folder / FILE)
        except (OSError, sqlite3.OperationalError) as error:
            raise CannotDo(
                f"forgotten, but not overwritten yet in {self._folder}: {error}; {MEND}"
            ) from error
        if busy:
            raise CannotDo(
                f"forgotten, but not overwritten yet in {self._folder}: another program reads the "
                "database; close that, and forget once more"
            )
        return count

    def expire(self, keep_days: int) -> None:
        """Erase some of the plays and moods that are older, and the oldest copy, if it is; to be
        called once a day."""
        wall = self._clock.wall()
        count = self._write(lambda db: expire(db, wall, keep_days))
        if count:
            log.info("erased %d rows older than %d days", count, keep_days)
        try:
            expire_copies(self._folder / FILE, wall, keep_days)
        except OSError as error:
            log.warning("an old copy of what is remembered could not be removed: %s", error)

    # --- writing ---

    def _insert(self, table: str, columns: str, row: tuple[object, ...]) -> sqlite3.Cursor | None:
        return self._write(lambda db: db.execute(insertion(table, columns), row))

    def _write(self, work: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """Run `work` in one transaction; None when the disk refused."""
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                result = work(self._db)
        except (sqlite3.OperationalError, OSError) as error:
            if not _disk_refused(error):
                raise
            if not self._refused:
                log.error(  # noqa: TRY400 - the disk's fault; our stack says nothing
                    "nothing is remembered for now: %s: %s; %s", self._folder, error, MEND
                )
            self._refused = True
            return None
        if self._refused:
            log.info("%s can be written again", self._folder)
        self._refused = False
        return result


def _add_older(lessons: Sequence[Lesson], db: sqlite3.Connection) -> bool:
    """Write plays before all others, the newest of them first; 0 stands for no row."""
    (row,) = db.execute("SELECT min(coalesce(min(id), 0), 0) FROM plays").fetchone()
    play = insertion("plays", f"{PLAY_COLUMNS}, id, {END_COLUMNS}")
    verdict = insertion("feedback", FEEDBACK_COLUMNS)
    for each in lessons:
        row -= 1
        mood = (each.label.value, each.valence, each.arousal, 0.0, each.people, None, None)
        db.execute(
            play,
            (each.track, each.wall, each.goal.value, each.probability, "imported",
             *mood, moment_text(each.moment), row, each.heard_seconds,
             each.ended is Ended.FINISHED, each.ended and each.ended.value, each.moved),
        )  # fmt: skip
        if each.liked is not None:
            db.execute(verdict, (each.track, each.wall, each.liked, *mood, row))
    return True


def _disk_refused(error: Exception) -> bool:
    return isinstance(error, OSError) or str(error).startswith(REFUSALS)
