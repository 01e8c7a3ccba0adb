"""The privacy switch stops the sensor: the camera is closed at once, and stays so."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from device.settings import HOME
from device.types import Health, SetPrivacy
from tests.daemon import Daemon, running
from tests.privacy.sensor import sensor

CLOSED_SECONDS = 4.0
"""OpenCV lets go of a stream after the frame that it is at; the machine may be busy."""


def connections(pid: int, port: int) -> int:
    """How many of a process's open descriptors are connections to a port, as the kernel has it."""
    inodes = {
        fields[9]
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
        if (fields := line.split())[2].endswith(f":{port:04X}") and fields[3] == "01"
    }
    found = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except OSError:
            continue
        found += target.startswith("socket:[") and target[8:-1] in inodes
    return found


def until(daemon: Daemon, true: object, seconds: float = CLOSED_SECONDS) -> float:
    """How long it took until something was so."""
    began = time.monotonic()
    while not true():  # type: ignore[operator]
        if time.monotonic() - began > seconds:
            pytest.fail(f"not within {seconds} s:\n{daemon.told()}")
        time.sleep(0.01)
    return time.monotonic() - began


def test_the_switch_closes_the_camera_and_keeps_it_closed(tmp_path: Path) -> None:
    portrait = next((HOME / "config" / "portraits").glob("*.jpg")).read_bytes()
    with (
        sensor([portrait]) as camera,
        running(tmp_path / "d", camera={"source": camera.url}) as daemon,
    ):
        daemon.wait_for(lambda s: s.camera.health is Health.UP and s.people == 1)
        assert connections(daemon.pid, camera.port) == 1
        daemon.client.command(SetPrivacy(on=True))
        took = until(daemon, lambda: connections(daemon.pid, camera.port) == 0)
        daemon.wait_for(lambda s: s.camera.health is Health.OFF and s.people == 0)
        until(daemon, lambda: camera.watched == 0)
        opened, sent = camera.opened, camera.sent
        time.sleep(2.0)
        assert (camera.opened, camera.sent) == (opened, sent), "nobody looks in again"
        assert connections(daemon.pid, camera.port) == 0
        daemon.client.command(SetPrivacy(on=False))
        daemon.wait_for(lambda s: s.camera.health is Health.UP and s.people == 1)
        assert camera.opened == opened + 1
    print(f"\nthe camera was closed {took * 1000:.0f} ms after the switch")
