"""What is stored survives kills, second daemons, damage, and disks that are full or read-only."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from device.lessons import Ended, Lesson, Moment, Traits
from device.ports import CannotDo
from device.system.database import FILE, StateError, StateInUse
from device.system.store import SqliteStore
from device.types import Goal, LibraryScanned, MoodLabel, TrackId
from tests.system.stored import MOOD, RESUME, a_play, a_track, reopened

HERE = Path(__file__).resolve().parent


# --- durability ---------------------------------------------------------------------------


def test_the_file_is_kept_as_promised(store: SqliteStore) -> None:
    def pragma(name: str) -> object:
        return store._db.execute(f"PRAGMA {name}").fetchone()[0]

    assert (pragma("journal_mode"), pragma("synchronous")) == ("wal", 2)


def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    rng = random.Random(2)
    known = {"resume": 0, "play": 0, "tracks": 0}
    for _ in range(20):
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.system.state_writer", str(tmp_path)],
            cwd=HERE.parent.parent,
            stdout=subprocess.PIPE,
            text=True,
        )
        with writer:
            assert writer.stdout is not None
            if rng.random() < 0.8:  # else: while it starts
                assert writer.stdout.readline() == "open 0\n"
            time.sleep(rng.uniform(0.0, 0.15))
            writer.kill()
            for line in writer.stdout.read().splitlines(keepends=True):
                if line.endswith("\n") and not line.startswith("open"):
                    kind, count = line.split()
                    known[kind] = int(count)
        with reopened(tmp_path) as store:
            resume = store.load_resume()
            position = 0.0 if resume is None else resume.position_seconds
            assert known["resume"] <= position <= known["play"] + 1
            plays = [int(track) for track, _ in store.last_plays(1_000_000)]
            assert plays == list(range(len(plays), 0, -1))
            assert known["play"] <= len(plays) <= known["resume"] + 1
            generations = {track.title for track in store.tracks()}
            assert len(generations) <= 1
            assert all(known["tracks"] <= int(g) <= known["play"] + 1 for g in generations)
            assert len(store.tracks()) in (0, 50)
            known = {
                "resume": int(position),
                "play": len(plays),
                "tracks": int(next(iter(generations), 0)),
            }
    assert known["play"] > 20
    assert not list(tmp_path.glob("*damaged*"))


# --- refusals -----------------------------------------------------------------------------


def test_a_second_daemon_is_refused(store: SqliteStore, tmp_path: Path) -> None:
    with pytest.raises(StateInUse, match=r"in use by another Attune \(process \d+\); stop"):
        reopened(tmp_path).__enter__()
    store.save_resume(RESUME)
    assert store.load_resume() == RESUME


def test_the_folder_is_free_again_after_a_failed_entry(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(StateError, match="must be writable"):
        reopened(tmp_path).__enter__()
    (tmp_path / FILE).rmdir()
    with reopened(tmp_path):
        pass


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError, match="state folder must be writable"):
        reopened(tmp_path / "state").__enter__()


# --- damage ---------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["header", "middle", "text", "cut"])
def test_a_damaged_file_is_set_aside(
    tmp_path: Path, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    with reopened(tmp_path) as store:
        store.replace_library(LibraryScanned(tuple([a_track(n) for n in range(200)])))
    path = tmp_path / FILE
    content = bytearray(path.read_bytes())
    if part == "header":
        content[:100] = bytes(100)
    elif part == "middle":
        content[len(content) // 2 :][:2048] = b"\xff" * 2048
        content[4096:8192] = b"\xff" * 4096
    elif part == "text":
        content = bytearray(b"not a database at all " * 100)
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    for number in (1, 2):
        with reopened(tmp_path) as store:
            assert store.tracks() == []
            store.save_resume(RESUME)
            assert store.load_resume() == RESUME
        if number == 1:
            assert "is damaged" in caplog.text
            (aside,) = tmp_path.glob("attune.db.damaged-*")
            assert aside.read_bytes() == content
            path.write_bytes(content)  # the same again, at the same time
    assert len(list(tmp_path.glob("attune.db.damaged-*"))) == 2


@pytest.mark.parametrize(
    ("damage", "left"),
    [
        ("volume = 30000", {"volume": None}),
        ("volume = -1", {"volume": None}),
        ("position_seconds = 1e300", {"position_seconds": 0.0}),
        ("position_seconds = -3", {"position_seconds": 0.0}),
        ("goal = 'dance'", {"goal": None}),
        ("goal = CAST(x'ff63616c6d' AS TEXT)", {"goal": None}),
        ("sleep_minutes = 99999", {"sleep_minutes": None}),
        ("quiet_hours = '22:00-7'", {"quiet_hours": None}),
    ],
)
def test_where_it_stopped_is_not_believed_whatever_it_says(
    tmp_path: Path, damage: str, left: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    known = RESUME._replace(privacy=True, sleep_minutes=12, quiet_hours="22:00-07:00", held=True)
    with reopened(tmp_path) as store:
        store.save_resume(known)
        store._db.execute(f"UPDATE resume SET {damage}")  # noqa: S608 - from this file
        assert store.load_resume() == known._replace(**left)
        assert "cannot be" in caplog.text


@pytest.mark.parametrize(
    "damage",
    [
        "PRAGMA user_version = 1",
        "PRAGMA user_version = -7",
        "PRAGMA user_version = 0",
        "ALTER TABLE plays RENAME COLUMN ended TO endea",
        "DROP TABLE moods",
    ],
)
def test_a_file_that_is_not_what_its_version_says_is_set_aside(tmp_path: Path, damage: str) -> None:
    with reopened(tmp_path) as store:
        store._db.execute(damage)
    with reopened(tmp_path) as store:
        assert store.load_resume() is None
        store.save_resume(RESUME)
        store.add_mood(60.0, MOOD)
    assert len(list(tmp_path.glob("attune.db.damaged-*"))) == 1


def test_a_header_that_decayed_is_damage_and_no_want_of_room(tmp_path: Path) -> None:
    with reopened(tmp_path) as store:
        store.save_resume(RESUME)
    with (tmp_path / "attune.db").open("r+b") as file:
        file.seek(44)  # the schema format number, https://sqlite.org/fileformat.html
        file.write(bytes(3) + b"\x63")
    with reopened(tmp_path) as store:
        assert store.load_resume() is None
    assert len(list(tmp_path.glob("attune.db.damaged-*"))) == 1


def test_letters_that_decayed_keep_nothing_else_back(store: SqliteStore) -> None:
    store.replace_library(LibraryScanned((a_track(1), a_track(2))))
    store._db.execute(
        "UPDATE tracks SET title = CAST(x'4bff6e67' AS TEXT) WHERE path LIKE '%1.ogg'"
    )
    store._library = None  # as after a new start
    assert [track.title for track in store.tracks()] == ["K\N{REPLACEMENT CHARACTER}ng", "Title 2"]


# --- disks that are full or read-only -------------------------------------------------------


def test_a_full_disk_is_logged_once_and_nothing_stops(
    store: SqliteStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store.save_resume(RESUME)
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    for _ in range(3):
        store.replace_library(LibraryScanned(tuple([a_track(n) for n in range(1000)])))
    assert store.tracks() == []
    (message,) = caplog.messages
    assert "database or disk is full; make room" in message
    while row := store.add_play(a_play()):  # what still fits is stored
        assert row < 1000
    store.end_play(row, heard_seconds=1.0, ended=Ended.SKIPPED, moved=None)
    store._db.execute("PRAGMA max_page_count = 1000000")
    caplog.clear()
    store.replace_library(LibraryScanned((a_track(1),)))
    assert store.tracks() == [a_track(1)]
    assert caplog.messages == [f"{tmp_path} can be written again"]


def test_what_could_not_be_forgotten_or_learned_is_not_said_to_be(store: SqliteStore) -> None:
    store.add_play(a_play())
    lesson = Lesson(
        TrackId("a"), 1.0, Goal.MATCH, 0.5, MoodLabel.NEUTRAL, 0.0, 0.0, 1,
        Moment(0.0, Traits(), 200.0),
    )  # fmt: skip
    store._db.execute("PRAGMA query_only = ON")  # as on a file system gone read-only
    with pytest.raises(CannotDo, match="nothing was forgotten"):
        store.forget(0.0)
    with pytest.raises(CannotDo, match="nothing was learned"):
        list(store.add_lessons([lesson]))
    store._db.execute("PRAGMA query_only = OFF")
    assert list(store.add_lessons([lesson])) == [1]
    assert store.forget(0.0) == 2


def test_a_lost_resume_is_saved_again_later(store: SqliteStore) -> None:
    store.save_resume(RESUME)
    later = RESUME._replace(position_seconds=17.5)
    store._db.execute("PRAGMA query_only = ON")  # as on a file system gone read-only
    store.save_resume(later)
    store._db.execute("PRAGMA query_only = OFF")
    assert store.load_resume() == RESUME
    store.save_resume(later)
    assert store.load_resume() == later


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from device.system.store import SqliteStore
from tests.fakes import FakeClock
from tests.system.stored import RESUME

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, (_, most) = Path(sys.argv[1]), resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))  # no byte can be written
with SqliteStore(folder, FakeClock()) as store:
    assert store.load_resume() == RESUME
    store.save_resume(RESUME._replace(volume=41))
    assert store.load_resume() == RESUME
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    store.save_resume(RESUME._replace(volume=42))
"""


@pytest.mark.parametrize("killed", [False, True])
def test_a_full_disk_at_the_start_keeps_nobody_from_what_is_there(
    tmp_path: Path, *, killed: bool
) -> None:
    writing = f"""
import os, sys
from pathlib import Path
from device.system.store import SqliteStore
from tests.fakes import FakeClock
from tests.system.stored import RESUME
with SqliteStore(Path(sys.argv[1]), FakeClock()) as store:
    store.save_resume(RESUME)
    if {killed}: os._exit(0)  # what was stored is in the log alone
"""
    for script in (writing, FULL_DISK):
        subprocess.run([sys.executable, "-c", script, tmp_path], check=True, cwd=HERE.parents[1])
    with reopened(tmp_path) as store:
        found = store.load_resume()
    assert found is not None
    assert found.volume == 42
