"""The message that makes Home Assistant show a speaker, and the one that cleans up before it.

Home Assistant's documentation: "MQTT", section "Device discovery payload".
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from device.home.entities import ENTITIES
from device.home.entity import Entity
from device.home.topics import OFFLINE, ONLINE, Topics, node, topics
from device.settings import MqttSettings


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
    name = f"{_slug(settings.id)}_{_slug(entity.name)}"
    component: dict[str, Any] = {
        "p": entity.platform,
        "unique_id": f"{node(settings)}_{entity.key}",
        "default_entity_id": f"{entity.platform}.{name}",
        # Hubs before 2025.10 know this one alone, and would call entities after the device's name;
        # those since say nothing against it beside the other.
        "object_id": name,
        "name": entity.name,
    }
    if entity.icon:
        component["icon"] = entity.icon
    if entity.category:
        component["entity_category"] = entity.category
    if entity.value:
        component["value_template"] = f"{{{{ {entity.value} }}}}"
    if entity.attributes:
        component["json_attributes_topic"] = where.state
        component["json_attributes_template"] = f"{{{{ {entity.attributes} }}}}"
    if entity.command:
        component["command_topic"] = f"{where.commands}/{entity.command}"
    if entity.platform == "event":
        component["state_topic"] = where.event
    if entity.needs:
        template = f"{{{{ '{ONLINE}' if {entity.needs} else '{OFFLINE}' }}}}"
        component["availability"] = [
            {"topic": where.availability},
            {"topic": where.state, "value_template": template},
        ]
        component["availability_mode"] = "all"
    return component | dict(entity.options)


def _slug(text: str) -> str:
    """`text` as a part of an entity's id: lower-case letters, digits and single underscores."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "attune"


# --- what an older version published --------------------------------------------------------


class _Component(msgspec.Struct):
    """What is read of an entity that was published once."""

    p: str


class _Published(msgspec.Struct):
    """What is read of a discovery message that was published once."""

    cmps: dict[str, _Component]


def farewell(published: bytes, now: dict[str, Any]) -> dict[str, Any] | None:
    """The message to publish before `now`, so that entities go that were published once and are
    not among those of `now`; None where there are none.

    Home Assistant removes an entity that comes as nothing but its platform. Raises ValueError
    where `published` is no discovery message.
    """
    try:
        before = msgspec.json.decode(published, type=_Published).cmps
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    components = now["cmps"]
    gone = {
        key: {"p": component.p}
        for key, component in before.items()
        if key not in components or components[key]["p"] != component.p
    }
    return now | {"cmps": components | gone} if gone else None
