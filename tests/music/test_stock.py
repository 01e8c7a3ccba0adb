"""The library as it is chosen from: scanned, heard and corrected, worked out where it changed."""

from __future__ import annotations

import random

from msgspec.structs import replace

from device.music.corrections import corrected
from device.music.heard import enrich
from device.music.listened import sound_key
from device.music.stock import Stock
from device.types import Correct, Heard, Listened, TrackId
from tests.music.listeners import synthetic_library

HEARD = Heard(-9.0, 5.0, -1.0, 0.1, 0.2, 120.0, 3.0, 1500.0, "C", 0.2, {"rock": 0.3, "sad": 0.2})


def test_it_is_always_what_it_would_be_from_the_start() -> None:
    dice = random.Random(1)
    tracks = list(synthetic_library(60))
    heard: dict[str, Listened] = {}
    said: dict[TrackId, Correct] = {}
    stock = Stock()
    for turn in range(60):
        number = dice.randrange(len(tracks))
        track = tracks[number]
        if turn % 4 == 0:
            heard[sound_key(track)] = Listened(
                sound_key(track), 1, replace(HEARD, loudness_lufs=-dice.random())
            )
        elif turn % 4 == 1:
            said[track.id] = Correct(track.id, valence=dice.random(), arousal=0.1)
        elif turn % 4 == 2:
            tracks[number] = replace(track, title="retagged", genre="sad")
        else:
            said.pop(track.id, None)
            del tracks[dice.randrange(len(tracks))]
        expected = [corrected(enrich(t, heard, sound_key(t)), said.get(t.id)) for t in tracks]
        assert list(stock.lay_out(tracks, heard, said)) == expected


def test_what_did_not_change_is_the_same_object() -> None:
    tracks = synthetic_library(20)
    heard = {track.id: Listened(track.id, 1, HEARD) for track in tracks}
    stock = Stock()
    before = stock.lay_out(tracks, dict(heard), {})
    heard[tracks[3].id] = Listened(tracks[3].id, 2, replace(HEARD, tempo_bpm=70.0))
    after = stock.lay_out(tracks, heard, {})
    assert [n for n in range(20) if after[n] is not before[n]] == [3]
