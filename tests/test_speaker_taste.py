"""What the appliance learns from what happens to it: each end of a play, crash and forgetting."""

from __future__ import annotations

import gc
import random
import sqlite3
import time
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from device.lessons import (
    Ended,
    ExportTaste,
    ForgetTaste,
    ImportTaste,
    Lesson,
    Memory,
    ShowTaste,
    TasteAnswer,
    TasteChanged,
    TasteFile,
    TasteReport,
    TasteRequest,
)
from device.music.taste import HEARD_OUT, reward
from device.ports import CannotDo
from device.settings import MoodSettings, MusicSettings, Settings
from device.system import database
from device.system.store import SqliteStore
from device.types import (
    Correct,
    Dislike,
    Emotion,
    Goal,
    LibraryScanned,
    Like,
    Next,
    Pause,
    Play,
    Previous,
    SetGoal,
    TrackId,
)
from tests.fakes import FakeClock, finished
from tests.house import House, library

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


def taste(house: House, request: TasteRequest) -> TasteAnswer:
    return finished(house.speaker.taste(request))


def newest(store: SqliteStore, count: int) -> list[Lesson]:
    return [lesson for page in list(store.lessons(count))[::-1] for lesson in page]


def learned(house: House) -> list[Lesson]:
    return newest(house.store, 100)


@pytest.mark.parametrize(
    ("what", "ended"),
    [
        (Next(), Ended.SKIPPED),
        (Dislike(), Ended.DISLIKED),
        (Previous(), Ended.REPLAYED),
        (None, Ended.DISLIKED),  # never to be played again
    ],
)
def test_each_end_is_noted(house: House, what: object, ended: Ended) -> None:
    house.pass_time(8.0, Emotion.HAPPINESS)
    assert house.player.track is not None
    command = what or Correct(house.player.track, skip=True)
    house.speaker.command(command)  # type: ignore[arg-type]
    assert learned(house)[0].ended is ended
    assert learned(house)[0].heard_seconds == pytest.approx(15.0, abs=3.0)


def test_what_was_passed_by_unheard_teaches_nothing(house: House) -> None:
    house.speaker.command(Next())
    house.speaker.command(Next())
    house.pass_time(3.0, Emotion.HAPPINESS)
    house.speaker.command(Next())
    assert [lesson.ended for lesson in learned(house)[:3]] == 3 * [Ended.SKIPPED]
    report = taste(house, ShowTaste())
    assert isinstance(report, TasteReport)
    assert report.lessons == 2


def test_a_track_that_plays_on_is_heard_out(house: House) -> None:
    house.pass_time(70.0, Emotion.HAPPINESS)
    assert learned(house)[0].ended is Ended.FINISHED
    report = taste(house, ShowTaste())
    assert isinstance(report, TasteReport)
    assert (report.lessons, report.finished) == (1, 1)


def test_a_mood_that_moves_on_is_no_verdict(house: House) -> None:
    house.pass_time(12.0, Emotion.HAPPINESS)
    house.pass_time(25.0, Emotion.SADNESS)
    assert learned(house)[0].ended is Ended.MOOD
    report = taste(house, ShowTaste())
    assert isinstance(report, TasteReport)
    assert report.lessons == 0


@pytest.mark.parametrize(
    ("goal", "before", "after"),
    [
        (Goal.LIFT, Emotion.SADNESS, Emotion.HAPPINESS),
        (Goal.CALM, Emotion.ANGER, Emotion.NEUTRAL),
    ],
)
def test_what_moves_the_mood_as_wished_is_heard_out_and_counts(
    tmp_path: Path, goal: Goal, before: Emotion, after: Emotion
) -> None:
    house = House(tmp_path, FakeClock(), Settings())
    house.speaker.handle(LibraryScanned(library()))
    house.speaker.command(SetGoal(goal))
    house.pass_time(20.0, before)
    house.pass_time(70.0, after)
    first = learned(house)[0]
    assert first.ended is Ended.FINISHED
    assert first.moved is not None
    assert first.moved > 0.5
    assert (reward(first) or 0.0) > HEARD_OUT


