"""The mood of the room: what it says, and what it does not let itself be talked into."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.mood.circumplex import COORDINATES, place
from device.mood.held import Held
from device.mood.room import ARRIVAL_SECONDS, Room, weighted_median
from device.music.ages import child_may_listen
from device.settings import MoodSettings
from device.types import AgeGroup, Emotion, Face, MoodLabel
from tests.fakes import face, sighting

SETTINGS = MoodSettings(smoothing_seconds=3.0, hold_seconds=2.0, margin=0.08, uncertain_below=0.35)
STEP = 0.125


def watch(room: Room, start: float, seconds: float, *faces: Face) -> float:
    """Show the same faces at 8 Hz; returns the time after."""
    steps = round(seconds / STEP)
    for step in range(steps):
        room.see(sighting(start + step * STEP, *faces))
    return start + steps * STEP


def room_with(emotion: Emotion) -> tuple[Room, float]:
    room = Room(SETTINGS, 0.0)
    return room, watch(room, 0.0, 5.0, face(emotion))


@pytest.mark.parametrize("emotion", list(Emotion))
def test_every_emotion_becomes_its_label_and_its_place(emotion: Emotion) -> None:
    room, _ = room_with(emotion)
    assert room.mood.label.value == emotion.value
    assert room.mood.valence == pytest.approx(COORDINATES[emotion][0] * 0.9, abs=0.08)
    assert room.mood.arousal == pytest.approx(COORDINATES[emotion][1] * 0.9, abs=0.08)
    assert room.mood.confidence == pytest.approx(0.9, abs=0.01)
    assert room.mood.people == 1


def test_before_the_first_look_nothing_is_claimed() -> None:
    mood = Room(SETTINGS, 7.0).mood
    assert (mood.label, mood.people, mood.age_years) == (MoodLabel.UNCERTAIN, 0, None)


def test_an_empty_first_look_means_nobody_at_once() -> None:
    room = Room(SETTINGS, 0.0)
    assert room.see(sighting(0.0)).label is MoodLabel.NOBODY


def test_a_blink_changes_nothing() -> None:
    room, now = room_with(Emotion.HAPPINESS)
    since = room.mood.since
    now = watch(room, now, 0.25, face(Emotion.SADNESS))
    watch(room, now, 1.0, face(Emotion.HAPPINESS))
    assert room.mood.label is MoodLabel.HAPPINESS
    assert room.mood.since == since


def test_a_lasting_change_is_believed_and_dated() -> None:
    room, now = room_with(Emotion.HAPPINESS)
    watch(room, now, 6.0, face(Emotion.SADNESS))
    assert room.mood.label is MoodLabel.SADNESS
    assert now + SETTINGS.hold_seconds <= room.mood.since <= now + 6.0


def test_one_false_face_is_nobody() -> None:
    room = Room(SETTINGS, 0.0)
    now = watch(room, 0.0, 3.0)
    room.see(sighting(now, face(Emotion.HAPPINESS)))
    assert watch(room, now + STEP, 1.0) > now
    assert room.mood.label is MoodLabel.NOBODY


def test_somebody_who_comes_is_greeted_within_a_second() -> None:
    room = Room(SETTINGS, 0.0)
    now = watch(room, 0.0, 3.0)
    watch(room, now, ARRIVAL_SECONDS + 2 * STEP, face(Emotion.HAPPINESS))
    assert room.mood.label is MoodLabel.HAPPINESS
    assert room.mood.age_group is AgeGroup.ADULT


def test_a_missed_detection_is_not_an_empty_room() -> None:
    room, now = room_with(Emotion.HAPPINESS)
    watch(room, now, 1.0)
    assert room.mood.label is MoodLabel.HAPPINESS
    watch(room, now + 1.0, 2.5)
    assert room.mood.label is MoodLabel.NOBODY
    assert (room.mood.people, room.mood.age_group) == (0, None)


def test_flat_probabilities_are_uncertain() -> None:
    room = Room(SETTINGS, 0.0)
    watch(room, 0.0, 5.0, face(Emotion.HAPPINESS, probability=0.2))
    assert room.mood.label is MoodLabel.UNCERTAIN
    assert room.mood.people == 1


def test_losing_sight_claims_nothing_and_keeps_no_evidence() -> None:
    room, now = room_with(Emotion.HAPPINESS)
    assert room.lose_sight(now).label is MoodLabel.UNCERTAIN
    watch(room, now + 1, 1.0, face(Emotion.SADNESS))
    assert room.mood.label is MoodLabel.SADNESS


def test_the_nearer_and_sharper_face_speaks_louder() -> None:
    near = face(Emotion.HAPPINESS, width=0.4, age=30, track=1)
    far = face(Emotion.SADNESS, width=0.05, age=8, track=2)
    room = Room(SETTINGS, 0.0)
    watch(room, 0.0, 5.0, near, far)
    assert room.mood.label is MoodLabel.HAPPINESS
    assert (room.mood.people, room.mood.age_years, room.mood.youngest_years) == (2, 30, 8)


def test_an_age_on_the_border_does_not_flap() -> None:
    room, now = room_with(Emotion.NEUTRAL)
    seen = set()
    for step in range(80):
        age = 54.0 if step % 2 else 56.0
        room.see(sighting(now + step * STEP, face(age=age)))
        seen.add(room.mood.age_group)
    assert seen == {AgeGroup.ADULT}


@pytest.mark.parametrize(
    ("values", "weights", "median"),
    [([5], [1], 5), ([1, 2, 3], [1, 1, 1], 2), ([1, 2, 30], [1, 1, 9], 30), ([4, 2], [1, 1], 2)],
)
def test_weighted_median(values: list[float], weights: list[float], median: float) -> None:
    assert weighted_median(values, weights) == median


@given(st.lists(st.floats(0.001, 1.0), min_size=7, max_size=7))
def test_probabilities_stay_inside_the_circumplex(raw: list[float]) -> None:
    total = sum(raw)
    valence, arousal = place({e: r / total for e, r in zip(Emotion, raw, strict=True)})
    assert math.hypot(valence, arousal) <= 1.0


@given(
    st.lists(
        st.tuples(
            st.floats(0.05, 3.0),
            st.lists(st.tuples(st.sampled_from(list(Emotion)), st.floats(0.01, 1.0)), max_size=3),
        ),
        max_size=60,
    )
)
def test_whatever_is_seen_the_mood_is_sane_and_never_hasty(
    story: list[tuple[float, list[tuple[Emotion, float]]]],
) -> None:
    room, now = Room(SETTINGS, 0.0), 0.0
    for step, seen in story:
        now += step
        before = room.mood
        faces = [face(e, probability=p, track=i) for i, (e, p) in enumerate(seen)]
        mood = room.see(sighting(now, *faces))
        assert -1 <= mood.valence <= 1
        assert -1 <= mood.arousal <= 1
        assert 0 <= mood.confidence <= 1
        assert (mood.people == 0) == (mood.label is MoodLabel.NOBODY or not mood.confidence)
        if mood.label is not before.label and before.people:
            assert now - before.since >= SETTINGS.hold_seconds


@given(st.lists(st.tuples(st.floats(0.01, 2.0), st.booleans()), max_size=50))
def test_a_held_value_changes_only_after_an_unbroken_wish(
    wishes: list[tuple[float, bool]],
) -> None:
    held, now = Held(value=False, since=0.0), 0.0
    for step, wish in wishes:
        now += step
        before, since = held.value, held.since
        if held.update(wish, now, 3.0):
            assert held.value is wish is not before
            assert now - since >= 3.0


def test_a_false_face_at_the_first_look_still_means_nobody() -> None:
    room = Room(SETTINGS, 0.0)
    now = watch(room, 0.0, STEP, face(Emotion.HAPPINESS))
    room.see(sighting(now))
    assert room.mood.label is MoodLabel.NOBODY


def test_a_face_before_the_camera_was_lost_does_not_count_after_it() -> None:
    room = Room(SETTINGS, 0.0)
    now = watch(room, 0.0, STEP, face(Emotion.HAPPINESS))
    room.lose_sight(now)
    room.see(sighting(now + 60.0, face(Emotion.HAPPINESS)))
    assert room.mood.people == 0


def test_a_child_that_turns_its_head_is_still_there() -> None:
    room = Room(SETTINGS, 0.0)
    now = watch(room, 0.0, 5.0, face(age=40.0), face(age=7.0, track=2))
    now = watch(room, now, 10.0, face(age=40.0))
    assert room.mood.youngest_years == 7.0
    watch(room, now, SETTINGS.absence_seconds, face(age=40.0))
    assert room.mood.youngest_years == 40.0


@pytest.mark.parametrize("age", [7.0, 17.0])  # 17 may be 11, for all that can be said
def test_a_child_alone_that_turns_away_is_still_there(age: float) -> None:
    room = Room(SETTINGS, 0.0)
    now = watch(room, 0.0, 5.0, face(age=age))
    for _ in range(int(SETTINGS.absence_seconds / STEP)):
        now = watch(room, now, STEP)
        room.pass_time(now)
        assert child_may_listen(room.mood)
    mood = room.mood
    assert (mood.label, mood.people, mood.age_group) == (MoodLabel.NOBODY, 0, None)
    assert (mood.age_years, mood.age_interval_years, mood.oldest_years) == (None, None, None)
    now = watch(room, now, SETTINGS.hold_seconds + STEP)
    room.pass_time(now)
    assert room.mood.youngest_years is None


def test_a_child_counts_on_when_sight_is_lost_but_not_for_ever() -> None:
    room = Room(SETTINGS, 0.0)
    now = watch(room, 0.0, 5.0, face(age=7.0))
    room.lose_sight(now)
    assert child_may_listen(room.mood)
    room.pass_time(now + SETTINGS.absence_seconds)
    assert child_may_listen(room.mood)
    room.pass_time(now + SETTINGS.absence_seconds + STEP)
    assert room.mood.youngest_years is None


def test_a_child_that_turned_away_counts_on_while_somebody_else_comes() -> None:
    room = Room(SETTINGS, 0.0)
    now = watch(room, 0.0, 5.0, face(age=7.0))
    now = watch(room, now, 5.0)
    now = watch(room, now, 5.0, face(age=40.0))
    assert room.mood.youngest_years == 7.0
    watch(room, now, SETTINGS.absence_seconds, face(age=40.0))
    assert room.mood.youngest_years == 40.0
