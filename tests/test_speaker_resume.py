"""What the appliance takes up again after a power cut or a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from device.settings import MusicSettings, Settings
from device.system.database import FILE
from device.types import (
    Correct,
    Emotion,
    Goal,
    Health,
    LibraryScanned,
    Like,
    Next,
    NowStarted,
    Part,
    PartChanged,
    Pause,
    Play,
    PlayerState,
    SetGoal,
    SetPrivacy,
    SetSleep,
    SetVolume,
    TrackId,
)
from tests.fakes import FakeClock
from tests.house import SETTINGS, House, library


def played(folder: Path) -> TrackId | None:
    """What sounded when a first run of the speaker ended in good order."""
    house = House(folder, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(15, Emotion.HAPPINESS)
    track = house.player.track
    house.close()
    return track


def test_privacy_outlives_a_database_that_was_damaged(tmp_path: Path) -> None:
    clock = FakeClock()
    house = House(tmp_path, clock)
    house.speaker.command(SetPrivacy(on=True))
    house.close()
    (tmp_path / FILE).write_bytes(b"not a database at all " * 100)
    again = House(tmp_path, clock)
    assert (again.privacy, again.speaker.status().privacy) == ([True], True)
    again.speaker.command(SetPrivacy(on=False))
    again.close()
    (tmp_path / FILE).write_bytes(b"not a database at all " * 100)
    last = House(tmp_path, clock)
    assert last.privacy == [False]
    last.close()


def test_a_power_cut_just_after_a_track_leads_not_back_to_it(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(15, Emotion.HAPPINESS)
    house.speaker.command(Next())
    house.pass_time(5, Emotion.HAPPINESS)
    first = house.player.track
    for _ in range(1000):
        house.pass_time(0.5, Emotion.HAPPINESS)
        if house.player.track != first:
            break
    house.pass_time(0.3, Emotion.HAPPINESS)
    track = house.player.track
    house.power_cut()
    again = House(tmp_path, FakeClock(50.0))
    again.wait(0.3)
    assert again.player.track == track
    assert again.player.position_seconds < 31  # it saves where it will be half a minute later
    again.close()


def absent(house: House) -> None:
    """The drive with all the music is not mounted."""
    house.player.broken = {each.path: "No such file or directory" for each in library()}


@pytest.mark.parametrize("scanned_after", [0.0, 3.0])
def test_a_drive_that_comes_after_the_daemon_goes_on_where_it_was(
    tmp_path: Path, scanned_after: float, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(15, Emotion.HAPPINESS)
    track, position = house.player.track, house.player.position_seconds
    house.close()
    again = House(tmp_path, FakeClock(50.0))
    absent(again)
    again.pass_time(scanned_after, Emotion.HAPPINESS)
    again.speaker.handle(LibraryScanned((), missing=library()))
    again.pass_time(400, Emotion.HAPPINESS)
    again.power_cut()  # once more, and still without the drive
    last = House(tmp_path, FakeClock(50.0))
    absent(last)
    last.speaker.handle(LibraryScanned((), missing=library()))
    last.pass_time(10, Emotion.HAPPINESS)
    shown = last.speaker.status().track
    assert shown is not None
    assert shown.id == track
    last.player.broken = {}
    last.speaker.handle(LibraryScanned(library()))
    last.pass_time(1, Emotion.HAPPINESS)
    assert last.player.track == track
    assert last.player.position_seconds == pytest.approx(position + 1.0, abs=1.0)
    assert "cannot play" not in caplog.text
    last.close()


def test_a_drive_that_does_not_come_is_waited_for_in_vain_only_for_a_while(
    tmp_path: Path,
) -> None:
    track = played(tmp_path)
    again = House(tmp_path, FakeClock(50.0))
    gone = tuple(each for each in library() if each.id == track)
    rest = tuple(each for each in library() if each.id != track)
    again.player.broken = {gone[0].path: "No such file or directory"}
    again.speaker.handle(LibraryScanned(rest, missing=gone))
    again.pass_time(80, Emotion.HAPPINESS)
    assert again.player.played == []
    again.pass_time(20, Emotion.HAPPINESS)
    assert again.player.state is PlayerState.PLAYING
    again.close()


def test_what_is_broken_is_not_gone_on_with(tmp_path: Path) -> None:
    track = played(tmp_path)
    again = House(tmp_path, FakeClock(50.0))
    again.player.broken = {each.path: "broken" for each in library() if each.id == track}
    again.pass_time(3, Emotion.HAPPINESS)
    again.speaker.handle(LibraryScanned(library()))
    again.pass_time(5, Emotion.HAPPINESS)
    assert again.player.state is PlayerState.PLAYING
    assert again.player.track != track
    again.close()


def test_what_shall_never_play_is_not_waited_for(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(15, Emotion.HAPPINESS)
    track = house.player.track
    assert track is not None
    house.speaker.command(Pause())
    house.store.correct(Correct(track, skip=True))
    house.store.replace_library(LibraryScanned((), missing=library()))
    house.power_cut()
    again = House(tmp_path, FakeClock(50.0))
    assert again.speaker.status().track is None
    again.close()


def test_stopped_in_good_order_it_goes_on_just_where_it_was(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(15, Emotion.HAPPINESS)
    track, position = house.player.track, house.player.position_seconds
    house.close()
    again = House(tmp_path, FakeClock(50.0))
    again.wait(0.3)
    assert again.player.track == track
    assert again.player.position_seconds == pytest.approx(position, abs=0.7)
    again.close()


@pytest.mark.parametrize("seconds", [0.2, 24.0, 26.0, 50.0, 61.0, 90.0])
def test_a_power_cut_leads_back_to_within_half_a_minute(tmp_path: Path, seconds: float) -> None:
    clock = FakeClock()
    house = House(tmp_path, clock)
    house.speaker.handle(LibraryScanned(library(seconds=180.0)))
    house.pass_time(33.3, Emotion.HAPPINESS)
    track, position = house.player.track, house.player.position_seconds
    house.speaker.command(SetVolume(41))
    house.speaker.command(SetGoal(Goal.CALM))
    house.pass_time(seconds, Emotion.HAPPINESS)
    assert house.player.track == track
    house.power_cut()
    again = House(tmp_path, FakeClock(50.0))  # the machine booted: another monotonic clock
    again.wait(0.3)
    status = again.speaker.status()
    assert again.player.track == track
    assert again.player.position_seconds == pytest.approx(position + seconds, abs=31.0)
    assert (status.volume, status.goal, status.playing) == (41, Goal.CALM, True)
    again.close()


def test_paused_for_absence_it_wakes_up_silent_and_waits(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(10, Emotion.HAPPINESS)
    track = house.player.track
    house.pass_time(40)
    house.close()
    again = House(tmp_path, FakeClock(5.0))
    again.pass_time(5)
    assert again.player.state is PlayerState.STOPPED
    again.pass_time(2, Emotion.HAPPINESS)
    assert again.player.track == track
    again.close()


@pytest.mark.parametrize("wished", [True, False])
def test_music_asked_for_comes_back_with_somebody_after_a_restart_too(
    tmp_path: Path, wished: bool
) -> None:
    settings = replace(SETTINGS, music=replace(SETTINGS.music, autoplay=False))
    house = House(tmp_path, FakeClock(), settings)
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(5, Emotion.HAPPINESS)
    house.speaker.command(Play())
    house.pass_time(5, Emotion.HAPPINESS)
    if not wished:
        house.speaker.command(Pause())
    house.pass_time(40)
    house.close()
    again = House(tmp_path, FakeClock(5.0), settings)
    again.wait(5)
    again.pass_time(5)
    assert again.player.state is PlayerState.STOPPED
    again.power_cut()
    last = House(tmp_path, FakeClock(5.0), settings)
    last.pass_time(5)
    assert last.player.state is PlayerState.STOPPED
    last.pass_time(5, Emotion.HAPPINESS)
    assert last.player.state is (PlayerState.PLAYING if wished else PlayerState.STOPPED)
    last.close()


def test_a_camera_that_comes_back_to_an_empty_room_starts_no_music(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    house.pass_time(40)
    house.speaker.handle(PartChanged("camera", Part(Health.DOWN)))
    house.wait(5)
    house.speaker.handle(PartChanged("camera", Part(Health.UP)))
    house.pass_time(5)
    assert house.player.state is PlayerState.PAUSED


def test_the_track_of_an_earlier_run_stays_while_the_mood_does(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library(seconds=200.0)))
    house.pass_time(20, Emotion.HAPPINESS)
    track = house.player.track
    house.power_cut()
    again = House(tmp_path, FakeClock(50.0))
    again.pass_time(60, Emotion.HAPPINESS)
    assert again.player.track == track
    again.pass_time(30, Emotion.SADNESS)
    assert again.player.track != track
    again.close()


def test_what_is_shown_after_a_restart_can_be_liked(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(10, Emotion.HAPPINESS)
    house.speaker.command(Pause())
    house.close()
    again = House(tmp_path, FakeClock(50.0))
    again.wait(1)
    shown = again.speaker.command(Like()).track
    assert shown is not None
    assert again.store.feedback() == {shown.id: 1}
    again.close()


def test_the_configured_volume_and_goal_count_until_changed_by_hand(tmp_path: Path) -> None:
    def changed(volume: int, goal: Goal) -> Settings:
        music = MusicSettings(random_seed=1, volume=volume, goal=goal)
        return Settings(mood=SETTINGS.mood, music=music)

    house = House(tmp_path, FakeClock())
    house.pass_time(5)
    house.speaker.configure(changed(33, Goal.LIFT))
    assert (house.player.volume, house.speaker.status().volume) == (33, 33)
    assert house.speaker.status().goal is Goal.LIFT
    house.close()
    again = House(tmp_path, FakeClock(), changed(44, Goal.CALM))
    assert (again.player.volume, again.speaker.status().goal) == (44, Goal.CALM)
    again.speaker.command(SetVolume(70))
    again.speaker.command(SetGoal(Goal.FOCUS))
    again.speaker.configure(changed(33, Goal.LIFT))
    assert (again.player.volume, again.speaker.status().goal) == (70, Goal.FOCUS)
    again.close()
    third = House(tmp_path, FakeClock(), changed(33, Goal.LIFT))
    assert (third.player.volume, third.speaker.status().goal) == (70, Goal.FOCUS)
    third.close()


def test_the_sleep_timer_outlives_a_power_cut(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(5, Emotion.HAPPINESS)
    house.speaker.command(SetSleep(30))
    house.pass_time(600, Emotion.HAPPINESS)
    house.power_cut()
    again = House(tmp_path, FakeClock(50.0))
    assert again.speaker.status().sleep_minutes == pytest.approx(20, abs=1)
    again.pass_time(22 * 60, Emotion.HAPPINESS)
    assert again.player.state is PlayerState.PAUSED
    again.close()


@pytest.mark.parametrize("left_seconds", [290, 95, 20])
def test_a_power_cut_does_not_wake_who_is_falling_asleep(tmp_path: Path, left_seconds: int) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(5, Emotion.HAPPINESS)
    house.speaker.command(SetSleep(10))
    house.pass_time(10 * 60 - left_seconds, Emotion.HAPPINESS)
    before = house.player.volume
    house.power_cut()
    again = House(tmp_path, FakeClock(50.0))
    # It is noted once a minute, to a minute: a fifth of the fade.
    assert again.player.volume == pytest.approx(before, abs=55 / 5 + 1)
    again.pass_time(left_seconds + 61, Emotion.HAPPINESS)
    assert again.player.state is PlayerState.PAUSED
    again.close()


def test_an_orderly_restart_takes_nothing_from_the_sleep_timer(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    house.speaker.command(SetSleep(7))
    house.close()
    again = House(tmp_path, FakeClock(50.0))
    assert again.speaker.status().sleep_minutes == 7
    again.close()


def test_the_diary_stays_true_through_cross_fades(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.player.crossfade_seconds = 3.0
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(200, Emotion.HAPPINESS)
    sql = "SELECT heard_seconds, finished FROM plays WHERE finished IS NOT NULL"
    rows = house.store._db.execute(sql).fetchall()
    assert len(rows) == 3
    for heard, finished in rows:
        assert finished
        assert heard == pytest.approx(57.0, abs=0.3)
    assert len({n.title for n in house.news(NowStarted)}) == 4
    assert house.silent_ticks == 0
    house.close()
