"""Albums that play on together: what follows, what is left out, and what that teaches."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from msgspec.structs import replace

from device.lessons import ExportTaste, ImportTaste, ShowTaste, TasteFile, TasteReport
from device.settings import MoodSettings, MusicSettings, Settings
from device.types import Affect, Emotion, Goal, LibraryScanned, Like, Mood, Track, TrackId
from tests.fakes import FakeClock, finished
from tests.house import House, library

QUIET = Settings(
    mood=MoodSettings(absence_seconds=20.0),
    music=MusicSettings(random_seed=1, change_with_mood=True, minimum_play_seconds=10.0),
)
TOGETHER = replace(QUIET, music=replace(QUIET.music, albums_together=True))


def albums(names: str = "ABC", numbers: int = 4, seconds: float = 30.0) -> tuple[Track, ...]:
    """Albums that all fit a happy mood."""
    return tuple(
        Track(
            TrackId(f"{name}{number}"), f"/music/{name}{number}.ogg", f"{name} {number}", name,
            Affect(0.7, 0.6, 0.1, "file tag"), seconds, album=f"Album {name}", track_number=number,
        )
        for name in names
        for number in range(1, numbers + 1)
    )  # fmt: skip


def played(house: House) -> list[str]:
    return [row[0] for row in house.store._db.execute("SELECT track FROM plays ORDER BY id")]


def test_what_follows_on_an_album_teaches_and_its_likes_are_given_out(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock(), TOGETHER)
    house.speaker.handle(LibraryScanned(albums()))
    likes = 0
    for _ in range(40):
        house.pass_time(10.0, Emotion.HAPPINESS)
        now = house.speaker.status().track
        assert now is not None
        if now.because.startswith("the next on") and now.position_seconds < 10.0:
            house.speaker.command(Like())
            likes += 1
    house.pass_time(30.0, Emotion.HAPPINESS)  # what sounds now was not liked
    assert likes > 5
    report = finished(house.speaker.taste(ShowTaste()))
    assert isinstance(report, TasteReport)
    assert report.liked == likes
    assert report.lessons == len(played(house)) - 1
    file = finished(house.speaker.taste(ExportTaste()))
    assert isinstance(file, TasteFile)
    assert [lesson.track for lesson in file.lessons] == played(house)
    assert sum(not lesson.moment.drawn for lesson in file.lessons) >= likes
    assert all(-0.1 < lesson.moment.fit <= 0.0 for lesson in file.lessons)
    other = House(tmp_path / "other", FakeClock(), QUIET)
    finished(other.speaker.taste(ImportTaste(file.lessons, file.ratings)))
    assert other.store.feedback() == house.store.feedback()


def test_how_near_the_aim_the_next_of_an_album_lies_is_told_truly(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock(), TOGETHER)
    near, far, *rest = albums("A")
    far = replace(far, affect=Affect(-0.7, -0.6, 0.1, "file tag"))
    house.speaker.handle(LibraryScanned((near, far, *rest)))
    house.pass_time(300.0, Emotion.HAPPINESS)
    file = finished(house.speaker.taste(ExportTaste()))
    assert isinstance(file, TasteFile)
    fits = {lesson.track: lesson.moment.fit for lesson in file.lessons if not lesson.moment.drawn}
    assert fits["A2"] < -0.5
    assert fits["A3"] > -0.1


def test_albums_stay_together_on_wish(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock(), TOGETHER)
    house.speaker.handle(LibraryScanned(albums()))
    house.pass_time(200.0, Emotion.HAPPINESS)
    for before, after in itertools.pairwise(played(house)):
        if before[1] != "4":
            assert after == f"{before[0]}{int(before[1]) + 1}"


def test_an_album_neither_repeats_within_the_hours_nor_plays_what_is_disliked(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, FakeClock(), TOGETHER)
    house.speaker.handle(LibraryScanned(albums("ABCDEFGHIJ", 10, 190.0)))
    disliked = {TrackId(f"{name}5") for name in "ABCDEFGHIJ"}
    for each in disliked:
        for _ in range(3):
            house.store.add_feedback(each, house.clock.wall(), liked=False, mood=Mood())
    house.power_cut()
    again = House(tmp_path, house.clock, TOGETHER)
    for _ in range(240):
        again.pass_time(1.0, Emotion.HAPPINESS)
        again.wait(59.0)
    rows = again.store._db.execute("SELECT track, wall FROM plays ORDER BY id").fetchall()
    assert len(rows) > 60
    last: dict[str, float] = {}
    for track, wall in rows:
        assert wall - last.get(track, 0.0) >= 2 * 3600.0, track
        last[track] = wall
    assert not disliked & set(last)
    following = [a for a, b in itertools.pairwise(rows) if (a[0][0], b[0][0]) == 2 * (a[0][0],)]
    assert len(following) > len(rows) / 2
    assert any((a[0][1:], b[0]) == ("4", f"{a[0][0]}6") for a, b in itertools.pairwise(rows))


def together(tmp_path: Path, **music: object) -> House:
    """Albums of a minute a track go on, whatever the mood does meanwhile."""
    settings = replace(TOGETHER, music=replace(TOGETHER.music, **music))
    house = House(tmp_path, FakeClock(), settings)
    house.speaker.handle(LibraryScanned(albums("ABCDEF", 9, 60.0)))
    return house


def torn(house: House) -> list[tuple[str, str]]:
    """Where an album was left before its end."""
    return [
        (before, after)
        for before, after in itertools.pairwise(played(house))
        if before[1] != "9" and after != f"{before[0]}{int(before[1]) + 1}"
    ]


def test_focus_does_not_leave_an_album_for_a_mood(tmp_path: Path) -> None:
    house = together(tmp_path, goal=Goal.FOCUS)
    for _ in range(4):
        house.pass_time(58.0, Emotion.HAPPINESS)
        house.pass_time(62.0, Emotion.SADNESS)
    assert len(played(house)) > 7
    assert torn(house) == []


@pytest.mark.parametrize("seconds", [3.0, 9.0, 19.0])
def test_a_face_that_comes_and_goes_between_moods_leaves_no_album(
    tmp_path: Path, seconds: float
) -> None:
    house = together(tmp_path, change_with_mood=False)
    for _ in range(round(300.0 / seconds)):
        house.pass_time(seconds, Emotion.HAPPINESS)
        house.pass_time(seconds, Emotion.NEUTRAL)
    assert len(played(house)) > 9
    assert torn(house) == []


def test_an_album_goes_on_after_a_restart(tmp_path: Path) -> None:
    house = together(tmp_path)
    house.pass_time(10.0, Emotion.HAPPINESS)
    house.power_cut()
    again = House(tmp_path, house.clock, TOGETHER)
    again.wait(70.0)
    again.pass_time(70.0, Emotion.HAPPINESS)
    assert len(set(played(again))) > 2
    assert torn(again)[1:] == []


def test_an_album_is_left_where_the_mood_is_another(tmp_path: Path) -> None:
    settings = replace(TOGETHER, music=replace(TOGETHER.music, change_with_mood=False))
    house = House(tmp_path, FakeClock(), settings)
    happy, angry, *others = library(per_mood=1)
    album = [
        replace(each, album="One", artist="", track_number=number)
        for number, each in enumerate((happy, angry), start=1)
    ]
    house.speaker.handle(LibraryScanned((*album, *others)))
    house.pass_time(30.0, Emotion.HAPPINESS)
    assert house.mood_of_track == "happy"
    house.pass_time(60.0, Emotion.SADNESS)
    assert house.mood_of_track == "sad"
