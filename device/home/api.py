"""What can be asked of the speaker over HTTP: a row for each route, and what it does."""

from __future__ import annotations

import json
import typing
from typing import Any

import msgspec

from device.config_keys import keys, masked
from device.config_text import schema
from device.home.answers import Refusal
from device.home.guard import Door, door
from device.home.routes import Call, Route
from device.home.shared import Shared
from device.lessons import TasteAnswer, TasteRequest
from device.types import Command, LibraryScanned, Part, Say, Status

MAXIMUM_TASTE_BYTES = 16 * 1024 * 1024
"""Of a taste that is imported: `device.lessons.LONGEST_EXPORT` plays."""
PARTS = ("camera", "broker", "sound", "library", "page")
_LIBRARY = Shared()
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


def _command(call: Call) -> Status:
    command = call.body
    if isinstance(command, Say) and "/" in command.file and door() is not Door.SOCKET:
        raise Refusal(422, "name a file of the announcements' folder; no path reaches out of it")
    return call.appliance.command(command)


def _settings(call: Call) -> dict[str, dict[str, object]]:
    """Every setting as the file last said, secrets masked."""
    settings = call.appliance.settings()
    shown: dict[str, dict[str, object]] = {}
    for key in keys():
        value = getattr(getattr(settings, key.table), key.name)
        shown.setdefault(key.table, {})[key.name] = masked(key, value)
    return shown


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
        lambda call: _LIBRARY.answer(call.appliance.library()),
        LibraryScanned,
    ),
    Route(
        "command",
        "POST",
        "/command",
        f"Ask for something; answered by the status after it. Types: {KINDS}",
        _command,
        Status,
        body=Command,
        problems=(503,),
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
        problems=(503,),
    ),
    Route(
        "settings",
        "GET",
        "/settings",
        "Every setting as the configuration file said when it was last read, by table and name; "
        "secrets are masked. What needs a restart may not hold yet",
        _settings,
        dict[str, dict[str, Any]],
    ),
    Route(
        "settings_schema",
        "GET",
        "/settings/schema",
        "JSON schema of the configuration file",
        lambda _call: json.loads(schema()),
        dict[str, Any],
    ),
)
