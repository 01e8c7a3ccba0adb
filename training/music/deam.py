"""Listening against people's ratings, for who has DEAM's audio (Aljanaki, Yang & Soleymani, PLoS
ONE 12, 2017), or anything in its layout: `MEMD_audio/2.mp3` and
`annotations/…/static_annotations_averaged_songs_*.csv` with ratings 1..9 by `song_id`.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from device.music.heard import listened_affect
from device.types import Heard
from training.data import DataError
from training.music.audio import hear
from training.music.fit import Floats, Line, cross_validated, ridge
from training.music.measure import Guess, guess
from training.report.text import figure_text

ANNOTATIONS = "static_annotations_averaged_songs_*.csv"
COLUMNS = ("song_id", "valence_mean", "arousal_mean")
SUFFIXES = (".mp3", ".wav", ".ogg", ".flac", ".m4a")
FEWEST = 10
"""Songs, without which nothing can be said."""

SIGNAL = ("mode", "onsets", "tempo", "brightness", "loudness range")


class Rated(NamedTuple):
    """A song: its file, and people's valence and arousal, -1..1."""

    path: Path
    place: tuple[float, float]


class Judged(NamedTuple):
    """What listening is worth on rated songs."""

    songs: int
    failed: dict[Path, str]
    axes: Floats
    """Correlation (2, 2) of heard valence and arousal, rows, with the columns of the ratings."""
    swapped: bool
    """Both axes fit the other one's ratings better: the scores are against the ratings swapped."""
    shipped: Guess
    refitted: Guess
    features: list[str]
    mean: Floats
    deviation: Floats
    line: Line
    """Fitted on all songs, of features less `mean` over `deviation`."""


def rated_songs(folder: Path) -> list[Rated]:
    """The songs that have both ratings and a file. Raises DataError where there are too few."""
    tables = sorted(folder.rglob(ANNOTATIONS))
    if not tables:
        raise DataError(
            f"{folder}: no {ANNOTATIONS} in it; unpack DEAM_Annotations.zip and "
            "DEAM_audio.zip there"
        )
    ratings = {song: place for table in tables for song, place in _ratings(table)}
    files = {
        path.stem: path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES
    }
    songs = [Rated(files[song], place) for song, place in ratings.items() if song in files]
    _enough(folder, len(songs), f"of {len(ratings)} rated songs have a file such as 2.mp3")
    return songs


def judge(folder: Path, models: Path, cache: Path) -> Judged:
    """Listen to all rated songs and set that against the ratings. Raises DataError, ModelError."""
    songs = rated_songs(folder)
    heard, failed = hear([song.path for song in songs], models, cache)
    songs = [song for song in songs if song.path in heard]
    _enough(folder, len(songs), "rated songs could be listened to")
    names = [song.path.stem for song in songs]
    found = [heard[song.path] for song in songs]
    affects = [listened_affect(each) for each in found]
    places = np.array([[affect.valence, affect.arousal] for affect in affects])
    true = np.array([song.place for song in songs])
    axes = np.corrcoef(places.T, true.T)[:2, 2:]
    swapped = bool(axes[0, 1] > axes[0, 0] and axes[1, 0] > axes[1, 1])
    if swapped:
        true = true[:, ::-1]
    features, raw = _features(found)
    mean, deviation = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-6)
    scaled = (raw - mean) / deviation
    return Judged(
        len(songs),
        failed,
        axes,
        swapped,
        guess("as shipped", true, places, names),
        guess("refitted, tenfold", true, cross_validated(scaled, true, names), names),
        features,
        mean,
        deviation,
        ridge(scaled, true),
    )


def lines(judged: Judged) -> list[str]:
    """What is told of it, for a terminal."""
    (vv, va), (av, aa) = judged.axes
    told = [
        f"{judged.songs} songs; ratings and places -1 to 1; 95 % intervals by bootstrap over songs",
        f"heard valence and rated valence: r = {vv:.2f}, rated arousal: {va:.2f}",
        f"heard arousal and rated valence: r = {av:.2f}, rated arousal: {aa:.2f}",
    ]
    if judged.swapped:
        told.append(
            "THE AXES LOOK SWAPPED in these ratings (DEAM's and EmoMusic's tables disagree on "
            "their names): all below is against the ratings the other way round"
        )
    for each in (judged.shipped, judged.refitted):
        for axis, score in zip(("valence", "arousal"), each.scores, strict=True):
            figures = ", ".join(
                f"{name} {figure_text(figure)}"
                for name, figure in zip(("R2", "r", "RMSE"), score, strict=True)
            )
            told.append(f"{each.name}, {axis}: {figures}")
    told.append("ridge on all songs; a feature less its mean, over its deviation, times:")
    told.append(f"{'feature':<20}{'mean':>9}{'deviation':>11}{'valence':>9}{'arousal':>9}")
    told += [
        f"{name:<20}{mean:>9.3f}{deviation:>11.3f}{weights[0]:>+9.4f}{weights[1]:>+9.4f}"
        for name, mean, deviation, weights in zip(
            judged.features, judged.mean, judged.deviation, judged.line.weights, strict=True
        )
    ]
    offset = judged.line.offset
    told.append(f"{'offset':<40}{offset[0]:>+9.4f}{offset[1]:>+9.4f}")
    return told + [f"left out {path}: {reason}" for path, reason in judged.failed.items()]


def _ratings(table: Path) -> list[tuple[str, tuple[float, float]]]:
    """Song and place -1..1 of each row. DEAM's names of columns begin with blanks."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = [
            {name.strip(): (value or "").strip() for name, value in row.items() if name}
            for row in csv.DictReader(file)
        ]
    found = []
    for number, row in enumerate(rows, 2):
        try:
            song, valence, arousal = (row[column] for column in COLUMNS)
            place = ((float(valence) - 5) / 4, (float(arousal) - 5) / 4)
        except KeyError as error:
            raise DataError(f"{table}: no column {error}; it needs {', '.join(COLUMNS)}") from error
        except ValueError as error:
            raise DataError(f"{table}, line {number}: {error}") from error
        if not all(-1 <= value <= 1 for value in place):
            raise DataError(f"{table}, line {number}: ratings must be 1 to 9")
        found.append((song.removesuffix(".0"), place))
    return found


def _features(heard: Sequence[Heard]) -> tuple[list[str], Floats]:
    """Names and values (songs, features): each tag's log-odds, and the signal's own, in octaves
    where they are rates. What the sound does not tell is the mean of those that do."""
    tags = sorted({tag for each in heard for tag in each.tags})
    values = np.array(
        [[*(_log_odds(each.tags.get(tag, 0.0)) for tag in tags), *_signal(each)] for each in heard]
    )
    known = np.isfinite(values)
    counts = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, values, 0.0).sum(axis=0) / counts
    return [*tags, *SIGNAL], np.where(known, values, means)


def _signal(heard: Heard) -> list[float]:
    rates = (heard.onset_rate, heard.tempo_bpm, heard.brightness_hertz)
    return [
        math.nan if heard.majorness is None else heard.majorness,
        *(math.log2(rate) if rate else math.nan for rate in rates),
        heard.loudness_range_lu,
    ]


def _log_odds(probability: float) -> float:
    """Probabilities are kept to four digits: none is surer than that."""
    held = min(1 - 1e-4, max(1e-4, probability))
    return math.log(held / (1 - held))


def _enough(folder: Path, songs: int, what: str) -> None:
    if songs < FEWEST:
        raise DataError(f"{folder}: {songs} {what}; at least {FEWEST} are needed")
