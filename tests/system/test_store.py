from __future__ import annotations

import contextlib
import logging
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.lessons import Ended, Lesson, Moment, Traits
from device.ports import CannotDo, Play, Resume
from device.system import database
from device.system.database import FILE, StateError, StateInUse, StateTooNew
from device.system.store import SqliteStore
from device.types import (
    Affect,
    Choice,
    Goal,
    Heard,
    LibraryScanned,
    Listened,
    Mood,
    MoodLabel,
    Track,
    TrackId,
)
from tests.fakes import FakeClock

HERE = Path(__file__).resolve().parent
MOOD = Mood(
    MoodLabel.HAPPINESS,
    valence=0.7,
    arousal=0.4,
    confidence=0.9,
    people=2,
    age_years=31.5,
    youngest_years=8.0,
)
RESUME = Resume(TrackId("ab"), 12.5, True, False, 40, Goal.CALM, False)


def a_track(number: int, **changes: object) -> Track:
    fields: dict[str, object] = {
        "id": TrackId(f"{number:016x}"),
        "path": f"/music/{number:05}.ogg",
        "title": f"Title {number}",
        "artist": "Somebody",
        "affect": Affect(0.5, -0.25, 0.2, "user tag"),
        "duration_seconds": 61.5,
    }
    return Track(**(fields | changes))  # type: ignore[arg-type]


def a_play(track: str = "ab", wall: float = 1.0) -> Play:
    return Play(TrackId(track), wall, Goal.LIFT, MOOD, Choice(a_track(1), 0.25, "you liked it"))


def reopened(folder: Path) -> SqliteStore:
    return SqliteStore(folder, FakeClock())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path, FakeClock()) as store:
        yield store


def all_rows(folder: Path, table: str) -> list[tuple[object, ...]]:
    db = sqlite3.connect(folder / FILE)
    try:
        return db.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - from this file
    finally:
        db.close()


# --- what is remembered -------------------------------------------------------------------


def test_a_new_folder_is_made_and_empty(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "attune"
    with reopened(folder) as store:
        assert store.load_resume() is None
        assert store.tracks() == []
        assert store.last_plays(5) == []
        assert store.feedback() == {}
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "resume", [RESUME, Resume(None, 0.0, False, True, None, None, True)], ids=["full", "empty"]
)
def test_resume_comes_back_after_reopening(tmp_path: Path, resume: Resume) -> None:
    with reopened(tmp_path) as store:
        store.save_resume(RESUME._replace(position_seconds=1.0))
        store.save_resume(resume)
    with reopened(tmp_path) as store:
        assert store.load_resume() == resume
    assert len(all_rows(tmp_path, "resume")) == 1


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
real = st.floats(-1e6, 1e6)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    libraries=st.lists(
        st.dictionaries(
            st.integers(0, 20),
            st.builds(
                Track,
                id=st.just(TrackId("")),
                path=text,
                title=text,
                artist=text,
                affect=st.builds(Affect, real, real, real, text),
                duration_seconds=real,
                album=st.none() | text,
                genre=st.none() | text,
                year=st.none() | st.integers(-5000, 5000),
                tempo_bpm=st.none() | real,
                loudness_lufs=st.none() | real,
                explicit=st.booleans(),
            ),
        ),
        max_size=3,
    )
)
def test_the_library_is_always_the_last_one(
    store: SqliteStore, libraries: list[dict[int, Track]]
) -> None:
    for library in libraries:
        tracks = [
            Track(TrackId(str(number)), *(getattr(t, f) for f in t.__struct_fields__[1:]))
            for number, t in library.items()
        ]
        store.replace_library(LibraryScanned(tuple(tracks)))
        assert {t.id: t for t in store.tracks()} == {t.id: t for t in tracks}


def test_tracks_come_ordered_by_path(store: SqliteStore) -> None:
    store.replace_library(LibraryScanned(tuple([a_track(n) for n in (3, 1, 2)])))
    assert [track.path for track in store.tracks()] == [f"/music/0000{n}.ogg" for n in (1, 2, 3)]


