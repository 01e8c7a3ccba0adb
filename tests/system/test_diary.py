from __future__ import annotations

import contextlib
import ctypes.util
import sqlite3
from pathlib import Path

import pytest

from device.diary import MoodSpan
from device.lessons import Ended
from device.ports import CannotDo, Play
from device.system.diary import read_diary
from device.system.store import SqliteStore
from device.types import (
    Affect,
    Choice,
    Goal,
    LibraryScanned,
    Mood,
    MoodLabel,
    Track,
    TrackId,
)
from tests.fakes import FakeClock

START = 1_800_000_000.0
"""A whole number of minutes, and of their thirties."""
HAPPY = Mood(MoodLabel.HAPPINESS, 0.8, 0.5, 0.9, 0.0, people=1)
SAD = Mood(MoodLabel.SADNESS, -0.4, -0.3, 0.9, 0.0, people=3)


def a_track(name: str) -> Track:
    affect = Affect(0.0, 0.0, 0.5, "unknown")
    return Track(TrackId(name), f"/m/{name}.ogg", name.title(), "Somebody", affect, 60.0)


def play(store: SqliteStore, name: str, wall: float) -> int:
    choice = Choice(a_track(name), 0.5, "as the mood is")
    return store.add_play(Play(TrackId(name), wall, Goal.LIFT, HAPPY, choice))


def test_moods_are_told_by_steps(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, FakeClock()) as store:
        for minute, mood in enumerate([HAPPY, HAPPY, SAD, HAPPY, SAD, SAD]):
            store.add_mood(START + 60 * minute, mood)
        # The connection that writes is still open, as in the daemon.
        diary = read_diary(tmp_path, START, START + 300, 4)
    assert diary.moods == (
        MoodSpan(START, 4, MoodLabel.HAPPINESS, 0.5, 0.3, 3),
        MoodSpan(START + 240, 1, MoodLabel.SADNESS, -0.4, -0.3, 3),
    )
    assert (diary.since, diary.until, diary.step_minutes) == (START, START + 300, 4)


def test_plays_are_told_with_how_they_were_taken(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, FakeClock()) as store:
        store.replace_library(LibraryScanned((a_track("known"),)))
        row = play(store, "known", START + 10)
        store.add_feedback(TrackId("known"), START + 15, liked=True, mood=HAPPY, play=row)
        store.end_play(row, heard_seconds=40.0, ended=Ended.SKIPPED, moved=None)
        play(store, "gone", START + 60)
        play(store, "known", START + 120)
        diary = read_diary(tmp_path, START, START + 120, 5)
    first, second = diary.plays
    assert (first.title, first.artist, first.goal) == ("Known", "Somebody", Goal.LIFT)
    assert (first.heard_seconds, first.ended, first.liked) == (40.0, Ended.SKIPPED, True)
    assert (second.track, second.title, second.ended, second.liked) == ("gone", "", None, None)


def test_what_no_version_here_knows_is_left_out(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, FakeClock()) as store:
        for minute in range(12):
            store.add_mood(START + 60 * minute, HAPPY)
        rows = [play(store, f"{number}", START + number) for number in range(5)]
        for row in rows:
            store.end_play(row, heard_seconds=1.0, ended=Ended.SKIPPED, moved=None)
        with store._db as db:
            db.execute("UPDATE moods SET label = 'awe' WHERE minute < ?", (START // 60 + 7,))
            for row, column in enumerate(("label", "goal", "ended"), start=rows[1]):
                db.execute(f"UPDATE plays SET {column} = 'later' WHERE id = ?", (row,))  # noqa: S608
            db.execute("UPDATE plays SET because = CAST(x'e4' AS TEXT) WHERE id = ?", (rows[0],))
        diary = read_diary(tmp_path, START, START + 720, 6)
    assert [(span.at, span.minutes) for span in diary.moods] == [(START + 360, 5)]
    assert [play.track for play in diary.plays] == ["0", "4"]


def test_a_reader_cannot_write_and_says_when_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(CannotDo, match="the history cannot be read"):
        read_diary(tmp_path, START, START + 60, 5)
    assert not list(tmp_path.iterdir())
    (tmp_path / "attune.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(CannotDo, match="cannot be read"):
        read_diary(tmp_path, START, START + 60, 5)


def _most_kept_by_sqlite() -> int | None:
    """Bytes, since it was asked last; None where Python has an SQLite of its own inside."""
    name = ctypes.util.find_library("sqlite3")
    if name is None:
        return None
    most = ctypes.CDLL(name).sqlite3_memory_highwater
    most.restype = ctypes.c_int64
    return int(most(1)) or None


def test_reading_a_long_past_takes_little_memory(tmp_path: Path) -> None:
    minutes = 60_000
    with SqliteStore(tmp_path, FakeClock()) as store:
        store.add_mood(START, HAPPY)
    with contextlib.closing(sqlite3.connect(tmp_path / "attune.db")) as db, db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(moods)") if row[1] != "minute"]
        others = ", ".join(columns)
        db.execute(
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?) "  # noqa: S608 - our names
            f"INSERT INTO moods (minute, {others}) SELECT minute + i, {others} FROM moods, n",
            (minutes - 1,),
        )
    assert (tmp_path / "attune.db").stat().st_size > 2 << 20
    with SqliteStore(tmp_path, FakeClock()):
        _most_kept_by_sqlite()
        before = _most_kept_by_sqlite()  # as nothing was read in between: what is kept anyway
        diary = read_diary(tmp_path, START, START + 60.0 * minutes, 60)
        most = _most_kept_by_sqlite()
    assert len(diary.moods) == minutes // 60
    if most is None or before is None:
        pytest.skip("Python's SQLite is no shared library here: it cannot be asked")
    assert most - before < 1 << 20
