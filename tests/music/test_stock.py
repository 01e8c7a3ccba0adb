"""The library as it is chosen from: scanned, heard and corrected, worked out where it changed."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from device.music.corrections import corrected
from device.music.heard import enrich
from device.music.listened import sound_key
from device.music.stock import Stock
from device.types import Correct, Heard, Listened, TrackId
from tests.music.listeners import synthetic_library
from tests.music.sources import track

HEARD = Heard(-9.0, 5.0, -1.0, 0.1, 0.2, 120.0, 3.0, 1500.0, "C", 0.2, {"rock": 0.3, "sad": 0.2})
ALBUMS = (None, "Blue", "Red", "Green", "Late")


def test_it_is_always_what_it_would_be_from_the_start() -> None:
    dice = random.Random(1)
    tracks = [
        replace(each, album=dice.choice(ALBUMS), track_number=number)
        for number, each in enumerate(synthetic_library(60))
    ]
    heard: dict[str, Listened] = {}
    said: dict[TrackId, Correct] = {}
    stock = Stock()
    for turn in range(60):
        number = dice.randrange(len(tracks))
        one = tracks[number]
        if turn % 4 == 0:
            heard[sound_key(one)] = Listened(
                sound_key(one), 1, replace(HEARD, loudness_lufs=-dice.random())
            )
        elif turn % 4 == 1:
            said[one.id] = Correct(one.id, valence=dice.random(), arousal=0.1)
        elif turn % 4 == 2:
            tracks[number] = replace(one, title="retagged", album=dice.choice(ALBUMS))
        else:
            said.pop(one.id, None)
            del tracks[dice.randrange(len(tracks))]
        laid_out = stock.lay_out(tracks, heard, said)
        assert laid_out == Stock().lay_out(tracks, heard, said)
        by_themselves = [
            replace(each, album_loudness_lufs=None, album_peak_dbfs=None) for each in laid_out
        ]
        assert by_themselves == [
            corrected(enrich(t, heard, sound_key(t)), said.get(t.id)) for t in tracks
        ]


def test_what_did_not_change_is_the_same_object() -> None:
    tracks = synthetic_library(20)
    heard = {each.id: Listened(each.id, 1, HEARD) for each in tracks}
    stock = Stock()
    before = stock.lay_out(tracks, dict(heard), {})
    heard[tracks[3].id] = Listened(tracks[3].id, 2, replace(HEARD, tempo_bpm=70.0))
    after = stock.lay_out(tracks, heard, {})
    assert [n for n in range(20) if after[n] is not before[n]] == [3]


def test_an_albums_loudness_is_worked_out_of_what_was_heard_on_it() -> None:
    album = {"album": "Blue", "album_artist": "Band"}
    tracks = [
        track(name, None, seconds, **album)
        for name, seconds in (("loud", 100.0), ("soft", 300.0), ("silence", 600.0))
    ]
    others = [track("alone", -3.0), track("another's", -3.0, album="Blue", album_artist="Other")]
    heard = {
        name: Listened(name, 1, replace(HEARD, loudness_lufs=lufs, peak_dbfs=peak))
        for name, lufs, peak in (
            ("loud", -8.0, 0.5),
            ("soft", -14.0, -3.0),
            ("silence", None, None),
        )
    }
    for on_album in Stock().lay_out([*tracks, *others], heard, {})[:3]:
        # 100 s at -8 and 300 s at -14 LUFS: 10 log ((10**-0.8 + 3 * 10**-1.4) / 4)
        assert on_album.album_loudness_lufs == pytest.approx(-11.58, abs=0.01)
        assert on_album.album_peak_dbfs == 0.5


def test_what_the_tags_say_of_an_album_stays() -> None:
    tagged = track("a", -20.0, album="Blue", album_loudness_lufs=-12.0)
    untagged = track("b", -20.0, album="Blue", peak_dbfs=-2.0)
    first, second = Stock().lay_out([tagged, untagged], {}, {})
    assert (first.album_loudness_lufs, first.album_peak_dbfs) == (-12.0, -2.0)
    assert (second.album_loudness_lufs, second.album_peak_dbfs) == (-20.0, -2.0)
