"""Sound that is lost, files that cannot be played, and how the appliance goes on."""

from __future__ import annotations

import pytest

from device.ports import CannotDo
from device.types import (
    Emotion,
    Health,
    Next,
    NowStarted,
    Pause,
    Play,
    PlayerState,
    Say,
)
from tests.house import House, library


def test_sound_is_not_called_up_before_it_was_tried(house: House) -> None:
    house.pass_time(3)
    assert house.speaker.status().sound.health is Health.OFF
    house.pass_time(3, Emotion.HAPPINESS)
    assert house.speaker.status().sound.health is Health.UP


def test_lost_sound_is_retried_and_goes_on_where_it_was(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    track, position = house.player.track, house.player.position_seconds
    house.player.unplug()
    house.pass_time(5, Emotion.HAPPINESS)
    status = house.speaker.status()
    assert status.sound.health is Health.DOWN
    assert not status.playing
    house.player.plug()
    house.pass_time(10, Emotion.HAPPINESS)
    assert house.speaker.status().sound.health is Health.UP
    assert house.player.track == track
    assert house.player.position_seconds >= position


def test_unplayable_tracks_are_left_out_and_a_broken_library_is_given_a_rest(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.player.broken = {track.path: "not audio" for track in library()}
    house.pass_time(30, Emotion.HAPPINESS)
    assert "tracks in a row could not be played" in caplog.text
    tried = caplog.text.count("cannot play")
    house.pass_time(20, Emotion.HAPPINESS)
    assert caplog.text.count("cannot play") == tried
    house.player.broken = {}
    house.pass_time(40, Emotion.HAPPINESS)
    assert house.speaker.status().playing


def test_one_broken_track_is_skipped(house: House) -> None:
    house.player.broken = {t.path: "not audio" for t in library() if t.id.endswith("0")}
    house.pass_time(400, Emotion.HAPPINESS)
    assert len(house.news(NowStarted)) >= 6
    assert house.silent_ticks == 0


def test_failures_with_music_in_between_are_not_in_a_row(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    for turn in range(10):
        house.player.broken = {track.path: "not audio" for track in library()}
        house.speaker.command(Next())
        house.player.broken = {}
        house.wait(20)
        assert house.player.state is PlayerState.PLAYING, turn
    assert "in a row" not in caplog.text


def test_what_cannot_follow_is_not_tried_ten_times_a_second(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.pass_time(30, Emotion.HAPPINESS)
    house.player.broken = {track.path: "not audio" for track in library()}
    house.pass_time(29, Emotion.HAPPINESS)
    assert caplog.text.count("cannot play") <= 8


def test_a_try_without_sound_does_not_look_like_music(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    house.player.unplug()
    house.pass_time(1, Emotion.HAPPINESS)
    before = len(house.bus.shown)
    house.pass_time(30, Emotion.HAPPINESS)
    assert len(house.player.played) > 3
    assert not any(status.playing for status in house.bus.shown[before:])


def test_asked_to_play_a_sound_output_that_is_back_is_tried_at_once(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    house.player.unplug()
    house.pass_time(20, Emotion.HAPPINESS)
    tries = len(house.player.played)
    while len(house.player.played) == tries:  # one more, whose failure is not heard of yet
        house.pass_time(0.1, Emotion.HAPPINESS)
    house.player.plug()
    house.speaker.command(Play())
    house.wait(0.3)
    assert house.speaker.status().playing


def test_what_may_not_be_heard_is_said_to_be_so_and_tried_all_the_same(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    house.player.unplug()
    house.wait(1)
    assert house.speaker.status().sound.health is Health.DOWN
    with pytest.raises(CannotDo, match=r"may not be heard.*sound card is gone"):
        house.speaker.command(Say("/x/bell.ogg"))
    assert house.player.announced == ["/x/bell.ogg"]
    house.player.plug()
    house.speaker.command(Play())
    house.wait(1)
    house.speaker.command(Say("/x/bell.ogg"))


def test_a_sound_that_is_gone_when_something_is_said_heals(house: House) -> None:
    house.pass_time(10, Emotion.HAPPINESS)
    track, position = house.player.track, house.player.position_seconds
    house.speaker.command(Pause())
    house.player.unplug()
    house.speaker.command(Say("/x/bell.ogg"))
    house.wait(2)
    house.player.plug()
    house.speaker.command(Play())
    house.wait(1)
    assert house.player.track == track
    assert house.player.position_seconds == pytest.approx(position, abs=2.0)


def test_what_is_said_reaches_the_player_and_changes_nothing_else(house: House) -> None:
    house.pass_time(5, Emotion.HAPPINESS)
    before = house.player.track
    house.speaker.command(Pause())
    house.speaker.command(Say("/x/bell.ogg"))
    house.wait(1)
    assert house.player.announced == ["/x/bell.ogg"]
    assert (house.player.state, house.player.track) == (PlayerState.PAUSED, before)
