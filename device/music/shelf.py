"""The library as arrays for the model of taste: what it thinks of each track, in a few sums.

Genres and artists are many tracks' in common: what is thought of each is worked out once, in
tables, and looked up for each track. So 50,000 tracks take 5 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


class Shelf:
    """The tracks of a library, by index."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        traits = [traits_of(track) for track in tracks]
        self._dense = dense_of(traits).astype(np.float32)
        self._genre, self._genres = _table([t.genre or "" for t in traits], genre_vector)
        self._artist, self._artists = _table([t.artist for t in traits], artist_vector)

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
        for codes, table, part in (
            (self._genre, self._genres, GENRES),
            (self._artist, self._artists, ARTISTS),
        ):
            worth += (table @ mean[part]).astype(np.float32)[codes]
            of_each = np.einsum("ij,ij->i", table @ covariance[part, part], table)
            variance += of_each.astype(np.float32)[codes]
        worth += (mean[FIT] * near).astype(np.float32)
        variance += (covariance[FIT, FIT] * near**2).astype(np.float32)
        return worth, np.sqrt(np.maximum(variance, 0.0))

    def z(self, listed: npt.NDArray[np.intp], near: Floats) -> Floats:
        """The model's vectors of a few tracks, shape (len(listed), Z)."""
        z = np.empty((len(listed), Z))
        z[:, CONSTANT], z[:, FIT], z[:, NUMBER] = 1.0, near[listed], self._dense[listed]
        z[:, GENRES] = self._genres[self._genre[listed]]
        z[:, ARTISTS] = self._artists[self._artist[listed]]
        return z


def _table(
    names: Sequence[str], vector: Callable[[str], tuple[float, ...]]
) -> tuple[npt.NDArray[np.int32], Floats32]:
    """Number of each track's name, and the vector of each number."""
    known = {name: number for number, name in enumerate(dict.fromkeys([*names, ""]))}
    codes = np.array([known[name] for name in names], np.int32)
    return codes, np.array([vector(name) for name in known], np.float32)
