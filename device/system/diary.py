"""Reads the past out of the database, beside whoever writes it.

Each reading has a connection of its own that can only read, so that the main thread, which owns
the other one, never waits for a page.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from itertools import groupby
from pathlib import Path

from device.diary import Diary, MoodSpan, Played
from device.lessons import Ended
from device.ports import CannotDo
from device.system.database import CACHE_KIB, FILE, readable_text
from device.types import Goal, MoodLabel, TrackId

MOST_PLAYS = 5000
"""The newest so many are told: a week of three minutes each has 3,360."""

_LABELS = frozenset(label.value for label in MoodLabel)
_MOODS = """
    SELECT minute / :step AS span, label, count(*), sum(valence), sum(arousal), max(people)
    FROM moods WHERE minute >= :first AND minute < :last GROUP BY span, label ORDER BY span
"""
_PLAYS = """
    SELECT plays.wall, plays.track, coalesce(tracks.title, ''), coalesce(tracks.artist, ''),
           plays.goal, plays.label, plays.because, plays.heard_seconds, plays.ended,
           (SELECT liked FROM feedback WHERE feedback.play = plays.id ORDER BY id DESC LIMIT 1)
    FROM plays LEFT JOIN tracks ON tracks.id = plays.track
    WHERE plays.wall >= :since AND plays.wall < :until ORDER BY plays.wall DESC LIMIT :most
"""


def read_diary(folder: Path, since: float, until: float, step_minutes: int) -> Diary:
    """What was noted in wall times from `since` on, before `until`, but for what is damaged or of a
    later version. Callable from any thread.

    Raises `CannotDo` where the database cannot be read.
    """
    span = {
        "step": step_minutes,
        "first": int(since // 60),
        "last": int(until // 60),
        "since": since,
        "until": until,
        "most": MOST_PLAYS,
    }
    try:
        uri = f"{(folder / FILE).resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=1.0)) as db:
            db.text_factory = readable_text
            db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            moods = db.execute(_MOODS, span).fetchall()
            plays = db.execute(_PLAYS, span).fetchall()
    except sqlite3.Error as error:
        raise CannotDo(f"the history cannot be read: {error}") from error
    return Diary(
        since,
        until,
        step_minutes,
        tuple(_spans((row for row in moods if row[1] in _LABELS), step_minutes)),
        tuple(found for row in reversed(plays) if (found := _played(*row)) is not None),
    )


def _spans(
    rows: Iterable[tuple[int, str, int, float, float, int]], step_minutes: int
) -> Iterable[MoodSpan]:
    """One for each step, of the rows of its labels."""
    for number, group in groupby(rows, key=lambda row: row[0]):
        _, labels, counts, valences, arousals, people = zip(*group, strict=True)
        minutes = sum(counts)
        yield MoodSpan(
            at=number * step_minutes * 60.0,
            minutes=minutes,
            label=MoodLabel(labels[counts.index(max(counts))]),
            valence=round(sum(valences) / minutes, 3),
            arousal=round(sum(arousals) / minutes, 3),
            people=max(people),
        )


def _played(  # noqa: PLR0917 - a row
    at: float,
    track: str,
    title: str,
    artist: str,
    goal: str,
    label: str,
    because: str,
    heard_seconds: float | None,
    ended: str | None,
    liked: int | None,
) -> Played | None:
    """A row; None where it is damaged, or says what a later version alone knows."""
    try:
        return Played(
            at=at,
            track=TrackId(track),
            title=title,
            artist=artist,
            goal=Goal(goal),
            label=MoodLabel(label),
            because=because,
            heard_seconds=heard_seconds,
            ended=None if ended is None else Ended(ended),
            liked=None if liked is None else bool(liked),
        )
    except ValueError:
        return None
