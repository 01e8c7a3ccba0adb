"""What the tests of the store write to a state folder, and how they look into it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from device.ports import Play, Resume
from device.system.database import FILE
from device.system.store import SqliteStore
from device.types import Affect, Choice, Goal, Heard, Mood, MoodLabel, Track, TrackId
from tests.fakes import FakeClock

MOOD = Mood(
    MoodLabel.HAPPINESS,
    valence=0.7,
    arousal=0.4,
    confidence=0.9,
    people=2,
    age_years=31.5,
    youngest_years=8.0,
)
RESUME = Resume(TrackId("ab"), 12.5, True, False, 40, Goal.CALM, False)
HEARD = Heard(-14.5, 6.25, -0.75, 0.1, 2.5, 121.9, 7.4, 1800.0, "D major", 0.3, {"happy": 0.12})


def a_track(number: int, **changes: object) -> Track:
    fields: dict[str, object] = {
        "id": TrackId(f"{number:016x}"),
        "path": f"/music/{number:05}.ogg",
        "title": f"Title {number}",
        "artist": "Somebody",
        "affect": Affect(0.5, -0.25, 0.2, "user tag"),
        "duration_seconds": 61.5,
    }
    return Track(**(fields | changes))  # type: ignore[arg-type]


def a_play(track: str = "ab", wall: float = 1.0) -> Play:
    return Play(TrackId(track), wall, Goal.LIFT, MOOD, Choice(a_track(1), 0.25, "you liked it"))


def reopened(folder: Path) -> SqliteStore:
    return SqliteStore(folder, FakeClock())


def all_rows(folder: Path, table: str) -> list[tuple[object, ...]]:
    db = sqlite3.connect(folder / FILE)
    try:
        return db.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - from this file
    finally:
        db.close()
