"""The privacy switch beside the database: on the disk as soon as it is moved, and not before."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.ports import Resume
from device.system import switch
from device.system.store import SqliteStore
from tests.fakes import FakeClock

OFF = Resume(None, 0.0, False, False, 40, None, False)
ON = OFF._replace(privacy=True)


@pytest.mark.parametrize("resume", [ON, OFF])
def test_it_is_as_it_was_saved_last(tmp_path: Path, resume: Resume) -> None:
    with SqliteStore(tmp_path, FakeClock()) as store:
        for each in (OFF, ON, OFF, resume):
            store.save_resume(each)
    assert switch.is_on(tmp_path) is resume.privacy
    with SqliteStore(tmp_path, FakeClock()) as store:
        assert store.load_resume() == resume


def test_it_is_written_when_it_is_moved_alone(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, FakeClock()) as store:
        store.save_resume(ON)
        written = (tmp_path / switch.FILE).stat()
        store.save_resume(ON._replace(volume=50))
        assert (tmp_path / switch.FILE).stat() == written
    assert written.st_mode & 0o777 == 0o600


def test_a_database_from_before_the_file_counts(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, FakeClock()) as store:
        store.save_resume(ON)
        (tmp_path / switch.FILE).unlink()
        assert store.load_resume() == ON


def test_what_cannot_be_looked_at_is_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert switch.is_on(tmp_path / "file")
