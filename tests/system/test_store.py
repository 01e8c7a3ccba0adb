"""What the store remembers: where it stopped, the library, plays, moods, what listening told."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.lessons import Ended
from device.ports import Resume
from device.system import database
from device.system.database import FILE
from device.system.store import SqliteStore
from device.types import Affect, LibraryScanned, Listened, Mood, Track, TrackId
from tests.system.stored import HEARD, MOOD, RESUME, a_play, a_track, all_rows, reopened

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
    started = time.process_time()
    store.replace_library(LibraryScanned(tuple(tracks)))
    assert len(store.tracks()) == 10_000
    assert time.process_time() - started < 1.0


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


def test_of_a_play_the_last_word_counts(store: SqliteStore) -> None:
    said = [("a", True, 1), ("a", True, 1), ("a", False, 1), ("a", False, 2), ("b", True, None)]
    for track, liked, play in [*said, ("b", True, None), ("b", False, 3), ("b", True, 3)]:
        store.add_feedback(TrackId(track), 1.0, liked=liked, mood=MOOD, play=play)
    assert store.feedback() == {"a": -2, "b": 3}
    told = [(rating.track, rating.liked) for rating in store.ratings(9)]
    assert told == [("a", False), ("a", False), ("b", True), ("b", True), ("b", True)]


def test_at_most_one_mood_a_minute(store: SqliteStore, tmp_path: Path) -> None:
    for wall in (0.0, 1.0, 59.9, 60.0, 61.0, 30.0, 200.0):
        store.add_mood(wall, MOOD)
    assert [row[0] for row in all_rows(tmp_path, "moods")] == [0, 1, 3]


# --- what listening told ------------------------------------------------------------------


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
