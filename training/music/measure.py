"""Every figure of MUSIC.md, from the tables and from listening to the starter library."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from device.music.affect import affect_of
from device.music.heard import listened_affect
from device.music.probe import probe
from training.data import DataError
from training.metrics import RESAMPLES, SEED, Figure, figure
from training.music.audio import hear
from training.music.fit import Floats, Score, cross_validated, one_hot, ridge, score
from training.music.tables import (
    SETS,
    Leak,
    Single,
    Songs,
    agreement,
    jamendo_tags,
    leak,
    load,
    rated_genres,
    spotify_moods,
    spotify_songs,
    spotify_years,
)

FEWEST_TOGETHER = 5
"""Tracks that two tags share on average, below which how often they do is chance."""


class Guess(NamedTuple):
    """Predictions of songs (songs, 2), what is true, and how near they are on each axis."""

    name: str
    true: Floats
    predicted: Floats
    scores: tuple[Score, Score]


class Mood(NamedTuple):
    """A mood's songs: how many, Spotify's mean valence and energy, and where the word lies here."""

    name: str
    songs: int
    mean: tuple[float, float]
    place: tuple[float, float]


class Tables(NamedTuple):
    """All that the tables tell."""

    tags: int
    """Mood tags whose probabilities are given."""
    counts: dict[str, int]
    """Songs of each set."""
    leaks: dict[str, Leak]
    swapped: Floats
    """Correlation (2, 2) of DEAM's axes, rows, with EmoMusic's."""
    fits: list[Guess]
    rated: Guess
    spotify: list[Guess]
    moods: list[Mood]
    together: tuple[int, int, Figure]
    """Of MTG-Jamendo: tags, pairs, and rank correlation of nearness with going together."""


def measure_tables(data: Path) -> Tables:
    """Everything that the folder of tables tells. Raises DataError where one is missing."""
    sets = {name: load(data / name) for name in SETS}
    return Tables(
        sets["deam"].tags.shape[1],
        {name: len(songs.ids) for name, songs in sets.items()},
        {name: leak(songs) for name, songs in sets.items()},
        agreement(sets["deam"], sets["emomusic"]),
        [*_within(sets), *_across(sets)],
        _rated(rated_genres(data)),
        _spotify(spotify_songs(data), spotify_years(data)),
        _moods(data),
        together(jamendo_tags(data)),
    )


def swap(songs: Songs) -> Songs:
    """With the two axes the other way round."""
    return songs._replace(ratings=songs.ratings[:, ::-1])


def listened(starter: Path, models: Path, cache: Path) -> Guess:
    """Where listening puts the starter library's pieces, and where their composer meant them."""
    paths = sorted(starter.glob("*.ogg"))
    heard, failed = hear(paths, models, cache)
    if failed or not paths:
        raise DataError(f"{starter}: {failed or 'no pieces'}; put the starter library back")
    meant = [probe(path).tags for path in paths]
    found = [listened_affect(heard[path]) for path in paths]
    return guess(
        "listening",
        np.array([[tags.valence, tags.arousal] for tags in meant], float),
        np.array([[affect.valence, affect.arousal] for affect in found]),
        [path.stem for path in paths],
    )


def guess(name: str, true: Floats, predicted: Floats, groups: list[str]) -> Guess:
    """Predictions with their scores, by bootstrap over the groups."""
    scores = [score(true[:, axis], predicted[:, axis], groups) for axis in (0, 1)]
    return Guess(name, true, predicted, (scores[0], scores[1]))


