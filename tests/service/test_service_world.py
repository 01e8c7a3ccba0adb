"""The world around the service at its worst: no room, wrong time, a root that nobody may write."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Iterator

import pytest

from device.client import Refused
from device.types import Like
from tests.service.machine import Machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

STATE = "/var/lib/attune"
DISK_BYTES = 3_000_000
SHIFT = "/run/attune-shift"
YEARS = (1970, 2026, 2039, 2101, 2001)
YEAR_SECONDS = 365.2425 * 86400
MAJORS = {"video4linux": 81, "alsa": 116}


def is_playing(machine: Machine) -> bool:
    return bool(machine.status()["playing"])


def like_on(machine: Machine, count: int) -> None:
    """Until one is refused: what has its room in the file already is still written."""
    for _ in range(count):
        machine.client.command(Like())


# --- a disk that fills while it plays ---------------------------------------------------------


@pytest.fixture
def small_disk(speaker: Machine) -> Iterator[Machine]:
    """The service on a state folder of its own, of three megabytes."""
    speaker.run("systemctl stop attune")
    speaker.run(f"mount -t tmpfs -o size={DISK_BYTES} tmpfs {STATE} && systemctl start attune")
    try:
        yield speaker
    finally:
        speaker.run(f"systemctl stop attune; umount {STATE}; systemctl start attune")


def test_a_disk_that_fills_stops_nothing_and_is_written_again(small_disk: Machine) -> None:
    machine = small_disk
    machine.wait_playing()
    machine.run("attune volume 22")
    since, pid = machine.mark(), machine.prop("MainPID")
    machine.run(f"cat /dev/zero >{STATE}/full", check=False)
    machine.run("attune volume 33 && attune next")
    with pytest.raises(Refused, match="could not be stored"):
        like_on(machine, 300)
    machine.wait_told(since, "make room")
    time.sleep(12)  # a save or two, each refused
    assert machine.prop("MainPID") == pid
    assert machine.is_ready()
    assert machine.status()["volume"] == 33
    machine.wait(lambda: is_playing(machine), 20, "the music to go on")
    told = machine.journal(since)
    # Once for each time: what still has its room in the file is written in between.
    assert told.count("make room") == told.count("can be written again") + 1
    assert "Traceback" not in told
    machine.run(f"rm {STATE}/full")
    machine.wait_told(since, "can be written again")
    machine.run("systemctl kill --kill-who=main --signal=KILL attune")
    machine.wait_restart(pid, 60)
    assert machine.status()["volume"] == 33


# --- a clock that jumps -----------------------------------------------------------------------


@pytest.fixture
def odd_clock(speaker: Machine) -> Iterator[Machine]:
    """The service with a wall clock that is wrong on wish; nobody's real clock is touched."""
    with speaker.hooked():
        yield speaker
        speaker.run(f"rm -f {SHIFT}")


def walls(machine: Machine) -> list[float]:
    with contextlib.closing(sqlite3.connect(machine.file(f"{STATE}/attune.db"))) as db:
        return [wall for (wall,) in db.execute("SELECT wall FROM plays ORDER BY id")]


def test_a_clock_that_jumps_years_stops_nothing(odd_clock: Machine) -> None:
    machine = odd_clock
    machine.wait_playing()
    since, pid = machine.mark(), machine.prop("MainPID")
    seen = len(walls(machine))
    for year in YEARS:
        # The middle of that year: no board's clock begins before 1970.
        shift = (year + 0.5 - 1970) * YEAR_SECONDS - time.time()
        machine.run(f"echo {shift:.0f} >{SHIFT}")
        plays = len(walls(machine))
        machine.run("attune next")
        machine.wait(lambda plays=plays: len(walls(machine)) > plays, 20, f"a play in {year}")
        machine.wait(lambda: is_playing(machine), 20, f"music in {year}")
    years = {time.gmtime(wall).tm_year for wall in walls(machine)[seen:]}
    assert years >= set(YEARS), years
    assert machine.prop("MainPID") == pid
    assert machine.is_ready()
    assert "Traceback" not in machine.journal(since)
    machine.run("systemctl restart attune")  # and with such a diary it starts again
    machine.wait_playing()


