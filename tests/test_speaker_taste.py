"""What the appliance learns from what happens to it: each end of a play, crash and forgetting."""

from __future__ import annotations

import itertools
import random
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from device.lessons import (
    Ended,
    ExportTaste,
    ForgetTaste,
    ImportTaste,
    Lesson,
    ShowTaste,
    TasteChanged,
    TasteFile,
    TasteReport,
)
from device.settings import MoodSettings, MusicSettings, Settings
from device.system import database
from device.system.store import SqliteStore
from device.types import (
    Affect,
    Dislike,
    Emotion,
    Goal,
    LibraryScanned,
    Like,
    Next,
    Previous,
    SetGoal,
    Track,
    TrackId,
)
from tests.fakes import FakeClock
from tests.test_speaker import House, library

QUIET = Settings(
    mood=MoodSettings(absence_seconds=20.0),
    music=MusicSettings(random_seed=1, change_with_mood=True, minimum_play_seconds=10.0),
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path, FakeClock(), QUIET)
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(8.0, Emotion.HAPPINESS)
    assert house.player.current is not None
    return house


def learned(house: House) -> list[Lesson]:
    return list(house.store.lessons(100))


@pytest.mark.parametrize(
    ("what", "ended"),
    [(Next(), Ended.SKIPPED), (Dislike(), Ended.DISLIKED), (Previous(), Ended.REPLAYED)],
)
def test_each_end_is_noted(house: House, what: object, ended: Ended) -> None:
    house.pass_time(8.0, Emotion.HAPPINESS)
    house.speaker.command(what)  # type: ignore[arg-type]
    assert learned(house)[0].ended is ended
    assert learned(house)[0].heard_seconds == pytest.approx(15.0, abs=3.0)


def test_a_track_that_plays_on_is_heard_out(house: House) -> None:
    house.pass_time(70.0, Emotion.HAPPINESS)
    assert learned(house)[0].ended is Ended.FINISHED
    report = house.speaker.taste(ShowTaste())
    assert isinstance(report, TasteReport)
    assert (report.lessons, report.finished) == (1, 1)


def test_a_mood_that_moves_on_is_no_verdict(house: House) -> None:
    house.pass_time(12.0, Emotion.HAPPINESS)
    house.pass_time(25.0, Emotion.SADNESS)
    assert learned(house)[0].ended is Ended.MOOD
    report = house.speaker.taste(ShowTaste())
    assert isinstance(report, TasteReport)
    assert report.lessons == 0


def test_a_mood_that_is_lifted_counts(tmp_path: Path) -> None:
    settings = replace(QUIET, music=replace(QUIET.music, change_with_mood=False))
    house = House(tmp_path, FakeClock(), settings)
    house.speaker.handle(LibraryScanned(library()))
    house.speaker.command(SetGoal(Goal.LIFT))
    house.pass_time(20.0, Emotion.SADNESS)
    house.pass_time(70.0, Emotion.HAPPINESS)
    moved = learned(house)[0].moved
    assert moved is not None
    assert moved > 0.5


def test_a_like_outlives_a_power_cut(house: House, tmp_path: Path) -> None:
    house.speaker.command(Like())
    house.power_cut()
    again = House(tmp_path, house.clock, QUIET)
    assert [lesson.liked for lesson in learned(again)] == [True]
    report = again.speaker.taste(ShowTaste())
    assert isinstance(report, TasteReport)
    assert (report.lessons, report.liked) == (1, 1)


def test_what_was_learned_survives_that_the_track_is_gone(house: House) -> None:
    house.pass_time(8.0, Emotion.HAPPINESS)
    house.speaker.command(Next())
    house.speaker.handle(LibraryScanned(library()[10:]))
    house.power_cut()
    again = House(Path(house.store._folder), house.clock, QUIET)
    report = again.speaker.taste(ShowTaste())
    assert isinstance(report, TasteReport)
    assert report.skipped == 1


def test_forgetting_erases_from_the_disk_too(house: House, tmp_path: Path) -> None:
    house.speaker.command(Dislike())
    house.pass_time(70.0, Emotion.HAPPINESS)
    assert learned(house)
    artists = {lesson.moment.traits.artist for lesson in learned(house)}
    answer = house.speaker.taste(ForgetTaste())
    assert isinstance(answer, TasteChanged)
    assert answer.count >= 2
    assert not learned(house)
    assert house.store.feedback() == {}
    house.store.replace_library(LibraryScanned())  # the index of the library names artists, too
    house.store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("attune.db*"))
    assert not any(artist.encode() in raw for artist in artists)


