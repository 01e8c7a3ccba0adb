"""A database that decayed: whatever became of its bytes, the next start comes up, and what was
there is kept beside it."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from device.client import NotRunning, Refused
from device.lessons import ExportTaste, ForgetTaste, ShowTaste, TasteChanged
from device.system.database import FILE, MIGRATIONS
from device.types import (
    Dislike,
    Emotion,
    Goal,
    Heard,
    KnownFile,
    LibraryScanned,
    Like,
    Listened,
    Next,
    SetGoal,
    SetSleep,
    SetVolume,
    SkippedFile,
)
from tests.daemon import Daemon
from tests.fakes import FakeClock
from tests.faults.promises import Record
from tests.faults.witness import alive, plays, remembered, until
from tests.test_speaker import House, library

PAGE = 1024
SEEDS = range(16)
MORE_SEEDS = range(16, 1000)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of somebody who has lived here for a while."""
    folder = tmp_path_factory.mktemp("lived")
    house = House(folder, FakeClock())
    tracks = library(8)
    files = tuple(KnownFile(track.id, "as it was") for track in tracks)
    house.speaker.handle(
        LibraryScanned(tracks, files=files, skipped=(SkippedFile("/music/a.txt", "no music"),))
    )
    for track in tracks:
        heard = Heard(-20.0, 3.0, -1.0, 0.0, 0.0, 100.0, 1.0, 1000.0, "C", 0.5, {"happy": 0.5})
        house.speaker.handle(Listened(track.id, 1, heard))
    for emotion in (Emotion.HAPPINESS, Emotion.SADNESS) * 2:
        house.pass_time(70, emotion)
        house.speaker.command(Like())
        house.speaker.command(Next())
    house.speaker.command(SetVolume(33))
    house.speaker.command(SetGoal(Goal.CALM))
    house.speaker.command(SetSleep(300))
    house.close()
    return folder


