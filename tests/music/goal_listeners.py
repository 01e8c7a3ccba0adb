"""Simulated people who asked for a goal: what they hear moves their mood, for good or ill.

The mood is pulled toward where the music lies, the more the better it is liked, and music that is
disliked annoys. By how much is a guess, and modest: what is shown is that learning serves a goal
no worse than not learning does, not how much music does for anybody.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from device.lessons import Ended
from device.mood.circumplex import COORDINATES
from device.music.catalogue import Catalogue, Wish
from device.music.goals import FOCUS, distance_to_go
from device.music.learner import lesson_of
from device.music.taste import MOVED, MOVED_FULL, Belief
from device.types import AgeGroup, Emotion, Goal, Mood, MoodLabel, Track, TrackId
from tests.music.listeners import START, TRACK_SECONDS, Taste, answer, cut, expected_reward

SITTING = 10
"""Tracks until somebody sits down anew, in another mood."""
PULL, ANNOYANCE, STIR = 0.15, 0.1, 0.05
"""Share of the way to the music that a mood goes with a track that is loved; what one that is
hated takes of valence; and the deviation of what else moves it."""
VOICE, UNREST = 0.8, 0.8
"""What singing, and arousal far from a steady one, takes from a track for whoever works."""


class Sitting(NamedTuple):
    """What each play was worth in expectation, and how far the mood came with it."""

    worth: npt.NDArray[np.float64]
    progress: npt.NDArray[np.float64]


def with_voices(tracks: Sequence[Track], seed: int) -> tuple[Track, ...]:
    """In half of the tracks somebody sings."""
    dice = random.Random(500 + seed)
    return tuple(replace(track, voice=dice.choice([0.05, 0.95])) for track in tracks)


def live_toward(
    goal: Goal, taste: Taste, tracks: Sequence[Track], plays: int, seed: int, *, learning: bool
) -> Sitting:
    """Let somebody with a goal hear so many tracks, chosen with learning or without."""
    catalogue, belief = Catalogue(tracks), Belief()
    dice, person = random.Random(seed), random.Random(1000 + seed)
    recent: deque[tuple[TrackId, float]] = deque(maxlen=1000)
    mood, wall = felt(0.0, 0.0), START
    worth, progress = [], []
    for play in range(plays):
        if play % SITTING == 0:
            mood = felt(*COORDINATES[person.choice(list(Emotion))])
        wish = Wish(mood, goal, wall, play % SITTING, tuple(recent), repeat_hours=2.0)
        choice = catalogue.choose(wish, dice, belief if learning else None)
        assert choice is not None
        appeal = taste(choice.track, mood, play)
        if goal is Goal.FOCUS:
            appeal -= VOICE * ((choice.track.voice or 0.5) - 0.5)
            appeal -= UNREST * abs(choice.track.affect.arousal - FOCUS[1])
        lesson = answer(lesson_of(choice, goal, mood, wall), appeal, person)
        assert lesson.heard_seconds is not None
        share = lesson.heard_seconds / TRACK_SECONDS
        expected = expected_reward(appeal)
        way = distance_to_go(goal, mood)
        likely = way and way - (distance_to_go(goal, moved_by(choice.track, mood, appeal)) or 0.0)
        if likely is not None:
            expected += MOVED * cut(likely / MOVED_FULL)
        after = moved_by(choice.track, mood, appeal, share, person)
        if way is not None and lesson.ended is not Ended.DISLIKED:
            lesson = replace(lesson, moved=way - (distance_to_go(goal, after) or 0.0))
        if learning:
            belief.teach(lesson)
        worth.append(expected)
        progress.append(likely or 0.0)
        recent.appendleft((choice.track.id, wall))
        wall += lesson.heard_seconds
        mood = after
    return Sitting(np.array(worth), np.array(progress))


def felt(valence: float, arousal: float) -> Mood:
    """A grown-up's mood at a place."""
    place = (cut(valence), cut(arousal))
    nearest = min(Emotion, key=lambda emotion: math.dist(COORDINATES[emotion], place))
    return Mood(
        MoodLabel(nearest.value), *place, 0.8, 0.0, 1,
        42.0, (37.0, 47.0), AgeGroup.ADULT, 42.0, 42.0,
    )  # fmt: skip


def moved_by(
    track: Track, mood: Mood, appeal: float, share: float = 1.0, dice: random.Random | None = None
) -> Mood:
    """What a mood becomes with a track, of which a share was heard; without dice: in the mean."""
    pull = PULL * share * max(0.0, 0.5 + 0.5 * cut(appeal))
    annoyed = ANNOYANCE * max(0.0, -cut(appeal))
    stir = [0.0 if dice is None else dice.gauss(0.0, STIR) for _ in range(2)]
    return felt(
        mood.valence + pull * (track.affect.valence - mood.valence) - annoyed + stir[0],
        mood.arousal + pull * (track.affect.arousal - mood.arousal) + stir[1],
    )
