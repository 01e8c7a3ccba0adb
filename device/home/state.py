"""The status as the home reads it: one JSON object, and when a new one is worth sending."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any

import msgspec
from msgspec.structs import replace

from device.home.commands import AUTO
from device.types import Status, Value, Vitals

FACT_SECONDS = 0.5
"""Least time between two states. A command's answer comes at once, a burst is coalesced."""
DRIFT_SECONDS = 5.0
"""Least time between two states that differ only by what drifts: the hub stores every one."""
REFRESH_SECONDS = 30.0
"""A state is sent so often when nothing changed but time."""

LONGEST_TEXT = 255
"""Characters that Home Assistant accepts as a state."""


def rounded(value: Value) -> dict[str, Any]:
    """A value as JSON's types: durations in whole seconds, other numbers to a hundredth."""
    builtins: dict[str, Any] = _round(msgspec.to_builtins(value))
    return builtins


def document(status: Status) -> dict[str, Any]:
    """The status for JSON, floats rounded, plus the flat values that Home Assistant shows.

    `presence`: somebody is seen; `mood_override`: an emotion or "auto"; `title` and `because`
    of the track, and `last_error`, at most 255 characters, None when there is none;
    `last_error_at`: an ISO 8601 instant.
    """
    track = status.track
    return rounded(status) | {
        "presence": status.people > 0,
        "mood_override": status.mood.label.value if status.mood.overridden else AUTO,
        "title": _shorten(track.title) if track else None,
        "because": _shorten(track.because) if track else None,
        "last_error": _shorten(status.vitals.last_error),
        "last_error_at": _instant(status.vitals.last_error_at),
    }


def seconds_until_due(new: Status, sent: Status | None, elapsed_seconds: float) -> float:
    """How long `new` can wait when `sent` went out `elapsed_seconds` ago; 0: send it now."""
    if sent is None:
        return 0.0
    return max(0.0, _pause_seconds(new, sent) - elapsed_seconds)


def _pause_seconds(new: Status, sent: Status) -> float:
    if new is sent:
        return REFRESH_SECONDS
    if _facts(new) != _facts(sent):
        return FACT_SECONDS
    if document(stopped(new)) != document(stopped(sent)):
        return DRIFT_SECONDS
    return REFRESH_SECONDS


def stopped(status: Status) -> Status:
    """Without the clocks that always run, and without measures that are as restless."""
    return replace(
        status,
        mood=replace(status.mood, since_seconds=0.0),
        track=replace(status.track, position_seconds=0.0) if status.track else None,
        uptime_seconds=0.0,
        vitals=Vitals(
            last_error=status.vitals.last_error, last_error_at=status.vitals.last_error_at
        ),
    )


def _facts(status: Status) -> Status:
    """Without clocks and whatever else changes a little all the time."""
    status = stopped(status)
    return replace(
        status,
        mood=replace(status.mood, valence=0.0, arousal=0.0, confidence=0.0),
        age=None,
        age_interval=None,
        board=replace(status.board, temperature_celsius=None),
        dropped_sightings=0,
        volume_now=0,  # each step of a slow fade
    )


def _round(value: Any, key: str = "") -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {name: _round(inner, name) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_round(inner, key) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, float):
        return int(value) if key.endswith("_seconds") else round(value, 2)
    return value


def _instant(wall: float | None) -> str | None:
    if wall is None:
        return None
    return datetime.fromtimestamp(wall, timezone.utc).isoformat(timespec="seconds")


def _shorten(text: str) -> str | None:
    """At most 255 characters; None for an empty text, which Home Assistant would overlook."""
    text = text.strip()
    return (text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…") or None
