"""A wall clock that jumps: a board without a battery wakes in 1970, the network's time comes
later."""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from device.types import Next, SetSleep
from tests.faults.promises import Record
from tests.faults.shim import Shim
from tests.faults.witness import Witness, alive, plays, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

YEAR = 31_556_952
JUMPS = 100


def test_the_music_goes_on_whatever_the_clock_says(
    tmp_path: Path, music: Path, shim: Shim, record: Record
) -> None:
    to_1970 = 100 - int(time.time())
    dice = random.Random(1)
    with alive(tmp_path / "d", shim.environment, music={"folders": [str(music)]}) as daemon:
        plays(daemon)
        with Witness(daemon) as witness:
            began = time.monotonic()
            daemon.client.command(SetSleep(1))
            for seconds in (10 * YEAR, -10 * YEAR, to_1970, 0):
                shim.move_clock(seconds)
                time.sleep(2)
                daemon.client.command(Next())
                time.sleep(1)
            for _ in range(JUMPS):
                shim.move_clock(dice.choice([0, YEAR, -YEAR, to_1970, 3600, -3600]))
                time.sleep(0.2)
            until(daemon, lambda status: status.sleep_minutes is None)
            slept = time.monotonic() - began
        assert witness.longest_wait_seconds < 4.0
        assert 59.0 <= slept <= 64.0
        until(daemon, lambda status: not status.playing)
        shim.move_clock(to_1970)
        daemon.send(signal.SIGTERM)
        assert daemon.wait_exit() == 0
        daemon.start(**shim.environment)  # wakes in 1970
        until(daemon, lambda status: status.tracks > 0)
        restarted = time.monotonic()
        plays(daemon)
        recovery = time.monotonic() - restarted
        path = tmp_path / "d" / "state" / "attune.db"
        with contextlib.closing(sqlite3.connect(path)) as db:
            walls = [wall for (wall,) in db.execute("SELECT wall FROM plays ORDER BY id")]
            (likes,) = db.execute("SELECT count(*) FROM feedback").fetchone()
    assert likes == witness.likes
    assert max(walls) - min(walls) > 60 * YEAR  # it did see them
    record(
        "clock-jumps",
        recovery,
        f"the minute's sleep timer ended after {slept:.1f} s; {len(walls)} plays noted, "
        f"{likes} of {witness.likes} likes kept; plays after a start in 1970",
    )
