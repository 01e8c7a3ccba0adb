"""Up to a later layout and back again: nothing is lost on the way."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from device.ports import Resume
from device.system import database
from device.system.database import FILE, MIGRATIONS, StateTooNew
from device.system.store import SqliteStore
from tests.fakes import FakeClock

LATER = (*MIGRATIONS, "CREATE TABLE later (only INTEGER) STRICT;")
LATEST = (*LATER, "CREATE TABLE latest (only INTEGER) STRICT;")
LAYOUT = len(MIGRATIONS)
COPY, ASIDE = f"{FILE}.layout-{LAYOUT}", f"{FILE}.later-{LAYOUT + 1}"


def resume(volume: int, *, privacy: bool = False) -> Resume:
    return Resume(None, 0.0, False, False, volume, None, privacy)


def remembered(folder: Path) -> int | None:
    with SqliteStore(folder, FakeClock()) as store:
        found = store.load_resume()
        return None if found is None else found.volume


def remember(folder: Path, volume: int) -> None:
    with SqliteStore(folder, FakeClock()) as store:
        store.save_resume(resume(volume))


@pytest.fixture
def upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Volume 10 in this version's layout, then 20 in a later one's; the older version is back."""
    remember(tmp_path, 10)
    with monkeypatch.context() as later:
        later.setattr(database, "MIGRATIONS", LATER)
        assert remembered(tmp_path) == 10
        remember(tmp_path, 20)
    return tmp_path


def test_a_new_layout_leaves_a_copy_of_the_old_one(upgraded: Path) -> None:
    assert (upgraded / COPY).stat().st_mode == (upgraded / FILE).stat().st_mode
    assert not list(upgraded.glob("*.new"))


def test_the_older_version_goes_on_where_it_was_before(
    upgraded: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert remembered(upgraded) == 10
    assert ASIDE in caplog.text
    assert not (upgraded / COPY).exists()
    remember(upgraded, 11)
    assert remembered(upgraded) == 11


def test_the_privacy_switch_stays_as_it_was_in_the_later_version(
    upgraded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as later:
        later.setattr(database, "MIGRATIONS", LATER)
        with SqliteStore(upgraded, FakeClock()) as store:
            store.save_resume(resume(20, privacy=True))
    with SqliteStore(upgraded, FakeClock()) as store:
        assert store.load_resume() == resume(10, privacy=True)


def test_what_the_later_version_remembered_is_kept_aside(
    upgraded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(upgraded, 11)
    monkeypatch.setattr(database, "MIGRATIONS", LATER)
    assert remembered(upgraded) == 11  # upgraded once more, it goes on from the older one's
    (upgraded / ASIDE).rename(upgraded / FILE)
    assert remembered(upgraded) == 20


def test_back_and_forth_loses_nothing(upgraded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for volume in (30, 40):
        remember(upgraded, volume)
        with monkeypatch.context() as later:
            later.setattr(database, "MIGRATIONS", LATER)
            remember(upgraded, volume + 1)
    assert remembered(upgraded) == 40
    assert [path.name for path in sorted(upgraded.glob(f"{ASIDE}*"))] == [
        ASIDE,
        f"{ASIDE}-2",
        f"{ASIDE}-3",
    ]


def test_what_was_kept_aside_outlasts_a_still_later_layout(
    upgraded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(upgraded, 11)  # back in this version
    monkeypatch.setattr(database, "MIGRATIONS", LATER)
    remember(upgraded, 12)  # in the later one again
    monkeypatch.setattr(database, "MIGRATIONS", LATEST)
    assert remembered(upgraded) == 12
    monkeypatch.setattr(database, "MIGRATIONS", LATER)
    (upgraded / ASIDE).replace(upgraded / FILE)
    assert remembered(upgraded) == 20


def test_a_copy_takes_no_other_ones_place(upgraded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    former = (upgraded / COPY).read_bytes()
    (upgraded / FILE).unlink()
    remember(upgraded, 30)
    monkeypatch.setattr(database, "MIGRATIONS", LATER)
    remember(upgraded, 31)
    assert (upgraded / f"{COPY}-2").read_bytes() == former
    monkeypatch.undo()
    assert remembered(upgraded) == 30, "the newest copy is gone back to"


def test_without_a_copy_the_later_file_is_refused_and_left_alone(upgraded: Path) -> None:
    (upgraded / COPY).unlink()
    content = (upgraded / FILE).read_bytes()
    with pytest.raises(StateTooNew, match=r"upgrade Attune"):
        remembered(upgraded)
    assert (upgraded / FILE).read_bytes() == content


def test_a_damaged_copy_is_set_aside_as_any_other(upgraded: Path) -> None:
    (upgraded / COPY).write_bytes(b"not a database at all " * 100)
    assert remembered(upgraded) is None
    assert (upgraded / ASIDE).exists()
    assert len(list(upgraded.glob(f"{FILE}.damaged-*"))) == 1


def test_where_no_copy_can_be_made_the_upgrade_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    remember(tmp_path, 10)
    (tmp_path / f"{COPY}.new" / "in the way").mkdir(parents=True)
    monkeypatch.setattr(database, "MIGRATIONS", LATER)
    assert remembered(tmp_path) == 10
    assert "could not be copied before its upgrade" in caplog.text


def test_what_is_forgotten_is_in_no_copy(upgraded: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    remember(upgraded, 12)
    (upgraded / f"{FILE}.damaged-20260101T000000Z").write_bytes(b"old rows")
    with SqliteStore(upgraded, FakeClock()) as store:
        store.forget(0.0)
    assert {path.name for path in upgraded.iterdir()} == {FILE, "attune.lock"}
    assert ASIDE in caplog.text
