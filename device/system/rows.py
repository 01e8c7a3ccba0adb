"""What is remembered as rows of the database, and rows as values again."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from device.lessons import Ended, Lesson, Moment
from device.ports import Resume
from device.types import (
    HOURS,
    LONGEST_SLEEP_MINUTES,
    Affect,
    Correct,
    Goal,
    Heard,
    KnownFile,
    LibraryScanned,
    Listened,
    Mood,
    MoodLabel,
    SkippedFile,
    Track,
    TrackId,
    Value,
)

log = logging.getLogger(__name__)
Number = TypeVar("Number", int, float)

LONGEST_POSITION_SECONDS = 7 * 86_400.0

_TRACK_FIELDS = (
    *("id", "path", "title", "artist", "duration_seconds", "album", "genre", "year", "tempo_bpm"),
    *("loudness_lufs", "explicit", "album_artist", "track_number", "disc_number", "peak_dbfs"),
    *("album_loudness_lufs", "album_peak_dbfs", "audio_hash"),
)
"""Of a track, but for what it feels like. What listening told is kept by sound, not by track."""
TRACK_COLUMNS = ", ".join((*_TRACK_FIELDS, "valence, arousal, deviation, affect_source"))
RESUME_COLUMNS = (
    "track, position_seconds, playing, paused_by_hand, volume, goal, privacy, sleep_minutes,"
    " quiet_hours, held"
)
FILE_COLUMNS = "track, stamp, missing_since"
SKIP_COLUMNS = "path, reason, stamp"
MOOD_COLUMNS = "label, valence, arousal, confidence, people, age_years, youngest_years"


FORGET_UNHEARD_OF = (
    "DELETE FROM listened WHERE sound NOT IN"
    " (SELECT coalesce(nullif(audio_hash, ''), id) FROM tracks)"
)
"""What was heard in sounds (see `device.music.listened.sound_key`) that no track has any longer,
not even a missing one."""
CORRECTION_COLUMNS = "track, valence, arousal, explicit, skip"
LISTENED_COLUMNS = "sound, version, heard, error"
PLAY_COLUMNS = f"track, wall, goal, probability, because, {MOOD_COLUMNS}, moment"
END_COLUMNS = "heard_seconds, finished, ended, moved"
LESSON_COLUMNS = (
    "id, track, wall, goal, probability, label, valence, arousal, people, moment,"
    " heard_seconds, ended, moved"
)
FEEDBACK_COLUMNS = f"track, wall, liked, {MOOD_COLUMNS}, play"
LAST_WORDS = "SELECT max(id) FROM feedback GROUP BY play, CASE WHEN play IS NULL THEN id END"
"""Of several likes and dislikes in one play the last one counts; what belongs to none does too."""
BALANCE = (
    f"SELECT track, sum(2 * liked - 1) FROM feedback WHERE id IN ({LAST_WORDS}) GROUP BY track"  # noqa: S608 - a constant
)
RATINGS = f"""
    SELECT track, max(wall, 0.0), liked FROM feedback WHERE id IN ({LAST_WORDS}) AND (
        play IS NULL OR play NOT IN (
            SELECT id FROM plays WHERE moment IS NOT NULL ORDER BY id DESC LIMIT :count
        )
    ) ORDER BY id DESC LIMIT :count
"""  # noqa: S608 - a constant
"""The last word in a play is told with the play."""


def insertion(table: str, columns: str) -> str:
    """SQL that writes a row, in the place of one with the same key. Both names are our own."""
    marks = ", ".join("?" * (columns.count(",") + 1))
    return f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - see above


def correction_of(
    track: str, valence: float | None, arousal: float | None, explicit: int | None, skip: int
) -> Correct | None:
    """A row of what the user said; None when it is damaged."""
    try:
        return Correct(
            TrackId(track), valence, arousal, None if explicit is None else bool(explicit),
            bool(skip),
        )  # fmt: skip
    except ValueError as error:
        log.warning("what was said of track %s does not count: %s", track, error)
        return None


_own_fields = attrgetter(*_TRACK_FIELDS)


def _track_row(track: Track) -> tuple[object, ...]:
    return (*_own_fields(track), *msgspec.structs.astuple(track.affect))


def track_of(row: Sequence[Any]) -> Track:
    """A row of `TRACK_COLUMNS`."""
    fields = dict(zip(_TRACK_FIELDS, row, strict=False))
    fields["explicit"] = bool(fields["explicit"])
    return Track(**fields, affect=Affect(*row[len(_TRACK_FIELDS) :]))


def resume_of(row: Sequence[Any]) -> Resume:
    """A row of `RESUME_COLUMNS`, without what decayed and cannot be so: a volume of 30000 % would
    be heard."""
    track, position, playing, paused_by_hand, volume, goal, privacy, sleep, hours, held = row
    return Resume(
        track=None if track is None else TrackId(track),
        position_seconds=_within("position", position, LONGEST_POSITION_SECONDS) or 0.0,
        playing=bool(playing),
        paused_by_hand=bool(paused_by_hand),
        volume=_within("volume", volume, 100),
        goal=_goal(goal),
        privacy=bool(privacy),
        sleep_minutes=_within("sleep timer", sleep, LONGEST_SLEEP_MINUTES),
        quiet_hours=_hours(hours),
        held=bool(held),
    )


def _within(name: str, value: Number | None, most: Number) -> Number | None:
    if value is None or 0 <= value <= most:
        return value
    log.warning("the %s that was noted cannot be %s", name, value)
    return None


def _goal(name: str | None) -> Goal | None:
    try:
        return None if name is None else Goal(name)
    except ValueError:
        log.warning("the goal that was noted cannot be %r", name)
        return None


def _hours(text: str | None) -> str | None:
    if text is None or re.fullmatch(HOURS, text):
        return text
    log.warning("the quiet hours that were noted cannot be %r", text)
    return None


def mood_row(mood: Mood) -> tuple[str | float | None, ...]:
    """A row of `MOOD_COLUMNS`."""
    return (
        mood.label.value,
        mood.valence,
        mood.arousal,
        mood.confidence,
        mood.people,
        mood.age_years,
        mood.youngest_years if mood.people else None,
    )


def moment_text(moment: Moment | None) -> str | None:
    """A play's circumstances as they are kept."""
    return None if moment is None else msgspec.json.encode(moment).decode()


