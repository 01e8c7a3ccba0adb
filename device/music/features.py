"""Tracks and circumstances as vectors for the model of taste.

A track is z: a constant, its fit to the goal's aim, and what is known of it (`TRACK` numbers).
What it is worth is linear in z, with weights that depend on the circumstances c, again linearly:
w_c = A(c) w, of one weight vector w that is learned. So choosing needs A(c) once, and then only
z of each track. Where a number is not known it is 0, the middle.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from device.lessons import Lesson, Traits
from device.music.affect import ALSO_CALLED
from device.music.words import fold
from device.types import AgeGroup, Goal, Track

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]

NUMBERS = ("valence", "arousal", "valence²", "arousal²", "valence·arousal", "tempo", "loudness",
           "voice", "explicit")  # fmt: skip
ERAS = tuple(range(1950, 2021, 10))
"""Years between which a release is placed; before the first and after the last counts as these."""
COMMON_GENRES = (
    "rock", "pop", "jazz", "classical", "metal", "folk", "hip hop", "electronic", "soul", "country",
    "reggae", "blues", "punk", "funk", "r&b", "disco", "dance", "house", "techno", "trance",
    "ambient", "soundtrack", "world", "latin", "gospel", "children's music", "new age",
    "singer songwriter",
)  # fmt: skip
"""Genres that most libraries hold: each has an entry of its own, so that what is thought of jazz
says nothing of rock. A kind of one, such as hard rock, is half that one."""
GENRE_BUCKETS, ARTIST_BUCKETS = 24, 128
"""Other names are hashed, so that any library fits into a vector of fixed length. Each name is two
signed entries: two names rarely share both (feature hashing; Weinberger et al., ICML 2009). There
are more artists than genres, and whoever shares an entry with somebody hated is thought worse of.
"""
GENRES_OF_A_TRACK = 3

DENSE = len(NUMBERS) + len(ERAS)
GENRE_ENTRIES = len(COMMON_GENRES) + GENRE_BUCKETS
TRACK = DENSE + GENRE_ENTRIES + ARTIST_BUCKETS
CONSTANT, FIT, FIRST = 0, 1, 2
"""Where z has its constant, its fit, and the first of what describes the track itself."""
Z = FIRST + TRACK
VALENCE, AROUSAL = FIRST, FIRST + 1
ERA = FIRST + len(NUMBERS)
GENRE = FIRST + DENSE
ARTIST = GENRE + GENRE_ENTRIES

_COMMON = {fold(name): place for place, name in enumerate(COMMON_GENRES)}
for _other, _name in (("rap", "hip hop"), ("electronica", "electronic"), ("edm", "electronic")):
    _COMMON[_other] = _COMMON[_name]
_GUESTS = re.compile(r"\s*[\s(\[]\s*(?:feat|ft|featuring)\b\.?\s", re.IGNORECASE)

GROUPS = tuple(AgeGroup)
GOALS = tuple(Goal)
_PLACE = range(VALENCE, VALENCE + 5)
BY_GROUP = (*_PLACE, *range(ERA, GENRE + len(COMMON_GENRES)))
"""What an age group may like otherwise: places, eras and the common genres."""
CROSSED = 4 + 4 + 2 * len(GOALS)
"""Valence and arousal, each crossed with the mood's two, with two of the hour, with each goal."""
WEIGHTS = Z + CROSSED + len(GROUPS) * len(BY_GROUP)


class Spread(NamedTuple):
    """What is believed before anything was heard: standard deviations, in units of reward.

    Few things are strong in everybody; what tells people apart most is genre and artist.
    """

    constant: float = 0.12
    fit: float = 0.4
    place: float = 0.18
    number: float = 0.1
    era: float = 0.24
    genre: float = 0.32
    artist: float = 0.32
    by_mood: float = 0.4
    by_hour: float = 0.12
    by_goal: float = 0.08
    place_by_group: float = 0.1
    era_by_group: float = 0.2
    genre_by_group: float = 0.28


class Circumstances(NamedTuple):
    """When and for whom: the mood's valence and arousal, the goal, the age group and the hour."""

    valence: float
    arousal: float
    goal: Goal
    age_group: AgeGroup | None = None
    hour: float | None = None


