"""A disk that fails, at every single write: as SQLite's own tests do it, the n-th write fails, for
each n that there is, alone or with all that follow."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.client import Refused
from device.lessons import ForgetTaste, TasteChanged
from device.settings import HOME
from device.types import Goal, Health, Like, Next, Pause, Play, SetGoal, SetPrivacy, SetVolume
from tests.daemon import Daemon
from tests.faults.promises import Record
from tests.faults.shim import Shim
from tests.faults.witness import Witness, alive, plays, until
from tests.home import broker as mosquitto
from tests.home.broker import Listener

FAR = 1e11
"""Nothing is noted after that: to forget it erases nothing, and empties the log."""


@pytest.mark.parametrize(
    "every", [43, pytest.param(1, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])]
)
def test_no_write_that_fails_ends_a_life_or_loses_what_was_acknowledged(
    shim_library: Path, tmp_path: Path, every: int, record: Record
) -> None:
    """`tests/faults/life.py` forks a life for each n, under the shim, and judges it."""
    shim = Shim(shim_library, tmp_path / "control", tmp_path / "lives")
    told = subprocess.run(
        [sys.executable, "-m", "tests.faults.life", str(tmp_path), str(every)],
        env={**os.environ, **shim.environment, "PYTHONPATH": str(HOME)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    lives, failed = told.stdout.split()[-2:]
    record(
        "disk-full-storing",
        None,
        f"{lives} lives with {failed} failed writes: all went on, all databases whole, nothing "
        "acknowledged lost",
    )


def whole(folder: Path) -> tuple[int, int | None]:
    """Likes and volume in a state folder; asserts that its database is whole."""
    with contextlib.closing(sqlite3.connect(folder / "attune.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (likes,) = db.execute("SELECT count(*) FROM feedback").fetchone()
        row = db.execute("SELECT volume FROM resume").fetchone()
    return int(likes), row and row[0]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_disk_that_is_full_at_the_nth_write_of_a_start(
    tmp_path: Path, music: Path, shim: Shim, record: Record
) -> None:
    state = tmp_path / "d" / "state"
    daemon = Daemon(tmp_path / "d", music={"folders": [str(music)], "listen": False})
    shim.well()
    started = began(daemon, shim)
    assert started
    writes = shim.writes
    daemon.kill()
    outcomes = {True: 0, False: 0}
    slowest = 0.0
    for after in [*range(24), *range(24, writes, max(1, (writes - 24) // 12))]:
        shutil.rmtree(state)
        shim.fail(after)
        outcomes[began(daemon, shim)] += 1
        assert shim.failed
        assert "Traceback" not in daemon.told()
        daemon.kill()
        shim.well()
        again = time.monotonic()
        assert began(daemon, shim)
        daemon.client.command(SetVolume(31))
        slowest = max(slowest, time.monotonic() - again)
        assert whole(state)[1] == 31
        daemon.kill()
    record(
        "disk-full-starting",
        slowest,
        f"a start makes {writes} writes; of {sum(outcomes.values())} starts {outcomes[True]} ran "
        f"without memory, {outcomes[False]} said that the folder must have room, and were well "
        "with room",
    )


def began(daemon: Daemon, shim: Shim) -> bool:
    """Start it; whether it runs. Where it does not, it must say why."""
    daemon.log.write_text("")
    daemon.start(**shim.environment)
    while daemon.exit_code is None:
        with contextlib.suppress(Exception):
            if daemon.client.status().tracks == 6:
                return True
        time.sleep(0.05)
    assert daemon.exit_code == 1
    assert "with some room" in daemon.told() or "must be writable" in daemon.told()
    return False


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_is_full_while_it_plays(
    tmp_path: Path, music: Path, shim: Shim, record: Record, error: int
) -> None:
    state = tmp_path / "d" / "state"
    slowest, failed, tries = 0.0, 0, 60
    with alive(tmp_path / "d", shim.environment, music={"folders": [str(music)]}) as daemon:
        ask = daemon.client.command
        plays(daemon)
        with watched(daemon) as witness:
            for after in range(tries):
                shim.fail(after, error=error)
                commands = itertools.cycle(
                    (Like(), SetVolume(after), Next(), Pause(), Play(), SetGoal(Goal.CALM))
                )
                while not shim.failed:
                    with contextlib.suppress(Refused):
                        ask(next(commands))
                with contextlib.suppress(Refused):
                    daemon.client.taste(ForgetTaste(FAR), TasteChanged)
                failed += shim.failed
                shim.well()
                room = time.monotonic()
                likes, _ = whole(state)
                ask(SetVolume(90))
                ask(SetVolume(after))
                until(daemon, lambda status: status.track is not None)
                ask(Like())
                while whole(state) != (likes + 1, after):
                    assert time.monotonic() - room < 10
                    time.sleep(0.02)
                slowest = max(slowest, time.monotonic() - room)
        assert witness.longest_pause_seconds < 6.0
    record(
        "disk-full-running",
        slowest,
        f"{tries} times full, {failed} failed writes; the daemon went on each time, the music "
        f"stood still for {witness.longest_pause_seconds:.1f} s at most",
    )


@pytest.mark.timeout(180)
def test_what_a_full_disk_does_not_store_is_done_and_said_to_whoever_asked(
    tmp_path: Path, music: Path, shim: Shim
) -> None:
    with (
        mosquitto.running(tmp_path, "allow_anonymous true") as broker,
        alive(
            tmp_path / "d",
            shim.environment,
            music={"folders": [str(music)]},
            mqtt={"enabled": True, "host": "127.0.0.1", "port": broker.port},
        ) as daemon,
        Listener(broker.port) as home,
    ):
        plays(daemon)
        until(daemon, lambda status: status.broker.health is Health.UP)
        shim.fail(0)
        for command in (SetPrivacy(on=True), Like(), SetVolume(41)):
            with pytest.raises(Refused, match="could not be stored"):
                daemon.client.command(command)
        until(daemon, lambda status: status.privacy and status.volume == 41)
        home.say("attune/attune/set/volume", "42")
        until(daemon, lambda status: status.volume == 42)
        assert "SetVolume: done, but it could not be stored" in daemon.told()
        shim.well()
        daemon.client.command(SetVolume(43))
        assert whole(tmp_path / "d" / "state")[1] == 43


@contextlib.contextmanager
def watched(daemon: Daemon) -> Iterator[Witness]:
    """Only listened to: every like here is the test's own."""
    with Witness(daemon, likes=False) as witness:
        yield witness
