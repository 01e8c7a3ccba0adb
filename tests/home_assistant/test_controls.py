"""Each control moves the real daemon, and what the daemon did comes back as state."""

from __future__ import annotations

import time

import pytest

from device.types import Emotion, Goal, SetGoal, SetVolume
from tests.daemon import Daemon
from tests.home_assistant.conftest import World
from tests.home_assistant.hub import UNAVAILABLE, Hub, seen_by

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_volume(world: World, hub: Hub, daemon: Daemon) -> None:
    begun = time.monotonic()
    hub.call("number.set_value", "number.attune_volume", value=35)
    daemon.wait_for(lambda s: s.volume == 35)
    hub.wait("number.attune_volume", "35")
    world.measured("a control moved until its state is back", time.monotonic() - begun)
    assert hub.states()["number.attune_volume"]["attributes"]["level"] == 0.35
    hub.call("number.set_value", "number.attune_volume", value=60)
    hub.wait("number.attune_volume", "60")


def test_sleep_timer(hub: Hub, daemon: Daemon) -> None:
    hub.call("number.set_value", "number.attune_sleep_timer", value=720)
    daemon.wait_for(lambda s: s.sleep_minutes == 720)
    hub.wait("number.attune_sleep_timer", "720")
    hub.call("number.set_value", "number.attune_sleep_timer", value=0)
    daemon.wait_for(lambda s: s.sleep_minutes is None)
    hub.wait("number.attune_sleep_timer", "0")


def test_goal(hub: Hub, daemon: Daemon) -> None:
    for goal in (*Goal, Goal.MATCH):
        hub.call("select.select_option", "select.attune_goal", option=goal.value)
        daemon.wait_for(lambda s, goal=goal: s.goal is goal)
        hub.wait("select.attune_goal", goal.value)


def test_mood_override(hub: Hub, daemon: Daemon) -> None:
    for emotion in Emotion:
        hub.call("select.select_option", "select.attune_mood_override", option=emotion.value)
        daemon.wait_for(lambda s, e=emotion: s.mood.overridden and s.mood.label.value == e.value)
        hub.wait("select.attune_mood_override", emotion.value)
        hub.wait("sensor.attune_mood", emotion.value)
    hub.call("select.select_option", "select.attune_mood_override", option="auto")
    daemon.wait_for(lambda s: not s.mood.overridden)
    hub.wait("select.attune_mood_override", "auto")


def test_playing(hub: Hub, daemon: Daemon) -> None:
    hub.call("switch.turn_off", "switch.attune_playing")
    daemon.wait_for(lambda s: not s.playing)
    hub.wait("switch.attune_playing", "off")
    hub.call("switch.turn_on", "switch.attune_playing")
    playing = daemon.wait_for(lambda s: s.playing and s.track is not None)
    hub.wait("switch.attune_playing", "on")
    assert playing.track is not None
    hub.wait("sensor.attune_now_playing", playing.track.title)
    hub.wait("sensor.attune_why", playing.track.because)
    shown = hub.states()["sensor.attune_now_playing"]["attributes"]
    assert (shown["artist"], shown["duration_seconds"]) == (playing.track.artist, 60)


def test_next_and_previous(hub: Hub, daemon: Daemon) -> None:
    hub.call("switch.turn_on", "switch.attune_playing")
    first = daemon.wait_for(lambda s: s.playing and s.track is not None).track
    assert first is not None
    hub.call("button.press", "button.attune_next")
    second = daemon.wait_for(lambda s: s.track is not None and s.track.id != first.id).track
    assert second is not None
    hub.wait("sensor.attune_now_playing", second.title)
    hub.call("button.press", "button.attune_previous")
    daemon.wait_for(lambda s: s.track is not None and s.track.id == first.id)
    hub.wait("sensor.attune_now_playing", first.title)


def test_like_and_dislike(hub: Hub, daemon: Daemon) -> None:
    hub.call("switch.turn_on", "switch.attune_playing")
    liked = daemon.wait_for(lambda s: s.playing and s.track is not None).track
    hub.call("button.press", "button.attune_like")
    daemon.wait_told("done: Like")
    hub.call("button.press", "button.attune_dislike")
    daemon.wait_for(lambda s: s.track is not None and liked is not None and s.track.id != liked.id)


def test_privacy_closes_the_camera_and_what_it_tells(hub: Hub, daemon: Daemon) -> None:
    hub.call("switch.turn_on", "switch.attune_privacy")
    daemon.wait_for(lambda s: s.privacy and s.camera.health.value == "off")
    hub.wait("switch.attune_privacy", "on")
    hub.wait("sensor.attune_camera", "off")
    for entity in seen_by("attune"):
        hub.wait(entity, UNAVAILABLE)
    assert hub.state("switch.attune_playing") in ("on", "off")
    hub.call("switch.turn_off", "switch.attune_privacy")
    hub.wait("sensor.attune_camera", "up")
    hub.until(lambda: hub.state("sensor.attune_mood") != UNAVAILABLE, "the mood")


def test_an_announcement_by_notify(hub: Hub, daemon: Daemon) -> None:
    before = daemon.told().count("done: Say")
    hub.call("notify.send_message", "notify.attune_announcement", message="bell.flac")
    hub.until(lambda: daemon.told().count("done: Say") > before, "the announcement")
    hub.call("notify.send_message", "notify.attune_announcement", message="no-such.flac")
    daemon.wait_told("no-such.flac")
    assert daemon.exit_code is None


def test_what_is_done_elsewhere_is_shown(hub: Hub, daemon: Daemon) -> None:
    daemon.client.command(SetVolume(21))
    daemon.client.command(SetGoal(Goal.CALM))
    hub.wait("number.attune_volume", "21")
    hub.wait("select.attune_goal", "calm")
    daemon.client.command(SetVolume(60))
    daemon.client.command(SetGoal(Goal.MATCH))
    hub.wait("number.attune_volume", "60")