def traits_of(track: Track) -> Traits:
    """What is known of a track; what cannot be true is taken for not known."""
    known = track.affect.source != "unknown"
    return Traits(
        valence=_bounded(track.affect.valence, -1.0, 1.0) if known else None,
        arousal=_bounded(track.affect.arousal, -1.0, 1.0) if known else None,
        tempo_bpm=_bounded(track.tempo_bpm, 1.0, 1000.0),
        loudness_lufs=_bounded(track.loudness_lufs, -120.0, 30.0),
        voice=_bounded(track.voice, 0.0, 1.0),
        explicit=track.explicit,
        year=track.year if track.year is not None and 0 < track.year <= 9999 else None,
        genre=track.genre[:300] if track.genre else None,
        artist=track.artist[:300],
    )


def dense_of(traits: Sequence[Traits]) -> Floats:
    """The first `DENSE` numbers of some tracks, shape (len(traits), DENSE)."""
    valence = _column([t.valence for t in traits])
    arousal = _column([t.arousal for t in traits])
    columns = (
        valence,
        arousal,
        valence * valence,
        arousal * arousal,
        valence * arousal,
        np.log2(_column([t.tempo_bpm for t in traits], 110.0) / 110.0).clip(-1.0, 1.0),
        ((_column([t.loudness_lufs for t in traits], -14.0) + 14.0) / 8.0).clip(-1.0, 1.0),
        2.0 * _column([t.voice for t in traits], 0.5) - 1.0,
        np.array([t.explicit for t in traits], float),
    )
    return np.hstack([np.stack(columns, axis=1), _eras([t.year for t in traits])])


@lru_cache(maxsize=4096)
def genre_vector(genre: str) -> tuple[float, ...]:
    """A genre tag, of up to three genres, as `GENRE_ENTRIES` numbers of about length 1."""
    names = genres_in(genre)
    if not names:
        return (0.0,) * GENRE_ENTRIES
    total = np.sum([_one_genre(name) for name in names], axis=0)
    return tuple(total / math.sqrt(len(names)))


def _one_genre(name: str) -> Floats:
    """A genre of its own, a kind of one (half that, half itself), or only its name hashed."""
    plain = fold(name)
    if plain not in _COMMON:
        plain = fold(ALSO_CALLED.get(plain, plain))
    vector = np.zeros(GENRE_ENTRIES)
    if plain in _COMMON:
        vector[_COMMON[plain]] = 1.0
        return vector
    vector[len(COMMON_GENRES) :] = _hashed(plain, GENRE_BUCKETS)
    kind = _kind_of(plain.split())
    if kind is not None:
        vector *= math.sqrt(0.5)
        vector[kind] = math.sqrt(0.5)
    return vector


def _kind_of(words: Sequence[str]) -> int | None:
    """The common genre that a genre is a kind of: the last one that it names, for "blues rock" is
    a kind of rock."""
    for end in range(len(words), 0, -1):
        for start in range(end):
            place = _COMMON.get(" ".join(words[start:end]))
            if place is not None:
                return place
    return None


@lru_cache(maxsize=4096)
def artist_vector(artist: str) -> tuple[float, ...]:
    """An artist as `ARTIST_BUCKETS` numbers of length 1, or 0 where nobody is named."""
    name = lead_artist(artist).casefold()
    return tuple(_hashed(name, ARTIST_BUCKETS)) if name else (0.0,) * ARTIST_BUCKETS


def lead_artist(artist: str) -> str:
    """Whose music it is: the artist without guests."""
    return _GUESTS.split(artist, maxsplit=1)[0].strip() or artist.strip()


@lru_cache(maxsize=4096)
def genres_in(tag: str) -> tuple[str, ...]:
    """The genres that a tag names, in lower case, three at most."""
    names = (name.strip() for name in re.split(r"[;,/|]", tag.casefold()))
    return tuple(dict.fromkeys(filter(None, names)))[:GENRES_OF_A_TRACK]


def z_of(traits: Traits, fit: float) -> Floats:
    """The vector of one track, shape (Z,)."""
    genre, artist = genre_vector(traits.genre or ""), artist_vector(traits.artist)
    return np.array([1.0, fit, *dense_of([traits])[0], *genre, *artist])


def spread(circumstances: Circumstances) -> Floats:
    """A(c), shape (Z, WEIGHTS): which weights count for what of a track in such circumstances."""
    spread = np.zeros((Z, WEIGHTS))
    spread[:, :Z] = np.eye(Z)
    for column, row, value in _crossings(circumstances):
        spread[row, column] = value
    if circumstances.age_group is not None:
        start = Z + CROSSED + GROUPS.index(circumstances.age_group) * len(BY_GROUP)
        spread[list(BY_GROUP), range(start, start + len(BY_GROUP))] = 1.0
    return spread


