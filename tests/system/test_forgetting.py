"""What is forgotten is nowhere in the state folder; what is old goes by and by."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from device.lessons import Ended, Memory, Moment, Traits
from device.ports import CannotDo, Play, Resume
from device.system.database import FILE
from device.system.forgetting import CLOCK_SET, DAYS_AT_ONCE
from device.system.store import SqliteStore
from device.types import Affect, Choice, Goal, Mood, MoodLabel, Track, TrackId
from tests.fakes import FakeClock

DAY = 86_400.0
NEEDLE = "needle-in-a-haystack"
MOOD = Mood(MoodLabel.HAPPINESS, 0.7, 0.4, 0.9, 0.0, 1, 33.25, youngest_years=33.25)
ALL = tuple(Memory)
KEEP = 400


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path, clock) as store:
        yield store


def raw(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def note(store: SqliteStore, wall: float, name: str = NEEDLE) -> None:
    """A play that was liked, in a mood."""
    track = Track(TrackId(name), "/m", name, name, Affect(0, 0, 0.5, "genre"), 60.0)
    choice = Choice(track, 0.5, f"because of {name}")
    moment = Moment(0.0, Traits(), 60.0)
    row = store.add_play(Play(track.id, wall, Goal.LIFT, MOOD, choice, moment))
    store.end_play(row, heard_seconds=3.0, ended=Ended.SKIPPED, moved=None)
    store.add_feedback(track.id, wall, liked=True, mood=MOOD, play=row)
    store.add_mood(wall, MOOD)


def remember(store: SqliteStore, clock: FakeClock) -> None:
    for number in range(60):  # more than a page of each
        note(store, clock.wall(), f"{NEEDLE} {number}")
        clock.now += 60.0
    resume = Resume(TrackId(NEEDLE), 1.0, True, True, 41, Goal.LIFT, True, 30, "22:00-07:00")
    store.save_resume(resume)


def counts(store: SqliteStore) -> dict[str, int]:
    return {
        table: store._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
        for table in ("plays", "feedback", "moods")
    }


def test_what_is_forgotten_is_in_no_file_any_more(
    tmp_path: Path, store: SqliteStore, clock: FakeClock
) -> None:
    remember(store, clock)
    (tmp_path / f"{FILE}.damaged-20260101T000000Z").write_text(NEEDLE)
    assert NEEDLE.encode() in raw(tmp_path)
    assert store.forget(0.0, ALL) == 60
    assert NEEDLE.encode() not in raw(tmp_path)
    assert b"happiness" not in raw(tmp_path)
    assert set(counts(store).values()) == {0}
    # The camera stays off, and nothing else is left.
    assert store.load_resume() == Resume(None, 0.0, False, False, None, None, True)


@pytest.mark.parametrize("memory", Memory)
def test_each_kind_is_forgotten_by_itself(
    store: SqliteStore, clock: FakeClock, memory: Memory
) -> None:
    remember(store, clock)
    store.forget(0.0, [memory])
    resume = store.load_resume()
    assert resume is not None
    assert (counts(store)["plays"] == counts(store)["feedback"] == 0) is (memory is Memory.TASTE)
    assert (counts(store)["moods"] == 0) is (memory is Memory.MOODS)
    assert (resume.volume is None) is (memory is Memory.BY_HAND)


def test_from_a_day_on_what_was_before_stays(store: SqliteStore, clock: FakeClock) -> None:
    remember(store, clock)
    assert store.forget(clock.wall() - 600.0, [Memory.TASTE, Memory.MOODS]) == 10
    assert counts(store)["plays"] == 50
    assert counts(store)["moods"] == pytest.approx(50, abs=1)


def test_what_a_clock_dated_wrongly_after_the_day_began_is_forgotten_with_it(
    store: SqliteStore, clock: FakeClock
) -> None:
    today = clock.wall()
    note(store, today - 3 * DAY, "before")
    note(store, today - DAY + 7200.0, "evening")
    note(store, today - DAY, "yesterday, as a clock says that goes on where it was")
    note(store, 1000.0, "no clock yet")
    note(store, today + 60.0, "clock set")
    note(store, today - DAY + 60.0, "yesterday again, after a power cut")
    clock.now += 7200.0
    assert store.forget(today, [Memory.TASTE, Memory.MOODS]) == 4
    assert [track for track, _ in store.last_plays(9)] == ["evening", "before"]
    assert set(store.feedback()) == {"evening", "before"}
    # Moods have no order but that of their minutes.
    minutes = [row[0] for row in store._db.execute("SELECT minute FROM moods")]
    assert min(minutes) * 60.0 > CLOCK_SET
    assert max(minutes) * 60.0 < today


def test_a_clock_that_was_ahead_long_ago_does_not_take_all_since_then(
    store: SqliteStore, clock: FakeClock
) -> None:
    note(store, clock.wall() + 3650 * DAY, "ten years ahead")
    for day in range(30, -1, -1):
        note(store, clock.wall() - day * DAY, f"day {day}")
    assert store.forget(clock.wall(), [Memory.TASTE]) == 2
    assert store.last_plays(1)[0][0] == "day 1"
    assert len(store.feedback()) == 30


def test_what_was_imported_has_no_place_among_the_others(
    store: SqliteStore, clock: FakeClock
) -> None:
    note(store, clock.wall() - DAY, "yesterday")
    lessons = [lesson for page in store.lessons(9) for lesson in page]
    for at, name in ((clock.wall() + 1.0, "newer"), (clock.wall() - 9 * DAY, "older")):
        list(store.add_lessons([replace(lessons[0], track=TrackId(name), wall=at)]))
    note(store, clock.wall(), "today")
    clock.now += 60.0
    assert store.forget(clock.wall() - 60.0, [Memory.TASTE]) == 2
    assert [track for track, _ in store.last_plays(9)] == ["yesterday", "older"]
    assert set(store.feedback()) == {"yesterday", "older"}


def test_where_the_clock_is_not_set_now_what_was_before_a_day_stays(
    store: SqliteStore, clock: FakeClock
) -> None:
    note(store, clock.wall() - DAY, "yesterday")
    note(store, clock.wall(), "today")
    since = clock.wall()
    clock.now = 5000.0 - 1_800_000_000.0
    assert store.forget(since, [Memory.TASTE]) == 1


def test_nobody_is_told_of_an_erasure_that_another_reader_holds_up(
    tmp_path: Path, store: SqliteStore, clock: FakeClock
) -> None:
    remember(store, clock)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM plays").fetchone()
    with pytest.raises(CannotDo, match="another program reads"):
        store.forget(0.0, ALL)
    other.close()
    assert store.forget(0.0, ALL) == 0
    assert NEEDLE.encode() not in raw(tmp_path)


# --- by and by ---------------------------------------------------------------------------------


def test_what_is_old_goes_a_few_days_at_a_time(store: SqliteStore, clock: FakeClock) -> None:
    now = clock.wall()
    for age in range(KEEP + 9, KEEP - 3, -1):
        note(store, now - age * DAY, f"day {age}")
    left = []
    for _ in range(5):
        store.expire(KEEP)
        left.append(counts(store)["plays"])
    assert left == [9, 6, 3, 3, 3]  # 12 days, of which the last 3 are not older than that
    assert counts(store)["moods"] == 2  # its minute began before


def test_a_like_stays_without_the_mood_it_was_said_in(store: SqliteStore, clock: FakeClock) -> None:
    note(store, clock.wall() - (KEEP + 1) * DAY)
    store.expire(KEEP)
    assert store.feedback() == {NEEDLE: 1}
    row = store._db.execute("SELECT label, valence, people, age_years FROM feedback").fetchone()
    assert row == ("uncertain", 0.0, 0, None)
    changes = store._db.total_changes
    store.expire(KEEP)
    assert store._db.total_changes == changes, "the card is written once"


def test_a_clock_that_is_years_ahead_costs_days_and_not_everything(
    store: SqliteStore, clock: FakeClock
) -> None:
    for age in range(100):
        note(store, clock.wall() - age * DAY)
    clock.now += 3650 * DAY
    store.expire(KEEP)
    assert counts(store)["plays"] >= 100 - DAYS_AT_ONCE - 1


def test_where_the_clock_was_never_set_nothing_goes(store: SqliteStore, clock: FakeClock) -> None:
    note(store, 1000.0)
    note(store, clock.wall() - 500 * DAY)
    clock.now = 5000.0 - 1_800_000_000.0
    assert clock.wall() < CLOCK_SET
    store.expire(KEEP)
    assert counts(store)["plays"] == 2


def test_what_a_clock_that_was_not_set_dated_goes_with_what_came_after(
    store: SqliteStore, clock: FakeClock
) -> None:
    note(store, 1000.0, "before")
    note(store, clock.wall() - (KEEP + 1) * DAY, "old")
    note(store, 2000.0, "between")
    note(store, clock.wall(), "new")
    note(store, 3000.0, "after")
    store.expire(KEEP)
    assert [track for track, _ in store.last_plays(9)] == ["after", "new"]


def copies(folder: Path, **days_old: float) -> None:
    """Files beside the database, last written so many days before the fake clock's start."""
    for name, days in days_old.items():
        path = folder / f"{FILE}.{name.replace('_', '-')}"
        path.write_text(NEEDLE)
        written = FakeClock().wall() - days * DAY
        os.utime(path, (written, written))


