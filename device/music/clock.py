"""The wall clock, which a board without a clock chip may not have set."""

from __future__ import annotations

import time

CLOCK_SET = 1_735_689_600.0
"""2025-01-01: a wall clock before it was never set."""


def local_hour(wall: float) -> float | None:
    """Hour of the day, 0 to 24, by the local clock; None where that was not set."""
    if wall < CLOCK_SET:
        return None
    local = time.localtime(wall)
    return local.tm_hour + local.tm_min / 60.0


def follow_time_zone() -> None:
    """Take over another time zone of the machine's: a process stays in the one of its start until
    it asks anew. Reads one file's status, and the file where it changed."""
    time.tzset()
