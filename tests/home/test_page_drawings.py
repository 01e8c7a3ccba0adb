"""What the page draws and says: places in the circle, a day, numbers in words."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from device.diary import Diary, MoodSpan, Played
from device.home.page import past, words
from device.home.page.circle import RADIUS, circle_of, colour, spot
from device.lessons import Ended
from device.types import AgeGroup, Goal, Health, MoodLabel, MoodNow, Part
from tests.fakes import a_status
from tests.home.asked import FIRST

# --- drawings -------------------------------------------------------------------------------------

unit = st.floats(-1.0, 1.0)


@given(unit, unit)
def test_every_place_has_a_spot_in_the_circle_and_a_colour(valence: float, arousal: float) -> None:
    x, y = spot(valence, arousal)
    assert x * x + y * y <= (RADIUS + 0.2) ** 2
    assert (x >= 0) == (round(valence, 3) >= 0) or abs(x) < 0.2
    assert re.fullmatch(r"#[0-9a-f]{6}", colour(valence, arousal))


def test_the_four_corners_look_apart() -> None:
    amber, red, blue, green = (
        tuple(bytes.fromhex(colour(*place)[1:]))
        for place in ((0.8, 0.5), (-0.5, 0.6), (-0.6, -0.3), (0.6, -0.6))
    )
    assert amber[0] > amber[2] + 100
    assert red[0] > max(red[1:]) + 80
    assert blue[2] > max(blue[:2]) + 50
    assert green[1] > max(green[0], green[2]) + 20


DATE = dt.date(2026, 3, 14)


def test_a_day_is_drawn_from_midnight_to_midnight() -> None:
    since, until = past.bounds(DATE)
    moods_ = (
        MoodSpan(since, 5, MoodLabel.HAPPINESS, 0.5, 0.2, 1),
        MoodSpan(since + (until - since) / 2, 3, MoodLabel.SADNESS, -1.0, -0.4, 2),
        MoodSpan(until, 5, MoodLabel.ANGER, -0.5, 0.5, 1),
    )
    play = Played(
        at=since + (until - since) / 4,
        track=FIRST,
        title="A",
        artist="B",
        goal=Goal.MATCH,
        label=MoodLabel.HAPPINESS,
        because="so",
        heard_seconds=(until - since) / 10,
        ended=Ended.FINISHED,
    )
    day = past.day(DATE, Diary(since, until + 600, 5, moods_, (play,)))
    assert [(bar.x, bar.y, bar.height) for bar in day.valence] == [(0, 250, 250), (500, 500, 500)]
    assert [(bar.x, bar.width, bar.fill) for bar in day.plays] == [(250, 100, "finished")]
    assert "most of it happy (62%)" in day.told
    assert "1 track sounded" in day.told


def test_bars_of_a_colour_are_drawn_as_one() -> None:
    bars = [past.Bar(10, 0, 2.5, 1000, fill, "") for fill in ("liked", "other", "liked")]
    assert list(past.outlines(bars)) == [
        ("liked", "M10 0h2.5v1000h-2.5zM10 0h2.5v1000h-2.5z"),
        ("other", "M10 0h2.5v1000h-2.5z"),
    ]


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({}, "other"),
        ({"ended": Ended.FINISHED}, "finished"),
        ({"ended": Ended.SKIPPED}, "skipped"),
        ({"ended": Ended.SKIPPED, "liked": True}, "liked"),
        ({"ended": Ended.FINISHED, "liked": False}, "disliked"),
        ({"ended": Ended.DISLIKED}, "disliked"),
        ({"ended": Ended.MOOD}, "other"),
    ],
)
def test_how_a_play_was_taken(changes: dict[str, Any], taken: str) -> None:
    play = Played(0.0, FIRST, "", "", Goal.MATCH, MoodLabel.NEUTRAL, "")
    assert past.taken(replace(play, **changes)) == taken


def test_a_day_of_nothing() -> None:
    assert past.told((), ()) == "Nothing was noted."


BROKEN = Part(Health.DOWN, "unplugged")

# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0:00"), (67.9, "1:07"), (3600, "1:00:00"), (-3, "0:00")]
)
def test_clock(seconds: float, told: str) -> None:
    assert words.clock(seconds) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(5, "5 s"), (60, "1 min"), (7200, "2 h"), (12_000, "3 h 20 min"), (180_000, "2 d 2 h")],
)
def test_span(seconds: float, told: str) -> None:
    assert words.span(seconds) == told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "1 person, about 36 (30 to 42), adult"),
        ({"people": 3, "age_group": AgeGroup.CHILD}, "3 people, about 36 (30 to 42), child"),
        ({"age": None}, "1 person"),
        ({"people": 0}, "the room looks empty"),
        ({"people": 0, "camera": BROKEN}, "the camera does not work"),
        ({"people": 0, "camera": Part()}, "the camera is starting"),
        ({"people": 0, "camera": Part(Health.OFF)}, "the camera is starting"),
        ({"people": 0, "camera": BROKEN, "privacy": True}, "the camera is off"),
        ({"privacy": True}, "the camera is off"),
    ],
)
def test_who(changes: dict[str, Any], told: str) -> None:
    assert words.who(a_status(**changes)) == told


@pytest.mark.parametrize(
    ("changes", "mood", "told"),
    [
        ({}, "Nobody in view", "The room: nobody"),
        ({"camera": BROKEN}, "No camera", "The room: not seen, for the camera does not work"),
        ({"camera": Part()}, "No camera", "The room: not seen, for the camera is starting"),
        ({"privacy": True}, "Camera off", "The room: not seen, for the camera is off"),
    ],
)
def test_a_room_that_is_not_looked_at_is_not_called_empty(
    changes: dict[str, Any], mood: str, told: str
) -> None:
    empty = MoodNow(MoodLabel.NOBODY, 0.0, 0.0, 0.0, 60.0, overridden=False)
    status = a_status(people=0, mood=empty, **changes)
    assert words.mood(status) == mood
    assert circle_of(status, None).told == told
    pretended = replace(status, mood=replace(status.mood, label=MoodLabel.ANGER, overridden=True))
    assert words.mood(pretended) == "Angry"
    assert circle_of(pretended, None).told == "The room: valence +0.00, arousal +0.00"


def test_kept() -> None:
    assert words.kept(400) == "400 days, or until you erase it"
    assert words.kept(0) == "until you erase it"


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ((0.8, 0.5), "very pleasant and lively"),
        ((-0.2, -0.9), "a little unpleasant and very quiet"),
        ((0.05, 0.0), "in the middle"),
    ],
)
def test_side(place: tuple[float, float], told: str) -> None:
    assert words.side(*place) == told
