"""What goes: a choice that sounds, its row in the diary, and what it teaches when it ends."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from device.lessons import Ended, Lesson
from device.music.learner import lesson_of, moved
from device.ports import Play, Store
from device.types import Choice, Goal, Mood, NowPlaying


class Going(NamedTuple):
    """The choice that sounds, the mood it was made for, and its row in the diary.

    The mood is None for a choice of an earlier run: the first certain one is taken for it.
    `drawn`: its probability is that of a draw; `lesson`: what it teaches, so far.
    `row` is None until it sounds, and 0 where there is none (the disk refused, it was forgotten).
    """

    choice: Choice
    mood: Mood | None
    start_seconds: float = 0.0
    row: int | None = None
    lesson: Lesson | None = None
    drawn: bool = False

    def began_before(self, wall: float) -> bool:
        """Whether it is sure to have begun before that wall time."""
        return self.lesson is not None and self.lesson.wall < wall


def begun(store: Store, going: Going, goal: Goal, wall: float) -> Going:
    """What goes now has a row."""
    mood = going.mood or Mood()
    lesson = lesson_of(going.choice, goal, mood, wall, drawn=going.drawn)
    play = Play(going.choice.track.id, wall, goal, mood, going.choice, lesson.moment)
    row = store.add_play(play)
    return going._replace(row=row, lesson=lesson)


def taken(going: Going, ended: Ended, heard_seconds: float, mood: Mood) -> Lesson | None:
    """What a play taught that ends now, in such a mood; None where it teaches nothing."""
    lesson = going.lesson
    if lesson is None:
        return None
    way = None
    if going.mood is not None:
        way = moved(lesson.goal, going.mood, mood, heard_seconds)
    return replace(lesson, heard_seconds=heard_seconds, ended=ended, moved=way)


def shown(going: Going, position_seconds: float) -> NowPlaying:
    """What goes, as shown to people."""
    track = going.choice.track
    return NowPlaying(
        id=track.id,
        title=track.title,
        artist=track.artist,
        path=track.path,
        position_seconds=round(position_seconds, 2),
        duration_seconds=track.duration_seconds,
        because=going.choice.because,
    )
