"""`previous` goes back to what sounded, as long as it may be heard."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.types import Correct, Emotion, LibraryScanned, Next, Previous, TrackId
from tests.fakes import FakeClock
from tests.house import House, library


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library(per_mood=4)))
    house.pass_time(20.0, Emotion.HAPPINESS)
    return house


def sounding(house: House) -> TrackId:
    house.pass_time(1.0, Emotion.HAPPINESS)
    assert house.player.track is not None
    return house.player.track


def test_it_passes_by_what_could_not_be_played(house: House) -> None:
    first = sounding(house)
    played = len(house.player.played)
    whole = [track for track in library(per_mood=4) if track.id == first]
    house.player.broken = {t.path: "broken" for t in library(per_mood=4) if t not in whole}
    house.speaker.command(Next())
    house.pass_time(2.0, Emotion.HAPPINESS)
    assert len(house.player.played) > played + 1
    played = len(house.player.played)
    house.speaker.command(Previous())
    assert house.player.played[played][0].id == first


def test_it_passes_by_what_shall_never_play(house: House) -> None:
    first = sounding(house)
    house.speaker.command(Next())
    unwanted = sounding(house)
    house.speaker.command(Correct(unwanted, skip=True))
    assert sounding(house) not in (first, unwanted)
    house.speaker.command(Previous())
    assert sounding(house) == first


def test_it_goes_back_to_what_is_known_by_now(house: House) -> None:
    first = sounding(house)
    house.speaker.command(Next())
    sounding(house)
    house.speaker.command(Correct(first, explicit=True))
    house.speaker.command(Previous())
    assert house.player.current is not None
    assert house.player.current.id == first
    assert house.player.current.explicit