def test_an_unchanged_library_writes_nothing(store: SqliteStore) -> None:
    tracks = [a_track(n) for n in range(100)]
    store.replace_library(LibraryScanned(tuple(tracks)))
    rows = store._db.total_changes
    assert rows >= 100
    store.replace_library(LibraryScanned(tuple(tracks)))
    assert store._db.total_changes == rows
    store.replace_library(LibraryScanned((*tracks[:-1], a_track(99, title="renamed"))))
    assert 0 < store._db.total_changes - rows < 4


def test_the_log_is_begun_anew_before_it_is_long(store: SqliteStore, tmp_path: Path) -> None:
    for number in range(200):
        store.save_resume(RESUME._replace(position_seconds=float(number)))
    frames = database.LOG_PAGES + 4
    assert (tmp_path / f"{FILE}-wal").stat().st_size < frames * (database.PAGE_BYTES + 24)


def test_ten_thousand_tracks_in_a_second(store: SqliteStore) -> None:
    tracks = [a_track(n, album="An album", genre="Jazz", year=1959) for n in range(10_000)]
    started = time.perf_counter()
    store.replace_library(LibraryScanned(tuple(tracks)))
    assert len(store.tracks()) == 10_000
    assert time.perf_counter() - started < 1.0


def test_plays_are_newest_first_whatever_the_clock_says(store: SqliteStore) -> None:
    rows = [store.add_play(a_play(track, wall)) for track, wall in (("a", 9), ("b", 1), ("c", 5))]
    assert len(set(rows)) == 3
    assert store.last_plays(2) == [("c", 5.0), ("b", 1.0)]
    assert store.last_plays(2, since=5.0) == [("c", 5.0)]
    assert store.last_plays(3, since=5.0) == [("c", 5.0), ("a", 9.0)]


def test_a_play_keeps_why_and_how_it_ended(store: SqliteStore, tmp_path: Path) -> None:
    row = store.add_play(a_play())
    store.add_play(a_play())
    store.end_play(row, heard_seconds=31.5, ended=Ended.FINISHED, moved=0.2)
    first, second = all_rows(tmp_path, "plays")
    mood = ("happiness", 0.7, 0.4, 0.9, 2, 31.5, 8.0)
    why = ("lift", 0.25, "you liked it")
    assert first == (row, "ab", 1.0, *why, *mood, 31.5, 1, None, "finished", 0.2)
    assert second[-5:] == (None,) * 5


def test_feedback_is_likes_minus_dislikes(store: SqliteStore) -> None:
    for track, liked in (("a", True), ("a", True), ("a", False), ("b", False), ("c", True)):
        store.add_feedback(TrackId(track), 1.0, liked=liked, mood=MOOD)
    store.add_feedback(TrackId("c"), 1.0, liked=False, mood=Mood())
    assert store.feedback() == {"a": 1, "b": -1, "c": 0}


def test_at_most_one_mood_a_minute(store: SqliteStore, tmp_path: Path) -> None:
    for wall in (0.0, 1.0, 59.9, 60.0, 61.0, 30.0, 200.0):
        store.add_mood(wall, MOOD)
    assert [row[0] for row in all_rows(tmp_path, "moods")] == [0, 1, 3]


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


def test_a_later_layout_is_refused_and_left_alone(tmp_path: Path) -> None:
    with reopened(tmp_path) as store:
        store.save_resume(RESUME)
        store._db.execute("PRAGMA user_version = 99")
    with pytest.raises(StateTooNew, match=r"layout 99.*upgrade Attune"):
        reopened(tmp_path).__enter__()
    assert len(all_rows(tmp_path, "resume")) == 1


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


def test_migrations_run_once_each_and_keep_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reopened(tmp_path) as store:
        store.save_resume(RESUME)
    further = "ALTER TABLE resume ADD COLUMN lamp INTEGER NOT NULL DEFAULT 7;"
    monkeypatch.setattr(database, "MIGRATIONS", (*database.MIGRATIONS, further))
    for _ in range(2):
        with reopened(tmp_path):
            pass
    ((*_, lamp),) = all_rows(tmp_path, "resume")
    assert lamp == 7


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reopened(tmp_path):
        pass
    broken = "ALTER TABLE resume ADD COLUMN lamp INTEGER; SELECT * FROM nowhere;"
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", (*database.MIGRATIONS, broken))
        with pytest.raises(StateError, match="no such table"):
            reopened(tmp_path).__enter__()
    with reopened(tmp_path) as store:
        store.save_resume(RESUME)


