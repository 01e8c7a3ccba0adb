"""The song-level tables, and what they are worth before anything is fitted on them.

A folder of them holds `deam/`, `emomusic/` and `pmemo/`, each with `static_annotations.csv`
(people's ratings 1..9 of songs) and `mood_probabilities.csv` (probabilities of mood tags for the
same songs), `emomusic/songs_info.csv`, Spotify's measures of songs (`spotify_2000.csv`,
`spotify_data_moods_686.csv`) and years (`spotify_data_by_year.csv`), and MTG-Jamendo's mood tags.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
import numpy.typing as npt

from training.data import DataError

Floats = npt.NDArray[np.float64]

SETS = ("deam", "emomusic", "pmemo")
NEIGHBOURS = 5


class Songs(NamedTuple):
    """Rated songs: ids, valence and arousal (songs, 2), probabilities of tags (songs, tags)."""

    ids: list[str]
    ratings: Floats
    tags: Floats


class Leak(NamedTuple):
    """How far ratings determine the tags: groups of songs rated exactly alike, the spread of tags
    within those groups and over all songs, and R² of tags guessed from the nearest ratings."""

    groups: int
    within: float
    overall: float
    r2: float


class Single(NamedTuple):
    """Songs by name of artist, genre and year, with two measures (songs, 2): valence -1..1, and
    arousal or energy -1..1."""

    artists: list[str]
    genres: list[str]
    years: list[int]
    places: Floats


def load(folder: Path) -> Songs:
    """The songs of one data set that have both ratings and tags."""
    ratings = {
        row["song_id"]: [float(row["valence_mean"]), float(row["arousal_mean"])]
        for row in _rows(folder / "static_annotations.csv")
    }
    tags = {
        row.pop("song_id"): [float(value) for value in row.values()]
        for row in _rows(folder / "mood_probabilities.csv")
    }
    ids = [song for song in tags if song in ratings]
    return Songs(ids, np.array([ratings[i] for i in ids]), np.array([tags[i] for i in ids]))


def leak(songs: Songs) -> Leak:
    """Whether the tags were made from the ratings: then songs rated alike have the same tags."""
    alike: dict[tuple[float, ...], list[int]] = defaultdict(list)
    for number, rating in enumerate(songs.ratings):
        alike[tuple(rating)].append(number)
    groups = [numbers for numbers in alike.values() if len(numbers) > 1]
    within = [songs.tags[numbers] - songs.tags[numbers].mean(axis=0) for numbers in groups]
    distance = np.square(songs.ratings[:, None] - songs.ratings[None]).sum(axis=-1)
    np.fill_diagonal(distance, np.inf)
    nearest = songs.tags[distance.argsort(axis=1)[:, :NEIGHBOURS]].mean(axis=1)
    centred = songs.tags - songs.tags.mean(axis=0)
    r2 = 1.0 - np.square(songs.tags - nearest).sum() / np.square(centred).sum()
    spread = float(np.concatenate(within).std()) if within else float("nan")
    return Leak(len(groups), spread, float(centred.std()), float(r2))


def agreement(one: Songs, other: Songs) -> Floats:
    """Correlation of each axis of one set with each of another, over the songs that both hold."""
    both = [song for song in one.ids if song in set(other.ids)]
    first, second = (
        songs.ratings[[songs.ids.index(song) for song in both]].T for songs in (one, other)
    )
    return np.asarray(np.corrcoef(first, second)[:2, 2:])


def rated_genres(data: Path) -> Single:
    """EmoMusic: songs that people rated, with the genre that they were found under; no years."""
    ratings = {
        row["song_id"]: [_rating(row["valence_mean"]), _rating(row["arousal_mean"])]
        for row in _rows(data / "emomusic/static_annotations.csv")
    }
    songs = [
        (_bare(row["Artist"]), _bare(row["Genre"]), ratings[row["song_id"]])
        for row in _rows(data / "emomusic/songs_info.csv")
        if row["song_id"] in ratings
    ]
    artists, genres, places = zip(*songs, strict=True)
    return Single(list(artists), list(genres), [], np.array(places))


def spotify_songs(data: Path) -> Single:
    """Single songs with Spotify's own valence and energy; a row that breaks off is left out."""
    rows = [row for row in _rows(data / "spotify_2000.csv", ";") if row["Year"]]
    return Single(
        [row["Artist"] for row in rows],
        [row["Top Genre"] for row in rows],
        [int(row["Year"]) for row in rows],
        np.array([[_share(row["Valence"], 100), _share(row["Energy"], 100)] for row in rows]),
    )


def spotify_moods(data: Path) -> dict[str, Floats]:
    """Mood -> Spotify's valence and energy, -1..1, of each song that bears it; (songs, 2)."""
    found: dict[str, list[list[float]]] = defaultdict(list)
    for row in _rows(data / "spotify_data_moods_686.csv"):
        found[row["mood"]].append([_share(row["valence"], 1), _share(row["energy"], 1)])
    return {mood: np.array(places) for mood, places in sorted(found.items())}


def spotify_years(data: Path) -> dict[int, list[float]]:
    """Year -> Spotify's mean valence and energy, -1..1."""
    return {
        int(row["year"]): [_share(row["valence"], 1), _share(row["energy"], 1)]
        for row in _rows(data / "spotify_data_by_year.csv")
    }


def jamendo_tags(data: Path) -> list[frozenset[str]]:
    """The mood tags of each of MTG-Jamendo's tracks."""
    path = data / "mtg_jamendo/autotagging_moodtheme.tsv"
    with _opened(path) as file:
        lines = file.read().splitlines()[1:]
    return [frozenset(tag.split("---")[1] for tag in line.split("\t")[5:]) for line in lines]


def _rows(path: Path, delimiter: str = ",") -> Iterator[dict[str, str]]:
    with _opened(path) as file:
        yield from csv.DictReader(file, delimiter=delimiter)


def _opened(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; --tables names the folder of them") from error


def _bare(text: str) -> str:
    """Without the tabs and quotes that EmoMusic's table carries."""
    return text.strip('\t "').lower()


def _rating(text: str) -> float:
    return (float(text) - 5) / 4


def _share(text: str, most: float) -> float:
    return 2 * float(text) / most - 1