def test_what_moves_the_mood_against_the_goal_is_left(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock(), Settings())
    house.speaker.handle(LibraryScanned(library()))
    house.speaker.command(SetGoal(Goal.LIFT))
    house.pass_time(15.0, Emotion.HAPPINESS)
    house.pass_time(30.0, Emotion.SADNESS)
    assert learned(house)[0].ended is Ended.MOOD


def test_a_like_outlives_a_power_cut(house: House, tmp_path: Path) -> None:
    house.speaker.command(Like())
    house.power_cut()
    again = House(tmp_path, house.clock, QUIET)
    assert [lesson.liked for lesson in learned(again)] == [True]
    report = taste(again, ShowTaste())
    assert isinstance(report, TasteReport)
    assert (report.lessons, report.liked) == (1, 1)


def test_what_was_learned_survives_that_the_track_is_gone(house: House) -> None:
    house.pass_time(8.0, Emotion.HAPPINESS)
    house.speaker.command(Next())
    house.speaker.handle(LibraryScanned(library()[10:]))
    house.power_cut()
    again = House(Path(house.store._folder), house.clock, QUIET)
    report = taste(again, ShowTaste())
    assert isinstance(report, TasteReport)
    assert report.skipped == 1


def test_forgetting_erases_from_the_disk_too(house: House, tmp_path: Path) -> None:
    house.speaker.command(Dislike())
    house.pass_time(70.0, Emotion.HAPPINESS)
    assert learned(house)
    artists = {lesson.moment.traits.artist for lesson in learned(house)}
    answer = taste(house, ForgetTaste())
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
    taste(house, ForgetTaste(first.wall + 1.0))
    assert learned(house) == [first]


def test_what_was_exported_can_be_imported_once(house: House, tmp_path: Path) -> None:
    for _ in range(5):
        house.pass_time(4.0, Emotion.HAPPINESS)
        house.speaker.command(random.choice([Next(), Dislike()]))
    file = taste(house, ExportTaste())
    assert isinstance(file, TasteFile)
    other = House(tmp_path / "other", FakeClock(), QUIET)
    count = len(file.lessons)
    assert taste(other, ImportTaste(file.lessons)) == TasteChanged(count)
    assert taste(other, ImportTaste(file.lessons)) == TasteChanged(0)
    assert tuple(learned(other)) == file.lessons
    mine, theirs = taste(house, ShowTaste()), taste(other, ShowTaste())
    assert isinstance(mine, TasteReport)
    assert isinstance(theirs, TasteReport)
    assert theirs.leanings == mine.leanings


def test_what_goes_on_after_a_restart_or_is_started_again_teaches(
    house: House, tmp_path: Path
) -> None:
    house.pass_time(8.0, Emotion.HAPPINESS)
    house.power_cut()
    again = House(tmp_path, house.clock, QUIET)
    again.pass_time(10.0, Emotion.HAPPINESS)
    again.speaker.command(Like())
    again.speaker.command(Previous())
    again.pass_time(8.0, Emotion.HAPPINESS)
    again.speaker.command(Next())
    told = [(lesson.ended, lesson.liked, lesson.moment.drawn) for lesson in learned(again)[:3]]
    assert told == [
        (None, None, True),
        (Ended.REPLAYED, True, False),
        (Ended.SKIPPED, None, False),
    ]
    report = taste(again, ShowTaste())
    assert isinstance(report, TasteReport)
    assert (report.lessons, report.liked, report.skipped) == (2, 1, 1)


def test_what_lost_its_sound_teaches_where_it_goes_on(house: House) -> None:
    house.pass_time(8.0, Emotion.HAPPINESS)
    house.player.unplug()
    house.pass_time(1.0, Emotion.HAPPINESS)
    house.player.plug()
    house.pass_time(30.0, Emotion.HAPPINESS)
    house.speaker.command(Next())
    told = [(lesson.ended, lesson.moment.drawn) for lesson in learned(house)[:2]]
    assert told == [(Ended.FAILED, True), (Ended.SKIPPED, False)]
    assert learned(house)[0].moment.fit == learned(house)[1].moment.fit