def test_forgetting_since_a_time_keeps_what_was_before(house: House) -> None:
    house.pass_time(8.0, Emotion.HAPPINESS)
    house.speaker.command(Next())
    first = learned(house)[0]
    house.pass_time(5.0, Emotion.HAPPINESS)
    house.speaker.taste(ForgetTaste(first.wall + 1.0))
    assert learned(house) == [first]


def test_what_was_exported_can_be_imported_once(house: House, tmp_path: Path) -> None:
    for _ in range(5):
        house.pass_time(4.0, Emotion.HAPPINESS)
        house.speaker.command(random.choice([Next(), Dislike()]))
    file = house.speaker.taste(ExportTaste())
    assert isinstance(file, TasteFile)
    other = House(tmp_path / "other", FakeClock(), QUIET)
    count = len(file.lessons)
    assert other.speaker.taste(ImportTaste(file.lessons)) == TasteChanged(count)
    assert other.speaker.taste(ImportTaste(file.lessons)) == TasteChanged(0)
    assert tuple(learned(other)) == file.lessons
    mine, theirs = house.speaker.taste(ShowTaste()), other.speaker.taste(ShowTaste())
    assert isinstance(mine, TasteReport)
    assert isinstance(theirs, TasteReport)
    assert theirs.leanings == mine.leanings


def test_what_sounds_during_an_import_is_learned_from(house: House, tmp_path: Path) -> None:
    other = House(tmp_path / "other", FakeClock(), QUIET)
    other.speaker.handle(LibraryScanned(library()))
    other.pass_time(8.0, Emotion.HAPPINESS)
    house.speaker.command(Dislike())
    other.speaker.taste(ImportTaste(tuple(learned(house))))
    other.speaker.command(Next())
    assert [lesson.ended for lesson in learned(other)][-2:] == [Ended.SKIPPED, None]


def test_an_old_database_opens_and_keeps_its_plays(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / database.FILE)
    db.executescript(database.MIGRATIONS[0])
    db.execute("PRAGMA user_version = 1")
    db.execute(
        "INSERT INTO plays VALUES (1, 'a', 5.0, 'match', 0.5, '', 'neutral', 0, 0, 0.5, 1, NULL,"
        " NULL, 60.0, 1)"
    )
    db.commit()
    db.close()
    with SqliteStore(tmp_path, FakeClock()) as store:
        assert store.last_plays(5) == [("a", 5.0)]
        assert store.lessons(5) == []


def test_a_damaged_lesson_is_left_out(house: House) -> None:
    house.speaker.command(Next())
    house.store._db.execute("UPDATE plays SET moment = '{\"fit\": 7}' WHERE id = 1")
    assert TrackId(learned(house)[0].track)
    assert len(learned(house)) == 1


def test_albums_stay_together_on_wish(tmp_path: Path) -> None:
    settings = replace(QUIET, music=replace(QUIET.music, albums_together=True))
    house = House(tmp_path, FakeClock(), settings)
    album = tuple(
        Track(
            TrackId(f"{name}{number}"), f"/music/{name}{number}.ogg", f"{name} {number}", name,
            Affect(0.7, 0.6, 0.1, "file tag"), 30.0, album=f"Album {name}", track_number=number,
        )
        for name in ("A", "B", "C")
        for number in (1, 2, 3, 4)
    )  # fmt: skip
    house.speaker.handle(LibraryScanned(album))
    house.pass_time(200.0, Emotion.HAPPINESS)
    titles = [row[0] for row in house.store._db.execute("SELECT track FROM plays ORDER BY id")]
    for before, after in itertools.pairwise(titles):
        if before[1] != "4":
            assert after == f"{before[0]}{int(before[1]) + 1}"


def test_without_learning_nothing_weighs_in_but_it_is_noted(tmp_path: Path) -> None:
    settings = replace(QUIET, music=replace(QUIET.music, learn=False))
    house = House(tmp_path, FakeClock(), settings)
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(8.0, Emotion.HAPPINESS)
    house.speaker.command(Next())
    report = house.speaker.taste(ShowTaste())
    assert isinstance(report, TasteReport)
    assert (report.learning, report.lessons) == (False, 1)