def decay(path: Path, dice: random.Random) -> None:
    """Bytes, runs of bytes or pages become others, or the end is gone."""
    content = bytearray(path.read_bytes())
    kind = dice.choice(["bytes", "run", "page of zeros", "page of another", "cut"])
    page, other = (dice.randrange(len(content) // PAGE) * PAGE for _ in range(2))
    if kind == "bytes":
        for _ in range(dice.choice([1, 3, 30])):
            content[dice.randrange(len(content))] = dice.randrange(256)
    elif kind == "run":
        at = dice.randrange(len(content) - PAGE)
        size = dice.choice([4, 64, PAGE])
        content[at : at + size] = dice.randbytes(size)
    elif kind == "page of zeros":
        content[page : page + PAGE] = bytes(PAGE)
    elif kind == "page of another":
        content[page : page + PAGE] = content[other : other + PAGE]
    else:
        del content[dice.randrange(len(content)) :]
    path.write_bytes(content)


def live_on(folder: Path) -> None:
    """What the daemon does with a state, in short."""
    house = House(folder, FakeClock())
    try:
        house.speaker.handle(LibraryScanned(library(8)))
        house.pass_time(12, Emotion.HAPPINESS)
        for command in (Like(), Dislike(), SetVolume(5), Next()):
            house.speaker.command(command)
        house.speaker.taste(ShowTaste())
        house.speaker.taste(ExportTaste())
        assert house.speaker.status().playing
        assert 0 <= house.player.volume <= 100
    finally:
        house.close()


def aside(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if ".damaged-" in path.name]


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("seeds", [SEEDS, pytest.param(MORE_SEEDS, marks=pytest.mark.slow)])
def test_whatever_became_of_the_bytes_it_starts(
    lived: Path, tmp_path: Path, seeds: range, record: Record
) -> None:
    anew = 0
    for seed in seeds:
        folder = tmp_path / str(seed)
        shutil.copytree(lived, folder)
        decay(folder / FILE, random.Random(seed))
        (folder / "seed").write_text(str(seed))  # stays where it fails
        live_on(folder)
        anew += bool(aside(folder))
        shutil.rmtree(folder)
    record(
        "database-decayed",
        None,
        f"{len(seeds)} damaged files: {len(seeds) - anew} went on with what could be read, {anew} "
        "were set aside and begun anew",
    )


HARMS: dict[str, Callable[[Path], object]] = {
    "garbage": lambda path: path.write_bytes(random.Random(1).randbytes(40_000)),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "header": lambda path: path.write_bytes(bytes(100) + path.read_bytes()[100:]),
    "log gone": lambda path: path.with_name(FILE + "-wal").unlink(),
    "log garbage": lambda path: path.with_name(FILE + "-wal").write_bytes(
        random.Random(1).randbytes(40_000)
    ),
    "log of another": lambda path: path.with_name(FILE + "-wal").write_bytes(path.read_bytes()),
}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_daemon_plays_on_any_database(tmp_path: Path, music: Path, record: Record) -> None:
    slowest, kept = 0.0, []
    for name, harm in HARMS.items():
        folder = tmp_path / name
        with alive(folder, music={"folders": [str(music)]}) as daemon:
            plays(daemon)
            daemon.client.command(SetVolume(37))
            daemon.send(signal.SIGKILL)  # so that there is a log
            daemon.wait_exit()
            harm(folder / "state" / FILE)
            began = time.monotonic()
            daemon.start()
            until(daemon, lambda status: status.tracks == 6)
            plays(daemon)
            slowest = max(slowest, time.monotonic() - began)
            if daemon.client.status().volume == 37:
                kept.append(name)
            daemon.client.command(SetVolume(38))
            assert remembered(daemon)[1] == 38
            assert aside(folder / "state") or name in kept or name.startswith(("log", "empty"))
    record(
        "database-harmed",
        slowest,
        f"{len(HARMS)} ways: plays each time"
        + (f"; the volume was still known after: {', '.join(kept)}" if kept else ""),
    )


@pytest.mark.timeout(180)
def test_a_database_of_a_later_version_is_left_alone(
    tmp_path: Path, music: Path, record: Record
) -> None:
    with alive(tmp_path, music={"folders": [str(music)]}) as daemon:
        daemon.send(signal.SIGTERM)
        daemon.wait_exit()
        path = tmp_path / "state" / FILE
        version(path, 99)
        before = path.read_bytes()
        daemon.start()
        assert daemon.wait_exit() == 1
        assert "upgrade Attune" in daemon.told()
        assert path.read_bytes() == before
        version(path, len(MIGRATIONS))
        began = time.monotonic()
        daemon.start()
        until(daemon, lambda status: status.tracks == 6)
        recovery = time.monotonic() - began
    record("database-later", recovery, "refused, with the mend named; not a byte was changed")


def version(path: Path, number: int) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {number}")
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_database_that_is_overwritten_under_a_running_daemon(
    tmp_path: Path, music: Path, record: Record
) -> None:
    slowest, ended, tries = 0.0, 0, 5
    for seed in range(tries):
        folder = tmp_path / str(seed)
        with daemon_that_may_end(folder, music) as daemon:
            plays(daemon)
            path = folder / "state" / FILE
            with path.open("r+b") as file:
                file.write(random.Random(seed).randbytes(path.stat().st_size))
            for command in (Like(), Next(), SetVolume(11), Dislike(), Next(), Like()):
                with contextlib.suppress(Refused, NotRunning):
                    daemon.client.command(command)
                    daemon.client.taste(ForgetTaste(1e11), TasteChanged)  # empties the log
            time.sleep(1)
            ended += daemon.exit_code is not None
            daemon.kill()
            began = time.monotonic()
            daemon.start()
            until(daemon, lambda status: status.tracks == 6)
            plays(daemon)
            slowest = max(slowest, time.monotonic() - began)
            daemon.client.command(SetVolume(12))
            assert remembered(daemon)[1] == 12
    record(
        "database-overwritten", slowest, f"{tries} times: it ended {ended} times, and played again"
    )


@contextlib.contextmanager
def daemon_that_may_end(folder: Path, music: Path) -> Iterator[Daemon]:
    daemon = Daemon(folder, music={"folders": [str(music)], "listen": False})
    try:
        daemon.started()
        until(daemon, lambda status: status.tracks == 6)
        yield daemon
    finally:
        daemon.kill()
