"""What is erased from the database: at once when somebody asks, by and by when it is old."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from device.lessons import Memory

DAY_SECONDS = 86_400.0
CLOCK_SET = 1_735_689_600.0
"""2025-01-01: what was noted at an earlier wall time was noted by a clock that was not set."""
LATEST = 1e11
"""Later than any wall time, see `device.lessons.Lesson`."""
DAYS_AT_ONCE = 3.0
"""A daily pass erases no more than the oldest so many days: a clock that is years ahead for a
while costs little, and the card has little to write."""


_SURELY_BEFORE = """
    SELECT coalesce(max(id), 0) FROM (
        SELECT id, wall, max(wall) FILTER (WHERE wall BETWEEN :set AND :now) OVER (ORDER BY id)
            AS latest FROM {table} WHERE {own}
    ) WHERE wall >= :set AND wall < :since AND wall >= latest
"""
"""The last row before a day that was dated later than all before it, but for those in the future:
its clock did not lag."""
_OWN = {"plays": "id > 0", "feedback": "coalesce(play, 0) >= 0"}
"""What was noted here, in this order; what was imported has no place in it."""


def erase(db: sqlite3.Connection, wall: float, since: float, what: Collection[Memory]) -> int:
    """Erase of `what` all that may have been noted from a wall time on; how many plays that were.
    `wall`: now.

    Nobody must be remembered because a clock lagged: also what was noted before it was set, and
    what comes, by row, after the last that was surely noted before.
    """
    now = wall if wall >= CLOCK_SET else LATEST
    bounds = {"set": CLOCK_SET, "since": since, "now": now}
    plays = 0
    if Memory.TASTE in what:
        _erase_rows(db, "feedback", bounds)
        plays = _erase_rows(db, "plays", bounds)
    if Memory.MOODS in what:
        db.execute(
            "DELETE FROM moods WHERE minute >= :minute OR minute * 60 < :set",
            {**bounds, "minute": int(since // 60)},
        )
    if Memory.BY_HAND in what:
        # Never the privacy switch: forgetting must not open a camera.
        db.execute(
            "UPDATE resume SET track = NULL, position_seconds = 0, playing = 0,"
            " paused_by_hand = 0, volume = NULL, goal = NULL, sleep_minutes = NULL,"
            " quiet_hours = NULL, held = 0"
        )
    return plays


def _erase_rows(db: sqlite3.Connection, table: str, bounds: dict[str, float]) -> int:
    own = _OWN[table]
    (last,) = db.execute(_SURELY_BEFORE.format(table=table, own=own), bounds).fetchone()
    return db.execute(
        f"DELETE FROM {table} WHERE wall >= :since OR wall < :set OR (id > :last AND {own})",  # noqa: S608 - names from this file
        {**bounds, "last": last},
    ).rowcount


def expire(db: sqlite3.Connection, wall: float, keep_days: int) -> int:
    """Erase plays and moods that are older than `keep_days`, the oldest days first; how many rows.

    Likes and dislikes stay, for they were said on purpose, but not the mood that they were said
    in. What was noted while the clock was not set goes with what was noted after it.
    """
    before = wall - keep_days * DAY_SECONDS
    if before < CLOCK_SET:
        return 0
    (oldest,) = db.execute(
        "SELECT min(wall) FROM (SELECT min(wall) AS wall FROM plays WHERE wall >= :set"
        " UNION ALL SELECT min(wall) FROM feedback WHERE wall >= :set AND people > 0"
        " UNION ALL SELECT min(minute) * 60.0 FROM moods WHERE minute * 60.0 >= :set)",
        {"set": CLOCK_SET},
    ).fetchone()
    if oldest is None or oldest >= before:
        return 0
    bounds = {"set": CLOCK_SET, "before": min(before, oldest + DAYS_AT_ONCE * DAY_SECONDS)}
    # By row where there was no clock: before the first one that is kept.
    plays = db.execute(
        "DELETE FROM plays WHERE (wall >= :set AND wall < :before) OR (wall < :set AND id <"
        " (SELECT coalesce(min(id), 0) FROM plays WHERE wall >= :before))",
        bounds,
    ).rowcount
    moods = db.execute("DELETE FROM moods WHERE minute * 60.0 < :before", bounds).rowcount
    feedback = db.execute(
        "UPDATE feedback SET label = 'uncertain', valence = 0, arousal = 0, confidence = 0,"
        " people = 0, age_years = NULL, youngest_years = NULL WHERE wall < :before AND people > 0",
        bounds,
    ).rowcount
    return plays + moods + feedback
