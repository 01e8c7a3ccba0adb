"""`attune` over a slow line: `./setup.sh test -m benchmark -s tests/benchmarks/test_terminal.py`.

Each figure is printed, and bounded by what Attune promises.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.settings import HOME
from device.types import Play
from tests.daemon import Daemon, running

pytestmark = pytest.mark.benchmark

PORTRAITS = f"slideshow:{HOME / 'config' / 'portraits'}"
WATCH_SECONDS = 60.0
FIRST_SECONDS = 3.0


@pytest.fixture
def speaker(tmp_path: Path) -> Iterator[Daemon]:
    music = {"folders": [str(HOME / "music")]}
    with running(tmp_path / "d", camera={"source": PORTRAITS}, music=music) as daemon:
        daemon.client.command(Play())
        daemon.wait_for(lambda status: status.playing and status.people > 0)
        yield daemon


def command(daemon: Daemon, name: str) -> list[str]:
    return [sys.executable, "-m", "device.cli", "--config", str(daemon.config), name]


def test_status_answers_within_300_ms(speaker: Daemon) -> None:
    times = []
    for _ in range(20):
        began = time.monotonic()
        subprocess.run(command(speaker, "status"), stdout=subprocess.DEVNULL, check=True)
        times.append(time.monotonic() - began)
    median = statistics.median(times)
    print(
        f"\nattune status: {median:.2f} s (median of {len(times)}, {min(times):.2f} to "
        f"{max(times):.2f}), load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    assert median <= 0.3


def test_watch_writes_400_bytes_a_second(speaker: Daemon) -> None:
    """With a face in view and music playing, on a terminal of 100 by 40 characters."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm"
        arguments = command(speaker, "watch")
        os.execv(arguments[0], arguments)  # noqa: S606 - there is none to be had
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    began, first, later = time.monotonic(), 0, 0
    while (now := time.monotonic() - began) < WATCH_SECONDS:
        if select.select([terminal], [], [], 0.2)[0]:
            size = len(os.read(terminal, 65_536))
            first, later = (first + size, later) if now < FIRST_SECONDS else (first, later + size)
    os.kill(child, signal.SIGINT)
    os.waitpid(child, 0)
    os.close(terminal)
    rate = later / (WATCH_SECONDS - FIRST_SECONDS)
    print(f"\nattune watch: {first} bytes at first, then {rate:.0f} bytes a second")
    assert later > 0
    assert rate <= 400
