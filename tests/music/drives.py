"""Drives that went away: whoever asks them for something hangs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest


@contextmanager
def held_up(file: Path) -> Iterator[None]:
    """Whoever opens the file hangs in the system: another process holds a lease on it."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
    finally:
        holder.kill()
        holder.wait()


HOLD = """
import fcntl, os, signal, sys, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
file = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
time.sleep(40)
"""


class SlowEntry(NamedTuple):
    """A file on a server that takes its time for each."""

    name: str
    path: str
    seconds: float

    def stat(self) -> os.stat_result:
        time.sleep(self.seconds)
        return os.stat(self.path)  # noqa: PTH116 - as the real one does


def slow(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """From now on each file of a folder takes so long to be listed, and as long to be looked at."""
    listed = os.scandir

    def listing(folder: Path) -> Iterator[SlowEntry]:
        for entry in listed(folder):
            time.sleep(seconds)
            yield SlowEntry(entry.name, entry.path, seconds)

    monkeypatch.setattr(os, "scandir", lambda folder: closing(listing(folder)))


class Share:
    """A folder on a server: while that is gone, whoever looks at the folder hangs."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._answers = threading.Event()
        self._answers.set()
        self.asked = 0
        """How often it was looked at while it was gone."""
        monkeypatch.setattr(Path, "stat", self._held(Path.stat))
        monkeypatch.setattr(os, "stat", self._held(os.stat))
        monkeypatch.setattr(os, "scandir", self._held(os.scandir))

    def goes(self) -> None:
        """From now on it does not answer."""
        self._answers.clear()

    def comes_back(self) -> None:
        """It answers, also those who waited."""
        self._answers.set()

    def _held(self, look: Callable[..., Any]) -> Callable[..., Any]:
        def held(path: Path, **options: Any) -> Any:
            ours = str(path).startswith(str(self.folder))
            if ours and not self._answers.is_set():
                self.asked += 1
                self._answers.wait()
            return look(path, **options)

        return held