def left(folder: Path) -> set[str]:
    return {path.name.removeprefix(f"{FILE}.") for path in folder.glob(f"{FILE}.*")}


def test_copies_that_are_old_go_one_a_day(tmp_path: Path, store: SqliteStore) -> None:
    copies(tmp_path, layout_6=KEEP - 1, later_7=KEEP + 2, damaged_2=KEEP + 1, damaged_1=KEEP + 3)
    days = []
    for _ in range(4):
        store.expire(KEEP)
        days.append(left(tmp_path))
    assert days[0] == {"layout-6", "later-7", "damaged-2"}
    assert days[1] == {"layout-6", "damaged-2"}
    assert days[2] == days[3] == {"layout-6"}
    assert (tmp_path / FILE).exists()


def test_where_the_clock_was_never_set_no_copy_goes(
    tmp_path: Path, store: SqliteStore, clock: FakeClock
) -> None:
    copies(tmp_path, layout_6=KEEP + 1, later_7=20_000)
    clock.now = 5000.0 - 1_800_000_000.0
    store.expire(KEEP)
    assert left(tmp_path) == {"layout-6", "later-7"}


def test_a_copy_of_before_the_clock_was_set_counts_from_now(
    tmp_path: Path, store: SqliteStore, clock: FakeClock
) -> None:
    copies(tmp_path, layout_6=20_000)
    store.expire(KEEP)
    clock.now += (KEEP - 1) * DAY
    store.expire(KEEP)
    assert left(tmp_path) == {"layout-6"}
    clock.now += 2 * DAY
    store.expire(KEEP)
    assert left(tmp_path) == set()


def test_a_copy_that_cannot_be_removed_is_told_and_all_goes_on(
    tmp_path: Path, store: SqliteStore, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = tmp_path / f"{FILE}.later-7"
    stuck.mkdir()
    os.utime(stuck, (clock.wall() - (KEEP + 1) * DAY,) * 2)
    note(store, clock.wall() - (KEEP + 1) * DAY)
    store.expire(KEEP)
    assert counts(store)["plays"] == 0
    assert f"could not be removed: [Errno 21] Is a directory: '{stuck}'" in caplog.text
