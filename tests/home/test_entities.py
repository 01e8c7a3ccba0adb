from __future__ import annotations

import re
from typing import Any

import jinja2
import msgspec
import pytest

from device.home.commands import PARSERS, parse_command
from device.home.entities import ENTITIES, EVENT_TYPES, discovery, topics
from device.home.state import document, rounded
from device.settings import MqttSettings
from device.types import (
    AgeChanged,
    AgeGroup,
    Board,
    Health,
    MoodChanged,
    MoodLabel,
    MoodNow,
    NowStarted,
    Part,
    Status,
)
from tests.fakes import a_status

SETTINGS = MqttSettings(enabled=True, id="Living-Room_2", name="Wohnzimmer")
DISCOVERY = discovery(SETTINGS, "1.2.3")
COMPONENTS: dict[str, dict[str, Any]] = DISCOVERY["cmps"]
STATUS = a_status()
EMPTY = a_status(
    mood=MoodNow(MoodLabel.NOBODY, 0.0, 0.0, 0.0, 0.0, overridden=False),
    people=0,
    age=None,
    age_interval=None,
    age_group=None,
    track=None,
    playing=False,
    board=Board(),
    camera=Part(Health.DOWN, 'no camera at "/dev/video0"'),
)


def render(template: str, state: dict[str, Any]) -> str:
    """As Home Assistant does: strict about what is missing, the result stripped."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701 - no HTML
    environment.filters["tojson"] = lambda value: msgspec.json.encode(value).decode()
    return environment.from_string(template).render(value_json=state).strip()


def test_what_home_assistant_asks_of_a_device() -> None:
    assert DISCOVERY["dev"]["identifiers"] == ["attune_Living-Room_2"]
    assert DISCOVERY["dev"]["name"] == "Wohnzimmer"
    assert DISCOVERY["o"]["name"] == "Attune"
    assert DISCOVERY["availability"] == [{"topic": "attune/Living-Room_2/availability"}]
    assert DISCOVERY["state_topic"] == "attune/Living-Room_2/state"
    assert msgspec.json.decode(msgspec.json.encode(DISCOVERY)) == DISCOVERY


def test_the_discovery_topic_is_one_that_home_assistant_matches() -> None:
    topic = topics(SETTINGS).discovery
    assert topic == "homeassistant/device/attune_Living-Room_2/config"
    assert re.fullmatch(r"homeassistant/\w+/[a-zA-Z0-9_-]+/config", topic)
    assert topics(MqttSettings()).discovery == "homeassistant/device/attune/config"


def test_two_speakers_share_nothing_but_the_hub() -> None:
    other = MqttSettings(id="kitchen")
    shared = set(topics(SETTINGS)) & set(topics(other))
    assert shared == {"homeassistant/status"}
    mine = {component["unique_id"] for component in COMPONENTS.values()}
    theirs = {component["unique_id"] for component in discovery(other, "1")["cmps"].values()}
    assert not mine & theirs


def test_ids_are_unique_and_well_formed() -> None:
    for key in ("unique_id", "default_entity_id", "name"):
        values = [component[key] for component in COMPONENTS.values()]
        assert len(set(values)) == len(values) == len(ENTITIES)
    for component in COMPONENTS.values():
        platform, _, name = component["default_entity_id"].partition(".")
        assert platform == component["p"]
        assert re.fullmatch(r"living_room_2_[a-z_]+", name)
        assert "__" not in name


@pytest.mark.parametrize("settings_id", ["-", "_", "a", "--A--b--", "x" * 64])
def test_any_id_makes_a_valid_entity_id(settings_id: str) -> None:
    for component in discovery(MqttSettings(id=settings_id), "1")["cmps"].values():
        assert re.fullmatch(
            r"[a-z_]+\.(?!_)(?!.*__)[a-z0-9_]+(?<!_)", component["default_entity_id"]
        )


def test_every_entity_that_was_promised() -> None:
    platforms: dict[str, set[str]] = {}
    for key, component in COMPONENTS.items():
        platforms.setdefault(component["p"], set()).add(key)
    assert platforms["select"] == {"goal", "mood_override"}
    assert platforms["number"] == {"volume", "sleep"}
    assert platforms["switch"] == {"playing", "privacy"}
    assert platforms["button"] == {"next", "previous", "like", "dislike"}
    assert platforms["event"] == {"events"}
    assert platforms["binary_sensor"] == {"presence", "throttled", "under_voltage"}
    assert platforms["sensor"] >= {
        "volume_cap",
        *("mood", "valence", "arousal", "confidence", "people", "age", "age_group"),
        *("now_playing", "why", "camera", "broker", "sound", "library", "temperature"),
        *("uptime", "tracks", "dropped_sightings"),
    }


def test_enum_sensors_have_options_and_neither_unit_nor_state_class() -> None:
    enums = [c for c in COMPONENTS.values() if c.get("device_class") == "enum"]
    assert len(enums) == 6
    for component in enums:
        assert component["options"]
        assert "unit_of_measurement" not in component
        assert "state_class" not in component
    assert COMPONENTS["mood"]["options"] == [label.value for label in MoodLabel]


def test_commands_lead_to_commands() -> None:
    prefix = topics(SETTINGS).commands + "/"
    for component in COMPONENTS.values():
        if "command_topic" not in component:
            continue
        name = component["command_topic"].removeprefix(prefix)
        assert name in PARSERS
        payloads = {
            "button": [component.get("payload_press")],
            "switch": ["ON", "OFF"],
            "select": component.get("options"),
            "number": [str(n) for n in range(101)],
        }[component["p"]]
        for payload in payloads or []:
            parse_command(name, payload.encode())


@pytest.mark.parametrize("now", [STATUS, EMPTY], ids=["happy", "empty"])
def test_templates_render_what_the_platform_accepts(now: Status) -> None:
    state = document(now)
    for key, component in COMPONENTS.items():
        if "value_template" not in component:
            continue
        text = render(component["value_template"], state)
        assert 0 < len(text) <= 255, key
        if text == "None":
            assert now is EMPTY, key
        elif "options" in component:
            assert text in component["options"], key
        elif component["p"] == "binary_sensor":
            assert text in (component["payload_on"], component["payload_off"]), key
        elif component["p"] == "switch":
            assert text in (component["state_on"], component["state_off"]), key
        elif "state_class" in component or component["p"] == "number":
            float(text)


@pytest.mark.parametrize("now", [STATUS, EMPTY], ids=["happy", "empty"])
def test_attributes_render_to_objects(now: Status) -> None:
    state = document(now)
    for component in COMPONENTS.values():
        if "json_attributes_template" in component:
            text = render(component["json_attributes_template"], state)
            assert isinstance(msgspec.json.decode(text), dict)
    playing = render(COMPONENTS["now_playing"]["json_attributes_template"], document(STATUS))
    assert msgspec.json.decode(playing) == {
        "artist": "Attune Ensemble",
        "duration_seconds": 61,
    }
    camera = render(COMPONENTS["camera"]["json_attributes_template"], document(EMPTY))
    assert msgspec.json.decode(camera) == {"detail": 'no camera at "/dev/video0"'}


@pytest.mark.parametrize(
    ("health", "expected"),
    [("up", "online"), ("down", "offline"), ("off", "offline"), ("starting", "offline")],
)
def test_what_the_camera_tells_is_unavailable_without_it(health: str, expected: str) -> None:
    state = document(a_status(camera=Part(Health(health))))
    seen = {"mood", "valence", "arousal", "confidence", "people", "age", "age_group", "presence"}
    for key, component in COMPONENTS.items():
        if key not in seen:
            assert "availability" not in component
            continue
        assert component["availability_mode"] == "all"
        bridge, camera = component["availability"]
        assert bridge == {"topic": topics(SETTINGS).availability}
        assert camera["topic"] == topics(SETTINGS).state
        assert render(camera["value_template"], state) == expected


def test_all_news_are_event_types() -> None:
    news = (
        MoodChanged(MoodLabel.FEAR, 0.0, 0.0, 0.0),
        AgeChanged(3.0, AgeGroup.CHILD),
        NowStarted("Morning", "Ada", "because"),
    )
    assert tuple(rounded(item)["event_type"] for item in news) == EVENT_TYPES
    assert COMPONENTS["events"]["event_types"] == list(EVENT_TYPES)
    assert COMPONENTS["events"]["state_topic"] == topics(SETTINGS).event
