"""The real daemon in a process of its own, on a configuration and a folder of the test's."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from device.client import Client, NotRunning, Refused
from device.music.capture import capture_environment
from device.types import Status
from tests.music.audio import tone

WAIT_SECONDS = 20.0
HERTZ = {"happy": 880.0, "sad": 220.0, "angry": 1500.0}
"""What the tracks of a mood sound like, so that captured sound tells them apart."""


def toml(tables: dict[str, dict[str, Any]]) -> str:
    """A configuration file; JSON's texts, numbers, booleans and lists are TOML's too."""
    return "\n".join(
        f"[{table}]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in keys.items())
        for table, keys in tables.items()
    )


def make_music(folder: Path, seconds: float = 30.0) -> Path:
    """Two tracks a mood, each a tone that tells its mood."""
    for mood, hertz in HERTZ.items():
        for number in (1, 2):
            tone(
                folder / mood / f"{number}.flac",
                seconds,
                hertz + number - 1,  # no copies: those rest together, and one has the other's id
                tags={"title": f"{mood} {number}", "artist": f"{mood} band {number}"},
            )
    return folder


class Daemon:
    """`attune run` under test."""

    def __init__(self, folder: Path, **tables: dict[str, Any]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "attune.toml"
        self.raw = folder / "sound.raw"
        self.log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self.tables: dict[str, dict[str, Any]] = {
            "camera": {"source": "/dev/video99"},
            "api": {"socket": str(folder / "api.sock")},
            "page": {"enabled": False},  # one port for all, and others test beside us
            "state": {"folder": str(folder / "state")},
            "music": {"folders": [str(folder / "music")], "fade_seconds": 0.5, "random_seed": 1},
            "log": {"level": "debug"},
        }
        for table, keys in tables.items():
            self.tables[table] = {**self.tables.get(table, {}), **keys}
        self.write_config(toml(self.tables))
        self.client = Client((folder / "api.sock",))

    def write_config(self, text: str) -> None:
        self.config.write_text(text, encoding="utf-8")

    def start(self, **environment: str) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "device.cli", "--config", str(self.config), "run"],
                stdout=log,
                stderr=log,
                env={**os.environ, **capture_environment(self.raw), **environment},
            )

    def started(self) -> Status:
        """Start and wait until it answers."""
        self.start()
        return self.wait_for(lambda _: True)

    def wait_for(self, accept: Callable[[Status], bool]) -> Status:
        """The first status that is acceptable."""
        deadline = time.monotonic() + WAIT_SECONDS
        status: Status | None = None
        while time.monotonic() < deadline and self.exit_code is None:
            with contextlib.suppress(NotRunning, Refused):
                status = self.client.status()
                if accept(status):
                    return status
            time.sleep(0.05)
        pytest.fail(f"it did not come to that: {status}\n{self.told()}")

    def wait_told(self, text: str) -> None:
        """Wait until the log says something."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if text in self.told():
                return
            time.sleep(0.05)
        pytest.fail(f"the log never said {text!r}:\n{self.told()}")

    def told(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def exit_code(self) -> int | None:
        assert self._process is not None
        return self._process.poll()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait_exit(self, seconds: float = WAIT_SECONDS) -> int:
        assert self._process is not None
        return self._process.wait(seconds)

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def running(folder: Path, **tables: dict[str, Any]) -> Iterator[Daemon]:
    """A daemon that answers, gone afterwards."""
    daemon = Daemon(folder, **tables)
    try:
        daemon.started()
        yield daemon
    finally:
        daemon.kill()


@contextlib.contextmanager
def notify_socket(path: Path) -> Iterator[socket.socket]:
    """The socket on which systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(WAIT_SECONDS)
        yield listener