def test_likes_that_belong_to_no_play_are_given_out_and_taken_in(
    house: House, tmp_path: Path
) -> None:
    house.speaker.command(Pause())
    house.power_cut()
    again = House(tmp_path, house.clock, QUIET)
    again.speaker.command(Like())  # of what goes on once somebody wishes: it does not sound yet
    again.clock.now += 5.0
    again.speaker.command(Play())
    again.pass_time(3.0, Emotion.HAPPINESS)
    again.speaker.command(Like())
    again.clock.now += 5.0
    again.speaker.command(Like())
    feedback = again.store.feedback()
    assert list(feedback.values()) == [2]
    file = taste(again, ExportTaste())
    assert isinstance(file, TasteFile)
    assert [lesson.liked for lesson in file.lessons] == [None, True]
    assert [rating.liked for rating in file.ratings] == [True]
    other = House(tmp_path / "other", FakeClock(), QUIET)
    for _ in range(2):
        taste(other, ImportTaste(file.lessons, file.ratings))
        assert other.store.feedback() == feedback
        assert other.speaker._session._chooser._feedback == feedback
    assert taste(other, ExportTaste()) == file


def test_who_thinks_better_of_it_while_a_track_plays_has_said_the_last_word(
    house: House, tmp_path: Path
) -> None:
    for command in (Like(), Like(), Dislike()):  # clicked twice, then regretted
        house.speaker.command(command)
    assert list(house.store.feedback().values()) == [-1]
    file = taste(house, ExportTaste())
    assert isinstance(file, TasteFile)
    other = House(tmp_path / "other", FakeClock(), QUIET)
    taste(other, ImportTaste(file.lessons, file.ratings))
    assert other.store.feedback() == house.store.feedback()


def test_what_was_exported_before_there_were_ratings_is_still_read(house: House) -> None:
    house.speaker.command(Dislike())
    file = taste(house, ExportTaste())
    old = msgspec.to_builtins(file) | {"attune_taste": 1}
    del old["ratings"]
    read = msgspec.convert(old, TasteFile)
    assert (read.lessons, read.ratings) == (file.lessons, ())  # type: ignore[union-attr]


def test_what_sounds_during_an_import_is_learned_from(house: House, tmp_path: Path) -> None:
    other = House(tmp_path / "other", FakeClock(), QUIET)
    other.speaker.handle(LibraryScanned(library()))
    other.pass_time(8.0, Emotion.HAPPINESS)
    house.speaker.command(Dislike())
    taste(other, ImportTaste(tuple(learned(house))))
    other.speaker.command(Next())
    assert [lesson.ended for lesson in learned(other)][-2:] == [Ended.SKIPPED, None]


def test_a_like_after_forgetting_is_no_verdict_on_what_is_imported_then(house: House) -> None:
    house.pass_time(8.0, Emotion.HAPPINESS)
    house.speaker.command(Next())
    skipped = learned(house)[0]
    taste(house, ForgetTaste())
    house.speaker.command(Like())
    taste(house, ImportTaste((skipped,)))
    assert learned(house) == [skipped]


@pytest.mark.parametrize("request_", ["import", "forget moods", "forget later plays"])
def test_a_like_of_what_sounds_counts_once(house: House, request_: str) -> None:
    house.pass_time(5.0, Emotion.HAPPINESS)
    house.speaker.command(Next())
    house.pass_time(5.0, Emotion.HAPPINESS)
    house.speaker.command(Like())
    requests: dict[str, TasteRequest] = {
        "import": ImportTaste(years(learned(house)[0], 3)),
        "forget moods": ForgetTaste(what=(Memory.MOODS,)),
        "forget later plays": ForgetTaste(house.clock.wall() + 1.0),
    }
    taste(house, requests[request_])
    house.speaker.command(Next())
    learner = house.speaker._session._chooser._learner
    taught = sum(reward(lesson) is not None for lesson in learned(house))
    assert learner.belief.count == taught
    assert [lesson.liked for lesson in learned(house)][-2:] == [True, None]


