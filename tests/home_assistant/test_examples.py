"""`config/home-assistant/` in a real Home Assistant: blueprint, media player, script, dashboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from device.types import Emotion, OverrideMood
from tests.daemon import Daemon
from tests.home_assistant.hub import EXAMPLES, Hub

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PLAYER = "media_player.attune"


@pytest.fixture
def mood_by_hand(daemon: Daemon) -> Iterator[None]:
    """Whatever a test pretends, the camera is believed again."""
    yield
    daemon.client.command(OverrideMood(None))


@pytest.mark.usefixtures("mood_by_hand")
def test_the_blueprint_gives_a_light_the_moods_colour(hub: Hub, daemon: Daemon) -> None:
    assert hub.state("automation.mood_lights") == "on"

    def lit(rgb: list[int], percent: int) -> bool:
        lamp = hub.states()["light.lamp"]
        shown = lamp["attributes"]
        bright = round((shown.get("brightness") or 0) / 2.55)
        return lamp["state"] == "on" and shown.get("rgb_color") == rgb and bright == percent

    for emotion, rgb, percent in (
        (Emotion.SADNESS, [90, 120, 255], 45),
        (Emotion.HAPPINESS, [255, 190, 80], 80),
        (Emotion.ANGER, [255, 80, 50], 45),
    ):
        daemon.client.command(OverrideMood(emotion))
        hub.until(
            lambda rgb=rgb, percent=percent: lit(rgb, percent),
            f"the lamp to show {emotion.value}",
            30,
            lambda: str(hub.states()["light.lamp"]),
        )
    daemon.client.command(OverrideMood(None))
    hub.wait("sensor.attune_mood", "nobody")
    hub.wait("light.lamp", "off")


def test_the_blueprint_is_listed_with_its_inputs(hub: Hub) -> None:
    listed: dict[str, Any] = hub.ask("blueprint/list", domain="automation")
    blueprint = listed["attune/mood_lights.yaml"]["metadata"]
    assert "mood" in blueprint["input"]
    assert "error" not in listed["attune/mood_lights.yaml"]


def test_the_speaker_is_a_media_player(hub: Hub, daemon: Daemon) -> None:
    hub.call("media_player.media_pause", PLAYER)
    daemon.wait_for(lambda s: not s.playing)
    hub.wait(PLAYER, "paused")
    hub.call("media_player.media_play", PLAYER)
    playing = daemon.wait_for(lambda s: s.playing and s.track is not None).track
    hub.wait(PLAYER, "playing")
    assert playing is not None
    hub.wait("sensor.attune_now_playing", playing.title)
    shown = hub.states()[PLAYER]["attributes"]
    assert shown["volume_level"] == 0.6
    assert shown["source"] == "match"
    assert shown["source_list"] == ["match", "lift", "calm", "focus"]

    hub.call("media_player.media_next_track", PLAYER)
    daemon.wait_for(lambda s: s.track is not None and s.track.id != playing.id)
    hub.call("media_player.media_previous_track", PLAYER)
    daemon.wait_for(lambda s: s.track is not None and s.track.id == playing.id)
    hub.call("media_player.volume_set", PLAYER, volume_level=0.25)
    daemon.wait_for(lambda s: s.volume == 25)
    hub.wait("number.attune_volume", "25")
    hub.call("media_player.volume_up", PLAYER)
    daemon.wait_for(lambda s: s.volume == 30)
    hub.wait("number.attune_volume", "30")
    hub.call("media_player.volume_down", PLAYER)
    daemon.wait_for(lambda s: s.volume == 25)
    hub.call("media_player.select_source", PLAYER, source="lift")
    daemon.wait_for(lambda s: s.goal.value == "lift")
    hub.call("media_player.select_source", PLAYER, source="match")
    hub.call("media_player.volume_set", PLAYER, volume_level=0.6)
    hub.call("media_player.media_play_pause", PLAYER)
    daemon.wait_for(lambda s: not s.playing)
    hub.wait("switch.attune_playing", "off")
    hub.call("media_player.turn_on", PLAYER)
    daemon.wait_for(lambda s: s.playing)


def test_the_script_announces(hub: Hub, daemon: Daemon) -> None:
    before = daemon.told().count("done: Say")
    hub.call("script.turn_on", "script.attune_announce", variables={"file": "bell.flac"})
    hub.until(lambda: daemon.told().count("done: Say") > before, "the announcement")


def test_the_dashboard_is_served_and_names_no_entity_that_is_not_there(hub: Hub) -> None:
    served = hub.ask("lovelace/config", url_path="attune-home")
    assert [view["path"] for view in served["views"]] == ["music", "health"]
    text = (EXAMPLES / "dashboard.yaml").read_text() + (EXAMPLES / "package.yaml").read_text()
    named = set(re.findall(r"\b[a-z_]+\.attune(?:_[a-z_]+)?\b", text))
    assert named - set(hub.states()) == set()


def test_the_hub_has_nothing_to_complain_about(hub: Hub) -> None:
    assert hub.complaints() == []
    issues = hub.ask("repairs/list_issues")["issues"]
    ours = ("mqtt", "automation", "script", "universal", "template", "lovelace")
    assert [issue for issue in issues if issue["domain"] in ours] == []
