"""What was learned is told in steps so short that the music never waits for it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.lessons import Ended, Lesson, Moment, ShowTaste, TasteAnswer, TasteReport, Traits
from device.music.learner import Learner
from device.system.store import SqliteStore
from device.types import Emotion, Goal, MoodLabel, TrackId
from tests.fakes import FakeClock

GENRES = ("rock", "pop", "jazz", "folk", "metal", "classical", "ambient", "electronic", "soul")


def diary(count: int, rng: random.Random) -> list[Lesson]:
    """Plays of 300 artists in all moods."""
    return [
        Lesson(
            track=TrackId(f"track {number}"),
            wall=1.7e9 + 200.0 * number,
            goal=Goal.MATCH,
            probability=0.1,
            label=MoodLabel(rng.choice(tuple(Emotion)).value),
            valence=rng.uniform(-1.0, 1.0),
            arousal=rng.uniform(-1.0, 1.0),
            people=1,
            moment=Moment(-0.3, some_traits(rng), 200.0, 12.0, None),
            heard_seconds=200.0,
            ended=rng.choice((Ended.FINISHED, Ended.SKIPPED)),
        )
        for number in range(count)
    ]


def some_traits(rng: random.Random) -> Traits:
    return Traits(
        valence=rng.uniform(-1.0, 1.0),
        arousal=rng.uniform(-1.0, 1.0),
        year=rng.randint(1950, 2024),
        genre="; ".join(rng.sample(GENRES, 2)),
        artist=f"Artist {rng.randint(0, 300)}",
    )


@pytest.fixture
def learner(tmp_path: Path) -> Iterator[Learner]:
    with SqliteStore(tmp_path, FakeClock()) as store:
        for _ in store.add_lessons(diary(2000, random.Random(1))):
            pass
        yield Learner(store)


def told(learner: Learner, between: list[Lesson]) -> tuple[TasteAnswer, list[float]]:
    """A report, and the processor time of each of its steps; so much is learned in between."""
    answers, seconds = [], []

    def steps() -> Iterator[None]:
        answers.append((yield from learner.answer(ShowTaste(), learning=True)))

    began = time.process_time()
    for _ in steps():
        seconds.append(time.process_time() - began)
        if between:
            learner.learn(between.pop())
        began = time.process_time()
    return answers[0], [*seconds, time.process_time() - began]


def test_what_is_learned_while_it_is_told_changes_nothing_of_it(learner: Learner) -> None:
    before, steps = told(learner, [])
    assert len(steps) > 10
    assert isinstance(before, TasteReport)
    assert len(before.maps) == len(Emotion)
    assert told(learner, diary(5, random.Random(2)))[0] == before
    assert told(learner, [])[0] != before


@pytest.mark.benchmark
def test_no_step_of_a_report_keeps_the_music_waiting(learner: Learner) -> None:
    longest = min(max(told(learner, [])[1]) for _ in range(3))  # the first one warms up
    print(f"\nthe longest step of a report of 2,000 plays: {1e3 * longest:.1f} ms")  # noqa: T201
    assert longest < 0.01
