"""The model of taste: what a play says, and what is believed of it."""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from device.lessons import Ended, Lesson, Moment, Traits
from device.music import taste
from device.music.catalogue import BOLDNESS, BOLDNESS_LEFT, Catalogue, Wish, boldness
from device.music.features import (
    ARTIST,
    FIRST,
    GENRE,
    WEIGHTS,
    Circumstances,
    Z,
    circumstances_of,
    spread,
    traits_of,
    x_of,
    z_of,
)
from device.music.shelf import Shelf
from device.music.taste import Belief, reward
from device.types import Affect, AgeGroup, Goal, MoodLabel, Track, TrackId
from tests.music.listeners import (
    KINDS,
    START,
    live,
    moods,
    synthetic_library,
)

TRAITS = Traits(0.5, -0.2, 120.0, -12.0, 0.9, False, 1985, "Rock; Pop", "Somebody")
LESSON = Lesson(
    TrackId("a"), START, Goal.MATCH, 0.1, MoodLabel.HAPPINESS, 0.8, 0.5, 1,
    Moment(-0.2, TRAITS, 200.0, 20.5, AgeGroup.ADULT), 200.0, Ended.FINISHED,
)  # fmt: skip

lessons = st.builds(
    Lesson,
    track=st.just(TrackId("a")),
    wall=st.floats(0, 1e10),
    goal=st.sampled_from(list(Goal)),
    probability=st.floats(0.001, 1),
    label=st.sampled_from(list(MoodLabel)),
    valence=st.floats(-1, 1),
    arousal=st.floats(-1, 1),
    people=st.integers(0, 4),
    moment=st.builds(
        Moment,
        fit=st.floats(-1, 0),
        traits=st.builds(
            Traits,
            valence=st.none() | st.floats(-1, 1),
            arousal=st.none() | st.floats(-1, 1),
            tempo_bpm=st.none() | st.floats(1, 1000),
            year=st.none() | st.integers(0, 9999),
            genre=st.none() | st.text(max_size=20),
            artist=st.text(max_size=10),
        ),
        duration_seconds=st.floats(0, 1e6),
        hour=st.none() | st.floats(0, 23.9),
        age_group=st.none() | st.sampled_from(list(AgeGroup)),
    ),
    heard_seconds=st.none() | st.floats(0, 1e6),
    ended=st.none() | st.sampled_from(list(Ended)),
    moved=st.none() | st.floats(-4, 4),
    liked=st.none() | st.booleans(),
)


# --- what a play says ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, taste.HEARD_OUT),
        ({"liked": True}, 1.0),
        ({"liked": False}, -1.0),
        ({"liked": True, "ended": None}, 1.0),  # a power cut loses no like
        ({"ended": Ended.SKIPPED, "heard_seconds": 2.0}, taste.SKIPPED_AT_ONCE + 0.012),
        ({"ended": Ended.SKIPPED, "heard_seconds": 0.9}, None),  # passed by unheard
        ({"ended": Ended.REPLAYED, "heard_seconds": 0.0}, None),
        ({"ended": Ended.DISLIKED, "heard_seconds": 0.0}, -1.0),
        ({"ended": Ended.DISLIKED, "liked": True}, -1.0),  # never again, after all
        ({"ended": Ended.SKIPPED, "heard_seconds": 100.0}, -0.2),
        ({"ended": Ended.SKIPPED, "heard_seconds": 200.0}, taste.HEARD_OUT),
        ({"ended": Ended.REPLAYED}, taste.REPLAYED),
        ({"ended": Ended.MOOD}, None),
        ({"ended": Ended.CHILD}, None),
        ({"ended": Ended.STOPPED}, None),
        ({"ended": Ended.FAILED}, None),
        ({"ended": None}, None),
        ({"moved": 0.5}, taste.HEARD_OUT),  # matching wants no movement
        ({"moved": 0.25, "goal": Goal.LIFT}, taste.HEARD_OUT + 0.15),
        ({"moved": -9.0, "goal": Goal.CALM}, taste.HEARD_OUT - 0.3),
    ],
)
def test_what_a_play_says(change: dict[str, object], expected: float | None) -> None:
    said = reward(replace(LESSON, **change))
    assert said == (None if expected is None else pytest.approx(expected))


