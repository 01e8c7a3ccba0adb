"""The appliance's behaviour, on a fake clock, with a fake player and the real database."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from device.types import (
    AgeChanged,
    AgeGroup,
    Dislike,
    Emotion,
    Goal,
    Health,
    LibraryScanned,
    Like,
    MoodChanged,
    MoodLabel,
    Next,
    NowStarted,
    OverrideMood,
    Part,
    PartChanged,
    Pause,
    Play,
    PlayerState,
    Previous,
    Scan,
    SetGoal,
    SetPrivacy,
    SetSleep,
    SetVolume,
)
from tests.fakes import FakeClock
from tests.house import SETTINGS, House, library


def test_an_empty_room_stays_silent(house: House) -> None:
    house.pass_time(60)
    assert house.player.state is PlayerState.STOPPED
    assert house.speaker.status().mood.label is MoodLabel.NOBODY


def test_somebody_happy_comes_and_fitting_music_starts(house: House) -> None:
    house.pass_time(3)
    house.pass_time(3, Emotion.HAPPINESS)
    status = house.speaker.status()
    assert house.mood_of_track == "happy"
    assert status.playing
    assert status.track is not None
    assert status.track.because
    assert (status.people, status.age_group) == (1, AgeGroup.ADULT)
    assert [n.label for n in house.news(MoodChanged)] == [MoodLabel.NOBODY, MoodLabel.HAPPINESS]
    assert house.news(AgeChanged)[-1].age_group is AgeGroup.ADULT
    assert house.news(NowStarted)[0].title == status.track.title
    assert house.bus.shown[-1].mood.label is MoodLabel.HAPPINESS


def test_a_changed_mood_changes_the_music_after_a_decent_time(house: House) -> None:
    house.pass_time(6, Emotion.HAPPINESS)
    house.pass_time(15, Emotion.SADNESS)
    assert house.mood_of_track == "happy"  # it may be a mood in passing
    house.pass_time(15, Emotion.SADNESS)
    assert house.mood_of_track == "sad"
    house.speaker.command(OverrideMood(Emotion.HAPPINESS))
    house.speaker.command(Next())
    house.speaker.command(OverrideMood(Emotion.SADNESS))
    house.wait(SETTINGS.music.minimum_play_seconds - 1)
    assert house.mood_of_track == "happy"
    house.wait(2)
    assert house.mood_of_track == "sad"


def test_focus_does_not_jump_with_the_mood(house: House) -> None:
    house.speaker.command(SetGoal(Goal.FOCUS))
    house.pass_time(15, Emotion.HAPPINESS)
    track = house.player.track
    house.pass_time(20, Emotion.SADNESS)
    assert house.player.track == track


def test_music_goes_on_without_a_gap(house: House) -> None:
    house.pass_time(200, Emotion.HAPPINESS)
    started = house.news(NowStarted)
    assert len(started) == 4
    assert len({n.title for n in started}) == 4
    assert house.silent_ticks == 0


def test_absence_pauses_and_return_goes_on_where_it_was(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    track = house.player.track
    house.pass_time(19)
    assert house.player.state is PlayerState.PLAYING
    house.pass_time(5)
    assert house.player.state is PlayerState.PAUSED
    position = house.player.position_seconds
    house.pass_time(100)
    house.pass_time(1, Emotion.HAPPINESS)
    assert (house.player.state, house.player.track) == (PlayerState.PLAYING, track)
    assert house.player.position_seconds == pytest.approx(position, abs=1.5)


def test_paused_by_hand_stays_paused_whoever_comes(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    house.speaker.command(Pause())
    house.pass_time(30)
    house.pass_time(10, Emotion.HAPPINESS)
    assert house.player.state is PlayerState.PAUSED
    house.speaker.command(Play())
    assert house.player.state is PlayerState.PLAYING


def test_asked_to_play_it_plays_for_an_empty_room(house: House) -> None:
    house.pass_time(5)
    status = house.speaker.command(Play())
    assert status.track is not None
    house.pass_time(50)
    assert house.player.state is PlayerState.PLAYING


def test_a_lost_camera_claims_nothing_and_stops_nothing(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    house.speaker.handle(PartChanged("camera", Part(Health.DOWN, "unplugged")))
    house.wait(100)
    status = house.speaker.status()
    assert (status.mood.label, status.people) == (MoodLabel.UNCERTAIN, 0)
    assert status.playing
    assert status.camera == Part(Health.DOWN, "unplugged")


def test_next_previous_and_volume(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    first = house.player.track
    house.speaker.command(Next())
    house.wait(1)
    second = house.player.track
    assert second != first
    house.speaker.command(Previous())
    house.wait(1)
    assert house.player.track == first
    house.wait(8)
    house.speaker.command(Previous())
    house.wait(1)
    assert house.player.track == first
    assert house.player.position_seconds < 2
    assert house.speaker.command(SetVolume(20)).volume == 20
    assert house.player.volume == 20


def test_an_override_beats_the_camera_until_it_is_lifted(house: House) -> None:
    house.pass_time(5, Emotion.HAPPINESS)
    status = house.speaker.command(OverrideMood(Emotion.SADNESS))
    assert (status.mood.label, status.mood.overridden) == (MoodLabel.SADNESS, True)
    house.pass_time(10, Emotion.HAPPINESS)
    assert house.mood_of_track == "sad"
    house.speaker.command(OverrideMood(None))
    assert house.speaker.status().mood.label is MoodLabel.HAPPINESS


def test_likes_and_dislikes_are_remembered_and_a_dislike_skips(house: House) -> None:
    house.pass_time(5, Emotion.HAPPINESS)
    liked = house.player.track
    house.speaker.command(Like())
    house.speaker.command(Next())
    house.wait(1)
    disliked = house.player.track
    house.speaker.command(Dislike())
    house.wait(1)
    assert house.player.track not in (disliked, liked)
    assert house.store.feedback() == {liked: 1, disliked: -1}


def test_likes_without_a_track_do_nothing(house: House) -> None:
    house.speaker.command(Like())
    house.speaker.command(Dislike())
    assert house.store.feedback() == {}


def test_privacy_reaches_the_camera_and_is_remembered(tmp_path: Path) -> None:
    clock = FakeClock()
    house = House(tmp_path, clock)
    assert house.speaker.command(SetPrivacy(on=True)).privacy
    house.close()
    again = House(tmp_path, clock)
    assert (house.privacy, again.privacy) == ([False, True], [True])
    again.close()


def test_scan_is_passed_on(house: House) -> None:
    house.speaker.command(Scan())
    assert house.scans == 1


def test_an_empty_library_is_quiet_and_sane(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.pass_time(5, Emotion.HAPPINESS)
    for command in (Play(), Next(), Previous(), Like(), Dislike(), Pause()):
        assert house.speaker.command(command).track is None
    house.close()


def test_moods_are_stored_once_a_minute(house: House) -> None:
    house.pass_time(190, Emotion.HAPPINESS)
    rows = house.store._db.execute("SELECT count(*) FROM moods").fetchone()[0]
    assert 3 <= rows <= 4


def test_a_library_of_one_track_notes_every_round(house: House) -> None:
    house.speaker.handle(LibraryScanned(library(1)[:1]))
    house.pass_time(200, Emotion.HAPPINESS)
    assert len(house.news(NowStarted)) == 4
    assert house.open_rows() == 1
    assert house.silent_ticks == 0


def test_a_track_that_was_forgotten_too_late_is_left(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    while house.player.queued is None:
        house.pass_time(0.1, Emotion.HAPPINESS)
    first = house.player.track
    while house.player.track == first:  # the player goes over between two ticks
        house.clock.now += 0.05
    house.speaker.command(SetGoal(Goal.CALM))
    house.pass_time(1, Emotion.HAPPINESS)
    track = house.speaker.status().track
    assert track is not None
    assert track.id == house.player.track
    assert house.open_rows() == 1


def test_a_track_asked_for_again_is_not_left_for_a_mood_that_was_there_before(
    house: House,
) -> None:
    house.pass_time(12, Emotion.SADNESS)
    first = house.player.track
    house.speaker.command(Next())
    house.pass_time(7, Emotion.HAPPINESS)  # less than `minimum_play_seconds`
    house.speaker.command(Previous())
    house.speaker.command(Previous())
    house.pass_time(30, Emotion.HAPPINESS)
    assert house.player.track == first


def test_what_was_disliked_while_paused_does_not_come_back(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    disliked = house.player.track
    house.speaker.command(Pause())
    house.speaker.command(Dislike())
    assert house.player.state is not PlayerState.PLAYING
    house.speaker.command(Play())
    assert house.player.state is PlayerState.PLAYING
    assert house.player.track != disliked


def test_an_explicit_track_is_not_for_a_child_that_came_later(house: House) -> None:
    explicit = tuple(replace(track, explicit=True) for track in library())
    house.speaker.handle(LibraryScanned(explicit[:-1] + library()[-1:]))
    clean = library()[-1].id
    house.pass_time(20, Emotion.HAPPINESS, age=45)
    assert house.player.track != clean
    house.pass_time(5, Emotion.HAPPINESS, age=6)
    assert house.player.track == clean


@pytest.mark.parametrize("blind", [False, True])
def test_a_child_that_turns_away_is_protected_while_the_music_plays_on(
    tmp_path: Path, blind: bool
) -> None:
    music = replace(SETTINGS.music, volume=50, child_volume=40)
    house = House(tmp_path, FakeClock(), replace(SETTINGS, music=music))
    clean = {"happy-0", "happy-1"}
    tracks = tuple(replace(t, explicit=t.id not in clean) for t in library(seconds=14.0))
    house.speaker.handle(LibraryScanned(tracks))
    house.pass_time(10, Emotion.HAPPINESS, age=8.0)
    if blind:
        house.speaker.command(SetPrivacy(on=True))
        house.speaker.handle(PartChanged("camera", Part(Health.OFF, "privacy")))
    heard = set()
    for _ in range(int(10 * SETTINGS.mood.absence_seconds)):
        house.wait(0.1) if blind else house.pass_time(0.1)
        heard.add(house.player.track)
        assert (house.player.state, house.player.volume) == (PlayerState.PLAYING, 40)
    assert heard == clean
    shown = house.speaker.status()
    assert (shown.people, shown.age, shown.age_interval, shown.age_group) == (0, None, None, None)
    house.wait(3.0) if blind else house.pass_time(3.0)
    assert house.player.state is (PlayerState.PLAYING if blind else PlayerState.PAUSED)
    assert house.player.volume > 40
    sql = "SELECT DISTINCT people, age_years, youngest_years FROM plays ORDER BY id"
    assert house.store._db.execute(sql).fetchall() == [(1, 8.0, 8.0), (0, None, None)]
    house.close()


def test_nothing_but_explicit_tracks_is_silence_for_a_child(house: House) -> None:
    house.speaker.handle(
        LibraryScanned(tuple(replace(track, explicit=True) for track in library()))
    )
    house.pass_time(20, Emotion.HAPPINESS, age=45)
    assert house.player.state is PlayerState.PLAYING
    house.pass_time(5, Emotion.HAPPINESS, age=6)
    assert house.player.state is PlayerState.STOPPED
    house.pass_time(60, Emotion.HAPPINESS, age=45)
    assert house.player.state is PlayerState.PLAYING


def test_the_sleep_timer_fades_and_pauses_whoever_is_there(house: House) -> None:
    house.pass_time(5, Emotion.HAPPINESS)
    status = house.speaker.command(SetSleep(2))
    assert (status.sleep_minutes, status.volume_now) == (2, 55)
    house.pass_time(90, Emotion.HAPPINESS)
    status = house.speaker.status()
    assert status.volume == 55
    assert status.volume_now == pytest.approx(55 / 2, abs=1)
    assert house.player.announced_volume == 55  # what is announced does not sleep
    assert "sleep" in status.volume_why
    house.pass_time(31, Emotion.HAPPINESS)
    assert house.player.state is PlayerState.PAUSED
    assert house.player.volume == 0
    assert house.speaker.status().sleep_minutes is None
    house.pass_time(30)
    house.pass_time(10, Emotion.HAPPINESS)
    assert house.player.state is PlayerState.PAUSED
    house.speaker.command(Play())
    house.wait(0.2)
    assert (house.player.state, house.player.volume) == (PlayerState.PLAYING, 55)


@pytest.mark.parametrize("minutes", [0, 30])
def test_the_sleep_timer_may_be_taken_back_or_set_again(house: House, minutes: int) -> None:
    house.pass_time(5, Emotion.HAPPINESS)
    house.speaker.command(SetSleep(1))
    house.pass_time(59, Emotion.HAPPINESS)
    status = house.speaker.command(SetSleep(minutes))
    assert status.sleep_minutes == (minutes or None)
    house.pass_time(1, Emotion.HAPPINESS)
    assert house.player.volume is not None
    assert house.player.volume < 5  # nobody who fell asleep is startled
    house.pass_time(50, Emotion.HAPPINESS)
    status = house.speaker.status()
    assert (status.volume_now, status.volume_why) == (55, "")
    assert house.player.state is PlayerState.PLAYING


@pytest.mark.parametrize("command", [Play(), SetVolume(55)])
def test_who_asks_for_music_after_the_sleep_timers_fade_hears_it_at_once(
    house: House, command: Play | SetVolume
) -> None:
    house.pass_time(5, Emotion.HAPPINESS)
    house.speaker.command(SetSleep(1))
    house.pass_time(59, Emotion.HAPPINESS)
    house.speaker.command(SetSleep(0))
    assert house.speaker.command(command).volume_now == 55


def test_children_cap_the_volume_gently_and_are_told_of(house: House) -> None:
    house.speaker.command(SetVolume(90))
    house.pass_time(5, Emotion.HAPPINESS)
    assert house.player.volume == 90
    house.pass_time(3, Emotion.HAPPINESS, age=6.0)
    assert house.player.volume is not None
    assert 70 < house.player.volume < 90
    house.pass_time(20, Emotion.HAPPINESS, age=6.0)
    status = house.speaker.status()
    assert (status.volume, status.volume_now) == (90, 70)
    assert "child" in status.volume_why
    assert house.speaker.command(SetVolume(20)).volume_why == ""
