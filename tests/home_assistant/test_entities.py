"""What Home Assistant makes of a speaker: real hub, broker, daemon, sound, and portraits seen."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from device import __version__
from device.home.entities import ENTITIES
from device.home.entity import Entity
from device.types import MoodLabel
from tests.daemon import Daemon
from tests.home_assistant.hub import UNAVAILABLE, Hub

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LABELS = [label.value for label in MoodLabel]


def entity_id(entity: Entity) -> str:
    return f"{entity.platform}.attune_{re.sub('[^a-z]+', '_', entity.name.lower())}"


def test_all_entities_are_there_as_they_were_meant(hub: Hub) -> None:
    registry = hub.registry()
    by_unique_id = {entry["unique_id"]: entry for entry in registry.values()}
    assert set(by_unique_id) == {f"attune_{entity.key}" for entity in ENTITIES}
    for entity in ENTITIES:
        entry = by_unique_id[f"attune_{entity.key}"]
        assert entry["entity_category"] == entity.category, entity.key
        assert entry["original_name"] == entity.name
        disabled = not entity.options.get("enabled_by_default", True)
        assert (entry["disabled_by"] == "integration") is disabled, entity.key
        assert entry["entity_id"].startswith(f"{entity.platform}.")


def test_entities_are_called_after_the_id_and_shown_by_class_and_unit(hub: Hub) -> None:
    states = hub.states()
    for entity in ENTITIES:
        if not entity.options.get("enabled_by_default", True):
            continue
        assert entity_id(entity) in states
        shown: dict[str, Any] = states[entity_id(entity)]["attributes"]
        assert shown["friendly_name"] == f"Attune {entity.name}"
        for key in ("device_class", "unit_of_measurement", "state_class", "event_types"):
            # What the hub shows in its owner's units may differ from what it was given.
            assert shown.get(key) == entity.options.get(key), (entity.key, key)
        if entity.icon:
            assert shown["icon"] == entity.icon
    volume, sleep = states["number.attune_volume"], states["number.attune_sleep_timer"]
    assert (volume["attributes"]["min"], volume["attributes"]["max"]) == (0, 100)
    assert (sleep["attributes"]["min"], sleep["attributes"]["max"]) == (0, 720)


def test_nothing_known_is_unknown_and_nothing_missing_is_available(
    hub: Hub, daemon: Daemon
) -> None:
    status = daemon.client.status()
    states = hub.states()
    board = status.board
    told = {
        "temperature": board.temperature_celsius,
        "throttled": board.throttled,
        "under_voltage": board.under_voltage,
        "throttled_since_boot": board.throttled_since_boot,
        "under_voltage_since_boot": board.under_voltage_since_boot,
    }
    for entity in ENTITIES:
        if entity.key == "version":
            continue
        state = states[entity_id(entity)]["state"]
        assert (state == UNAVAILABLE) is (entity.key in told and told[entity.key] is None), entity
    hub.until(lambda: hub.state("sensor.attune_frame_rate") != "unknown", "a frame rate", 60)
    assert float(hub.state("sensor.attune_frame_rate")) > 0.1
    hub.until(lambda: hub.state("sensor.attune_inference_time") != "unknown", "a time", 60)
    assert float(hub.state("sensor.attune_inference_time")) > 0.1
    assert 50 < float(hub.state("sensor.attune_memory")) < 500
    assert hub.state("sensor.attune_tracks") == str(status.tracks) == "6"
    assert hub.state("sensor.attune_dropped_sightings") == str(status.dropped_sightings)
    assert float(hub.state("sensor.attune_uptime")) < 1


def test_the_room_is_shown_as_the_speaker_sees_it(hub: Hub) -> None:
    hub.wait("binary_sensor.attune_presence", "on")
    hub.wait("sensor.attune_people", "1")
    hub.until(lambda: hub.state("sensor.attune_age").replace(".", "").isdigit(), "an age")
    assert hub.state("sensor.attune_mood") in LABELS
    assert -1 <= float(hub.state("sensor.attune_valence")) <= 1
    assert hub.state("sensor.attune_age_group") in ("young_adult", "adult", "senior")
    interval = hub.states()["sensor.attune_age"]["attributes"]["interval"]
    assert interval[0] < float(hub.state("sensor.attune_age")) < interval[1]
    hub.wait("binary_sensor.attune_presence", "off")
    hub.wait("sensor.attune_mood", "nobody")
    hub.wait("sensor.attune_age", "unknown")


def test_events_come_from_the_room_and_from_the_music(hub: Hub) -> None:
    wanted = {"mood_changed", "arrival", "departure", "age_changed"}
    hub.changes(
        "event.attune_room_events",
        lambda seen: {state["attributes"]["event_type"] for state in seen} >= wanted,
    )
    hub.call("button.press", "button.attune_next")
    hub.until(
        lambda: hub.states()["event.attune_track_events"]["attributes"].get("event_type"),
        "a track's event",
    )
    track = hub.states()["event.attune_track_events"]["attributes"]
    assert track["event_type"] == "track_started"
    assert track["title"]
    assert not [line for line in hub.complaints() if "event" in line.lower()]


def test_the_update_entity_sleeps_until_it_is_wanted(hub: Hub) -> None:
    assert hub.state("update.attune_version") == "missing"
    hub.ask("config/entity_registry/update", entity_id="update.attune_version", disabled_by=None)
    hub.wait("update.attune_version", "off", seconds=90)  # the hub reloads after 30 s
    version = hub.states()["update.attune_version"]["attributes"]
    assert version["installed_version"] == version["latest_version"] == __version__


def test_the_last_error_is_shown_with_its_time(hub: Hub) -> None:
    hub.call("mqtt.publish", topic="attune/attune/set/volume", payload="loud")
    hub.until(
        lambda: "takes a whole number" in hub.state("sensor.attune_last_error"), "the error", 30
    )
    at = hub.states()["sensor.attune_last_error"]["attributes"]["at"]
    assert at.startswith(time.strftime("%Y-", time.gmtime()))
