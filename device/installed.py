"""What others than the service look at of it: where it remembers, its passwords, and what it may
read."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from device import config
from device.settings import Settings
from device.system.database import FILE

STATE = Path("/var/lib/attune")
ENVIRONMENT = "environment"
"""Beside the configuration: assignments that systemd reads for the service."""


def state_folder(settings: Settings) -> Path:
    """Where the daemon remembers: who asks is another user than the service's."""
    own = config.state_folder(settings)
    theirs = not settings.state.folder and not (own / FILE).exists() and STATE.exists()
    return STATE if theirs else own


def state_folders(settings: Settings) -> list[Path]:
    """Where daemons may remember: one run by hand, and the service."""
    own = config.state_folder(settings)
    return [own] if settings.state.folder else list(dict.fromkeys((own, STATE)))


def existing(folder: Path) -> Path:
    """A folder, or the nearest above it that is there, as far as one may look."""
    return next(each for each in (folder, *folder.parents) if os.path.exists(each))  # noqa: PTH110 - never raises


def environ(path: Path | None) -> dict[str, str]:
    """Our environment, and what a service with this configuration has besides: see `unread`."""
    try:
        text = "" if path is None else _file(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return {**dict(_assignments(text)), **os.environ}


def unread(path: Path | None) -> Path | None:
    """The file of a service with this configuration, where it says what may not be read."""
    if path is None:
        return None
    file = _file(path)
    try:
        if file.stat().st_size > 0:  # as installed it is empty
            file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError:
        return file
    return None


@contextlib.contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Where root asks: as the user whose folder it is, in no group but that user's own."""
    if os.geteuid() != 0:
        yield
        return
    owner, groups = folder.stat(), os.getgroups()
    os.setgroups([])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def _file(path: Path) -> Path:
    return path.with_name(ENVIRONMENT)


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    """Those of Attune's variables, read as systemd does: see systemd.exec(5)."""
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip().startswith("ATTUNE_"):
            yield name.strip(), _unquoted(value.strip())


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) > 1 and value[0] == value[-1] == '"':
        return re.sub(r'\\(["\\`$])', r"\1", value[1:-1])
    return re.sub(r"\\(.)", r"\1", value)