def test_a_database_from_before_the_sleep_timer_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", database.MIGRATIONS[:1])
        with contextlib.closing(database.open_database(tmp_path, 0.0)) as old:
            old.execute("INSERT INTO resume VALUES (1, 'x', 12.5, 1, 0, 40, 'calm', 0)")
    with SqliteStore(tmp_path, FakeClock()) as store:
        resume = store.load_resume()
        assert resume is not None
        assert (resume.volume, resume.sleep_minutes) == (40, None)
        store.save_resume(resume._replace(sleep_minutes=12))
        again = store.load_resume()
    assert again is not None
    assert again.sleep_minutes == 12


# --- what listening told ------------------------------------------------------------------

HEARD = Heard(-14.5, 6.25, -0.75, 0.1, 2.5, 121.9, 7.4, 1800.0, "D major", 0.3, {"happy": 0.12})


def test_what_was_heard_is_forgotten_with_the_last_track_that_sounds_so(store: SqliteStore) -> None:
    one, copy = a_track(1, audio_hash="one"), a_track(2, audio_hash="one")
    other, unhashed = a_track(3, audio_hash="other"), a_track(4)
    gone = a_track(5, audio_hash="gone")
    store.replace_library(LibraryScanned((one, copy, other, unhashed), missing=(gone,)))
    for key in ("one", "other", unhashed.id, "gone"):
        store.add_listened(Listened(key, 1, HEARD))

    def heard_after(*tracks: Track, missing: tuple[Track, ...] = ()) -> set[str]:
        store.replace_library(LibraryScanned(tracks, missing))
        return {known.key for known in store.listened()}

    moved = msgspec.structs.replace(other, path="/music/moved.ogg")
    everything = {"one", "other", unhashed.id, "gone"}
    assert heard_after(one, moved, unhashed, missing=(gone,)) == everything
    assert heard_after(one, unhashed, missing=(moved,)) == everything - {"gone"}
    assert heard_after(unhashed, missing=(moved,)) == {"other", unhashed.id}
    assert heard_after() == set()


def test_what_was_heard_and_what_could_not_be_survive(tmp_path: Path) -> None:
    with reopened(tmp_path) as store:
        store.add_listened(Listened("a", 1, error="damaged"))
        store.add_listened(Listened("b", 1, HEARD))
        store.add_listened(Listened("a", 2, HEARD))
    with reopened(tmp_path) as store:
        assert store.listened() == [Listened("a", 2, HEARD), Listened("b", 1, HEARD)]


def test_what_another_version_heard_is_left_out(store: SqliteStore) -> None:
    store.add_listened(Listened("a", 1, HEARD))
    store._db.execute("INSERT INTO listened VALUES ('b', 1, '{\"other\": 1}', NULL)")
    assert store.listened() == [Listened("a", 1, HEARD)]


def test_a_database_from_before_listening_opens_and_keeps_what_it_holds(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / FILE)
    db.executescript(f"{database.MIGRATIONS[0]} PRAGMA user_version = 1;")
    db.execute("INSERT INTO moods VALUES (7, 'neutral', 0.0, 0.0, 0.5, 1, NULL, NULL)")
    db.commit()
    db.close()
    with reopened(tmp_path) as store:
        store.add_listened(Listened("b", 1, HEARD))
        assert store.listened() == [Listened("b", 1, HEARD)]
    assert all_rows(tmp_path, "moods") == [(7, "neutral", 0.0, 0.0, 0.5, 1, None, None)]


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from device.system.store import SqliteStore
from tests.fakes import FakeClock
from tests.system.test_store import RESUME

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
from tests.system.test_store import RESUME
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