# --- devices ----------------------------------------------------------------------------------


def opened(machine: Machine, node: str) -> str:
    """What the service's own processes are told when they open a device."""
    script = f"import os; os.close(os.open({node!r}, os.O_RDWR | os.O_NONBLOCK))"
    with machine.drop_in(
        "node",
        "Type=oneshot",
        "ExecStart=",
        f'ExecStart=-/usr/bin/python3 -c "{script}"',
        "Restart=no",
        "WatchdogSec=0",
        "StandardError=append:/run/attune-node",
    ):
        pass
    return machine.run("cat /run/attune-node; rm -f /run/attune-node", check=False).stdout


@pytest.fixture
def with_drivers(speaker: Machine) -> Iterator[Machine]:
    """Nodes of a camera, a sound card, a disk, and a kernel that seems to know them.

    This machine has no such drivers, so opening what is allowed says "no such device", while what
    is not allowed stays "not permitted".
    """
    listed = speaker.run("cat /proc/devices").stdout
    character, block = listed.split("\nBlock")
    for name, major in MAJORS.items():
        character += f"{major:3} {name}\n" if f" {name}\n" not in character else ""
    speaker.file("/srv/devices").write_text(f"{character}\nBlock{block}")
    speaker.run("mount --bind /srv/devices /proc/devices")
    nodes = {
        "video9": (stat.S_IFCHR, 81, 9),
        "sound9": (stat.S_IFCHR, 116, 9),
        "disk9": (stat.S_IFBLK, 259, 999),
        "mem9": (stat.S_IFCHR, 1, 1),
    }
    for name, (kind, major, minor) in nodes.items():
        path = speaker.seen(f"/dev/{name}")
        os.mknod(path, kind | 0o666, os.makedev(major, minor))
        path.chmod(0o666)
    yield speaker
    speaker.run("umount /proc/devices; rm -f /dev/video9 /dev/sound9 /dev/disk9 /dev/mem9")


@pytest.mark.parametrize("node", ["video9", "sound9"])
def test_cameras_and_sound_cards_are_let_through(with_drivers: Machine, node: str) -> None:
    assert "No such device" in opened(with_drivers, f"/dev/{node}")


@pytest.mark.parametrize("node", ["disk9", "mem9"])
def test_other_devices_are_not(with_drivers: Machine, node: str) -> None:
    assert "Operation not permitted" in opened(with_drivers, f"/dev/{node}")


# --- a root that nobody may write -------------------------------------------------------------


def test_on_a_read_only_root_with_an_overlay_it_works_and_forgets(speaker: Machine) -> None:
    machine = speaker
    machine.run("attune volume 60; systemctl stop attune")
    machine.stop()
    database = machine.file(f"{STATE}/attune.db")
    before = database.read_bytes()
    machine.start("--volatile=overlay")
    machine.wait(machine.is_ready, 30, "the service to start at boot")
    assert "overlay" in machine.run("findmnt -no FSTYPE /").stdout
    machine.wait_playing()
    machine.run("attune volume 23")
    pid = machine.prop("MainPID")
    machine.run("systemctl kill --kill-who=main --signal=KILL attune")
    machine.wait_restart(pid, 60)
    assert machine.status()["volume"] == 23
    assert "Traceback" not in machine.run("journalctl -b -u attune -o cat").stdout
    machine.stop()
    assert database.read_bytes() == before  # the card itself was not touched
    machine.start()
    machine.wait(machine.is_ready, 30, "the service to start at boot")
    assert machine.status()["volume"] == 60


def test_with_a_state_folder_that_may_be_written_it_remembers(speaker: Machine) -> None:
    machine = speaker
    machine.stop()
    card = machine.root.parent / "card"
    card.mkdir()
    bind = f"--bind={card}:{STATE}"
    for volume in (24, 25):
        machine.start("--volatile=overlay", bind)
        machine.wait(machine.is_ready, 30, "the service to start at boot")
        assert machine.status()["volume"] == (60 if volume == 24 else 24)
        machine.wait_playing()
        machine.run(f"attune volume {volume}")
        machine.stop()
    machine.start()
    machine.wait(machine.is_ready, 30, "the service to start at boot")
    assert machine.status()["volume"] == 60