def listened_of(sound: str, version: int, heard: str | None, error: str | None) -> Listened | None:
    """A row of what was heard; None when another version of Attune wrote it, which listens anew."""
    try:
        content = None if heard is None else msgspec.json.decode(heard, type=Heard)
    except msgspec.DecodeError:
        return None
    return Listened(sound, version, content, error)


def listened_row(listened: Listened) -> tuple[object, ...]:
    """A row of `LISTENED_COLUMNS`."""
    heard = None if listened.heard is None else msgspec.json.encode(listened.heard).decode()
    return listened.key, listened.version, heard, listened.error


def lesson_of(row: tuple[Any, ...], verdicts: dict[int, int]) -> Lesson | None:
    """A play by its row, and by its verdicts; None where the row is damaged."""
    number, track, wall, goal, probability, label, valence, arousal, people, *rest = row
    moment, heard, ended, moved = rest
    liked = verdicts.get(number)
    try:
        return Lesson(
            TrackId(track), wall, Goal(goal), probability, MoodLabel(label), valence, arousal,
            people, msgspec.json.decode(moment, type=Moment), heard,
            None if ended is None else Ended(ended), moved,
            None if liked is None else bool(liked),
        )  # fmt: skip
    except (ValueError, msgspec.DecodeError) as error:
        log.warning("play %s teaches nothing: %s", number, error)
        return None


class Changes:
    """What became of the rows of a table, by primary key."""

    def __init__(
        self,
        table: str,
        key: str,
        columns: str,
        before: Mapping[str, Value],
        after: Mapping[str, Value],
    ) -> None:
        self._table, self._key, self._columns = table, key, columns
        self._gone = [key for key in before if key not in after]
        # Most values are the same objects as before, and need no comparing.
        self._new = [
            value
            for key, value in after.items()
            if before.get(key) is not value and before.get(key) != value
        ]

    @property
    def any(self) -> bool:
        """Whether there is something to write."""
        return bool(self._gone or self._new)

    def write(self, db: sqlite3.Connection) -> None:
        """Bring the table to what it shall be."""
        db.executemany(
            f"DELETE FROM {self._table} WHERE {self._key} = ?",  # noqa: S608 - names from this file
            ((key,) for key in self._gone),
        )
        db.executemany(insertion(self._table, self._columns), map(_row, self._new))


def library_changes(before: LibraryScanned, after: LibraryScanned) -> tuple[Changes, ...]:
    """What a scan changed in the tables of the library."""
    return (
        Changes("tracks", "id", TRACK_COLUMNS, _tracks_of(before), _tracks_of(after)),
        Changes("known_files", "track", FILE_COLUMNS, _files_of(before), _files_of(after)),
        Changes("skipped_files", "path", SKIP_COLUMNS, _skips_of(before), _skips_of(after)),
    )


def _tracks_of(library: LibraryScanned) -> dict[str, Track]:
    return {track.id: track for track in (*library.tracks, *library.missing)}


def _files_of(library: LibraryScanned) -> dict[str, KnownFile]:
    return {file.track: file for file in library.files}


def _skips_of(library: LibraryScanned) -> dict[str, SkippedFile]:
    return {skipped.path: skipped for skipped in library.skipped}


def _row(value: Value) -> tuple[object, ...]:
    return _track_row(value) if isinstance(value, Track) else msgspec.structs.astuple(value)
