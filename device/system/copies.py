"""Copies beside the database: what it was before an upgrade, for whoever goes back.

Before layout N is left, the database is copied to `attune.db.layout-N`. A version of Attune that
finds a later layout N than it knows goes on with its own copy; the later file is kept aside as
`attune.db.later-N`, and no version goes back to it by itself. No file takes another one's place.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from pathlib import Path

from device.system.forgetting import CLOCK_SET, DAY_SECONDS

log = logging.getLogger(__name__)


def keep_copy(db: sqlite3.Connection, path: Path, layout: int) -> None:
    """Copy the database as it is, in its layout. Without room for that, there is no way back."""
    copy = _copy_of(path, layout)
    fresh = copy.with_name(f"{copy.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        db.execute("VACUUM INTO ?", (str(fresh),))
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.chmod(path.stat().st_mode & 0o777)
        move_aside(copy, copy)  # an earlier one gets a number
        fresh.rename(copy)
    except (OSError, sqlite3.OperationalError) as error:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        log.warning("%s could not be copied before its upgrade: %s", path, error)
    else:
        log.info("%s was copied to %s before its upgrade", path, copy.name)


def go_back(path: Path, layout: int, later: int) -> bool:
    """Put the copy in `layout` in the place of a file in a later one; False without a copy."""
    copy = _copy_of(path, layout)
    if not copy.exists():
        return False
    aside = move_aside(path, path.with_name(f"{path.name}.later-{later}"))
    copy.rename(path)
    log.warning(
        "%s was written by a later version of Attune: it is kept as %s, and what was remembered "
        "before that upgrade is used",
        path,
        aside.name,
    )
    return True


def move_aside(path: Path, aside: Path) -> Path:
    """Rename a database and its logs; returns the name, with a number where it is taken."""
    wanted, number = aside, 1
    while aside.exists():  # a board's clock may show one time twice
        number += 1
        aside = wanted.with_name(f"{wanted.name}-{number}")
    for suffix in ("-wal", "-shm", ""):
        part = Path(f"{path}{suffix}")
        if part.exists():
            part.rename(f"{aside}{suffix}")
    return aside


def erase_copies(path: Path) -> None:
    """Remove every copy, and whatever was set aside as damaged. Raises `OSError`."""
    for copy in path.parent.glob(f"{path.name}.*"):
        copy.unlink()
        log.info("removed %s", copy)


def expire_copies(path: Path, wall: float, keep_days: int) -> None:
    """Remove the oldest copy, where it was written last more than `keep_days` ago: one a day, so
    that a clock that is years ahead for a while costs little. Raises `OSError`."""
    before = wall - keep_days * DAY_SECONDS
    copies = sorted((copy.stat().st_mtime, copy) for copy in path.parent.glob(f"{path.name}.*"))
    if before < CLOCK_SET or not copies:
        return
    written, oldest = copies[0]
    if written < CLOCK_SET:  # by a clock that was not set: it counts from now
        os.utime(oldest, (wall, wall))
    elif written < before:
        oldest.unlink()
        log.info("removed %s, older than %d days", oldest, keep_days)


def _copy_of(path: Path, layout: int) -> Path:
    return path.with_name(f"{path.name}.layout-{layout}")
