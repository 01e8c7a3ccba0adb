from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from device.home.state import (
    DRIFT_SECONDS,
    FACT_SECONDS,
    REFRESH_SECONDS,
    document,
    rounded,
    seconds_until_due,
)
from device.types import (
    Board,
    Emotion,
    Goal,
    Health,
    MoodChanged,
    MoodLabel,
    MoodNow,
    NowPlaying,
    Part,
    Status,
    TrackId,
)
from tests.fakes import a_status

MOOD = MoodNow(MoodLabel.HAPPINESS, 0.71234, 0.31234, 0.8765, 12.7, overridden=False)
TRACK = NowPlaying(
    TrackId("a"), "Morning", "Ada", "/music/morning.ogg", 3.21, 61.9, "as bright as the room"
)
STATUS = a_status(
    mood=MOOD, track=TRACK, age=34.56789, age_interval=(28.123, 41.987), uptime_seconds=7201.5
)


def status(**changes: Any) -> Status:
    return replace(STATUS, **changes)


def test_the_whole_status_is_there_rounded() -> None:
    state = document(STATUS)
    assert {field.name for field in msgspec.structs.fields(STATUS)} <= set(state)
    assert state["mood"]["valence"] == 0.71
    assert state["mood"]["since_seconds"] == 12
    assert state["age_interval"] == [28.12, 41.99]
    assert state["track"]["position_seconds"] == 3
    assert state["camera"] == {"health": "up", "detail": "", "progress": None}
    assert msgspec.json.decode(msgspec.json.encode(state)) == state


def test_flat_values() -> None:
    state = document(STATUS)
    assert (state["presence"], state["mood_override"]) == (True, "auto")
    assert (state["title"], state["because"]) == (TRACK.title, TRACK.because)

    sad = replace(MOOD, label=MoodLabel.SADNESS, overridden=True)
    state = document(status(mood=sad, people=0, track=None))
    assert (state["presence"], state["mood_override"]) == (False, "sadness")
    assert (state["title"], state["because"]) == (None, None)


def test_every_emotion_can_be_an_override() -> None:
    for emotion in Emotion:
        mood = replace(MOOD, label=MoodLabel(emotion.value), overridden=True)
        assert document(status(mood=mood))["mood_override"] == emotion.value


@given(st.text(max_size=600))
def test_texts_fit_into_a_state(text: str) -> None:
    track = replace(TRACK, title=text, because=text)
    title = document(status(track=track))["title"]
    assert title is None or 0 < len(title) <= 255


@given(st.floats())
def test_any_number_becomes_json(number: float) -> None:
    track = NowPlaying(TrackId("a"), "t", "a", "/p", number, number, "b")
    mood = replace(MOOD, valence=number, since_seconds=number)
    state = document(status(track=track, mood=mood, age=number, uptime_seconds=number))
    assert msgspec.json.decode(msgspec.json.encode(state)) is not None
    assert math.isfinite(number) or state["age"] is None


def test_news_are_rounded_too() -> None:
    news = rounded(MoodChanged(MoodLabel.FEAR, -0.123456, 0.7, 0.5))
    assert news == {
        "event_type": "mood_changed",
        "label": "fear",
        "valence": -0.12,
        "arousal": 0.7,
        "confidence": 0.5,
    }


def test_the_first_state_goes_at_once() -> None:
    assert seconds_until_due(STATUS, None, 0.0) == 0.0


@pytest.mark.parametrize(
    "change",
    [
        {"volume": 61},
        {"playing": False},
        {"goal": Goal.CALM},
        {"privacy": True},
        {"people": 2},
        {"track": None},
        {"camera": Part(Health.DOWN, "unplugged")},
        {"mood": replace(MOOD, label=MoodLabel.NEUTRAL)},
        {"board": Board(throttled=True)},
        {"vitals": replace(STATUS.vitals, last_error="sound is down", last_error_at=1.8e9 + 9)},
    ],
)
def test_facts_are_sent_at_once_but_not_in_bursts(change: dict[str, Any]) -> None:
    assert seconds_until_due(status(**change), STATUS, 60.0) == 0.0
    assert seconds_until_due(status(**change), STATUS, 0.1) == pytest.approx(FACT_SECONDS - 0.1)


@pytest.mark.parametrize(
    "change",
    [
        {"mood": replace(MOOD, valence=0.5)},
        {"age": 36.0},
        {"board": replace(STATUS.board, temperature_celsius=49.9)},
        {"dropped_sightings": 3},
    ],
)
def test_drift_is_sent_now_and_then(change: dict[str, Any]) -> None:
    assert seconds_until_due(status(**change), STATUS, 1.0) == DRIFT_SECONDS - 1.0


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"uptime_seconds": 7300.0},
        {"vitals": replace(STATUS.vitals, looks_per_second=2.0, memory_mebibytes=180.0)},
        {"mood": replace(MOOD, since_seconds=90.0)},
        {"mood": replace(MOOD, valence=MOOD.valence + 0.0001)},
        {"track": replace(TRACK, position_seconds=40.0)},
    ],
)
def test_time_alone_is_sent_rarely(change: dict[str, Any]) -> None:
    assert seconds_until_due(status(**change), STATUS, 1.0) == REFRESH_SECONDS - 1.0
    assert seconds_until_due(status(**change), STATUS, 31.0) == 0.0