@given(lessons)
def test_a_reward_is_in_its_range_and_a_lesson_survives_json(lesson: Lesson) -> None:
    said = reward(lesson)
    assert said is None or -1.0 <= said <= 1.0
    assert msgspec.json.decode(msgspec.json.encode(lesson), type=Lesson) == lesson


# --- the model -----------------------------------------------------------------------------


@settings(deadline=None)
@given(lessons)
def test_a_play_teaches_what_a_choice_asks(lesson: Lesson) -> None:
    x = x_of([lesson])[0]
    z = z_of(lesson.moment.traits, lesson.moment.fit)
    assert z.shape == (Z,)
    assert x.shape == (WEIGHTS,)
    assert np.allclose(x, spread(circumstances_of(lesson)).T @ z)


@settings(max_examples=20, deadline=None)
@given(st.lists(lessons, min_size=15, max_size=45))
def test_a_diary_read_at_once_teaches_what_its_plays_taught(diary: list[Lesson]) -> None:
    one_by_one, at_once = Belief(), Belief()
    for lesson in diary:
        one_by_one.teach(lesson)
    at_once.teach_all(diary)
    assert one_by_one.count == at_once.count
    assert np.allclose(one_by_one.mean, at_once.mean, atol=1e-6)
    assert np.allclose(one_by_one.covariance, at_once.covariance, atol=1e-6)


SKIPPED_SOON = replace(LESSON, ended=Ended.SKIPPED, heard_seconds=2.0)


@pytest.mark.parametrize("skips", [5, 30])
def test_a_diary_read_at_once_tells_a_turn_where_its_plays_told_one(skips: int) -> None:
    diary = [LESSON] * 73 + [SKIPPED_SOON] * skips + [LESSON] * 28
    one_by_one, at_once = Belief(), Belief()
    for lesson in diary:
        one_by_one.teach(lesson)
    at_once.teach_all(diary)
    assert np.allclose(one_by_one.mean, at_once.mean, atol=1e-6)
    assert np.allclose(one_by_one.covariance, at_once.covariance, atol=1e-6)
    for belief in (one_by_one, at_once):  # and both go on alike
        for _ in range(8):
            belief.teach(SKIPPED_SOON)
    assert np.allclose(one_by_one.mean, at_once.mean, atol=1e-6)


def plays_until_a_turn(then: Lesson) -> int:
    """So many plays like that, after a hundred that were heard out, tell that taste has turned."""
    watch = taste.Watch()
    lessons = [LESSON] * 100 + [then] * 100
    turns = [watch.turned(reward(each) or 0.0, taste.weight(each)) for each in lessons]
    assert not any(turns[:100])
    return turns.index(True) - 99 if any(turns) else 100


def test_a_turn_of_taste_is_told_from_a_whim() -> None:
    assert 5 < plays_until_a_turn(SKIPPED_SOON) < 10
    assert 8 < plays_until_a_turn(replace(SKIPPED_SOON, heard_seconds=80.0)) < 25
    assert plays_until_a_turn(replace(LESSON, liked=True)) == 100


def test_a_whim_costs_little_of_what_was_learned_and_a_turn_most() -> None:
    here = Circumstances(0.8, 0.5, Goal.MATCH, AgeGroup.ADULT, 20.5)
    jazz = replace(LESSON, moment=replace(LESSON.moment, traits=Traits(genre="jazz")))
    loved = z_of(jazz.moment.traits, -0.2)

    def after(skips: int) -> float:
        belief = Belief()
        belief.teach_all([jazz] * 60 + [SKIPPED_SOON] * skips)
        _, covariance = belief.in_(here)
        return float(loved @ covariance @ loved)

    assert after(5) < 1.2 * after(0)
    assert after(12) > 3 * after(0)


