"""Lives on a disk that fails: `python -m tests.faults.life FOLDER EVERY`, under the shim.

For each n (each EVERY-th) a forked child lives a short life in which the n-th write fails, alone or
with all that follow, full or broken. It may be told that nothing can be remembered, or refuse to
start and say why; nothing else may be raised. Afterwards the disk is well: the database must be
whole and hold whatever was acknowledged. Prints how many lives there were, and failed writes.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import logging
import os
import sqlite3
import sys
import traceback
from pathlib import Path
from typing import NamedTuple

from device.lessons import ForgetTaste
from device.ports import CannotDo
from device.system import switch
from device.system.database import FILE, StateError
from device.types import Command, Emotion, LibraryScanned, Like, Next, SetPrivacy, SetVolume
from tests.fakes import FakeClock
from tests.faults.shim import Shim
from tests.test_speaker import House, library


def live(folder: Path, acknowledged: Path) -> None:
    """What writes, and a note of what was acknowledged."""
    try:
        house = House(folder, FakeClock())
    except StateError:
        return
    likes = plays = 0
    volume: int | None = None
    privacy: bool | None = None
    house.speaker.handle(LibraryScanned(library(2)))
    for turn in range(4):
        house.pass_time(5, Emotion.HAPPINESS if turn % 2 else Emotion.SADNESS)
        likes += stored(house, Like()) and house.speaker.status().track is not None
        volume = 20 + turn if stored(house, SetVolume(20 + turn)) else None
        privacy = turn % 2 == 0 if stored(house, SetPrivacy(turn % 2 == 0)) else None
        house.speaker.command(Next())
        with contextlib.suppress(CannotDo):
            house.speaker.taste(ForgetTaste(1e11))
        plays = len(house.store.last_plays(1000))
    acknowledged.write_text(json.dumps([likes, plays, volume, privacy]))
    os._exit(0)  # as a power cut: nothing is written down at the end


def stored(house: House, command: Command) -> bool:
    """Have it done; whether it was acknowledged."""
    try:
        house.speaker.command(command)
    except CannotDo:
        return False
    return True


def judge(folder: Path, acknowledged: Path) -> str | None:
    """What is wrong with what is left; None when nothing is."""
    with contextlib.closing(sqlite3.connect(folder / FILE)) as db:
        verdict = db.execute("PRAGMA integrity_check").fetchone()
        if verdict != ("ok",):
            return f"the database is not whole: {verdict}"
        if not acknowledged.exists():
            return None
        likes, plays, volume, privacy = json.loads(acknowledged.read_text())
        (liked,) = db.execute("SELECT count(*) FROM feedback").fetchone()
        (played,) = db.execute("SELECT count(*) FROM plays").fetchone()
        row = db.execute("SELECT volume, privacy FROM resume").fetchone()
    if liked < likes or played < plays:  # what failed at the very last may be there all the same
        return f"{liked} of {likes} likes, {played} of {plays} plays are there"
    if volume is not None and (row is None or row[0] != volume):
        return f"the volume is {row}, not {volume}"
    if privacy is not None and privacy is not (switch.is_on(folder) or bool(row and row[1])):
        return f"the privacy switch is not {privacy}"
    return None


class Fault(NamedTuple):
    """The n-th write and so many after it (-1: all) fail."""

    n: int
    times: int
    error: int


def one(folder: Path, shim: Shim, fault: Fault) -> tuple[int, str | None]:
    """A life; how many writes failed in it, and what is wrong."""
    acknowledged = folder.parent.parent / f"acknowledged-{folder.name}"
    shim.fail(*fault)
    child = os.fork()
    if child == 0:
        try:
            live(folder, acknowledged)
        except BaseException:  # noqa: BLE001 - whatever it is, it must not be
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    failed = shim.failed
    shim.well()
    if os.waitstatus_to_exitcode(status) != 0:
        return failed, "it ended"
    if not (folder / FILE).exists():
        return failed, None
    return failed, judge(folder, acknowledged)


def main(base: Path, every: int) -> None:
    logging.disable(logging.CRITICAL)
    (base / "lives").mkdir()
    shim = Shim.here()
    lives = total = 0
    for error, times in itertools.product((errno.ENOSPC, errno.EIO), (-1, 1)):
        for n in itertools.count(0, every):
            fault = Fault(n, times, error)
            failed, wrong = one(base / "lives" / str(lives), shim, fault)
            lives, total = lives + 1, total + failed
            if wrong is not None:
                sys.exit(f"{fault}: {wrong}")
            if failed == 0:
                break
    sys.stdout.write(f"{lives} {total}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
