"""What was learned, as figures for people: counts of what happened, and what the model makes of it.

Nothing is told of a name that was heard less than `LEAST` times.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Generator, Iterable, Sequence
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
    artist_vector,
    genre_vector,
    genres_in,
    lead_artist,
    spread,
    z_of,
)
from device.music.taste import Belief, reward
from device.types import Emotion, Goal, MoodLabel

Kind = Literal["genre", "artist", "decade"]
LEAST = 3
LEAST_FOR_A_MAP = 10
STRETCH = 20
AXIS = (-0.8, -0.4, 0.0, 0.4, 0.8)
"""Valence and arousal at which a map is told."""
FEW_SKIPS = 0.75
"""A name is told as a reason where it was mostly let play: so large a share, of four or more."""


def reporting(
    lessons: Iterable[Lesson], belief: Belief, *, learning: bool
) -> Generator[None, None, TasteReport]:
    """Tell in short steps what `belief` learned from `lessons`, oldest first; what is learned
    meanwhile is not told."""
    lessons, weights = tuple(lessons), belief.mean
    mean, covariance = belief.in_(Circumstances(0.0, 0.0, Goal.MATCH))
    yield
    taught = [(lesson, r) for lesson in lessons if (r := reward(lesson)) is not None]
    rewards = [r for _, r in taught]
    stretches = _stretches(rewards)
    yield
    leanings = yield from _leanings(taught, mean, covariance)
    maps = yield from _maps(taught, weights)
    return TasteReport(
        learning=learning,
        lessons=len(taught),
        liked=sum(lesson.liked is True for lesson in lessons),
        disliked=sum(lesson.liked is False or lesson.ended is Ended.DISLIKED for lesson in lessons),
        skipped=sum(lesson.ended is Ended.SKIPPED for lesson in lessons),
        finished=sum(lesson.ended is Ended.FINISHED for lesson in lessons),
        follows_mood=round(float(mean[FIT]), 3),
        follows_mood_deviation=round(math.sqrt(covariance[FIT, FIT]), 3),
        leanings=leanings,
        maps=maps,
        stretch=STRETCH,
        rewards=tuple(round(sum(some) / len(some), 3) for some in stretches),
    )


def _stretches(rewards: Sequence[float]) -> list[Sequence[float]]:
    """So many plays each, and the newest so many where some are left over: few say little."""
    ends = [*range(STRETCH, len(rewards), STRETCH), len(rewards)] if rewards else []
    return [rewards[max(0, end - STRETCH) : end] for end in ends]


def reason(traits: Traits, lessons: Collection[Lesson], belief: Belief) -> str:
    """What was learned that spoke for a track, in words; empty where nothing did.

    Said only where the model weighs it so and the diary bears it out.
    """
    mean = spread(Circumstances(0.0, 0.0, Goal.MATCH)) @ belief.mean
    for kind, name in names_of(traits):
        if kind == "decade" or float(_vector(kind, name) @ mean) <= 0.0:
            continue
        same = [lesson for lesson in lessons if (kind, name.casefold()) in _plainly(lesson)]
        verdicts = [lesson for lesson in same if reward(lesson) is not None]
        kept = sum(lesson.ended is Ended.FINISHED for lesson in verdicts)
        if len(verdicts) > LEAST and kept >= FEW_SKIPS * len(verdicts):
            return f"{name} was mostly let play here lately ({kept} of {len(verdicts)} times)"
    return ""


def names_of(traits: Traits) -> list[tuple[Kind, str]]:
    """What of a track has a name: its genres, artist and decade."""
    names: list[tuple[Kind, str]] = [("genre", name) for name in genres_in(traits.genre or "")]
    if traits.artist:
        names.append(("artist", lead_artist(traits.artist)))
    if traits.year is not None:
        names.append(("decade", f"{traits.year // 10 * 10}s"))
    return names


def _plainly(lesson: Lesson) -> list[tuple[Kind, str]]:
    """What of a lesson's track has a name, whatever its capitals."""
    return [(kind, name.casefold()) for kind, name in names_of(lesson.moment.traits)]


def _leanings(
    taught: Sequence[tuple[Lesson, float]], mean: Floats, covariance: Floats
) -> Generator[None, None, tuple[Leaning, ...]]:
    """Genres, artists and decades heard often enough, best first; a step a name."""
    heard: dict[tuple[Kind, str], list[float]] = defaultdict(list)
    spelled: dict[tuple[Kind, str], str] = {}
    for lesson, verdict in taught:
        for kind, name in names_of(lesson.moment.traits):
            spelled[kind, name.casefold()] = name
            heard[kind, name.casefold()].append(verdict)
    found = []
    for (kind, key), verdicts in heard.items():
        name = spelled[kind, key]
        if len(verdicts) < LEAST:
            continue
        yield
        vector = _vector(kind, name)
        effect, variance = float(vector @ mean), float(vector @ covariance @ vector)
        found.append(
            Leaning(
                kind, name, round(effect, 3), round(math.sqrt(max(0.0, variance)), 3),
                len(verdicts), round(sum(verdicts) / len(verdicts), 3),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda leaning: -leaning.effect))


def _vector(kind: Kind, name: str) -> Floats:
    """The part of z that a name alone makes."""
    vector = np.zeros(Z)
    if kind == "genre":
        vector[GENRE:ARTIST] = genre_vector(name)
    elif kind == "artist":
        vector[ARTIST:] = artist_vector(name)
    else:
        vector[ERA:GENRE] = z_of(Traits(year=int(name[:-1]) + 5), 0.0)[ERA:GENRE]
    return vector


def _maps(
    taught: Sequence[tuple[Lesson, float]], weights: Floats
) -> Generator[None, None, tuple[MoodMap, ...]]:
    """Where music is liked in each mood that was there often enough; a step a mood."""
    moods: dict[MoodLabel, list[Lesson]] = defaultdict(list)
    for lesson, _ in taught:
        moods[lesson.label].append(lesson)
    maps = []
    for label in (MoodLabel(emotion.value) for emotion in Emotion):
        if len(moods[label]) >= LEAST_FOR_A_MAP:
            yield
            maps.append(_map(label, moods[label], weights))
    return tuple(maps)


def _map(label: MoodLabel, here: Sequence[Lesson], weights: Floats) -> MoodMap:
    place = (
        sum(lesson.valence for lesson in here) / len(here),
        sum(lesson.arousal for lesson in here) / len(here),
    )
    mean = spread(Circumstances(*place, Goal.MATCH)) @ weights
    effects = np.zeros((len(AXIS), len(AXIS)))
    for row, arousal in enumerate(AXIS):
        for column, valence in enumerate(AXIS):
            far = -min(1.0, math.dist((valence, arousal), place) ** 2 / 1.5)
            z = np.zeros(Z)
            z[FIT], z[VALENCE], z[AROUSAL] = far, valence, arousal
            z[AROUSAL + 1 : AROUSAL + 4] = valence**2, arousal**2, valence * arousal
            effects[row, column] = z @ mean
    effects -= effects.mean()
    return MoodMap(label, len(here), tuple(tuple(row) for row in effects.round(3).tolist()))
