"""Where one speaker speaks and listens at the broker."""

from __future__ import annotations

from typing import NamedTuple

from device.settings import MqttSettings

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
