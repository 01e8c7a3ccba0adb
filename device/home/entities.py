"""What Home Assistant shows, as data: one device, its entities, its discovery message.

Home Assistant's documentation: "MQTT", section "Device discovery payload".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, get_args

from device.home.commands import AUTO, PRESS
from device.settings import MqttSettings
from device.types import LONGEST_SLEEP_MINUTES, AgeGroup, Emotion, Goal, Health, MoodLabel, News

EVENT_TYPES = tuple(str(news.__struct_config__.tag) for news in get_args(News))
ONLINE = "online"
OFFLINE = "offline"


class Topics(NamedTuple):
    """Every topic of one speaker. `commands` is a prefix: `<commands>/volume`."""

    state: str
    event: str
    availability: str
    commands: str
    discovery: str
    birth: str


def node(settings: MqttSettings) -> str:
    """The speaker's name among all MQTT devices of the home: the id, marked as Attune's."""
    return settings.id if settings.id.startswith("attune") else f"attune_{settings.id}"


def topics(settings: MqttSettings) -> Topics:
    """The topics that the settings lead to."""
    own = f"{settings.base_topic}/{settings.id}"
    return Topics(
        state=f"{own}/state",
        event=f"{own}/event",
        availability=f"{own}/availability",
        commands=f"{own}/set",
        discovery=f"{settings.discovery_prefix}/device/{node(settings)}/config",
        birth=f"{settings.discovery_prefix}/status",
    )


@dataclass(frozen=True, kw_only=True)
class Entity:
    """One entity. `value` and `attributes` are Jinja expressions over the state's JSON
    (`value_json`), `command` is a name of `device.home.commands.PARSERS`; an entity that needs
    the camera is unavailable while that is not up; `options` are the platform's own keys.
    """

    key: str
    platform: str
    name: str
    icon: str | None = None
    value: str | None = None
    attributes: str | None = None
    command: str | None = None
    diagnostic: bool = False
    needs_camera: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


def _enum(*values: str) -> dict[str, Any]:
    return {"device_class": "enum", "options": list(values)}


def _part(key: str, name: str, icon: str) -> Entity:
    return Entity(
        key=key,
        platform="sensor",
        name=name,
        icon=icon,
        value=f"value_json.{key}.health",
        attributes=f"{{'detail': value_json.{key}.detail}} | tojson",
        diagnostic=True,
        options=_enum(*(health.value for health in Health)),
    )


def _button(key: str, name: str, icon: str) -> Entity:
    return Entity(
        key=key,
        platform="button",
        name=name,
        icon=icon,
        command=key,
        options={"payload_press": PRESS},
    )


MEASUREMENT = {"state_class": "measurement"}
AFFECT = MEASUREMENT | {"suggested_display_precision": 2}
# A template renders JSON's true, false and null as Python does; None makes a state unknown.
SENSED = {"payload_on": "True", "payload_off": "False"}
SWITCHED = {"state_on": "True", "state_off": "False"}

ENTITIES = (
    Entity(
        key="mood",
        platform="sensor",
        name="Mood",
        icon="mdi:emoticon-outline",
        value="value_json.mood.label",
        needs_camera=True,
        options=_enum(*(label.value for label in MoodLabel)),
    ),
    Entity(
        key="valence",
        platform="sensor",
        name="Valence",
        icon="mdi:emoticon-happy-outline",
        value="value_json.mood.valence",
        needs_camera=True,
        options=AFFECT,
    ),
    Entity(
        key="arousal",
        platform="sensor",
        name="Arousal",
        icon="mdi:pulse",
        value="value_json.mood.arousal",
        needs_camera=True,
        options=AFFECT,
    ),
    Entity(
        key="confidence",
        platform="sensor",
        name="Confidence",
        icon="mdi:gauge",
        value="(value_json.mood.confidence * 100) | round | int",
        needs_camera=True,
        options=MEASUREMENT | {"unit_of_measurement": "%"},
    ),
    Entity(
        key="people",
        platform="sensor",
        name="People",
        icon="mdi:account-multiple",
        value="value_json.people",
        needs_camera=True,
        options=MEASUREMENT,
    ),
    Entity(
        key="age",
        platform="sensor",
        name="Age",
        icon="mdi:cake-variant",
        value="value_json.age",
        attributes="{'interval': value_json.age_interval} | tojson",
        needs_camera=True,
        options=MEASUREMENT | {"unit_of_measurement": "y", "suggested_display_precision": 0},
    ),
    Entity(
        key="age_group",
        platform="sensor",
        name="Age group",
        icon="mdi:human-male-child",
        value="value_json.age_group",
        needs_camera=True,
        options=_enum(*(group.value for group in AgeGroup)),
    ),
    Entity(
        key="presence",
        platform="binary_sensor",
        name="Presence",
        value="value_json.presence",
        needs_camera=True,
        options=SENSED | {"device_class": "occupancy"},
    ),
    Entity(
        key="now_playing",
        platform="sensor",
        name="Now playing",
        icon="mdi:music",
        value="value_json.title",
        attributes="{'artist': value_json.track.artist,"
        " 'duration_seconds': value_json.track.duration_seconds} | tojson"
        " if value_json.track else '{}'",
    ),
    Entity(
        key="why",
        platform="sensor",
        name="Why",
        icon="mdi:comment-question-outline",
        value="value_json.because",
    ),
    Entity(
        key="goal",
        platform="select",
        name="Goal",
        icon="mdi:target",
        value="value_json.goal",
        command="goal",
        options={"options": [goal.value for goal in Goal]},
    ),
    Entity(
        key="mood_override",
        platform="select",
        name="Mood override",
        icon="mdi:emoticon-cool-outline",
        value="value_json.mood_override",
        command="mood",
        options={"options": [AUTO, *(emotion.value for emotion in Emotion)]},
    ),
    Entity(
        key="volume",
        platform="number",
        name="Volume",
        icon="mdi:volume-high",
        value="value_json.volume",
        command="volume",
        options={"min": 0, "max": 100, "step": 1, "unit_of_measurement": "%", "mode": "slider"},
    ),
    Entity(
        key="volume_cap",
        platform="sensor",
        name="Volume cap",
        icon="mdi:volume-minus",
        value="value_json.volume_why or 'none'",
        attributes="{'volume_now': value_json.volume_now} | tojson",
    ),
    Entity(
        key="sleep",
        platform="number",
        name="Sleep timer",
        icon="mdi:sleep",
        value="value_json.sleep_minutes or 0",
        command="sleep",
        options={
            "min": 0,
            "max": LONGEST_SLEEP_MINUTES,
            "step": 1,
            "unit_of_measurement": "min",
            "mode": "box",
        },
    ),
    Entity(
        key="playing",
        platform="switch",
        name="Playing",
        icon="mdi:play-pause",
        value="value_json.playing",
        command="playing",
        options=SWITCHED,
    ),
    Entity(
        key="privacy",
        platform="switch",
        name="Privacy",
        icon="mdi:eye-off",
        value="value_json.privacy",
        command="privacy",
        options=SWITCHED,
    ),
    _button("next", "Next", "mdi:skip-next"),
    _button("previous", "Previous", "mdi:skip-previous"),
    _button("like", "Like", "mdi:thumb-up"),
    _button("dislike", "Dislike", "mdi:thumb-down"),
    Entity(
        key="events",
        platform="event",
        name="Events",
        icon="mdi:bell-outline",
        options={"event_types": list(EVENT_TYPES)},
    ),
    _part("camera", "Camera", "mdi:camera"),
    _part("broker", "Broker", "mdi:lan-connect"),
    _part("sound", "Sound", "mdi:speaker"),
    _part("library", "Library", "mdi:bookshelf"),
    Entity(
        key="temperature",
        platform="sensor",
        name="Temperature",
        value="value_json.board.temperature_celsius",
        diagnostic=True,
        options=MEASUREMENT
        | {
            "device_class": "temperature",
            "unit_of_measurement": "°C",
            "suggested_display_precision": 0,
        },
    ),
    Entity(
        key="throttled",
        platform="binary_sensor",
        name="Throttled",
        value="value_json.board.throttled",
        diagnostic=True,
        options=SENSED | {"device_class": "problem"},
    ),
    Entity(
        key="under_voltage",
        platform="binary_sensor",
        name="Under-voltage",
        value="value_json.board.under_voltage",
        diagnostic=True,
        options=SENSED | {"device_class": "problem"},
    ),
    Entity(
        key="uptime",
        platform="sensor",
        name="Uptime",
        # Tenths of an hour, or the hub would store a new state every half minute.
        value="(value_json.uptime_seconds / 3600) | round(1)",
        diagnostic=True,
        options=MEASUREMENT | {"device_class": "duration", "unit_of_measurement": "h"},
    ),
    Entity(
        key="tracks",
        platform="sensor",
        name="Tracks",
        icon="mdi:music-box-multiple",
        value="value_json.tracks",
        diagnostic=True,
        options=MEASUREMENT,
    ),
    Entity(
        key="dropped_sightings",
        platform="sensor",
        name="Dropped sightings",
        icon="mdi:eye-remove-outline",
        value="value_json.dropped_sightings",
        diagnostic=True,
        options={"state_class": "total_increasing"},
    ),
)


def discovery(settings: MqttSettings, version: str) -> dict[str, Any]:
    """The retained message that makes Home Assistant create the device and all its entities."""
    where = topics(settings)
    return {
        "dev": {
            "identifiers": [node(settings)],
            "name": settings.name,
            "manufacturer": "Attune",
            "model": "Speaker that listens with its eyes",
            "sw_version": version,
        },
        "o": {"name": "Attune", "sw_version": version},
        "availability": [{"topic": where.availability}],
        "availability_mode": "all",
        "state_topic": where.state,
        "cmps": {entity.key: _component(entity, settings, where) for entity in ENTITIES},
    }


def _component(entity: Entity, settings: MqttSettings, where: Topics) -> dict[str, Any]:
    component: dict[str, Any] = {
        "p": entity.platform,
        "unique_id": f"{node(settings)}_{entity.key}",
        "default_entity_id": f"{entity.platform}.{_slug(settings.id)}_{entity.key}",
        "name": entity.name,
    }
    if entity.icon:
        component["icon"] = entity.icon
    if entity.diagnostic:
        component["entity_category"] = "diagnostic"
    if entity.value:
        component["value_template"] = f"{{{{ {entity.value} }}}}"
    if entity.attributes:
        component["json_attributes_topic"] = where.state
        component["json_attributes_template"] = f"{{{{ {entity.attributes} }}}}"
    if entity.command:
        component["command_topic"] = f"{where.commands}/{entity.command}"
    if entity.platform == "event":
        component["state_topic"] = where.event
    if entity.needs_camera:
        component["availability"] = [{"topic": where.availability}, _while_camera_is_up(where)]
        component["availability_mode"] = "all"
    return component | dict(entity.options)


def _while_camera_is_up(where: Topics) -> dict[str, str]:
    template = f"{{{{ '{ONLINE}' if value_json.camera.health == 'up' else '{OFFLINE}' }}}}"
    return {"topic": where.state, "value_template": template}


def _slug(text: str) -> str:
    """`text` as a part of an entity's id: lower-case letters, digits and single underscores."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "attune"
