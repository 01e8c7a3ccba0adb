"""What was learned, as figures for people: counts of what happened, and what the model makes of it.

Nothing is told of a name that was heard less than `LEAST` times.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Literal

import numpy as np

from device.lessons import Ended, Leaning, Lesson, MoodMap, TasteReport, Traits
from device.music.features import (
    AROUSAL,
    ARTIST,
    ERA,
    FIT,
    GENRE,
    VALENCE,
    Circumstances,
    Floats,
    Z,
    genres_in,
    z_of,
)
from device.music.taste import Belief, reward
from device.types import Emotion, Goal

Kind = Literal["genre", "artist", "decade"]
LEAST = 3
LEAST_FOR_A_MAP = 10
STRETCH = 20
AXIS = (-0.8, -0.4, 0.0, 0.4, 0.8)
"""Valence and arousal at which a map is told."""
SLICES: dict[Kind, slice] = {
    "genre": slice(GENRE, ARTIST),
    "artist": slice(ARTIST, Z),
    "decade": slice(ERA, GENRE),
}
FEW_SKIPS = 0.75
"""A name is told as a reason where it was mostly let play: so large a share, of four or more."""


def report(lessons: Collection[Lesson], belief: Belief, *, learning: bool) -> TasteReport:
    """Tell what `belief` learned from `lessons`, oldest first."""
    taught = [(lesson, r) for lesson in lessons if (r := reward(lesson)) is not None]
    rewards = [r for _, r in taught]
    mean, covariance = belief.in_(Circumstances(0.0, 0.0, Goal.MATCH))
    stretches = [rewards[at : at + STRETCH] for at in range(0, len(rewards), STRETCH)]
    return TasteReport(
        learning=learning,
        lessons=len(taught),
        liked=sum(lesson.liked is True for lesson in lessons),
        disliked=sum(lesson.liked is False for lesson in lessons),
        skipped=sum(lesson.ended is Ended.SKIPPED for lesson in lessons),
        finished=sum(lesson.ended is Ended.FINISHED for lesson in lessons),
        follows_mood=round(float(mean[FIT]), 3),
        follows_mood_deviation=round(math.sqrt(covariance[FIT, FIT]), 3),
        leanings=tuple(_leanings(taught, mean, covariance)),
        maps=tuple(_maps(taught, belief)),
        stretch=STRETCH,
        rewards=tuple(round(sum(some) / len(some), 3) for some in stretches),
    )


def reason(traits: Traits, lessons: Collection[Lesson], belief: Belief) -> str:
    """What was learned that spoke for a track, in words; empty where nothing did.

    Said only where the model weighs it so and the diary bears it out.
    """
    mean, _ = belief.in_(Circumstances(0.0, 0.0, Goal.MATCH))
    for kind, name in names_of(traits):
        if kind == "decade" or float(_vector(kind, name) @ mean) <= 0.0:
            continue
        same = [lesson for lesson in lessons if (kind, name) in names_of(lesson.moment.traits)]
        verdicts = [lesson for lesson in same if reward(lesson) is not None]
        kept = sum(lesson.ended is Ended.FINISHED for lesson in verdicts)
        if len(verdicts) > LEAST and kept >= FEW_SKIPS * len(verdicts):
            return f"{name} was mostly let play here lately ({kept} of {len(verdicts)} times)"
    return ""


def names_of(traits: Traits) -> list[tuple[Kind, str]]:
    """What of a track has a name: its genres, artist and decade."""
    names: list[tuple[Kind, str]] = [("genre", name) for name in genres_in(traits.genre or "")]
    if traits.artist:
        names.append(("artist", traits.artist))
    if traits.year is not None:
        names.append(("decade", f"{traits.year // 10 * 10}s"))
    return names


def _leanings(
    taught: Sequence[tuple[Lesson, float]], mean: Floats, covariance: Floats
) -> Iterator[Leaning]:
    """Genres, artists and decades heard often enough, best first."""
    heard: dict[tuple[Kind, str], list[float]] = defaultdict(list)
    for lesson, verdict in taught:
        for key in names_of(lesson.moment.traits):
            heard[key].append(verdict)
    found = []
    for (kind, name), verdicts in heard.items():
        if len(verdicts) < LEAST:
            continue
        vector = _vector(kind, name)
        effect, variance = float(vector @ mean), float(vector @ covariance @ vector)
        found.append(
            Leaning(
                kind, name, round(effect, 3), round(math.sqrt(max(0.0, variance)), 3),
                len(verdicts), round(sum(verdicts) / len(verdicts), 3),
            )
        )  # fmt: skip
    yield from sorted(found, key=lambda leaning: -leaning.effect)


def _vector(kind: Kind, name: str) -> Floats:
    """The part of z that a name alone makes."""
    if kind == "genre":
        traits = Traits(genre=name)
    elif kind == "artist":
        traits = Traits(artist=name)
    else:
        traits = Traits(year=int(name[:-1]) + 5)
    vector = np.zeros(Z)
    part = SLICES[kind]
    vector[part] = z_of(traits, 0.0)[part]
    return vector


def _maps(taught: Sequence[tuple[Lesson, float]], belief: Belief) -> Iterator[MoodMap]:
    """Where music is liked in each mood that was there often enough."""
    for emotion in Emotion:
        plays = sum(lesson.label.value == emotion.value for lesson, _ in taught)
        if plays < LEAST_FOR_A_MAP:
            continue
        here = [lesson for lesson, _ in taught if lesson.label.value == emotion.value]
        place = tuple(
            sum(getattr(lesson, axis) for lesson in here) / plays for axis in ("valence", "arousal")
        )
        mean, _ = belief.in_(Circumstances(place[0], place[1], Goal.MATCH))
        effects = np.zeros((len(AXIS), len(AXIS)))
        for row, arousal in enumerate(AXIS):
            for column, valence in enumerate(AXIS):
                far = -min(1.0, math.dist((valence, arousal), place) ** 2 / 1.5)
                z = np.zeros(Z)
                z[FIT], z[VALENCE], z[AROUSAL] = far, valence, arousal
                z[AROUSAL + 1 : AROUSAL + 4] = valence**2, arousal**2, valence * arousal
                effects[row, column] = z @ mean
        effects -= effects.mean()
        yield MoodMap(here[0].label, plays, tuple(tuple(row) for row in effects.round(3).tolist()))
