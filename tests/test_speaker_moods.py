"""How fast the music follows moods: not one in passing, soon one that stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.lessons import Ended, Lesson
from device.settings import Settings
from device.types import Emotion, LibraryScanned, OverrideMood
from tests.fakes import FakeClock
from tests.house import House, library


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A house where nothing is configured."""
    house = House(tmp_path, FakeClock(), Settings())
    house.speaker.handle(LibraryScanned(library(per_mood=10)))
    return house


def plays(house: House) -> list[Lesson]:
    return [lesson for page in house.store.lessons(1000) for lesson in page]


@pytest.mark.parametrize(("composed", "smiling"), [(20.0, 6.0), (40.0, 15.0)])
def test_people_who_talk_and_smile_hear_each_song_out(
    house: House, composed: float, smiling: float
) -> None:
    for _ in range(round(200.0 / (composed + smiling))):
        house.pass_time(composed, Emotion.NEUTRAL)
        house.pass_time(smiling, Emotion.HAPPINESS)
    ends = [each.ended for each in plays(house)]
    assert sorted(ends, key=str) == [Ended.FINISHED] * 3 + [None]


def test_a_mood_that_stays_is_followed_within_half_a_minute(house: House) -> None:
    house.pass_time(20.0, Emotion.HAPPINESS)
    assert house.mood_of_track == "happy"
    house.pass_time(30.0, Emotion.SADNESS)
    assert house.mood_of_track == "sad"


def test_a_mood_set_by_hand_is_followed_at_once(house: House) -> None:
    house.pass_time(20.0, Emotion.HAPPINESS)
    house.speaker.command(OverrideMood(Emotion.SADNESS))
    house.wait(0.2)
    assert house.mood_of_track == "sad"


def test_who_comes_back_in_another_mood_hears_other_music_at_once(house: House) -> None:
    house.pass_time(20.0, Emotion.HAPPINESS)
    house.pass_time(Settings().mood.absence_seconds + 5.0)
    assert house.mood_of_track == "happy"
    house.pass_time(1.0, Emotion.SADNESS)
    assert house.mood_of_track == "sad"
