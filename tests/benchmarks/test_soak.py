"""What the soak's verdict rests on."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.daemon import SystemClock
from device.music.taste import REMEMBERED
from device.system.diary import MOST_PLAYS, read_diary
from device.system.store import SqliteStore
from tests.benchmarks.furnished import DAY, remember
from tests.benchmarks.household import MIDNIGHT
from tests.benchmarks.soak import Sample, held, judged

WELL = {"exit_code": 0, "tracebacks": 0, "database": "ok"}


def life(memory: float, threads: float = 0.0, descriptors: float = 0.0) -> list[Sample]:
    """An hour, with a warm-up; the arguments say how much is more at its end than after that."""
    return [
        Sample(
            at,
            (100.0 + memory * (at / 3600)) * (0.7 + 0.3 * min(1.0, at / 600)),
            50.0,
            round(14 + threads * at / 3600) + (at % 60 == 0),
            round(17 + descriptors * at / 3600),
        )
        for at in map(float, range(3600))
    ]


@pytest.mark.parametrize(
    ("samples", "well"),
    [
        (life(0.5), True),
        (life(3.0), False),
        (life(-3.0), True),
        (life(0.0, threads=3.0), False),
        (life(0.0, descriptors=3.0), False),
    ],
)
def test_a_leak_is_seen_and_nothing_else(samples: list[Sample], well: bool) -> None:
    assert held({**judged(samples), **WELL}) is well


@pytest.mark.parametrize("wrong", [{"exit_code": 1}, {"tracebacks": 2}, {"database": "torn"}])
def test_a_life_that_went_wrong_did_not_hold(wrong: dict[str, object]) -> None:
    assert not held({**judged(life(0.0)), **WELL, **wrong})


def test_what_is_remembered_is_at_its_bound_from_the_start(tmp_path: Path) -> None:
    remember(tmp_path, MIDNIGHT)
    with SqliteStore(tmp_path, SystemClock()) as store:
        assert sum(map(len, store.lessons(2 * REMEMBERED))) == 2 * REMEMBERED
    week = read_diary(tmp_path, MIDNIGHT - 7 * DAY, MIDNIGHT, 60)
    assert len(week.plays) == MOST_PLAYS
    assert sum(span.minutes for span in week.moods) >= 6000
