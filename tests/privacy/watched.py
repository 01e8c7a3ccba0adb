"""Watches the real daemon look at pictures, and judges by its system calls whether any left it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import psutil

from device.music.capture import capture_environment
from device.settings import HOME
from device.system.database import FILE
from tests.daemon import Daemon
from tests.privacy import trace
from tests.privacy.needles import Needles
from tests.privacy.trace import Trace

WIDTH, HEIGHT = 640, 480
SECONDS_A_PICTURE = 5.0


class Verdict(NamedTuple):
    """What was found out. `leaks` tells each thing that should not be.

    `needed_bytes`: what a JPEG of low quality takes of the worst of the pictures. The others are
    those of all writes: to the sound card's file, to the database with its log, to the page's
    browser, and to all else together (log, broker, API, pipes between processes).
    """

    leaks: tuple[str, ...]
    pictures: int
    faces: int
    needed_bytes: int
    writes: int
    sound_bytes: int
    database_bytes: int
    page_bytes: int
    other_bytes: int
    stored_bytes: int
    files: tuple[str, ...]


def make_pictures(folder: Path, most: int = 4) -> list[Path]:
    """Portraits, between them noise, which nothing can make smaller."""
    folder.mkdir()
    dice = np.random.default_rng(20)
    files = []
    for number, portrait in enumerate(sorted((HOME / "config" / "portraits").glob("*.jpg"))):
        noise = dice.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        files += [folder / f"{number}-a-{portrait.name}", folder / f"{number}-b-noise.png"]
        files[-2].write_bytes(portrait.read_bytes())
        cv2.imwrite(str(files[-1]), noise)
    for file in files[most:]:
        file.unlink()
    return files[:most]


class TracedDaemon(Daemon):
    """`attune run`, every write of which is noted in the file `trace`."""

    def start(self, **environment: str) -> None:
        program = [sys.executable, "-m", "device.cli", "--config", str(self.config), "run"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                trace.command(self.folder / "trace", program),
                stdout=log,
                stderr=log,
                env={**os.environ, **capture_environment(self.raw), **environment},
            )

    def stop(self) -> None:
        """End it as systemd does, and wait until the trace is whole."""
        for child in psutil.Process(self.pid).children():
            child.send_signal(signal.SIGTERM)
        self.wait_exit()

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            for child in psutil.Process(self.pid).children(recursive=True):
                child.kill()
            self._process.wait()


def judge(
    seen: Trace,
    needles: Needles,
    *,
    sound: Path | None = None,
    state: Path | None = None,
    page_bytes: int = 0,
) -> Verdict:
    """Whether pictures left a program, and how much it wrote; `page_bytes` is what its page's
    browser got."""
    leaks = [f"a call that no trace sees through: {line}" for line in seen.forbidden]
    volumes = {"sound": 0, "database": 0, "other": 0}
    for target, data in seen.streams().items():
        kind = _kind(target, sound, state)
        volumes[kind] += len(data)
        found = needles.found_in(data)
        if found:
            leaks.append(f"{target} got {found}")
    for name in seen.opened:
        path = Path(name)
        if path.is_file() and path != sound:  # what was mapped was not written by any call
            found = needles.found_in(path.read_bytes())
            if found:
                leaks.append(f"{name} holds {found}")
    volumes["other"] -= page_bytes
    stored = 0 if state is None else _stored_bytes(state / FILE)
    for what, size in (("the database holds", stored), ("all else got", volumes["other"])):
        if size >= needles.needed_bytes:
            leaks.append(f"{what} {size:,} bytes: a picture could be among them")
    return Verdict(
        tuple(leaks),
        needles.pictures,
        needles.faces,
        needles.needed_bytes,
        len(seen.writes),
        volumes["sound"],
        volumes["database"],
        page_bytes,
        volumes["other"],
        stored,
        seen.opened,
    )


def _kind(target: str, sound: Path | None, state: Path | None) -> str:
    if sound is not None and target == str(sound):
        return "sound"
    if state is not None and target.startswith(str(state / FILE)):
        return "database"
    return "other"


def _stored_bytes(file: Path) -> int:
    """All values of a database together; none of its columns takes bytes, only text and numbers."""
    with closing(sqlite3.connect(file)) as db:
        tables = [
            name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type='table'")
        ]
        total = 0
        for table in tables:
            for row in db.execute(f"SELECT * FROM {table}"):  # noqa: S608 - its own names
                assert not any(isinstance(value, bytes) for value in row), table
                total += sum(len(str(value)) for value in row)
    return total


def look_on(daemon: Daemon, pictures: int, seconds: float) -> None:
    """Wait while it looks at each picture at least once, and is asked how it is meanwhile."""
    end = time.monotonic() + max(seconds, SECONDS_A_PICTURE * (pictures + 0.5))
    while time.monotonic() < end:
        time.sleep(SECONDS_A_PICTURE)
        daemon.client.status()
