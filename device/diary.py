"""What is told of the past: the moods of the room and what was played, by wall time."""

from __future__ import annotations

from device.lessons import Ended
from device.types import Goal, MoodLabel, TrackId, Value


class MoodSpan(Value, frozen=True):
    """The room over one step of time: means, the label that was seen most, the most people.

    `at`: when it began, seconds since the epoch. `minutes`: for how many somebody was seen.
    """

    at: float
    minutes: int
    label: MoodLabel
    valence: float
    arousal: float
    people: int


class Played(Value, frozen=True):
    """A track that was started at a wall time, for such a mood, why, and how it was taken.

    `title` is empty where the library no longer knows the track; `heard_seconds` and `ended` are
    None while it goes on, or where a power cut came between.
    """

    at: float
    track: TrackId
    title: str
    artist: str
    goal: Goal
    label: MoodLabel
    because: str
    heard_seconds: float | None = None
    ended: Ended | None = None
    liked: bool | None = None


class Diary(Value, frozen=True):
    """Moods, a row each `step_minutes` in which somebody was seen, and plays, both oldest first.

    Of wall times from `since` on, before `until`.
    """

    since: float
    until: float
    step_minutes: int
    moods: tuple[MoodSpan, ...] = ()
    plays: tuple[Played, ...] = ()
