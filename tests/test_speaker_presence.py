"""Arrivals and departures, as told to the home."""

from __future__ import annotations

from device.types import (
    Arrived,
    Departed,
    Emotion,
    Health,
    News,
    OverrideMood,
    Part,
    PartChanged,
    Vitals,
)
from tests.house import House

HAPPY, SAD = Emotion.HAPPINESS, Emotion.SADNESS


def told(house: House) -> list[News]:
    return [news for news in house.bus.news if isinstance(news, (Arrived, Departed))]


def camera(house: House, health: Health) -> None:
    house.speaker.handle(PartChanged("camera", Part(health)))


def test_who_comes_and_goes_is_told_once(house: House) -> None:
    house.pass_time(5)
    assert told(house) == []
    house.pass_time(5, HAPPY)
    house.pass_time(5, HAPPY, SAD)
    assert told(house) == [Arrived(1)]
    house.pass_time(10)
    assert told(house) == [Arrived(1), Departed()]
    house.pass_time(5, HAPPY, SAD)
    assert told(house)[2:] == [Arrived(2)]


def test_a_false_face_is_no_arrival(house: House) -> None:
    house.pass_time(5)
    house.pass_time(0.2, HAPPY)
    house.pass_time(5)
    assert told(house) == []


def test_a_blind_camera_tells_of_nobody(house: House) -> None:
    house.pass_time(5, HAPPY)
    camera(house, Health.DOWN)
    house.wait(60)
    camera(house, Health.UP)
    house.pass_time(5, HAPPY)
    assert told(house) == [Arrived(1)]  # the same as before, for all that can be said
    camera(house, Health.OFF)
    house.wait(60)
    camera(house, Health.UP)
    house.pass_time(5)
    assert told(house) == [Arrived(1), Departed()]


def test_a_mood_by_hand_hides_no_departure(house: House) -> None:
    house.pass_time(5, HAPPY)
    house.speaker.command(OverrideMood(SAD))
    house.pass_time(10)
    assert told(house) == [Arrived(1), Departed()]


def test_vitals_are_shown(house: House) -> None:
    vitals = Vitals(7.9, 9.8, 171.0, "camera is down", 1.8e9)
    house.speaker.handle(vitals)
    assert house.speaker.status().vitals == vitals
