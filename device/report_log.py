"""What systemd and its journal tell of the service, for a report."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator

import msgspec

from device.config_keys import MASK

UNIT = "attune.service"
LINES = 3000
SECONDS = 20.0
PROPERTIES = (
    "LoadState ActiveState SubState Result NRestarts ExecMainStatus ExecMainStartTimestamp"
    " ActiveEnterTimestamp MemoryCurrent MemoryPeak CPUUsageNSec TasksCurrent DropInPaths"
)
LEVELS = ("emerg", "alert", "crit", "error", "warning", "notice", "info", "debug")
MUSIC = "device.music"
NAMELESS = re.compile(r"sound is |the sound output |forgot |learned from |\d+ tracks in a row ")
"""How lines of `device.music` begin that name no music."""
OPENING = re.compile(r"playing|cannot play|cannot listen to|cannot announce|skipped")
PREFIXED = re.compile(r"((?:device|__main__)[\w.]*): (.*)", re.DOTALL)
"""How a line begins where systemd's Python bindings are missing."""


class Entry(msgspec.Struct):
    """A line of the journal, as `journalctl -o json` tells it."""

    at: str = msgspec.field(name="__REALTIME_TIMESTAMP", default="0")
    message: str | list[int] | None = msgspec.field(name="MESSAGE", default="")
    priority: str = msgspec.field(name="PRIORITY", default="6")
    logger: str | None = msgspec.field(name="LOGGER", default=None)
    identifier: str = msgspec.field(name="SYSLOG_IDENTIFIER", default="")
    process: str = msgspec.field(name="_PID", default="")


def unit_state() -> str:
    """How the service is, in systemd's words."""
    return _ask("systemctl", "show", UNIT, "--property", ",".join(PROPERTIES.split()))


def log_lines(*, with_music: bool) -> Iterator[str]:
    """The service's last lines; of what `device.music` says, without names unless asked for."""
    told = _ask("journalctl", "--unit", UNIT, "--lines", str(LINES), "--output", "json")
    lines = told.splitlines()
    if not any(line.startswith("{") for line in lines):
        yield "the journal tells nothing of the service" + (f": {told}" if told else "")
        yield "(it may be read by root, and by who is in the group systemd-journal or adm)"
    for line in lines:
        if line.startswith("{"):
            yield shown(msgspec.json.decode(line, type=Entry), with_music=with_music)


def shown(entry: Entry, *, with_music: bool) -> str:
    """An entry as a line, or as several."""
    message, logger = _message(entry), entry.logger
    if logger is None and (prefixed := PREFIXED.fullmatch(message)):
        logger, message = prefixed[1], prefixed[2]
    if not with_music and (logger or "").startswith(MUSIC):
        message = without_names(message)
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(int(entry.at) / 1e6))
    level = LEVELS[int(entry.priority) % len(LEVELS)]
    who = logger or entry.identifier
    return f"{stamp} [{entry.process}] {level:<7} {who}: {message}"


def without_names(message: str) -> str:
    """What `device.music` said, as far as it cannot name music."""
    if NAMELESS.match(message):
        return message
    opening = OPENING.match(message)
    return f"{opening[0]} {MASK}" if opening else MASK


def _message(entry: Entry) -> str:
    if isinstance(entry.message, list):  # what is no UTF-8
        return bytes(entry.message).decode("utf-8", "replace")
    return entry.message or ""


def _ask(*command: str) -> str:
    """What a program of systemd's says; why not, where it does not."""
    try:
        told = subprocess.run(  # noqa: S603 - a fixed command, found on the PATH
            [*command, "--no-pager"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"{command[0]} cannot be asked: {error}"
    return told.stdout or told.stderr.strip()
