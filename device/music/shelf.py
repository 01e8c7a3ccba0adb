"""The library as arrays for the model of taste: what it thinks of each track, in a few sums.

Genres and artists are many tracks' in common: what is thought of each is worked out once and
looked up for each track. So 50,000 tracks take 5 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from device.music.features import (
    ARTIST,
    CONSTANT,
    DENSE,
    FIRST,
    FIT,
    GENRE,
    Floats,
    Floats32,
    Z,
    artist_vector,
    dense_of,
    genre_vector,
    traits_of,
)
from device.types import Track

NUMBER = slice(FIRST, FIRST + DENSE)
GENRES, ARTISTS = slice(GENRE, ARTIST), slice(ARTIST, Z)


class Names(NamedTuple):
    """Whose of some names each track is, `of` (tracks); and of each name's vector, which is
    nearly all 0, where it is not, `places` (names, few), and what is there, `values` (names, few).
    """

    of: npt.NDArray[np.int32]
    places: npt.NDArray[np.int32]
    values: Floats32

    def judge(self, mean: Floats, covariance: Floats) -> tuple[Floats32, Floats32]:
        """Expected reward of each track's name, and its variance."""
        worth = (mean[self.places] * self.values).sum(axis=1)
        between = covariance[self.places[:, :, None], self.places[:, None, :]]
        variance = np.einsum("na,nab,nb->n", self.values, between, self.values)
        return worth.astype(np.float32)[self.of], variance.astype(np.float32)[self.of]

    def write(self, z: Floats, listed: npt.NDArray[np.intp]) -> None:
        """Add the vectors of some tracks' names to rows of as many numbers as a vector has."""
        name = self.of[listed]
        rows = np.arange(len(listed))[:, None]
        np.add.at(z, (rows, self.places[name]), self.values[name])


class Shelf:
    """The tracks of a library, by index."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        traits = [traits_of(track) for track in tracks]
        self._dense = dense_of(traits).astype(np.float32)
        self._genre = _names([t.genre or "" for t in traits], genre_vector)
        self._artist = _names([t.artist for t in traits], artist_vector)

    def judge(self, near: Floats, mean: Floats, covariance: Floats) -> tuple[Floats32, Floats32]:
        """Expected reward of each track (but for the constant), and its standard deviation.

        `near`: fit of each, -1..0. The deviation is an estimate: it leaves out how fit, numbers,
        genre and artist hang together. It only says who is listed.
        """
        dense = self._dense
        worth = dense @ mean[NUMBER].astype(np.float32)
        variance = np.einsum(
            "ij,ij->i", dense @ covariance[NUMBER, NUMBER].astype(np.float32), dense
        )
        for names, part in ((self._genre, GENRES), (self._artist, ARTISTS)):
            of_name, variance_of_name = names.judge(mean[part], covariance[part, part])
            worth += of_name
            variance += variance_of_name
        worth += (mean[FIT] * near).astype(np.float32)
        variance += (covariance[FIT, FIT] * near**2).astype(np.float32)
        return worth, np.sqrt(np.maximum(variance, 0.0))

    def z(self, listed: npt.NDArray[np.intp], near: Floats) -> Floats:
        """The model's vectors of a few tracks, shape (len(listed), Z)."""
        z = np.zeros((len(listed), Z))
        z[:, CONSTANT], z[:, FIT], z[:, NUMBER] = 1.0, near[listed], self._dense[listed]
        self._genre.write(z[:, GENRES], listed)
        self._artist.write(z[:, ARTISTS], listed)
        return z


def _names(names: Sequence[str], vector: Callable[[str], tuple[float, ...]]) -> Names:
    known = {name: number for number, name in enumerate(dict.fromkeys([*names, ""]))}
    vectors = [np.array(vector(name)) for name in known]
    entries = [np.flatnonzero(each) for each in vectors]
    most = max(map(len, entries))
    places = np.zeros((len(known), most), np.int32)
    values = np.zeros((len(known), most), np.float32)
    for row, (each, at) in enumerate(zip(vectors, entries, strict=True)):
        places[row, : len(at)], values[row, : len(at)] = at, each[at]
    return Names(np.array([known[name] for name in names], np.int32), places, values)
