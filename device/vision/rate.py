"""How often to look."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from device.settings import CameraSettings
    from device.types import Board

HOT_CELSIUS = 80.0
"""Raspberry Pi boards start to throttle here."""


def look_hertz(settings: CameraSettings, board: Board, *, somebody: bool) -> float:
    """Looks a second: few while nobody is there, half as many when the board suffers."""
    hertz = settings.face_hertz if somebody else settings.idle_hertz
    return hertz / 2 if suffers(board) else hertz


def suffers(board: Board) -> bool:
    """Whether the board is hot, throttled or short of power. What is unknown counts as well."""
    hot = board.temperature_celsius is not None and board.temperature_celsius >= HOT_CELSIUS
    return hot or bool(board.throttled) or bool(board.under_voltage)
