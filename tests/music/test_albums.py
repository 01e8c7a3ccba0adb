"""How loud an album is as a whole: as EBU R 128's meter says who plays it at one go."""

from __future__ import annotations

from argparse import Namespace

import numpy as np
import pytest
from msgspec.structs import replace

from device.library import summary
from device.music.albums import Level, album_of, level_of
from device.music.decode import RATE
from device.music.follow import joins
from device.music.gain import ASSUMED_LUFS
from device.types import LibraryScanned
from tests.music.meter import measured
from tests.music.sources import noise, track


@pytest.mark.parametrize(
    "amplitudes",
    [(0.1, 0.1, 0.1), (0.25, 0.1, 0.2), (0.25, 0.02, 0.02), (0.25, 0.005, 0.1), (0.01, 0.02, 0.01)],
)
def test_it_is_what_a_meter_says_of_the_whole(amplitudes: tuple[float, ...]) -> None:
    pieces = [
        noise(seconds, number, amplitude)
        for number, (amplitude, seconds) in enumerate(zip(amplitudes, (4.0, 9.0, 6.0), strict=True))
    ]
    heard = [measured(piece) for piece in pieces]
    level = level_of(
        track(str(len(piece)), each.lufs, len(piece) / RATE, peak_dbfs=each.true_peak_db)
        for piece, each in zip(pieces, heard, strict=True)
    )
    whole = measured(np.concatenate(pieces))
    assert level.loudness_lufs == pytest.approx(whole.lufs, abs=1.0)
    assert level.peak_dbfs == pytest.approx(whole.true_peak_db, abs=0.1)


def test_what_was_not_measured_counts_as_when_it_is_played_by_itself() -> None:
    known, unknown = track("a", -23.0, 60.0, peak_dbfs=-9.0), track("b", None, 60.0)
    level = level_of([known, unknown])
    assert level.loudness_lufs == pytest.approx(ASSUMED_LUFS - 2.6, abs=0.1)
    assert level.peak_dbfs == -9.0
    assert level_of([unknown]) == level_of([]) == Level(None, None)
    assert level_of([track("a", -20.0, 0.0)]).loudness_lufs is None


def test_it_is_known_by_its_title_and_whose_it_is() -> None:
    one = track("a", album="Live", album_artist="Band", disc_number=1)
    assert album_of(one) == album_of(track("b", album="Live", album_artist="Band", disc_number=2))
    assert album_of(one) != album_of(track("c", album="Live", album_artist="Others"))
    assert album_of(one) == album_of(replace(track("c", album="Live"), artist="BAND ft. Others"))
    assert album_of(track("d", album="")) is album_of(track("e")) is None


def test_a_guest_does_not_tear_an_album_that_names_no_album_artist() -> None:
    artists = ("Jan Delay", "Jan Delay feat. Udo", "jan delay")
    album = [
        replace(track(f"{number}", album="Mercedes", track_number=number), artist=artist)
        for number, artist in enumerate(artists, start=1)
    ]
    assert joins(album[0], album[1])
    assert joins(album[1], album[2])
    told = next(summary(LibraryScanned(tuple(album)), Namespace(json=False, all=False)))
    assert told.endswith("3 artists, 1 albums")
