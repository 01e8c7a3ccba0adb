"""Layouts of the database: an older one opens and keeps what it holds, a later one is refused."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from device.system import database
from device.system.database import FILE, StateError, StateTooNew
from device.system.store import SqliteStore
from device.types import Listened
from tests.fakes import FakeClock
from tests.system.stored import HEARD, RESUME, all_rows, reopened


def test_a_later_layout_is_refused_and_left_alone(tmp_path: Path) -> None:
    with reopened(tmp_path) as store:
        store.save_resume(RESUME)
        store._db.execute("PRAGMA user_version = 99")
    with pytest.raises(StateTooNew, match=r"layout 99.*upgrade Attune"):
        reopened(tmp_path).__enter__()
    assert len(all_rows(tmp_path, "resume")) == 1


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
