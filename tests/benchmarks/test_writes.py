"""What reaches the SD card: `./setup.sh test -m benchmark -s tests/benchmarks/test_writes.py`.

The real daemon plays for ten minutes, with one face in view. Counted are the bytes that it hands
to its disk (`/proc/PID/io`), its log, and, as root, all that is written to an ext4 of its own
with the usual blocks of 4 KiB, journal and inodes included.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from device.settings import HOME
from device.types import Play
from tests.daemon import Daemon
from tests.music.audio import tone

PLAY_SECONDS = 600.0
LISTEN_SECONDS = 240.0
LIMIT_MB = 5.0
TRACKS = 6

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.timeout(PLAY_SECONDS + LISTEN_SECONDS + 120),
]


class Written(NamedTuple):
    """Bytes so far: by the daemon and its children, in its log, on the card (None: no root)."""

    by_us: int
    log: int
    card: int | None


class Card:
    """A file system to write to; a card's block device where we may make one."""

    def __init__(self, folder: Path, device: str | None) -> None:
        self.folder = folder
        self._device = device

    def bytes_written(self) -> int | None:
        if self._device is None:
            return None
        statistic = Path(f"/sys/block/{self._device}/stat").read_text().split()
        return int(statistic[6]) * 512  # sectors (Documentation/block/stat.rst)


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Card]:
    folder = tmp_path / "card"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        yield Card(folder, None)
        return
    image = tmp_path / "card.img"
    with image.open("wb") as file:
        file.truncate(512 * 2**20)
    made = "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0"
    subprocess.run(["mkfs.ext4", "-q", *made, str(image)], check=True)
    # As Raspberry Pi OS mounts its root.
    subprocess.run(["mount", "-o", "loop,noatime", str(image), str(folder)], check=True)
    found = subprocess.check_output(["findmnt", "-no", "SOURCE", str(folder)], text=True)
    try:
        yield Card(folder, Path(found.strip()).name)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def daemon(tmp_path: Path, card: Card) -> Iterator[Daemon]:
    """It sees one person all the time, and plays tracks of three minutes."""
    (tmp_path / "pictures").mkdir()
    shutil.copy(HOME / "config/portraits/collins.jpg", tmp_path / "pictures")
    for number in range(TRACKS):
        tags = {"title": f"Track {number}", "artist": "Somebody", "album": "An album"}
        tone(tmp_path / f"music/{number}.flac", 180.0, 220.0 + number, tags=tags)
    daemon = Daemon(
        tmp_path / "d",
        camera={"source": f"slideshow:{tmp_path / 'pictures'}"},
        music={"folders": [str(tmp_path / "music")]},
        state={"folder": str(card.folder / "state")},
        log={"level": "info"},
    )
    daemon.start(SDL_AUDIODRIVER="dummy")
    try:
        daemon.wait_for(lambda _: True)
        yield daemon
    finally:
        daemon.kill()


def written(daemon: Daemon, card: Card) -> Written:
    os.sync()  # what still waits in memory counts, too
    by_us = 0
    process = psutil.Process(daemon.pid)
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            by_us += each.io_counters().write_bytes
    return Written(by_us, daemon.log.stat().st_size, card.bytes_written())


def listened(daemon: Daemon) -> int:
    """How many tracks were listened to."""
    told = re.search(r"listened to (\d+) of", daemon.client.status().library.detail)
    return int(told[1]) if told else 0


def megabytes(count: int | None) -> str:
    return "not counted without root" if count is None else f"{count / 1e6:.2f} MB"


def test_five_megabytes_an_hour(daemon: Daemon, card: Card) -> None:
    begin = written(daemon, card)
    daemon.client.command(Play())
    daemon.wait_for(lambda status: status.playing and status.people > 0)
    began = time.monotonic()
    while listened(daemon) < TRACKS and time.monotonic() - began < LISTEN_SECONDS:
        time.sleep(1)
    took, before = time.monotonic() - began, written(daemon, card)
    print(
        f"\nstarting, and listening to {listened(daemon)} tracks while playing ({took:.0f} s): "
        f"{megabytes(before.by_us - begin.by_us)}, on the card "
        f"{megabytes(None if before.card is None else before.card - (begin.card or 0))}"
    )
    began = time.monotonic()
    time.sleep(PLAY_SECONDS)
    after, hours = written(daemon, card), (time.monotonic() - began) / 3600
    assert daemon.client.status().playing
    ours = (after.by_us - before.by_us) / hours
    log = (after.log - before.log) / hours
    whole = None if after.card is None else int((after.card - (before.card or 0)) / hours)
    print(
        f"playing, an hour: {ours / 1e6:.2f} MB by the daemon, {log / 1e6:.3f} MB of them its log; "
        f"on the card with ext4's own: {megabytes(whole)}"
    )
    assert (ours if whole is None else whole) / 1e6 <= LIMIT_MB
