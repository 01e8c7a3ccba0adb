"""A song that lies in the library twice is one song: what the user says of it holds for both."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from device.system.store import SqliteStore
from device.types import Correct, Emotion, LibraryScanned, Track, TrackId
from tests.fakes import FakeClock
from tests.house import House, library

SONG, COPY, OTHER = TrackId("happy-0"), TrackId("happy-1"), TrackId("happy-2")
TRACKS = tuple(
    replace(each, audio_hash="song") if each.id in {SONG, COPY} else each
    for each in library(per_mood=3)
    if each.id.startswith("happy")
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(TRACKS))
    yield house
    house.power_cut()


def track(house: House, id_: TrackId) -> Track:
    return next(track for track in house.speaker.holdings.library.tracks if track.id == id_)


def heard(house: House, age: float = 35.0) -> set[str | None]:
    """What sounds in the next ten minutes."""
    sounding = set()
    for _ in range(60):
        house.pass_time(10.0, Emotion.HAPPINESS, age=age)
        sounding.add(house.player.track)
    return sounding


def test_what_shall_never_play_does_not_as_a_copy(house: House) -> None:
    house.speaker.command(Correct(SONG, skip=True))
    assert heard(house) == {OTHER}


def test_a_sounding_copy_of_what_shall_never_play_ends_at_once(house: House) -> None:
    house.pass_time(8.0, Emotion.HAPPINESS)
    while house.player.track == OTHER:
        house.pass_time(5.0, Emotion.HAPPINESS)
    house.speaker.command(Correct(SONG if house.player.track == COPY else COPY, skip=True))
    house.wait(0.2)
    assert house.player.track == OTHER


def test_a_child_hears_no_copy_of_what_is_unfit(house: House) -> None:
    house.speaker.command(Correct(SONG, explicit=True))
    assert heard(house, age=8.0) == {OTHER}


def test_the_last_word_on_any_copy_holds_for_all_of_them(house: House, tmp_path: Path) -> None:
    house.speaker.command(Correct(SONG, 0.1, 0.2, explicit=True))
    assert track(house, COPY).affect == track(house, SONG).affect
    house.speaker.command(Correct(COPY, -0.5, -0.4))
    for id_ in (SONG, COPY):
        said = track(house, id_)
        assert (said.affect.valence, said.affect.arousal, said.explicit) == (-0.5, -0.4, False)
        assert house.speaker.holdings.corrections[id_] == Correct(id_, -0.5, -0.4)
    house.power_cut()
    again = House(tmp_path, house.clock)
    assert again.speaker.holdings.library == house.speaker.holdings.library
    again.close()


def test_a_word_is_taken_back_on_any_copy(house: House) -> None:
    house.speaker.command(Correct(SONG, skip=True))
    house.speaker.command(Correct(COPY))
    assert house.speaker.holdings.corrections == house.store.corrections() == {}
    assert {SONG, COPY} & heard(house)


def test_words_that_differed_before_stay_until_another_is_said(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, FakeClock()) as store:
        store.correct(Correct(SONG, explicit=True))
        store.correct(Correct(COPY, 0.1, 0.2))
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(TRACKS))
    assert [track(house, id_).explicit for id_ in (SONG, COPY)] == [True, False]
    house.speaker.command(Correct(COPY, skip=True))
    assert set(house.store.corrections().values()) == {
        Correct(SONG, skip=True),
        Correct(COPY, skip=True),
    }
    house.close()


def test_a_word_on_a_missing_original_holds_for_its_copy(house: House) -> None:
    for id_ in (SONG, COPY):  # a copy that was played keeps its own history
        house.store.add_feedback(id_, 1.0, liked=True, mood=house.speaker.mood)
    house.speaker.command(Correct(SONG, skip=True))
    house.speaker.handle(LibraryScanned(TRACKS[1:], missing=TRACKS[:1]))
    assert heard(house) == {OTHER}


def test_of_words_on_copies_all_are_stored_or_none(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, FakeClock()) as store:
        store.correct(Correct(SONG, skip=True))
        before = store.corrections()
        store._db.execute(
            "CREATE TEMP TRIGGER full BEFORE INSERT ON main.corrections"
            f" WHEN NEW.track = '{COPY}' BEGIN SELECT raise(FAIL, 'disk'); END"
        )
        with pytest.raises(sqlite3.IntegrityError):
            store.correct(Correct(SONG, explicit=True), Correct(COPY, explicit=True))
        assert store.corrections() == before
