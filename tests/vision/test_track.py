from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.types import Box, Emotion, FaceReading
from device.vision.track import (
    FORGET_SECONDS,
    LOOKS_KEPT,
    Tracks,
    age,
    follow,
    iou,
    learn_age,
    stay,
    weighted_median,
)

sizes = st.floats(0.02, 0.5)
boxes = st.builds(Box, x=st.floats(-0.2, 1.0), y=st.floats(-0.2, 1.0), width=sizes, height=sizes)
scenes = st.lists(st.tuples(st.lists(boxes, max_size=6), st.floats(0.0, 3.0)), max_size=12)
pairs = st.lists(st.tuples(st.floats(0, 100), st.floats(0.01, 10)), min_size=1, max_size=30)


def reading(years: float) -> FaceReading:
    emotions = dict.fromkeys(Emotion, 1 / 7)
    return FaceReading(emotions, years, (years - 4, years + 6))


@settings(deadline=None)
@given(scenes)
def test_ids_are_unique_and_never_given_twice(scene: list[tuple[list[Box], float]]) -> None:
    tracks, at, gone, last = Tracks(), 0.0, set[int](), set[int]()
    for found_boxes, seconds in scene:
        at += seconds
        tracks, found = follow(tracks, found_boxes, at)
        ids = [track.id for track in found]
        kept = {track.id for track in tracks.tracks}
        assert len(found) == len(found_boxes)
        assert len(set(ids)) == len(ids)
        assert len(kept) == len(tracks.tracks)
        assert not kept & gone, "a forgotten track came back"
        gone |= last - kept
        last = kept


@settings(deadline=None)
@given(st.lists(boxes, max_size=6), st.randoms())
def test_the_order_of_detections_does_not_matter(found_boxes: list[Box], random: object) -> None:
    tracks, first = follow(Tracks(), found_boxes, 0.0)
    owners = {(t.box.x, t.box.y, t.box.width, t.box.height): t.id for t in first}
    if len(owners) < len(found_boxes):
        return  # the same box twice: nobody could tell
    order = list(range(len(found_boxes)))
    random.shuffle(order)  # type: ignore[attr-defined]
    _, again = follow(tracks, [found_boxes[index] for index in order], 0.1)
    assert [track.id for track in again] == [first[index].id for index in order]


@settings(deadline=None)
@given(boxes, st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_a_face_that_moves_a_little_stays_itself(box: Box, right: float, down: float) -> None:
    tracks, (before,) = follow(Tracks(), [box], 0.0)
    moved = Box(
        x=box.x + right * box.width, y=box.y + down * box.height, width=box.width, height=box.height
    )
    _, (after,) = follow(tracks, [moved], 0.5)
    assert after.id == before.id


def test_two_faces_that_pass_near_each_other_stay_themselves() -> None:
    tracks = Tracks()
    ids = []
    for step in range(20):
        left = Box(x=0.1 + step * 0.02, y=0.2, width=0.1, height=0.13)
        right = Box(x=0.7 - step * 0.02, y=0.5, width=0.1, height=0.13)
        tracks, found = follow(tracks, [left, right], step / 8)
        ids.append(tuple(track.id for track in found))
    assert set(ids) == {(1, 2)}


def test_a_face_is_forgotten_after_a_while() -> None:
    box = Box(x=0.4, y=0.4, width=0.1, height=0.1)
    tracks, _ = follow(Tracks(), [box], 0.0)
    tracks, _ = follow(tracks, [], FORGET_SECONDS - 0.1)
    assert len(tracks.tracks) == 1
    _, (again,) = follow(tracks, [box], FORGET_SECONDS)
    assert again.id == 1
    tracks, _ = follow(tracks, [], FORGET_SECONDS + 0.1)
    assert not tracks.tracks
    _, (later,) = follow(tracks, [box], FORGET_SECONDS + 0.2)
    assert later.id == 2


def test_staying_keeps_those_who_were_seen_last_and_nobody_else() -> None:
    here, left = Box(x=0.1, y=0.1, width=0.1, height=0.1), Box(x=0.8, y=0.8, width=0.1, height=0.1)
    tracks, _ = follow(Tracks(), [here, left], 0.0)
    tracks, _ = follow(tracks, [here], 1.0)
    tracks = stay(tracks, 5.0, since=1.0)
    tracks, _ = follow(tracks, [here], 5.5)
    assert [track.id for track in tracks.tracks] == [1]


def test_boxes_are_smoothed_lightly() -> None:
    tracks, _ = follow(Tracks(), [Box(x=0.1, y=0.1, width=0.2, height=0.2)], 0.0)
    _, (track,) = follow(tracks, [Box(x=0.14, y=0.1, width=0.2, height=0.2)], 0.125)
    assert 0.115 < track.box.x < 0.14
    assert track.box.width == pytest.approx(0.2)


def test_a_far_smaller_face_nearby_is_another_one() -> None:
    tracks, _ = follow(Tracks(), [Box(x=0.1, y=0.1, width=0.1, height=0.1)], 0.0)
    _, (other,) = follow(tracks, [Box(x=0.21, y=0.12, width=0.04, height=0.04)], 0.2)
    assert other.id == 2


def test_age_is_the_weighted_median_of_a_track() -> None:
    tracks, (track,) = follow(Tracks(), [Box(x=0.4, y=0.4, width=0.1, height=0.1)], 0.0)
    assert age(tracks, track.id) is None
    for years, weight in ((30.0, 1.0), (34.0, 1.0), (80.0, 0.1)):
        tracks = learn_age(tracks, track.id, reading(years), weight)
    known = age(tracks, track.id)
    assert known is not None
    assert known.years == 34.0
    assert known.interval == (30.0, 40.0)


def test_the_heaviest_looks_are_kept() -> None:
    tracks, (track,) = follow(Tracks(), [Box(x=0.4, y=0.4, width=0.1, height=0.1)], 0.0)
    for _ in range(LOOKS_KEPT):
        tracks = learn_age(tracks, track.id, reading(70.0), 0.01)
    for _ in range(LOOKS_KEPT):
        tracks = learn_age(tracks, track.id, reading(40.0), 0.2)
    for _ in range(LOOKS_KEPT):
        tracks = learn_age(tracks, track.id, reading(10.0), 0.0)
    assert len(tracks.tracks[0].looks) == LOOKS_KEPT
    assert age(tracks, track.id) == (40.0, (36.0, 46.0))


@settings(deadline=None)
@given(pairs)
def test_a_weighted_median_has_half_the_weight_on_each_side(
    values: list[tuple[float, float]],
) -> None:
    median = weighted_median([v for v, _ in values], [w for _, w in values])
    total = math.fsum(w for _, w in values)
    assert math.fsum(w for v, w in values if v < median) <= total / 2 * (1 + 1e-9)
    assert math.fsum(w for v, w in values if v > median) <= total / 2 * (1 + 1e-9)


@settings(deadline=None)
@given(boxes, boxes)
def test_overlap_is_symmetric_and_bounded(one: Box, two: Box) -> None:
    assert iou(one, two) == pytest.approx(iou(two, one))
    assert 0.0 <= iou(one, two) <= 1.0 + 1e-9
    assert iou(one, one) == pytest.approx(1.0)