@pytest.mark.parametrize("at_once", [False, True])
def test_plays_are_counted_from_the_last_turn(at_once: bool) -> None:
    def settled(diary: list[Lesson]) -> float:
        belief = Belief()
        if at_once:
            belief.teach_all(diary)
        for lesson in () if at_once else diary:
            belief.teach(lesson)
        return belief.settled

    assert settled([]) == 0.0
    assert settled([LESSON] * 60) == 60.0
    assert settled([LESSON] * 8 + [replace(LESSON, people=0)]) == 8.0 + taste.UNSEEN
    assert settled([LESSON] * 8 + [replace(LESSON, ended=Ended.MOOD)]) == 8.0  # says nothing
    assert settled([LESSON] * 60 + [SKIPPED_SOON] * 5) == 65.0
    assert settled([LESSON] * 60 + [SKIPPED_SOON] * 10) < 5.0


def test_what_is_liked_is_expected_to_be_liked_and_doubt_falls() -> None:
    belief = Belief()
    here = Circumstances(0.8, 0.5, Goal.MATCH, AgeGroup.ADULT, 20.5)
    z = z_of(TRAITS, -0.2)
    mean, covariance = belief.in_(here)
    before, doubt = z @ mean, z @ covariance @ z
    for _ in range(5):
        belief.teach(replace(LESSON, liked=True))
    mean, covariance = belief.in_(here)
    assert z @ mean > before + 0.3
    assert z @ covariance @ z < 0.5 * doubt


def test_another_age_group_is_believed_less_of() -> None:
    belief = Belief()
    for _ in range(30):
        belief.teach(replace(LESSON, liked=False))
    z = z_of(TRAITS, -0.2)

    def expected(group: AgeGroup) -> float:
        return float(z @ belief.in_(Circumstances(0.8, 0.5, Goal.MATCH, group, 20.5))[0])

    assert expected(AgeGroup.ADULT) < expected(AgeGroup.CHILD) < 0.0


def test_ten_thousand_plays_are_read_within_a_second() -> None:
    diary = [replace(LESSON, wall=START + n, liked=n % 3 == 0) for n in range(10_000)]
    began = time.process_time()
    belief = Belief()
    belief.teach_all(diary)
    assert time.process_time() - began < 1.0
    assert belief.count == 10_000


# --- choosing with it ----------------------------------------------------------------------


def test_less_is_tried_the_longer_taste_is_known_but_never_nothing() -> None:
    bold = [boldness(float(plays)) for plays in range(0, 501, 10)]
    assert bold[0] == BOLDNESS
    assert bold == sorted(bold, reverse=True)
    assert bold[10] == bold[-1] == BOLDNESS_LEFT > 0.0


def test_the_stored_probability_is_exact() -> None:
    """Over many draws the inverse of the probability counts the tracks that may be drawn."""
    catalogue, belief = Catalogue(synthetic_library(30)), Belief()
    wish = Wish(moods(1, [AgeGroup.ADULT], 1)[0], wall=START)
    dice = random.Random(5)
    drawn: Counter[TrackId] = Counter()
    believed: Counter[TrackId] = Counter()
    for _ in range(600):
        choice = catalogue.choose(wish, dice, belief)
        assert choice is not None
        drawn[choice.track.id] += 1
        believed[choice.track.id] += 1 / choice.probability  # type: ignore[assignment]
    often = [name for name, count in drawn.items() if count > 30]
    assert len(often) > 3
    for name in often:  # E[1 / p; drawn] = 1
        assert believed[name] / 600 == pytest.approx(1.0, abs=0.5)


def nothing_known_of(count: int) -> list[Track]:
    return [
        Track(
            TrackId(f"{n}"),
            f"/{n}",
            "",
            f"Artist {n % 50}",
            Affect(0.0, 0.0, 0.5, "unknown"),
            180.0,
        )
        for n in range(count)
    ]


def test_the_stored_probability_is_exact_where_many_tie() -> None:
    catalogue, belief, dice = Catalogue(nothing_known_of(400)), Belief(), random.Random(5)
    wish = Wish(moods(1, [AgeGroup.ADULT], 1)[0], wall=START)
    for _ in range(20):
        belief.teach(
            replace(LESSON, moment=replace(LESSON.moment, traits=Traits(artist="Artist 7")))
        )
    inverse = []
    for _ in range(400):
        choice = catalogue.choose(wish, dice, belief)
        assert choice is not None
        inverse.append(1.0 / choice.probability)
    assert np.mean(inverse) == pytest.approx(400, rel=0.25)  # all may be drawn


