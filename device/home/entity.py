"""What an entity of Home Assistant is, as data, and the ways in which many are alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from device.home.commands import PRESS
from device.types import Health

CAMERA = "value_json.camera.health == 'up'"
SOUND = "value_json.sound.health != 'down'"
LIBRARY = "value_json.library.health != 'down'"
"""The parts that an entity comes from: conditions under which there is something to show. Sound
that rests (`off`) is well: it opens with the next track."""


@dataclass(frozen=True, kw_only=True)
class Entity:
    """One entity. `value`, `attributes` and `needs` are Jinja expressions over the state's JSON
    (`value_json`); while `needs` is false the entity is unavailable. `command` is a name of
    `device.home.commands.PARSERS`; an `event` listens to the events instead of the state;
    `options` are the platform's own keys.
    """

    key: str
    platform: str
    name: str
    icon: str | None = None
    value: str | None = None
    attributes: str | None = None
    command: str | None = None
    category: str | None = None
    needs: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


MEASUREMENT = {"state_class": "measurement"}
AFFECT = MEASUREMENT | {"suggested_display_precision": 2}
# A template renders JSON's true, false and null as Python does; None makes a state unknown.
SENSED = {"payload_on": "True", "payload_off": "False"}
SWITCHED = {"state_on": "True", "state_off": "False"}
PROBLEM = SENSED | {"device_class": "problem"}


def enum_of(*values: str) -> dict[str, Any]:
    """A sensor that shows one of some values."""
    return {"device_class": "enum", "options": list(values)}


def measured(unit: str, device_class: str, precision: int) -> dict[str, Any]:
    """A sensor that shows a number with its unit."""
    return MEASUREMENT | {
        "unit_of_measurement": unit,
        "device_class": device_class,
        "suggested_display_precision": precision,
    }


def button(key: str, name: str, icon: str, needs: str | None = None) -> Entity:
    """What is pressed."""
    return Entity(
        key=key,
        platform="button",
        name=name,
        icon=icon,
        command=key,
        needs=needs,
        options={"payload_press": PRESS},
    )


def event(key: str, name: str, icon: str, types: tuple[str, ...], needs: str) -> Entity:
    """What happens: one of `types`, with the event's own fields as attributes."""
    return Entity(
        key=key,
        platform="event",
        name=name,
        icon=icon,
        # All events come on one topic; an empty text is none of this entity's.
        value=f"value if value_json.event_type in {list(types)} else ''",
        needs=needs,
        options={"event_types": list(types)},
    )


def part(key: str, name: str, icon: str) -> Entity:
    """How a part of the speaker is."""
    return Entity(
        key=key,
        platform="sensor",
        name=name,
        icon=icon,
        value=f"value_json.{key}.health",
        attributes=f"{{'detail': value_json.{key}.detail}} | tojson",
        category="diagnostic",
        options=enum_of(*(health.value for health in Health)),
    )
