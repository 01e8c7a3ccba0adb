"""How Attune itself does: frame rate, inference time, memory, the last error."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import NamedTuple, Protocol

from device.ports import Clock
from device.types import Vitals, readable

STATM = Path("/proc/self/statm")
LONGEST_ERROR = 300


class Looking(Protocol):
    """Whoever looks at the room; both numbers only ever grow or are replaced."""

    frames_seen: int
    inference_milliseconds: float


class _Reading(NamedTuple):
    """Frames seen until an instant."""

    at: float
    frames: int


class LastError(logging.Handler):
    """Remembers the newest log record that is a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""
        self.at: float | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the first line of the message; the log has the rest."""
        try:
            lines = record.getMessage().splitlines() or [""]
        except (TypeError, ValueError):  # a record whose arguments do not fit: logging tells of it
            return
        self.text, self.at = readable(lines[0])[:LONGEST_ERROR], record.created


class VitalsMeter:
    """Reads the vitals; belongs to one thread."""

    def __init__(
        self, clock: Clock, looking: Looking, last_error: LastError, statm: Path = STATM
    ) -> None:
        self._clock, self._looking, self._last_error = clock, looking, last_error
        self._statm = statm
        self._before: _Reading | None = None

    def read(self) -> Vitals:
        """The vitals now; the frame rate is the mean since the last call."""
        before = self._before
        self._before = now = _Reading(self._clock.monotonic(), self._looking.frames_seen)
        rate = None
        if before is not None and now.at > before.at:
            rate = round((now.frames - before.frames) / (now.at - before.at), 1)
        return Vitals(
            looks_per_second=rate,
            inference_milliseconds=round(self._looking.inference_milliseconds, 1) or None,
            memory_mebibytes=resident_mebibytes(self._statm),
            last_error=self._last_error.text,
            last_error_at=self._last_error.at,
        )


def resident_mebibytes(statm: Path = STATM) -> float | None:
    """Memory that this process holds, from the kernel's second field of statm, in pages
    (proc_pid_statm(5)); None where the kernel does not tell."""
    try:
        pages = int(statm.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return float(round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20))
