"""`previous` goes back to what sounded, as long as it may be heard."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.types import Correct, Emotion, LibraryScanned, Next, OverrideMood, Previous, TrackId
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


def test_why_is_true_of_what_is_gone_back_to_and_of_what_starts_again(house: House) -> None:
    first = sounding(house)
    house.speaker.command(Next())
    house.speaker.command(OverrideMood(Emotion.SADNESS))
    house.speaker.command(Previous())  # within its first seconds: to the one before
    house.wait(8.0)
    assert house.player.track == first
    assert why(house) == "gone back to"
    house.speaker.command(Previous())
    house.wait(1.0)
    assert house.player.track == first
    assert why(house) == "started again"
    rows = house.store._db.execute("SELECT because FROM plays ORDER BY id").fetchall()
    assert [row[0] for row in rows[-2:]] == ["gone back to", "started again"]


def why(house: House) -> str:
    track = house.speaker.status().track
    assert track is not None
    return track.because