def x_of(lessons: Sequence[Lesson]) -> Floats:
    """A(c) transposed times z of each lesson, shape (len(lessons), WEIGHTS)."""
    x = np.zeros((len(lessons), WEIGHTS))
    moments = [lesson.moment for lesson in lessons]
    x[:, CONSTANT] = 1.0
    x[:, FIT] = [moment.fit for moment in moments]
    x[:, FIRST:GENRE] = dense_of([moment.traits for moment in moments])
    for row, lesson in zip(x, lessons, strict=True):
        z, traits = row[:Z], lesson.moment.traits
        z[GENRE:ARTIST] = genre_vector(traits.genre or "")
        z[ARTIST:] = artist_vector(traits.artist)
        circumstances = circumstances_of(lesson)
        for column, place, value in _crossings(circumstances):
            row[column] = z[place] * value
        if circumstances.age_group is not None:
            start = Z + CROSSED + GROUPS.index(circumstances.age_group) * len(BY_GROUP)
            row[start : start + len(BY_GROUP)] = z[list(BY_GROUP)]
    return x


def circumstances_of(lesson: Lesson) -> Circumstances:
    """When and for whom a lesson's track was chosen."""
    moment = lesson.moment
    return Circumstances(lesson.valence, lesson.arousal, lesson.goal, moment.age_group, moment.hour)


def deviations(prior: Spread) -> Floats:
    """Standard deviation of each weight before anything was heard, shape (WEIGHTS,)."""
    numbers = [prior.place] * 5 + [prior.number] * (len(NUMBERS) - 5)
    group = [
        *[prior.place_by_group] * 5,
        *[prior.era_by_group] * len(ERAS),
        *[prior.genre_by_group] * len(COMMON_GENRES),
    ]
    return np.array([
        prior.constant, prior.fit, *numbers, *[prior.era] * len(ERAS),
        *[prior.genre] * GENRE_ENTRIES, *[prior.artist] * ARTIST_BUCKETS,
        *[prior.by_mood] * 4, *[prior.by_hour] * 4, *[prior.by_goal] * (2 * len(GOALS)),
        *group * len(GROUPS),
    ])  # fmt: skip


def _crossings(circumstances: Circumstances) -> list[tuple[int, int, float]]:
    """(Weight, place in z, factor) of each product of the track's place and a circumstance."""
    hour = circumstances.hour
    angle = None if hour is None else 2.0 * math.pi * hour / 24.0
    factors = [
        circumstances.valence,
        circumstances.arousal,
        0.0 if angle is None else math.cos(angle),
        0.0 if angle is None else math.sin(angle),
        *(float(goal is circumstances.goal) for goal in GOALS),
    ]
    return [
        (Z + 2 * number + axis, VALENCE + axis, factor)
        for number, factor in enumerate(factors)
        for axis in (0, 1)
    ]


def _hashed(name: str, buckets: int) -> Floats:
    """Two signed entries for a name, the same on each machine; length 1."""
    digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).digest()
    first = digest[0] % buckets
    second = (first + 1 + digest[1] % (buckets - 1)) % buckets
    vector = np.zeros(buckets)
    vector[first] = math.sqrt(0.5) * (1 if digest[2] & 1 else -1)
    vector[second] = math.sqrt(0.5) * (1 if digest[3] & 1 else -1)
    return vector


def _eras(years: Sequence[int | None]) -> Floats:
    """Shares of the two decades that each year lies between, shape (len(years), len(ERAS))."""
    shares = np.zeros((len(years), len(ERAS)))
    known = np.flatnonzero([year is not None for year in years])
    place = _column(years)[known] - ERAS[0]
    place = (place / 10.0).clip(0.0, len(ERAS) - 1.0)
    low = np.minimum(place.astype(int), len(ERAS) - 2)
    shares[known, low], shares[known, low + 1] = low + 1 - place, place - low
    return shares


def _column(values: Sequence[float | None], unknown: float = 0.0) -> Floats:
    """Numbers as an array, where some may not be known."""
    return np.array([unknown if value is None else value for value in values], float)


def _bounded(value: float | None, low: float, high: float) -> float | None:
    """The value where it can be true, else None."""
    return value if value is not None and low <= value <= high else None
