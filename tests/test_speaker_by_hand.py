"""What the user says of tracks and of the night counts at once, and after a restart."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.lessons import ForgetTaste, Memory
from device.ports import CannotDo
from device.settings import MusicSettings, Settings
from device.system import database
from device.system.store import SqliteStore
from device.types import (
    Command,
    Correct,
    Dislike,
    Emotion,
    Goal,
    LibraryScanned,
    Like,
    Pause,
    Play,
    SetGoal,
    SetPrivacy,
    SetQuietHours,
    SetSleep,
    SetVolume,
    Track,
    TrackId,
)
from tests.fakes import FakeClock
from tests.house import House, library

HAPPY, SAD = TrackId("happy-0"), TrackId("sad-0")


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library(per_mood=1)))
    return house


def track(house: House, id_: TrackId) -> Track:
    return next(track for track in house.speaker.holdings.library.tracks if track.id == id_)


def test_the_users_word_wins_and_stays(house: House, tmp_path: Path) -> None:
    house.speaker.command(Correct(SAD, 0.75, 0.65))
    said = track(house, SAD).affect
    assert (said.valence, said.arousal, said.source) == (0.75, 0.65, "user tag")
    house.speaker.handle(LibraryScanned(library(per_mood=1)))  # a scan says otherwise
    assert track(house, SAD).affect == said
    house.store.__exit__(None, None, None)
    again = House(tmp_path, house.clock)
    assert track(again, SAD).affect == said
    again.speaker.command(Correct(SAD))
    assert track(again, SAD).affect.source == "file tag"
    assert again.store.corrections() == {}


def test_what_was_corrected_is_chosen_for_the_mood_that_was_said(house: House) -> None:
    house.speaker.command(Correct(SAD, 0.8, 0.5))
    for wrong in ("happy-0", "angry-0", "calm-0"):
        house.speaker.command(Correct(TrackId(wrong), -0.9, -0.9))
    house.pass_time(8.0, Emotion.HAPPINESS)
    assert house.player.track == SAD


def test_what_shall_never_play_ends_and_is_chosen_no_more(house: House) -> None:
    house.pass_time(8.0, Emotion.HAPPINESS)
    unwanted = house.player.track
    assert unwanted is not None
    house.speaker.command(Correct(unwanted, skip=True))
    for _ in range(40):
        house.pass_time(5.0, Emotion.HAPPINESS)
        assert house.player.track not in (None, unwanted)
    assert track(house, unwanted), "it is still there, so that it can be wished again"


def test_what_is_marked_explicit_while_a_child_listens_ends_at_once(house: House) -> None:
    house.pass_time(8.0, Emotion.HAPPINESS, age=8.0)
    marked = house.player.track
    assert marked is not None
    house.speaker.command(Correct(marked, explicit=True))
    house.wait(0.2)
    assert house.player.track not in (None, marked)


@pytest.mark.parametrize("said", [{"skip": True}, {"explicit": True}])
def test_what_waits_to_follow_is_forgotten_when_it_may_not_play(
    house: House, said: dict[str, bool]
) -> None:
    house.pass_time(55.0, Emotion.HAPPINESS, age=8.0)
    queued = house.player.queued
    assert queued is not None
    house.speaker.command(Correct(queued.id, **said))
    following = house.player.queued
    assert following is None or following.id != queued.id
    house.pass_time(10.0, Emotion.HAPPINESS, age=8.0)
    assert house.player.track not in (None, queued.id)


def test_what_waits_to_follow_goes_on_waiting_when_it_feels_otherwise(house: House) -> None:
    house.pass_time(55.0, Emotion.HAPPINESS)
    queued = house.player.queued
    assert queued is not None
    house.speaker.command(Correct(queued.id, 0.1, 0.1))
    assert house.player.queued is queued


def test_what_was_resumed_and_is_explicit_by_now_does_not_play_to_a_child(
    house: House, tmp_path: Path
) -> None:
    house.pass_time(8.0, Emotion.HAPPINESS)
    was = house.player.track
    assert was is not None
    house.speaker.command(Pause())
    house.power_cut()
    again = House(tmp_path, house.clock)
    again.speaker.command(Correct(was, explicit=True))
    again.pass_time(8.0, Emotion.HAPPINESS, age=8.0)
    again.speaker.command(Play())
    again.pass_time(2.0, Emotion.HAPPINESS, age=8.0)
    assert again.player.track is not None
    assert was not in [track.id for track, _ in again.player.played]


def test_a_drive_that_goes_away_takes_no_sounding_nor_resumed_track_along(
    house: House, tmp_path: Path
) -> None:
    house.pass_time(8.0, Emotion.HAPPINESS)
    was = house.player.track
    gone = LibraryScanned((), missing=library(per_mood=1))
    house.speaker.handle(gone)
    house.pass_time(1.0, Emotion.HAPPINESS)
    assert house.player.track == was
    house.power_cut()
    again = House(tmp_path, house.clock)
    again.player.broken = {each.path: "No such file" for each in library(per_mood=1)}
    again.speaker.handle(gone)
    again.pass_time(200.0, Emotion.HAPPINESS)
    assert again.player.played == []
    again.player.broken = {}
    again.speaker.handle(LibraryScanned(library(per_mood=1)))
    again.pass_time(8.0, Emotion.HAPPINESS)
    assert [track.id for track, _ in again.player.played] == [was]


def test_a_child_hears_nothing_that_the_user_calls_explicit(house: House) -> None:
    for each in ("happy-0", "angry-0", "sad-0"):
        house.speaker.command(Correct(TrackId(each), explicit=True))
    house.pass_time(8.0, Emotion.HAPPINESS, age=8.0)
    assert house.player.track == "calm-0"


def test_an_unknown_track_is_refused(house: House) -> None:
    with pytest.raises(CannotDo, match="no track 'nonsense'"):
        house.speaker.command(Correct(TrackId("nonsense"), 0.1, 0.1))
    assert house.store.corrections() == {}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"valence": 0.5}, "together"),
        ({"valence": 1.2, "arousal": 0.0}, "valence must be -1..1, not 1.2"),
        ({"valence": 0.0, "arousal": float("nan")}, "arousal must be -1..1, not nan"),
    ],
)
def test_a_word_that_makes_no_sense_is_none(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Correct(HAPPY, **fields)


unit = st.floats(-1.0, 1.0)


@given(
    place=st.none() | st.tuples(unit, unit),
    explicit=st.none() | st.booleans(),
    skip=st.booleans(),
)
def test_every_word_is_remembered_as_it_was_said(
    tmp_path_factory: pytest.TempPathFactory,
    place: tuple[float, float] | None,
    explicit: bool | None,
    skip: bool,
) -> None:
    valence, arousal = place or (None, None)
    said = Correct(HAPPY, valence, arousal, explicit, skip)
    with SqliteStore(tmp_path_factory.mktemp("state"), FakeClock()) as store:
        store.correct(Correct(HAPPY, 0.1, 0.2, explicit=True))
        store.correct(said)
        assert store.corrections() == ({} if said.says_nothing else {HAPPY: said})


def test_a_damaged_row_is_left_out(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, FakeClock()) as store:
        store.correct(Correct(SAD, 0.1, 0.2))
        store._db.execute("INSERT INTO corrections VALUES ('bad', 7.0, NULL, NULL, 0)")
        assert list(store.corrections()) == [SAD]


def test_a_database_of_before_is_opened(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / database.FILE)
    before = next(n for n, script in enumerate(database.MIGRATIONS) if "corrections" in script)
    for script in database.MIGRATIONS[:before]:
        db.executescript(script)
    db.execute("INSERT INTO resume VALUES (1, NULL, 0, 0, 0, 33, NULL, 0, NULL)")
    db.execute(f"PRAGMA user_version = {before}")
    db.commit()
    db.close()
    with SqliteStore(tmp_path, FakeClock()) as store:
        resume = store.load_resume()
        assert resume is not None
        assert (resume.volume, resume.quiet_hours, resume.held) == (33, None, False)
        assert store.corrections() == {}


# --- quiet hours --------------------------------------------------------------------------------


def test_quiet_hours_can_be_set_by_hand(tmp_path: Path) -> None:
    settings = Settings(music=MusicSettings(quiet_hours="01:00-02:00", quiet_volume=20))
    house = House(tmp_path, FakeClock(), settings)
    house.speaker.command(SetVolume(80))
    assert house.speaker.status().quiet_hours == "01:00-02:00"
    status = house.speaker.command(SetQuietHours("00:00-00:00"))  # the whole day
    assert (status.quiet_hours, status.volume) == ("00:00-00:00", 80)
    for _ in range(60):
        house.clock.now += 1.0
        house.speaker.tick()
    assert house.speaker.status().volume_now == 20
    house.store.__exit__(None, None, None)
    again = House(tmp_path, house.clock, settings)
    assert again.speaker.status().quiet_hours == "00:00-00:00"
    assert again.speaker.command(SetQuietHours("")).quiet_hours == ""
    assert again.speaker.command(SetQuietHours(None)).quiet_hours == "01:00-02:00"


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_utc")
def test_quiet_hours_follow_another_time_zone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.speaker.command(SetQuietHours("17:00-18:00"))
    house.wait(61)
    assert not house.speaker.status().volume_why  # it is 08:17
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Tokyo")  # as `timedatectl set-timezone` does for all others
        house.wait(61)
        assert "quiet hours" in house.speaker.status().volume_why


def test_quiet_hours_are_forgotten_with_what_was_set_by_hand(house: House) -> None:
    house.speaker.command(SetQuietHours("22:00-07:00"))
    for _ in house.speaker.taste(ForgetTaste(None, (Memory.BY_HAND,))):
        pass
    assert house.speaker.status().quiet_hours == ""
    resume = house.store.load_resume()
    assert resume is None or resume.quiet_hours is None


@pytest.mark.parametrize("hours", ["22-7", "24:00-01:00", "22:00 - 07:00", "22:00-07:00\n", "x"])
def test_hours_that_are_none_are_refused(hours: str) -> None:
    with pytest.raises(ValueError, match="quiet hours are as 22:00-07:00"):
        SetQuietHours(hours)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (SetPrivacy(on=True), {"privacy": True}),
        (SetVolume(41), {"volume": 41}),
        (SetGoal(Goal.CALM), {"goal": Goal.CALM}),
        (SetQuietHours("22:00-07:00"), {"quiet_hours": "22:00-07:00"}),
        (SetSleep(30), {"sleep_minutes": 30}),
        (Like(), {}),
        (Dislike(), {}),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_is_done_but_not_stored_is_said_to_be(
    house: House, command: Command, shown: dict[str, object]
) -> None:
    house.pass_time(8.0, Emotion.HAPPINESS)
    before = house.player.track
    house.store._db.execute("PRAGMA query_only = ON")  # as on a file system gone read-only
    for _ in range(2):  # asked again, it is no more stored than it was
        with pytest.raises(CannotDo, match=r"could not be stored.*make room"):
            house.speaker.command(command)
    status = house.speaker.status()
    assert {name: getattr(status, name) for name in shown} == shown
    house.wait(1)
    assert (house.player.track == before) is (command != Dislike())
    house.speaker.command(Pause())  # where we are is nobody's word: it is not missed
    house.store._db.execute("PRAGMA query_only = OFF")
    house.speaker.command(command)
