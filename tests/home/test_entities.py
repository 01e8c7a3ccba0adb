from __future__ import annotations

import re
from typing import Any, get_args

import jinja2
import msgspec
import pytest

from device.home.commands import PARSERS, parse_command
from device.home.diagnostics import DIAGNOSTICS
from device.home.discovery import discovery
from device.home.entities import ENTITIES
from device.home.state import document, rounded
from device.home.topics import topics
from device.settings import MqttSettings
from device.types import (
    AgeChanged,
    AgeGroup,
    Arrived,
    Board,
    Departed,
    Health,
    MoodChanged,
    MoodLabel,
    MoodNow,
    News,
    NowStarted,
    Part,
    SetSleep,
    SetVolume,
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


def render(template: str, state: dict[str, Any], value: str = "") -> str:
    """As Home Assistant does: strict about what is missing, the result stripped."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701 - no HTML
    environment.filters["tojson"] = lambda value: msgspec.json.encode(value).decode()
    return environment.from_string(template).render(value_json=state, value=value).strip()


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
        assert component["object_id"] == name  # for hubs before 2025.10


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
    assert platforms["event"] == {"events", "track_events"}
    assert platforms["notify"] == {"announcement"}
    assert platforms["update"] == {"version"}
    assert platforms["binary_sensor"] == {
        *("presence", "throttled", "under_voltage"),
        *("throttled_since_boot", "under_voltage_since_boot"),
    }
    assert platforms["sensor"] == {
        *("mood", "valence", "arousal", "confidence", "people", "age", "age_group"),
        *("now_playing", "why", "volume_cap", "camera", "broker", "sound", "library"),
        *("frame_rate", "inference_time", "temperature", "memory", "uptime"),
        *("tracks", "dropped_sightings", "last_error"),
    }


def test_what_tells_of_the_speaker_itself_is_marked_so() -> None:
    diagnostic = {k for k, c in COMPONENTS.items() if c.get("entity_category") == "diagnostic"}
    assert diagnostic == {entity.key for entity in DIAGNOSTICS} | {"version"}
    assert COMPONENTS["version"]["enabled_by_default"] is False
    assert all(c.get("enabled_by_default", True) for k, c in COMPONENTS.items() if k != "version")


def test_numbers_range_as_the_settings_and_the_commands_do() -> None:
    volume, sleep = COMPONENTS["volume"], COMPONENTS["sleep"]
    assert (volume["min"], volume["max"]) == (0, 100)
    assert (sleep["min"], sleep["max"]) == (0, 720)
    for component, make in ((volume, SetVolume), (sleep, SetSleep)):
        make(component["max"])
        with pytest.raises(ValueError, match="must be"):
            make(component["max"] + 1)


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
            "notify": ["bell.ogg"],
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
        if "value_template" not in component or component["p"] == "event":
            continue
        text = render(component["value_template"], state)
        assert 0 < len(text) <= 255, key
        if text == "None":
            assert now is EMPTY, key
        elif component["p"] == "update":
            assert msgspec.json.decode(text) == dict.fromkeys(
                ("installed_version", "latest_version"), now.version
            )
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
    last_error = render(COMPONENTS["last_error"]["json_attributes_template"], document(STATUS))
    assert msgspec.json.decode(last_error) == {"at": "2027-01-15T08:00:00+00:00"}
    playing = render(COMPONENTS["now_playing"]["json_attributes_template"], document(STATUS))
    assert msgspec.json.decode(playing) == {
        "artist": "Attune Ensemble",
        "duration_seconds": 61,
    }
    camera = render(COMPONENTS["camera"]["json_attributes_template"], document(EMPTY))
    assert msgspec.json.decode(camera) == {"detail": 'no camera at "/dev/video0"'}


SEEN = {
    *("mood", "valence", "arousal", "confidence", "people", "age", "age_group", "presence"),
    *("events", "frame_rate", "inference_time"),
}
SOUNDS = {
    *("now_playing", "why", "volume_cap", "track_events", "playing", "announcement"),
    *("next", "previous", "like", "dislike"),
}
BOARD = {
    *("temperature", "throttled", "under_voltage"),
    *("throttled_since_boot", "under_voltage_since_boot"),
}


def unavailable(now: Status) -> set[str]:
    """What Home Assistant shows as such while the bridge is there."""
    state, gone = document(now), set()
    for key, component in COMPONENTS.items():
        if "availability" in component:
            assert component["availability_mode"] == "all"
            bridge, part = component["availability"]
            assert bridge == {"topic": topics(SETTINGS).availability}
            assert part["topic"] == topics(SETTINGS).state
            shown = render(part["value_template"], state)
            assert shown in ("online", "offline")
            gone |= {key} if shown == "offline" else set()
    return gone


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, set()),
        ({"camera": Part(Health.DOWN)}, SEEN),
        ({"camera": Part(Health.OFF)}, SEEN),
        ({"camera": Part(Health.STARTING)}, SEEN),
        ({"sound": Part(Health.DOWN)}, SOUNDS),
        ({"sound": Part(Health.OFF)}, set()),  # rests, and opens with the next track
        ({"library": Part(Health.DOWN)}, {"tracks"}),
        ({"library": Part(Health.STARTING)}, set()),
        ({"broker": Part(Health.DOWN)}, set()),
        ({"board": Board()}, BOARD),
        ({"board": Board(40.0)}, BOARD - {"temperature"}),
    ],
)
def test_unavailable_is_what_comes_from_a_missing_part(
    changes: dict[str, Any], expected: set[str]
) -> None:
    assert unavailable(a_status(**changes)) == expected


def test_each_kind_of_news_is_one_event_entitys() -> None:
    news: tuple[News, ...] = (
        MoodChanged(MoodLabel.FEAR, 0.0, 0.0, 0.0),
        AgeChanged(3.0, AgeGroup.CHILD),
        Arrived(2),
        Departed(),
        NowStarted("Morning", "Ada", "because"),
    )
    assert {type(item) for item in news} == set(get_args(News))
    entities = [COMPONENTS["events"], COMPONENTS["track_events"]]
    for item in news:
        told = rounded(item)
        text = msgspec.json.encode(told).decode()
        takers = []
        for entity in entities:
            assert entity["state_topic"] == topics(SETTINGS).event
            shown = render(entity["value_template"], told, value=text)
            assert shown == (text if told["event_type"] in entity["event_types"] else "")
            takers += [entity] if shown else []
        assert len(takers) == 1
