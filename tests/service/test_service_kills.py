"""`kill -9`, fifty times, while somebody uses it: what was acknowledged is never lost."""

from __future__ import annotations

import contextlib
import random
import re
import shutil
import sqlite3
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from device.client import NotRunning, Refused
from device.types import Command, Goal, Like, Next, SetGoal, SetVolume, Status
from tests.service.machine import Machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

KILLS = 50
DATABASE = "/var/lib/attune/attune.db"


class Kept(NamedTuple):
    """What the database holds."""

    plays: dict[int, tuple[str, float]]
    likes: int
    volume: int | None
    goal: str | None


class User(threading.Thread):
    """Somebody who asks for this and that all the time, and remembers what was answered."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(daemon=True)
        self._client = machine.client
        self._dice = random.Random(7)
        self._over = threading.Event()
        self.likes = 0
        self.asked_likes = 0
        self.volume: set[int | None] = {None}
        self.goal: set[str | None] = {None}
        """The last one that was answered, and those that were asked for since."""
        self.answers = 0

    def run(self) -> None:
        while not self._over.wait(self._dice.uniform(0.0, 0.2)):
            turn = self._dice.randrange(4)
            if turn == 0:
                percent = self._dice.randrange(101)
                self.volume.add(percent)
                if self._ask(SetVolume(percent)):
                    self.volume = {percent}
            elif turn == 1:
                goal = self._dice.choice(list(Goal))
                self.goal.add(goal.value)
                if self._ask(SetGoal(goal)):
                    self.goal = {goal.value}
            elif turn == 2:
                self.asked_likes += 1
                now = self._ask(Like())
                self.likes += now is not None and now.track is not None
            else:
                self._ask(Next())

    def _ask(self, command: Command) -> Status | None:
        try:
            now = self._client.command(command)
        except (NotRunning, Refused):
            return None
        self.answers += 1
        return now

    def stop(self) -> None:
        self._over.set()
        self.join(10)


def kept(machine: Machine, folder: Path) -> Kept:
    """What the dead daemon left, looked at in a copy: it must find it itself as it was."""
    copy = folder / "attune.db"
    for suffix in ("", "-wal"):
        source = machine.file(DATABASE + suffix)
        Path(f"{copy}{suffix}").unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(source, f"{copy}{suffix}")
    Path(f"{copy}-shm").unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(copy)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        plays = {
            row: (track, wall)
            for row, track, wall in db.execute("SELECT id, track, wall FROM plays")
        }
        (likes,) = db.execute("SELECT count(*) FROM feedback").fetchone()
        volume, goal = db.execute("SELECT volume, goal FROM resume").fetchone()
    return Kept(plays, likes, volume, goal)


@pytest.fixture
def hurried(speaker: Machine) -> Iterator[Machine]:
    """The service, restarted after three seconds: long enough to look at what lies there."""
    speaker.run("attune goal match; attune volume 50")
    with speaker.drop_in("hurry", "RestartSec=3"):
        speaker.wait_playing()
        yield speaker


def test_nothing_is_lost_by_50_kills_at_random(
    hurried: Machine, tmp_path: Path, figures: dict[str, str]
) -> None:
    machine, dice = hurried, random.Random(3)
    since = machine.mark()
    machine.run("systemctl stop attune")
    before = kept(machine, tmp_path)
    machine.run("systemctl start attune")
    user = User(machine)
    user.volume, user.goal = {before.volume}, {before.goal}
    user.start()
    back, plays_then = [], before.plays
    for number in range(KILLS):
        time.sleep(dice.uniform(0.0, 2.0))
        pid = machine.prop("MainPID")
        machine.run("systemctl kill --kill-who=main --signal=KILL attune")
        begun = time.monotonic()
        machine.wait(lambda: machine.prop("MainPID") == "0", 5, "its death")
        likes_answered, answered = user.likes, (set(user.volume), set(user.goal))
        now = kept(machine, tmp_path)
        assert machine.prop("MainPID") == "0", "it came back too soon to look at what it left"
        assert plays_then.items() <= now.plays.items(), f"kill {number} lost plays"
        assert before.likes + likes_answered <= now.likes <= before.likes + user.asked_likes
        assert now.volume in answered[0] | user.volume
        assert now.goal in answered[1] | user.goal
        plays_then = now.plays
        machine.wait_restart(pid, 60)
        back.append(time.monotonic() - begun)
    user.stop()
    machine.run("systemctl stop attune")
    told = machine.journal(since)
    played = kept(machine, tmp_path).plays.keys() - before.plays.keys()
    assert len(re.findall(r"(?m)^playing ", told)) <= len(played)
    assert plays_then.keys() - before.plays.keys() <= played
    assert "Traceback" not in told
    machine.run("systemctl start attune")
    assert machine.run("ls /var/lib/attune | grep damaged", check=False).stdout == ""
    assert user.answers > KILLS
    assert len(played) > KILLS / 2
    figures["50 kills -9: back after"] = (
        f"{statistics.median(back):.1f} s (median; at most {max(back):.1f} s, 3 s of it waiting)"
    )
    figures["50 kills -9: nothing lost of"] = (
        f"{user.answers} answers, {len(played)} plays, {user.likes} likes"
    )
    machine.run("attune goal match; attune volume 60")
