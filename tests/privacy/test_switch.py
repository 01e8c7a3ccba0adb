"""The privacy switch stops the sensor: the camera is closed at once, and stays so."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from device.settings import HOME
from device.types import Health, SetPrivacy
from tests.daemon import Daemon, running

BOUNDARY = b"frame"
CLOSED_SECONDS = 4.0
"""OpenCV lets go of a stream after the frame that it is at; the machine may be busy."""


class Sensor:
    """A network camera (MJPEG over HTTP) that knows who watches it."""

    def __init__(self) -> None:
        self.jpeg = next((HOME / "config" / "portraits").glob("*.jpg")).read_bytes()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.server.getsockname()[1]
        self.watched = 0
        """By so many, now."""
        self.opened = 0
        self.sent = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                watcher, _ = self.server.accept()
            except OSError:
                return
            self.opened += 1
            threading.Thread(target=self._send, args=(watcher,), daemon=True).start()

    def _send(self, watcher: socket.socket) -> None:
        self.watched += 1
        head = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=" + BOUNDARY
        part = b"--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
        try:
            with watcher:
                watcher.recv(4096)
                watcher.sendall(head + b"\r\n\r\n")
                while True:
                    watcher.sendall(part % (BOUNDARY, len(self.jpeg)) + self.jpeg + b"\r\n")
                    self.sent += 1
                    time.sleep(0.1)
        except OSError:
            pass
        finally:
            self.watched -= 1


@contextmanager
def sensor() -> Iterator[Sensor]:
    made = Sensor()
    try:
        yield made
    finally:
        made.server.close()


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
    with sensor() as camera:
        url = f"http://127.0.0.1:{camera.port}/"
        with running(tmp_path / "d", camera={"source": url}) as daemon:
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
