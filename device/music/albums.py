"""Albums: which tracks are one, and how loud it is as a whole where no tag says so."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from device.music.features import lead_artist
from device.music.gain import ASSUMED_LUFS
from device.types import Track

RELATIVE_GATE_LU = 10.0
"""ITU-R BS.1770-4: what is softer than the mean by so much does not count. That gate is on blocks
of 400 ms; on whole tracks it does what it is there for, too: an album of loud songs with soft
interludes is as loud as its songs."""


class Album(NamedTuple):
    """What a track's tags call its album, and whose it is (case folded)."""

    title: str
    artist: str


class Level(NamedTuple):
    """Integrated loudness and peak of an album; None where nothing is known of any track."""

    loudness_lufs: float | None
    peak_dbfs: float | None


def album_of(track: Track) -> Album | None:
    """The album that a track is on; None for one of none. All discs are one album.

    Where no album artist is named it is the artist's, whatever guests a track has.
    """
    if not track.album:
        return None
    artist = track.album_artist or lead_artist(track.artist)
    return Album(track.album, artist.casefold())


def level_of(tracks: Iterable[Track]) -> Level:
    """Loudness and peak of an album of these tracks, without those that are silent.

    The loudness is the energy mean of the tracks', weighted by duration and gated, after ITU-R
    BS.1770-4: within 1 LU of what one measures who plays the album at one go. A track that was not
    measured counts as it does when it is played by itself.
    """
    tracks = tuple(tracks)
    peaks = [track.peak_dbfs for track in tracks if track.peak_dbfs is not None]
    return Level(_loudness(tracks), max(peaks, default=None))


def _loudness(tracks: tuple[Track, ...]) -> float | None:
    if all(track.loudness_lufs is None for track in tracks):
        return None
    parts = [
        (ASSUMED_LUFS if track.loudness_lufs is None else track.loudness_lufs, seconds)
        for track in tracks
        if (seconds := track.duration_seconds) > 0.0
    ]
    if not parts:
        return None
    gate = _mean(parts) - RELATIVE_GATE_LU
    return _mean([part for part in parts if part[0] > gate])


def _mean(parts: list[tuple[float, float]]) -> float:
    """Loudness of the mean energy of parts: of each its loudness and its seconds."""
    energy = sum(seconds * 10.0 ** (lufs / 10.0) for lufs, seconds in parts)
    return 10.0 * math.log10(energy / sum(seconds for _, seconds in parts))