def test_thousands_of_which_nothing_is_known_are_chosen_from_at_once() -> None:
    catalogue, dice = Catalogue(nothing_known_of(10_000)), random.Random(5)
    wish = Wish(moods(1, [AgeGroup.ADULT], 1)[0], wall=START)
    began = time.process_time()
    names = {catalogue.choose(wish, dice, Belief()).track.id for _ in range(20)}  # type: ignore[union-attr]
    assert time.process_time() - began < 2.0
    assert len(names) > 15


@pytest.mark.parametrize("count", [1, 2, 30])
def test_small_and_bare_libraries_are_served(count: int) -> None:
    bare = [
        replace(track, artist="One", genre=None, year=None, tempo_bpm=None)
        for track in synthetic_library(count)
    ]
    run = live(KINDS["loves genres"], synthetic_library(count), 30, 1, way="learning")
    assert len(run.diary) == 30
    catalogue, belief = Catalogue(bare), Belief()
    belief.teach_all(run.diary)
    wish = Wish(moods(1, [AgeGroup.ADULT], 1)[0], wall=START)
    choice = catalogue.choose(wish, random.Random(1), belief)
    assert choice is not None
    assert 0.0 < choice.probability <= 1.0 + 1e-9


def test_a_shelf_judges_by_the_whole_covariance() -> None:
    tracks, belief = (
        (*synthetic_library(200), replace(synthetic_library(1)[0], artist="")),
        Belief(),
    )
    belief.teach_all(live(KINDS["hates artists"], tracks, 40, 1, way="prior").diary)
    here = Circumstances(0.3, -0.2, Goal.MATCH, AgeGroup.ADULT, 20.5)
    mean, covariance = belief.in_(here)
    a = spread(here)
    np.testing.assert_allclose(covariance, a @ belief.covariance @ a.T, atol=1e-12)
    near = np.linspace(-1.0, 0.0, len(tracks))
    worth, doubt = Shelf(tracks).judge(near, mean, covariance)
    z = Shelf(tracks).z(np.arange(len(tracks)), near)
    parts = [slice(1, 2), slice(FIRST, GENRE), slice(GENRE, ARTIST), slice(ARTIST, Z)]
    variance = sum(
        np.einsum("ij,ij->i", z[:, part] @ covariance[part, part], z[:, part]) for part in parts
    )
    np.testing.assert_allclose(worth, z[:, 1:] @ mean[1:], atol=1e-5)
    np.testing.assert_allclose(doubt, np.sqrt(variance), atol=1e-5)


@pytest.mark.benchmark
@pytest.mark.parametrize(
    ("count", "heard", "limit_ms"),
    [(1, 1000, 5.0), (10_000, 1000, 5.0), (10_000, 10_000, 5.0), (50_000, 1000, 20.0)],
)
def test_a_learned_choice_is_quick(count: int, heard: int, limit_ms: float) -> None:
    catalogue, belief = Catalogue(synthetic_library(count)), Belief()
    belief.teach_all(live(KINDS["agrees with the priors"], catalogue.tracks[:500], 100, 1,
                          way="prior").diary)  # fmt: skip
    recent = [(track.id, START - 60 * n) for n, track in enumerate(catalogue.tracks[:heard])]
    times = []
    for number, mood in enumerate(moods(60, [AgeGroup.ADULT], 2)):
        wish = Wish(
            mood, wall=START, recent=recent, exclude=catalogue.tracks[0].id, repeat_hours=720
        )
        began = time.process_time()
        assert catalogue.choose(wish, random.Random(number), belief) is not None
        times.append(1e3 * (time.process_time() - began))
    took = f"{statistics.median(times):.2f} ms (median)"
    print(f"\na learned choice among {count}, {heard} heard: {took}")  # noqa: T201
    assert statistics.median(times) <= limit_ms


def test_what_cannot_be_true_of_a_track_is_not_known() -> None:
    track = replace(
        synthetic_library(1)[0], tempo_bpm=0.0, loudness_lufs=float("nan"), voice=7.0, year=-5
    )
    assert traits_of(track).tempo_bpm is None
    assert traits_of(track).loudness_lufs is None
    assert traits_of(track).voice is None
    assert traits_of(track).year is None
