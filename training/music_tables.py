"""What the song-level tables of valence and arousal are worth, before anything is fitted on them.

    python -m training.music_tables DATA

`DATA` holds `deam/`, `emomusic/` and `pmemo/`, each with `static_annotations.csv` (people's ratings
1..9 of songs) and `mood_probabilities.csv` (probabilities of mood tags for the same songs). Two
questions decide whether valence and arousal may be regressed on the tags: were the probabilities
made without knowing the ratings, and do the tables agree on which axis is which.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

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


def load(folder: Path) -> Songs:
    """The songs of one data set that have both ratings and tags."""
    with (folder / "static_annotations.csv").open(encoding="utf-8") as file:
        ratings = {
            row["song_id"]: [float(row["valence_mean"]), float(row["arousal_mean"])]
            for row in csv.DictReader(file)
        }
    with (folder / "mood_probabilities.csv").open(encoding="utf-8") as file:
        rows = {row[0]: [float(value) for value in row[1:]] for row in list(csv.reader(file))[1:]}
    ids = [song for song in rows if song in ratings]
    return Songs(ids, np.array([ratings[i] for i in ids]), np.array([rows[i] for i in ids]))


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


def main(data: Path) -> None:
    """Write what was found to standard output."""
    sets = {name: load(data / name) for name in ("deam", "emomusic", "pmemo")}
    for name, songs in sets.items():
        found = leak(songs)
        sys.stdout.write(
            f"{name}: {len(songs.ids)} songs, {found.groups} groups rated alike; spread of tags "
            f"within them {found.within:.1e}, over all {found.overall:.3f}; tags from the nearest "
            f"ratings: R2 {found.r2:.3f}\n"
        )
    table = agreement(sets["deam"], sets["emomusic"])
    for axis, row in zip(("valence", "arousal"), table, strict=True):
        sys.stdout.write(
            f"deam's {axis} and emomusic's valence: r = {row[0]:.3f}, arousal: r = {row[1]:.3f}\n"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
