"""The entities that tell how the speaker does; what the board does not tell is unavailable."""

from __future__ import annotations

from typing import Any

from device.home.entity import CAMERA, LIBRARY, MEASUREMENT, PROBLEM, Entity, measured, part


def _board(key: str, name: str) -> Entity:
    """What ails the board, as the state's `board.<key>` tells."""
    return Entity(
        key=key,
        platform="binary_sensor",
        name=name,
        value=f"value_json.board.{key}",
        category="diagnostic",
        needs=f"value_json.board.{key} is not none",
        options=PROBLEM,
    )


def _vital(key: str, name: str, icon: str, field: str, options: dict[str, Any]) -> Entity:
    """A number of the state's `vitals`."""
    return Entity(
        key=key,
        platform="sensor",
        name=name,
        icon=icon,
        value=f"value_json.vitals.{field}",
        category="diagnostic",
        needs=CAMERA if field != "memory_mebibytes" else None,
        options=options,
    )


DIAGNOSTICS = (
    part("camera", "Camera", "mdi:camera"),
    part("broker", "Broker", "mdi:lan-connect"),
    part("sound", "Sound", "mdi:speaker"),
    part("library", "Library", "mdi:bookshelf"),
    _vital(
        "frame_rate",
        "Frame rate",
        "mdi:filmstrip",
        "looks_per_second",
        measured("Hz", "frequency", 1),
    ),
    _vital(
        "inference_time",
        "Inference time",
        "mdi:timer-outline",
        "inference_milliseconds",
        measured("ms", "duration", 0),
    ),
    Entity(
        key="temperature",
        platform="sensor",
        name="Temperature",
        value="value_json.board.temperature_celsius",
        category="diagnostic",
        needs="value_json.board.temperature_celsius is not none",
        options=measured("°C", "temperature", 0),
    ),
    _board("throttled", "Throttled"),
    _board("under_voltage", "Under-voltage"),
    _board("throttled_since_boot", "Throttled since boot"),
    _board("under_voltage_since_boot", "Under-voltage since boot"),
    _vital("memory", "Memory", "mdi:memory", "memory_mebibytes", measured("MiB", "data_size", 0)),
    Entity(
        key="uptime",
        platform="sensor",
        name="Uptime",
        icon="mdi:clock-start",
        # Tenths of an hour, or the hub would store a new state every half minute.
        value="(value_json.uptime_seconds / 3600) | round(1)",
        category="diagnostic",
        options=measured("h", "duration", 1),
    ),
    Entity(
        key="tracks",
        platform="sensor",
        name="Tracks",
        icon="mdi:music-box-multiple",
        value="value_json.tracks",
        category="diagnostic",
        needs=LIBRARY,
        options=MEASUREMENT,
    ),
    Entity(
        key="dropped_sightings",
        platform="sensor",
        name="Dropped sightings",
        icon="mdi:eye-remove-outline",
        value="value_json.dropped_sightings",
        category="diagnostic",
        options={"state_class": "total_increasing"},
    ),
    Entity(
        key="last_error",
        platform="sensor",
        name="Last error",
        icon="mdi:alert-circle-outline",
        value="value_json.last_error or 'none'",
        attributes="{'at': value_json.last_error_at} | tojson",
        category="diagnostic",
    ),
)
