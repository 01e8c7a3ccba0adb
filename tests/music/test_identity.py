"""Which track is which: moved, copied, tagged anew, replaced, gone and back again."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from device.music.clock import CLOCK_SET
from device.music.identity import FORGET_SECONDS, GRACE_SECONDS, Present, settle, track_id
from device.music.library import CHANGING, ScanResult, scan
from device.music.listen import VERSION
from device.music.listened import still_to_hear
from device.music.walk import roots
from device.system import database
from device.system.database import FILE, MIGRATIONS
from device.system.store import SqliteStore
from device.types import Affect, LibraryScanned, Listened, Track, TrackId
from tests.fakes import FakeClock
from tests.music.audio import tag, tone

NOW = CLOCK_SET + 1e7
DAY = 86_400.0


def look(
    folder: Path, known: ScanResult | None = None, wall: float = NOW, *more: Path
) -> ScanResult:
    return _scanned(folder, known.library if known else None, wall, *more)


def _scanned(
    folder: Path, known: LibraryScanned | None, wall: float = NOW, *more: Path
) -> ScanResult:
    result = scan(roots([folder, *more]), known, wall=wall)
    assert result is not None
    return result


def ids(result: ScanResult) -> dict[str, TrackId]:
    return {Path(track.path).name: track.id for track in result.tracks}


@pytest.fixture
def music(tmp_path: Path) -> Path:
    for number, name in enumerate(("a", "b", "c")):
        tone(tmp_path / "m" / f"{name}.flac", 0.3, 300.0 + 50 * number, tags={"title": name})
    return tmp_path / "m"


def test_a_moved_file_keeps_its_id(music: Path) -> None:
    first = look(music)
    (music / "new").mkdir()
    (music / "a.flac").rename(music / "new" / "z.flac")
    second = look(music, first)
    assert ids(second) == {
        "z.flac": ids(first)["a.flac"],
        "b.flac": ids(first)["b.flac"],
        "c.flac": ids(first)["c.flac"],
    }
    assert second.library.missing == ()
    assert look(music, second).library == second.library


def test_swapped_files_keep_their_ids(music: Path) -> None:
    first = look(music)
    (music / "a.flac").rename(music / "x")
    (music / "b.flac").rename(music / "a.flac")
    (music / "x").rename(music / "b.flac")
    second = look(music, first)
    # Size and time may be alike: then nothing shows from outside, and nothing is lost either.
    if second.library.files != first.library.files:
        assert ids(second)["a.flac"] == ids(first)["b.flac"]
        assert ids(second)["b.flac"] == ids(first)["a.flac"]


def test_a_file_tagged_anew_or_replaced_keeps_its_id(music: Path) -> None:
    first = look(music)
    tag(music / "a.flac", {"title": "quite another" * 400})
    tone(music / "b.flac", 0.5, 999.0)
    second = look(music, first)
    assert ids(second) == ids(first)
    assert {track.title[:5] for track in second.tracks} == {"quite", "b", "c"}


def test_copies_do_not_fight_over_an_id(music: Path) -> None:
    first = look(music)
    shutil.copy(music / "a.flac", music / "0.flac")
    second = look(music, first)
    assert ids(second)["a.flac"] == ids(first)["a.flac"]
    assert len(set(ids(second).values())) == 4
    assert ids(look(music, second)) == ids(second)
    (music / "a.flac").unlink()
    third = look(music, second)
    assert ids(third) == {name: ids(second)[name] for name in ("0.flac", "b.flac", "c.flac")}


def test_a_moved_file_and_another_in_its_place(music: Path) -> None:
    first = look(music)
    (music / "a.flac").rename(music / "old.flac")
    tone(music / "a.flac", 0.4, 777.0)
    second = look(music, first)
    assert ids(second)["old.flac"] == ids(first)["a.flac"]
    assert len(set(ids(second).values())) == 4


def test_a_drive_that_is_back_brings_ids_and_all(music: Path, tmp_path: Path) -> None:
    drive = tmp_path / "usb"
    tone(drive / "d.flac", 0.3, 600.0)
    first = look(music, None, NOW, drive)
    drive.rename(tmp_path / "away")
    gone = look(music, first, NOW + DAY, drive)
    assert len(gone.tracks) == 3
    assert [track.path for track in gone.library.missing] == [str(drive / "d.flac")]
    assert "is not there" in gone.absent[0]
    drive.mkdir()  # a mount point without its drive
    empty = look(music, gone, NOW + 300 * DAY, drive)
    assert "is its drive mounted" in empty.absent[0]
    drive.rmdir()
    (tmp_path / "away").rename(drive)
    back = look(music, empty, NOW + 301 * DAY, drive)
    assert {t.id: t for t in back.tracks} == {t.id: t for t in first.tracks}
    assert sorted(back.library.files, key=repr) == sorted(first.library.files, key=repr)


def test_what_is_gone_for_too_long_is_forgotten(music: Path) -> None:
    first = look(music)
    (music / "a.flac").unlink()
    gone = look(music, first, NOW)
    still = look(music, gone, NOW + FORGET_SECONDS - 1)
    assert len(still.library.missing) == 1
    assert look(music, still, NOW + FORGET_SECONDS + 1).library.missing == ()


def test_a_clock_that_is_years_ahead_for_a_while_forgets_nothing(music: Path) -> None:
    first = look(music)
    for name in ("a", "b"):  # one was moved before: its path no longer gives its id
        (music / f"{name}.flac").rename(music / f"moved {name}.flac")
    moved = look(music, first)
    for file in music.glob("moved*"):
        file.rename(music.parent / file.name)
    gone = look(music, moved)
    ahead = look(music, gone, NOW + 13 * 365 * DAY)
    for hours in (6, 12, 18):
        ahead = look(music, ahead, NOW + 13 * 365 * DAY + hours * 3600)
    assert len(ahead.library.missing) == 2
    right = look(music, ahead, NOW + DAY)
    again = look(music, right, NOW + 12 * 365 * DAY)
    assert len(again.library.missing) == 2
    for file in music.parent.glob("moved*"):
        file.rename(music / file.name)
    assert set(ids(look(music, again)).values()) == set(ids(first).values())


def test_what_was_due_while_nobody_looked_has_some_days_more(music: Path) -> None:
    first = look(music)
    (music / "a.flac").unlink()
    gone = look(music, first)
    back = NOW + FORGET_SECONDS + 90 * DAY  # the speaker lay in a drawer
    found = look(music, gone, back)
    found = look(music, found, back + GRACE_SECONDS - 1)
    assert len(found.library.missing) == 1
    assert look(music, found, back + GRACE_SECONDS + 1).library.missing == ()


def test_a_clock_that_was_never_set_forgets_nothing(music: Path) -> None:
    first = look(music)
    (music / "a.flac").unlink()
    gone = look(music, first, 1000.0)
    later = look(music, gone, NOW)
    assert later.library.files[-1].missing_since == NOW
    assert len(look(music, later, NOW + FORGET_SECONDS - 1).library.missing) == 1


def test_a_folder_that_lies_elsewhere_now_keeps_its_ids(music: Path) -> None:
    first = look(music)
    elsewhere = music.rename(music.with_name("n"))
    assert ids(look(elsewhere, first)) == ids(first)


def test_a_file_that_is_being_written_is_left_for_later(music: Path) -> None:
    def grows(progress: object) -> bool:
        if getattr(progress, "opened", 0) == 1:
            with (music / "b.flac").open("ab") as file:
                file.write(b"x")
        return True

    result = scan(roots([music]), None, grows, NOW)
    assert result is not None
    assert result.restless
    assert set(ids(result)) == {"a.flac", "c.flac"}
    assert [skipped.reason for skipped in result.skipped] == [CHANGING]


def test_a_file_that_grows_while_it_looks_broken_is_left_for_later(music: Path) -> None:
    first = look(music)
    content = (music / "b.flac").read_bytes()
    (music / "b.flac").write_bytes(content[:60])

    def grows(progress: object) -> bool:
        if getattr(progress, "to_open", None):
            (music / "b.flac").write_bytes(content[:70])
        return True

    result = scan(roots([music]), first.library, grows, NOW)
    assert result is not None
    assert result.restless
    assert [skipped.reason for skipped in result.skipped] == [CHANGING]


@pytest.mark.parametrize(
    ("seconds_ago", "restless"), [(10.0, True), (130.0, False), (-10.0, True), (-3600.0, False)]
)
@pytest.mark.parametrize("what", ["a.flac", "new album", "."])
def test_it_looks_again_soon_while_files_or_folders_are_fresh(
    music: Path, what: str, seconds_ago: float, restless: bool
) -> None:
    (music / "new album").mkdir()
    for path in (*music.iterdir(), music):
        os.utime(path, (NOW - DAY, NOW - DAY))
    known = look(music)
    assert known.restless  # all of it was new
    os.utime(music / what, (NOW - DAY, NOW - seconds_ago))
    fresh = look(music, known)
    assert look(music, fresh).restless is restless
    assert not look(music, fresh, NOW + DAY).restless


def test_it_looks_again_soon_after_new_music_alone(music: Path) -> None:
    known = look(music, look(music))
    assert not known.restless
    (music / "broken.mp3").write_text("no sound")  # by a clock that is years ahead of `NOW`
    (music / "\udcff.mp3").write_text("no sound")  # its name cannot be kept, so it is read anew
    broken = look(music, known)
    assert broken.restless
    assert not look(music, broken).restless


def test_the_memory_survives_a_restart(music: Path, tmp_path: Path) -> None:
    (music / "broken.mp3").write_text("no sound")
    first = look(music)
    with SqliteStore(tmp_path / "s", FakeClock()) as store:
        store.replace_library(first.library)
    (music / "c.flac").unlink()
    with SqliteStore(tmp_path / "s", FakeClock()) as store:
        known = store.library()
        assert {t.id: t for t in known.tracks} == {t.id: t for t in first.tracks}
        second = scan(roots([music]), known, _opens_nothing, NOW)
        assert second is not None
        assert second.skipped == first.skipped
        store.replace_library(second.library)
    with SqliteStore(tmp_path / "s", FakeClock()) as store:
        assert [t.title for t in store.tracks()] == ["a", "b"]
        assert [t.title for t in store.library().missing] == ["c"]
        assert store.library().files != ()


def _opens_nothing(progress: object) -> bool:
    assert not getattr(progress, "to_open", None)
    return True


def test_a_library_of_an_older_attune_is_read_anew_and_keeps_its_ids(
    music: Path, tmp_path: Path
) -> None:
    (tmp_path / "s").mkdir()
    db = sqlite3.connect(tmp_path / "s" / FILE)
    db.executescript(f"{MIGRATIONS[0]} PRAGMA user_version = 1;")
    rows = [
        ("old", str(music / "a.flac")),
        (track_id("", "b.flac"), "/somewhere/else/b.flac"),
        ("x", "/gone/c"),
    ]
    for old, path in rows:
        db.execute(
            "INSERT INTO tracks VALUES (?, ?, 't', '', 0, 0, 0.5, 'unknown', 1, NULL, NULL,"
            " NULL, NULL, NULL, 0)",
            (old, path),
        )
    db.commit()
    db.close()
    with SqliteStore(tmp_path / "s", FakeClock()) as store:
        assert len(store.tracks()) == 3
        result = scan(roots([music]), store.library(), wall=NOW)
        assert result is not None
        store.replace_library(result.library)
        assert ids(result)["a.flac"] == "old"
        assert ids(result)["b.flac"] == track_id("", "b.flac")
        assert all(track.audio_hash for track in store.tracks())
        assert [track.id for track in store.library().missing] == ["x"]


def test_episodes_of_a_series_are_tracks_of_their_own(tmp_path: Path) -> None:
    for name, seconds in (("1", 9.0), ("2", 12.0)):  # their first seconds are the same
        tone(tmp_path / f"{name}.mp3", seconds, rate=44_100)
    first = look(tmp_path)
    assert len(still_to_hear(first.tracks, {})) == 2
    (tmp_path / "1.mp3").unlink()
    (tmp_path / "2.mp3").rename(tmp_path / "renamed.mp3")
    assert ids(look(tmp_path, first)) == {"renamed.mp3": ids(first)["2.mp3"]}


def test_an_mp3_that_was_heard_while_half_was_there_is_heard_anew(tmp_path: Path) -> None:
    song = tone(tmp_path / "song.mp3", 20.0)
    content = song.read_bytes()
    song.write_bytes(content[: len(content) // 2])
    half = look(tmp_path)
    known = {work.key: Listened(work.key, VERSION) for work in still_to_hear(half.tracks, {})}
    assert still_to_hear(look(tmp_path, half).tracks, known) == []
    song.write_bytes(content)
    whole = look(tmp_path, half)
    assert ids(whole) == ids(half)
    assert [work.path for work in still_to_hear(whole.tracks, known)] == [str(song)]


def test_sounds_that_an_older_attune_named_without_their_length_are_known_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = tmp_path / "m"
    for name, seconds, hertz in (
        ("a.mp3", 3.0, 440.0), ("b.flac", 2.5, 550.0), ("c.mp3", 3.0, 660.0),
        ("1.mp3", 9.0, 330.0), ("2.mp3", 12.0, 330.0),
    ):  # fmt: skip
        tone(music / name, seconds, hertz, rate=44_100)
    now = look(music)
    shutil.copy(music / "a.mp3", music / "copy.mp3")
    now = look(music, now)

    def short(track: Track) -> Track:
        assert track.audio_hash is not None
        return replace(track, audio_hash=track.audio_hash.partition("-")[0])

    files = tuple(replace(file, stamp="2:" + file.stamp[2:]) for file in now.library.files)
    tracks = tuple(map(short, now.tracks))
    older = LibraryScanned(tracks, skipped=now.skipped, files=files)
    by_sound = {track.audio_hash: track for track in tracks}
    assert len(by_sound) == 4
    before = next(n for n, script in enumerate(MIGRATIONS) if "audio_hash ||" in script)
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", MIGRATIONS[:before])
        with SqliteStore(tmp_path / "s", FakeClock()) as store:
            store.replace_library(older)
            for sound in by_sound:
                store.add_listened(Listened(str(sound), VERSION, error="as it was"))
    for name in ("a.mp3", "b.flac"):  # moved while the newer one was put in
        (music / name).rename(music / f"moved {name}")
    with SqliteStore(tmp_path / "s", FakeClock()) as store:
        assert {t.id: t.audio_hash for t in store.tracks()} == {
            t.id: t.audio_hash for t in now.tracks
        }
        result = _scanned(music, store.library())
        store.replace_library(result.library)
        expected = ids(now)
        assert ids(result) == {
            **{name: expected[name] for name in ("1.mp3", "2.mp3", "c.mp3", "copy.mp3")},
            **{f"moved {name}": expected[name] for name in ("a.mp3", "b.flac")},
        }
        assert result.library.missing == ()
        known = {each.key: each for each in store.listened()}
    # Which of the two episodes was listened to nobody knows: both are, anew.
    assert {Path(work.path).name for work in still_to_hear(result.tracks, known)} == {
        "1.mp3", "2.mp3",
    }  # fmt: skip
    assert len(known) == 3


def _track(path: str, audio_hash: str | None) -> Track:
    affect = Affect(0.0, 0.0, 0.5, "unknown")
    return Track(track_id("", path), path, path, "", affect, 1.0, audio_hash=audio_hash)


files = st.dictionaries(
    st.sampled_from([f"/m/{name}" for name in "abcdef"]), st.sampled_from([*"uvw", None])
)


@given(st.lists(files, max_size=6))
def test_no_two_tracks_ever_share_an_id_and_nothing_is_lost(
    history: list[dict[str, str | None]],
) -> None:
    library = LibraryScanned()
    for there in history:
        before = {track.id for track in (*library.tracks, *library.missing)}
        present = [Present(_track(path, sound), f"{sound}") for path, sound in there.items()]
        library = settle(library, present, NOW)
        after = [track.id for track in (*library.tracks, *library.missing)]
        assert len(set(after)) == len(after)
        assert before <= set(after)
        assert {track.path for track in library.tracks} == set(there)
        assert sorted(file.track for file in library.files) == sorted(after)
        again = settle(library, [Present(t, f"{t.audio_hash}") for t in library.tracks], NOW)
        assert again.tracks == library.tracks
