"""What can be asked of the speaker over HTTP: a row for each route, and what it does."""

from __future__ import annotations

import typing

import msgspec

from device.home.routes import Call, Route
from device.lessons import TasteAnswer, TasteRequest
from device.types import Command, LibraryScanned, Part, Status

MAXIMUM_TASTE_BYTES = 16 * 1024 * 1024
"""Of a taste that is imported: `device.lessons.LONGEST_EXPORT` plays."""
PARTS = ("camera", "broker", "sound", "library")
KINDS = ", ".join(sorted(kind.__struct_config__.tag for kind in typing.get_args(Command)))


class HealthNow(msgspec.Struct, frozen=True):
    """How each part is."""

    version: str
    uptime_seconds: float
    parts: dict[str, Part]


def _health(call: Call) -> HealthNow:
    now = call.appliance.status()
    parts = {name: getattr(now, name) for name in PARTS}
    return HealthNow(now.version, now.uptime_seconds, parts)


ROUTES = (
    Route(
        "status",
        "GET",
        "/status",
        "Everything there is to show",
        lambda call: call.appliance.status(),
        Status,
    ),
    Route("health", "GET", "/health", "How each part is", _health, HealthNow),
    Route(
        "library",
        "GET",
        "/library",
        "The library as it was scanned last",
        lambda call: call.appliance.library(),
        LibraryScanned,
    ),
    Route(
        "command",
        "POST",
        "/command",
        f"Ask for something; answered by the status after it. Types: {KINDS}",
        lambda call: call.appliance.command(call.body),
        Status,
        body=Command,
    ),
    Route(
        "taste",
        "POST",
        "/taste",
        "Ask about what was learned of taste",
        lambda call: call.appliance.taste(call.body),
        TasteAnswer,
        body=TasteRequest,
        longest_body=MAXIMUM_TASTE_BYTES,
    ),
)
