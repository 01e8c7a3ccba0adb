"""A camera that misbehaves takes nothing with it."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from device.types import Health, Status
from tests.faults.camera import NetworkCamera, Way
from tests.faults.promises import Record
from tests.faults.witness import Witness, alive, plays, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def sees(status: Status) -> bool:
    return status.camera.health is Health.UP and status.people > 0


def is_down(status: Status) -> bool:
    return status.camera.health is Health.DOWN


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("camera-hangs", Way.HANGING),
        ("camera-garbage", Way.GARBAGE),
        ("camera-vanishes", None),
    ],
)
def test_a_camera_that_sends_nothing_is_told_and_opened_anew(
    tmp_path: Path, music: Path, record: Record, name: str, way: Way | None
) -> None:
    with (
        NetworkCamera() as camera,
        alive(tmp_path, camera=camera.settings(), music={"folders": [str(music)]}) as daemon,
    ):
        until(daemon, sees)
        plays(daemon)
        with Witness(daemon) as witness:
            if way is None:
                camera.vanish()
            else:
                camera.way = way
            told = until(daemon, is_down)
            time.sleep(10)
            if way is None:
                camera.appear()
            camera.way = Way.WELL
            recovery = until(daemon, sees)
        record(name, recovery, f"told after {told:.1f} s; {witness.kept_up()}")


@pytest.mark.parametrize(
    ("name", "way"), [("camera-torn", Way.TORN), ("camera-resizes", Way.RESIZING)]
)
def test_strange_pictures_are_looked_at(
    tmp_path: Path, music: Path, record: Record, name: str, way: Way
) -> None:
    with (
        NetworkCamera() as camera,
        alive(tmp_path, camera=camera.settings(), music={"folders": [str(music)]}) as daemon,
    ):
        until(daemon, sees)
        plays(daemon)
        with Witness(daemon) as witness:
            camera.way = way
            seen = []
            for _ in range(60):
                seen.append(sees(daemon.client.status()))
                time.sleep(0.25)
            camera.way = Way.WELL
            recovery = until(daemon, sees)
        share = sum(seen) / len(seen)
        record(name, recovery, f"somebody seen in {share:.0%} of 15 s; {witness.kept_up()}")


def test_a_flood_of_pictures_drowns_nobody(tmp_path: Path, music: Path, record: Record) -> None:
    with (
        NetworkCamera() as camera,
        alive(tmp_path, camera=camera.settings(), music={"folders": [str(music)]}) as daemon,
    ):
        until(daemon, sees)
        plays(daemon)
        process = psutil.Process(daemon.pid)
        time.sleep(5)
        before, sent = process.memory_info().rss, camera.sent
        with Witness(daemon) as witness:
            camera.way = Way.FLOODING
            time.sleep(20)
            hertz = (camera.sent - sent) / 20
            assert sees(daemon.client.status())
            camera.way = Way.WELL
            recovery = until(daemon, sees)
        grown = (process.memory_info().rss - before) / 1e6
        assert grown < 20
        record(
            "camera-floods",
            recovery,
            f"{hertz:.0f} pictures a second taken in, memory {grown:+.0f} MB; {witness.kept_up()}",
        )