def together(tracks: list[frozenset[str]]) -> tuple[int, int, Figure]:
    """Whether mood tags that lie near each other here are borne by the same tracks.

    Returns how many tags have a place and how many pairs of them there are, and Spearman's rank
    correlation of their distance, negated, with how much oftener than by chance they go together
    (lift); 95 % interval by bootstrap over tags.
    """
    places = {
        tag: (affect.valence, affect.arousal)
        for tag in sorted(frozenset().union(*tracks))
        if (affect := affect_of(moods=[tag])).source != "unknown"
    }
    alone = Counter(tag for track in tracks for tag in track)
    both = Counter(pair for track in tracks for pair in itertools.combinations(sorted(track), 2))
    tags = list(places)
    near, lift = np.full((2, len(tags), len(tags)), np.nan)
    for one, other in itertools.combinations(range(len(tags)), 2):
        chance = alone[tags[one]] * alone[tags[other]] / len(tracks)
        if chance < FEWEST_TOGETHER:
            continue
        near[one, other] = -np.hypot(*np.subtract(places[tags[one]], places[tags[other]]))
        lift[one, other] = both[tags[one], tags[other]] / chance
    counted = np.isfinite(near)
    random = np.random.default_rng(SEED)
    drawn = []
    for _ in range(RESAMPLES):
        times = np.bincount(random.integers(0, len(tags), len(tags)), minlength=len(tags))
        if (times > 0).sum() < 4:
            continue  # too few to have ranks
        weight = np.outer(times, times)[counted]
        drawn.append(_rank_correlation(near[counted].repeat(weight), lift[counted].repeat(weight)))
    value = _rank_correlation(near[counted], lift[counted])
    return len(tags), int(counted.sum()), figure(value, np.array(drawn))


def _within(sets: dict[str, Songs]) -> list[Guess]:
    return [
        guess(
            f"{name}, tenfold",
            songs.ratings,
            cross_validated(songs.tags, songs.ratings, songs.ids),
            songs.ids,
        )
        for name, songs in sets.items()
    ]


def _across(sets: dict[str, Songs]) -> list[Guess]:
    """Fitted on one set, tried on another that shares no songs with it (EmoMusic's are DEAM's);
    DEAM's axes as its table names them and, as they are of EmoMusic's songs, swapped."""
    swapped = "deam, axes swapped"
    named = sets | {swapped: swap(sets["deam"])}
    return [
        guess(
            f"{learned} → {tried}",
            named[tried].ratings,
            ridge(named[learned].tags, named[learned].ratings)(named[tried].tags),
            named[tried].ids,
        )
        for one in ("deam", swapped, "emomusic")
        for learned, tried in ((one, "pmemo"), ("pmemo", one))
    ]


def _rated(songs: Single) -> Guess:
    predicted = cross_validated(one_hot(songs.genres), songs.places, songs.artists)
    return guess("genre → people's ratings (EmoMusic)", songs.places, predicted, songs.artists)


def _spotify(songs: Single, years: dict[int, list[float]]) -> list[Guess]:
    genres, decades = one_hot(songs.genres), one_hot([str(year // 10) for year in songs.years])
    found = [
        guess(name, songs.places, cross_validated(x, songs.places, songs.artists), songs.artists)
        for name, x in (
            ("genre, fitted", genres),
            ("decade, fitted", decades),
            ("genre and decade, fitted", np.hstack([genres, decades])),
        )
    ]
    of_year = np.array([years[year] for year in songs.years])
    found.append(guess("mean of the year, as tabled", songs.places, of_year, songs.artists))
    shipped = [affect_of(genre=genre) for genre in songs.genres]
    known = np.array([affect.source == "genre" for affect in shipped])
    places = np.array([[affect.valence, affect.arousal] for affect in shipped])
    artists = [artist for artist, is_known in zip(songs.artists, known, strict=True) if is_known]
    own = guess("the device's genres, as shipped", songs.places[known], places[known], artists)
    return [*found, own]


def _moods(data: Path) -> list[Mood]:
    found = []
    for name, songs in spotify_moods(data).items():
        place, mean = affect_of(moods=[name]), songs.mean(axis=0)
        means = (float(mean[0]), float(mean[1]))
        found.append(Mood(name, len(songs), means, (place.valence, place.arousal)))
    return found


def _rank_correlation(one: Floats, other: Floats) -> float:
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: Floats) -> Floats:
    """Ranks, ties at their mean."""
    _, numbers, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    return np.asarray((ends - (counts - 1) / 2)[numbers])