def test_a_like_of_what_ends_during_an_import_counts_once(house: House) -> None:
    house.pass_time(5.0, Emotion.HAPPINESS)
    house.speaker.command(Like())
    steps = house.speaker.taste(ImportTaste(years(learned(house)[0], 2500)))
    for _ in range(5):  # all are written, and the diary is being read
        next(steps)
    house.speaker.command(Next())
    finished(steps)
    assert house.speaker._session._chooser._learner.belief.count == 2000


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
        assert newest(store, 5) == []


def test_a_damaged_lesson_is_left_out(house: House) -> None:
    house.speaker.command(Next())
    house.store._db.execute("UPDATE plays SET moment = '{\"fit\": 7}' WHERE id = 1")
    assert TrackId(learned(house)[0].track)
    assert len(learned(house)) == 1


def test_without_learning_nothing_weighs_in_but_it_is_noted(tmp_path: Path) -> None:
    settings = replace(QUIET, music=replace(QUIET.music, learn=False))
    house = House(tmp_path, FakeClock(), settings)
    house.speaker.handle(LibraryScanned(library()))
    house.pass_time(8.0, Emotion.HAPPINESS)
    house.speaker.command(Next())
    report = taste(house, ShowTaste())
    assert isinstance(report, TasteReport)
    assert (report.learning, report.lessons) == (False, 1)


def years(lesson: Lesson, count: int) -> tuple[Lesson, ...]:
    """A diary of so many plays."""
    return tuple(
        replace(lesson, track=TrackId(f"old-{number}"), wall=1.7e9 + 200.0 * number)
        for number in range(count)
    )


def test_what_is_learned_during_an_import_is_kept(house: House) -> None:
    house.pass_time(70.0, Emotion.HAPPINESS)
    steps = house.speaker.taste(ImportTaste(years(learned(house)[0], 2500)))
    for _ in range(5):  # all are written, and the diary is being read
        next(steps)
    house.speaker.command(Next())
    assert finished(steps) == TasteChanged(2500)
    report = taste(house, ShowTaste())
    assert isinstance(report, TasteReport)
    assert report.skipped == 1
    assert report.lessons == 2000


def test_an_import_that_the_disk_breaks_off_is_learned_from_as_far_as_it_went(
    house: House,
) -> None:
    house.pass_time(70.0, Emotion.HAPPINESS)
    lessons = years(learned(house)[0], 2500)
    steps = house.speaker.taste(ImportTaste(lessons))
    next(steps)
    (pages,) = house.store._db.execute("PRAGMA page_count").fetchone()
    house.store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(CannotDo, match="only 1000 of 2500 plays were learned; make room"):
        finished(steps)
    house.store._db.execute("PRAGMA max_page_count = 1000000")
    assert len(newest(house.store, 9999)) > 1000
    assert taste(house, ImportTaste(lessons)) == TasteChanged(1500)
    ordered = [lesson.wall for lesson in newest(house.store, 9999) if lesson.wall < 1.75e9]
    assert ordered == sorted(ordered)
    assert len(ordered) == 2500


@pytest.mark.benchmark
def test_years_of_plays_keep_the_main_thread_no_longer_than_50_ms_at_a_time(house: House) -> None:
    house.pass_time(70.0, Emotion.HAPPINESS)
    lessons = years(learned(house)[0], 20_000)
    gc.collect()
    gc.freeze()  # what other tests left is no part of an appliance, and would be looked through
    for request in (ImportTaste(lessons), ExportTaste(), ShowTaste(), ForgetTaste(1e9)):
        steps, took = house.speaker.taste(request), []
        while True:
            began = time.thread_time()
            done = next(steps, None) is None and steps.gi_frame is None  # type: ignore[attr-defined]
            took.append(1e3 * (time.thread_time() - began))
            if done:
                break
        longest = sorted(took)[::-1]
        print(f"\n{type(request).__name__}: {len(took)} steps, longest {longest[0]:.0f} ms")  # noqa: T201
        # Erasing is one transaction: it is done wholly, or refused.
        assert longest[0] <= (200.0 if isinstance(request, ForgetTaste) else 50.0)
    gc.unfreeze()
