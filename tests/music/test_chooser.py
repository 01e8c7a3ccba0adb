"""The chooser: what was played is remembered for as long as it may have to rest."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.music.catalogue import Catalogue
from device.music.chooser import RECENT_TRACKS, Chooser
from device.ports import Play
from device.settings import MusicSettings
from device.system.store import SqliteStore
from device.types import Affect, Choice, Goal, Mood, MoodLabel, Track, TrackId
from tests.fakes import FakeClock

HAPPY = Mood(MoodLabel.HAPPINESS, 0.7, 0.6, 0.9, people=1)
PLAYED = 3 * RECENT_TRACKS // 2
TRACKS = tuple(
    Track(TrackId(f"{n}"), f"/{n}", "", f"{n}", Affect(0.7, 0.6, 0.1, "file tag"), 180.0)
    for n in range(3 * PLAYED)
)
MONTH = MusicSettings(repeat_hours=720.0, learn=False)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path, clock) as store:
        yield store


def chooser(store: SqliteStore, clock: FakeClock, settings: MusicSettings = MONTH) -> Chooser:
    chooser = Chooser(store, clock, settings, random.Random(1))
    chooser.restock(Catalogue(TRACKS))
    return chooser


def drawn(chooser: Chooser) -> set[int]:
    goings = [chooser.choose(Goal.MATCH, HAPPY, None) for _ in range(100)]
    return {int(going.choice.track.id) for going in goings if going is not None}


def test_nothing_is_played_again_within_a_month_though_thousands_were_played_since(
    store: SqliteStore, clock: FakeClock
) -> None:
    living = chooser(store, clock)
    for track in TRACKS[:PLAYED]:
        clock.now += 180.0
        store.add_play(Play(track.id, clock.wall(), Goal.MATCH, HAPPY, Choice(track, 1.0, "")))
        living.started(track.id, clock.wall())
    for each in (living, chooser(store, clock)):  # and after a restart
        assert min(drawn(each)) >= PLAYED


def test_what_rested_long_enough_is_played_again(store: SqliteStore, clock: FakeClock) -> None:
    living = chooser(store, clock, MusicSettings(repeat_hours=24.0, learn=False))
    for track in TRACKS:
        clock.now += 180.0
        living.started(track.id, clock.wall())
    clock.now -= 180.0 * len(TRACKS)  # the clock is set back: all was played just now
    assert len(drawn(living)) > 20
    clock.now += 180.0 * len(TRACKS)
    assert max(drawn(living)) < len(TRACKS) - 24 * 20


@pytest.mark.parametrize("again", range(2))
def test_a_track_that_is_played_again_rests_anew(
    store: SqliteStore, clock: FakeClock, again: int
) -> None:
    living = chooser(store, clock)
    living.started(TRACKS[again].id, clock.wall())
    clock.now += 719.0 * 3600.0
    for track in TRACKS[:2]:
        living.started(track.id, clock.wall())
    clock.now += 2.0 * 3600.0
    living.restock(Catalogue(TRACKS[:4]))
    assert drawn(living) == {2, 3}


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("wrong", [1000.0 - 1_800_000_000.0, 0.0])
def test_what_a_clock_that_was_ahead_dated_is_played_again(
    store: SqliteStore, clock: FakeClock, *, restart: bool, wrong: float
) -> None:
    living = chooser(store, clock, MusicSettings(repeat_hours=24.0, learn=False))
    living.restock(Catalogue(TRACKS[:6]))
    steps = (10 * 365 * 86_400.0, wrong, 0.0)  # years ahead, perhaps not set at all, right
    for track, offset in zip(TRACKS[:3], steps, strict=True):
        store.add_play(
            Play(track.id, clock.wall() + offset, Goal.MATCH, HAPPY, Choice(track, 1.0, ""))
        )
        living.started(track.id, clock.wall() + offset)
    if restart:
        living = chooser(store, clock, MusicSettings(repeat_hours=24.0, learn=False))
        living.restock(Catalogue(TRACKS[:6]))
    assert 0 not in drawn(living)
    clock.now += 25.0 * 3600.0
    assert 0 in drawn(living)


def test_what_was_played_just_before_a_start_with_a_clock_ahead_ages(
    store: SqliteStore, clock: FakeClock
) -> None:
    ahead = clock.wall() + 10 * 365 * 86_400.0
    for track in TRACKS[:2]:
        store.add_play(Play(track.id, ahead, Goal.MATCH, HAPPY, Choice(track, 1.0, "")))
    living = chooser(store, clock, MusicSettings(repeat_hours=24.0, learn=False))
    living.restock(Catalogue(TRACKS[:4]))
    assert drawn(living) == {2, 3}
    clock.now += 25.0 * 3600.0
    assert 0 in drawn(living)


def test_a_clock_that_is_not_set_dates_nothing_else(store: SqliteStore, clock: FakeClock) -> None:
    living = chooser(store, clock, MusicSettings(repeat_hours=24.0, learn=False))
    living.restock(Catalogue(TRACKS[:4]))
    living.started(TRACKS[0].id, clock.wall())
    living.started(TRACKS[1].id, 1000.0)
    assert 0 not in drawn(living)
