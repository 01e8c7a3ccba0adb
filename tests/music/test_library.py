"""Scanning real folders: what is found, what is left out and why, and that nothing breaks it."""

from __future__ import annotations

import logging
import os
import shutil
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from device.music import walk
from device.music.labels import OWN_TAGS
from device.music.library import Progress, ScanResult, scan
from device.music.playlists import read_playlist, write_playlist
from device.music.walk import roots
from device.types import Track
from tests.music.audio import FORMATS, tag, tone
from tests.music.drives import slow


def look(*folders: Path, known: ScanResult | None = None) -> ScanResult:
    result = scan(roots(folders), known.library if known else None)
    assert result is not None
    return result


def by_name(result: ScanResult) -> dict[str, Track]:
    return {Path(track.path).name: track for track in result.tracks}


def reasons(result: ScanResult) -> dict[str, str]:
    return {
        Path(path).name: reason for path, reason in ((s.path, s.reason) for s in result.skipped)
    }


def test_finds_every_format(tmp_path: Path) -> None:
    for kind in FORMATS:
        tone(tmp_path / f"{kind[:4]}.{kind}", 0.3, format=kind)
    (tmp_path / "cover.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "notes.txt").write_text("no music")
    result = look(tmp_path)
    assert len(result.tracks) == len(FORMATS)
    assert result.skipped == ()
    assert all(track.duration_seconds > 0.2 for track in result.tracks)


def test_a_track_carries_its_tags(tmp_path: Path) -> None:
    tone(
        tmp_path / "Album" / "01.flac", 0.3,
        tags={"TITLE": "Morgen", "ARTIST": "Wir", "DATE": "1971", "GENRE": "Folk"},
    )  # fmt: skip
    (track,) = look(tmp_path).tracks
    assert (track.title, track.artist, track.year, track.genre) == ("Morgen", "Wir", 1971, "Folk")
    assert track.affect.source == "genre"
    assert Path(track.path).is_absolute()
    assert msgspec.json.decode(msgspec.json.encode(track), type=Track) == track


def test_an_untagged_file_is_called_by_its_name(tmp_path: Path) -> None:
    tone(tmp_path / "Sad" / "Some Song.mp3", 0.3)
    (track,) = look(tmp_path).tracks
    assert track.title == "Some Song"
    assert track.artist == ""
    assert track.affect.source == "folder"
    assert track.affect.valence < 0


def test_what_is_no_text_in_a_files_name_is_none_in_its_title(tmp_path: Path) -> None:
    tone(tmp_path / "a\x07 b.mp3", 0.3)
    tone(tmp_path / "\x07.mp3", 0.3)
    tracks = look(tmp_path).tracks
    assert [track.title for track in tracks] == ["\\x07", "a b"]
    write_playlist(tmp_path / "all.xspf", tracks)
    assert read_playlist(tmp_path / "all.xspf") == [track.path for track in tracks]


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "mp3"])
def test_the_content_counts_and_not_the_ending(tmp_path: Path, kind: str) -> None:
    tone(tmp_path / "liar.mp3", 0.5, format=kind)
    (track,) = look(tmp_path).tracks
    assert track.duration_seconds == pytest.approx(0.5, abs=0.1)


def test_tags_of_a_file_with_a_lying_ending_are_read(tmp_path: Path) -> None:
    real = tone(tmp_path / "a.flac", 0.3, tags={"TITLE": "True", "MOOD": "calm"})
    real.rename(tmp_path / "a.mp3")
    (track,) = look(tmp_path).tracks
    assert (track.title, track.affect.source) == ("True", "file tag")


@pytest.fixture(scope="module")
def ruins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that cannot be played, and one that can."""
    folder = tmp_path_factory.mktemp("ruins")
    long = {kind: tone(folder / f"a.{kind}", 20.0).read_bytes() for kind in ("flac", "wav", "m4a")}
    for kind, content in long.items():
        (folder / f"a.{kind}").unlink()
        (folder / f"half.{kind}").write_bytes(content[: len(content) // 2])
    (folder / "head.flac").write_bytes(long["flac"][:60])
    (folder / "text.mp3").write_text("Hello, this is no music.\n" * 400)
    (folder / "empty.ogg").touch()
    (folder / "noise.mp3").write_bytes(bytes(range(7, 256, 9)) * 4000)
    (folder / "picture.m4a").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1000))
    os.mkfifo(folder / "pipe.mp3")
    (folder / "socket.wav").symlink_to("/dev/zero")
    (folder / "gone.mp3").symlink_to(folder / "nowhere.mp3")
    (folder / "folder.mp3").mkdir()
    shutil.copy(tone(folder / "fine.mp3", 0.3), os.fsencode(folder) + b"/\xff\xfe.mp3")
    return folder


def test_broken_files_are_named_and_skipped(ruins: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        result = look(ruins)
    assert set(by_name(result)) == {"fine.mp3"}
    said = reasons(result)
    assert said["half.flac"] == said["half.wav"] == "cut off: not all of its 20 seconds are there"
    for name in ("half.m4a", "head.flac", "text.mp3", "noise.mp3"):
        assert said[name].startswith("not sound, or damaged"), name
    assert said["picture.m4a"] == "it holds no sound"
    assert said["empty.ogg"] == "the file is empty"
    assert said["pipe.mp3"] == said["socket.wav"] == "not a file"
    assert "No such file" in said["gone.mp3"]
    assert said["\\udcff\\udcfe.mp3"] == "its name is not valid UTF-8: rename it"
    for name, reason in said.items():
        assert any(name in line and reason in line for line in caplog.messages)


def test_what_was_skipped_can_be_stored_and_shown(ruins: Path) -> None:
    for skipped in look(ruins).skipped:
        assert skipped.path.isprintable()
        msgspec.json.encode(skipped)


def test_a_file_plays_though_its_first_packet_is_damaged(tmp_path: Path) -> None:
    path = tone(tmp_path / "scratched.flac", 20.0)
    content = bytearray(path.read_bytes())
    first = content.index(b"\xff\xf8")  # a frame begins
    content[first + 20 : first + 220] = bytes(range(200))
    path.write_bytes(content)
    (track,) = look(tmp_path).tracks
    assert track.duration_seconds == pytest.approx(20.0)


def test_half_an_mp3_plays_to_where_it_ends(tmp_path: Path) -> None:
    content = tone(tmp_path / "a.mp3", 10.0).read_bytes()
    (tmp_path / "a.mp3").write_bytes(content[: len(content) // 2])
    assert len(look(tmp_path).tracks) == 1


def test_circles_of_links_end(tmp_path: Path) -> None:
    tone(tmp_path / "music" / "a.wav", 0.1)
    (tmp_path / "music" / "again").symlink_to(tmp_path / "music")
    (tmp_path / "music" / "up").symlink_to(tmp_path)
    (tmp_path / "music" / "me").symlink_to(tmp_path / "music" / "me")
    result = look(tmp_path / "music")
    assert len(result.tracks) == 1


def test_links_to_music_elsewhere_are_followed(tmp_path: Path) -> None:
    tone(tmp_path / "drive" / "a.wav", 0.1)
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "drive").symlink_to(tmp_path / "drive")
    (track,) = look(tmp_path / "music").tracks
    assert track.path == str(tmp_path / "music" / "drive" / "a.wav")


@pytest.mark.parametrize(
    "name",
    [
        "._a.mp3",
        *("@eaDir/a.mp3", ".@__thumb/a.mp3", "#snapshot/a.mp3", "#recycle/a.mp3", "@Recycle/a.mp3"),
        *(".Trash/a.mp3", ".trash/a.mp3", ".Trash-1000/files/a.mp3", "$RECYCLE.BIN/a.mp3"),
        *(".stversions/a.mp3", ".snapshots/1/a.mp3", ".zfs/snapshot/1/a.mp3"),
        *("System Volume Information/a.mp3", "lost+found/a.mp3", ".AppleDouble/a.mp3"),
    ],
)
def test_what_a_system_or_a_server_keeps_for_itself_is_passed_by(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"junk")
    result = look(tmp_path)
    assert (result.tracks, result.skipped) == ((), ())


@pytest.mark.parametrize(
    "name",
    [
        "...Baby One More Time.wav",
        ".38 Special/Hold On.wav",
        "lost+found again/a.wav",
        ".Trashmen.wav",
    ],
)
def test_music_whose_name_begins_with_a_dot_is_found(tmp_path: Path, name: str) -> None:
    path = tone(tmp_path / name, 0.1)
    (track,) = look(tmp_path).tracks
    assert track.path == str(path)


def test_a_flat_folder_on_a_slow_server_is_not_taken_for_a_silent_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listing it takes longer than a silent drive is waited for, and so does looking at it."""
    for number in range(30):
        (tmp_path / f"{number}.jpg").touch()
    tone(tmp_path / "a.wav", 0.1)
    monkeypatch.setattr(walk, "PATIENCE_SECONDS", 1.0)
    slow(monkeypatch, 0.06)
    result = look(tmp_path)
    assert (len(result.tracks), result.absent) == (1, ())


def test_a_deep_tree_is_no_problem(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(300):
        folder /= "d"
    tone(folder / "a.wav", 0.1)
    assert len(look(tmp_path).tracks) == 1


def test_a_missing_folder_is_named_with_the_mend_and_the_others_are_scanned(
    tmp_path: Path,
) -> None:
    tone(tmp_path / "here" / "a.wav", 0.1)
    result = look(tmp_path / "usb", tmp_path / "here")
    assert len(result.tracks) == 1
    (message,) = result.absent
    assert str(tmp_path / "usb") in message
    assert "mount or create it" in message
    assert "folders" in message


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder that a user without rights may reach, and the rights of such a user."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    tone(folder / "locked" / "a.wav", 0.1)
    tone(folder / "open" / "secret.wav", 0.1).chmod(0)
    tone(folder / "open" / "b.wav", 0.1)
    (folder / "locked").chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)
    (folder / "locked").chmod(0o755)
    shutil.rmtree(folder)


def test_what_may_not_be_read_is_skipped(nobody: Path) -> None:
    result = look(nobody)
    assert set(by_name(result)) == {"b.wav"}
    assert "Permission denied" in reasons(result)["locked"]
    assert "Permission denied" in reasons(result)["secret.wav"]


def test_a_folder_that_nobody_may_reach_is_not_there(nobody: Path) -> None:
    result = look(nobody / "locked" / "music", nobody / "open")
    assert set(by_name(result)) == {"b.wav"}
    assert "music is not there" in result.absent[0]


def test_ids_are_stable_and_of_the_relative_path(tmp_path: Path) -> None:
    tone(tmp_path / "one" / "x" / "a.wav", 0.1)
    (before,) = look(tmp_path / "one").tracks
    (tmp_path / "one").rename(tmp_path / "two")
    (after,) = look(tmp_path / "two").tracks
    assert before.id == after.id
    assert len(before.id) == 16


def test_equal_paths_in_several_folders_stay_apart(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b" / "music", tmp_path / "c" / "music"]
    for folder in folders:
        tone(folder / "same.wav", 0.1)
    ids = {track.path: track.id for track in look(*folders).tracks}
    assert len(set(ids.values())) == 3
    shutil.rmtree(folders[0])
    assert all(ids[track.path] == track.id for track in look(*folders).tracks)


def test_a_folder_within_another_is_seen_once(tmp_path: Path) -> None:
    tone(tmp_path / "a" / "b" / "x.wav", 0.1)
    assert len(look(tmp_path / "a", tmp_path / "a" / "b").tracks) == 1


def test_the_user_has_the_last_word(tmp_path: Path) -> None:
    for name in ("a.flac", "b.flac", "c.flac"):
        tone(tmp_path / "happy" / name, 0.1, tags={"MOOD": "happy"})
    own = tmp_path / "happy" / OWN_TAGS
    own.write_text('["a.flac"]\nmood = "sad"\n["b.flac"]\nvalence = -0.5\narousal = 1\n')
    found = by_name(look(tmp_path))
    assert found["a.flac"].affect.source == found["b.flac"].affect.source == "user tag"
    assert (found["b.flac"].affect.valence, found["b.flac"].affect.arousal) == (-0.5, 1.0)
    assert found["c.flac"].affect.source == "file tag"


@pytest.mark.parametrize("text", ["[", "\x00", '["a.wav"]\nmood = "xyzzy"', "x = 3"])
def test_wrong_own_tags_are_said_and_passed_by(tmp_path: Path, text: str) -> None:
    tone(tmp_path / "a.wav", 0.1)
    (tmp_path / OWN_TAGS).write_text(text)
    result = look(tmp_path)
    assert len(result.tracks) == 1
    assert OWN_TAGS in reasons(result)


def test_a_mistake_is_said_once_while_it_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tone(tmp_path / "a.wav", 0.1)
    (tmp_path / "mood.txt").write_text("hapy\n")
    (tmp_path / "happy.xspf").write_text("<x")
    first = scan(roots([tmp_path]))
    assert first is not None
    assert len(first.skipped) == len(caplog.messages) == 2
    caplog.clear()
    second = scan(roots([tmp_path]), first.library)
    assert second is not None
    assert second.skipped == first.skipped
    assert not caplog.messages
    (tmp_path / "mood.txt").write_text("hppy\n")
    third = scan(roots([tmp_path]), second.library)
    assert third is not None
    (message,) = caplog.messages
    assert "hppy" in message


def test_mistakes_of_a_label_file_are_named_together(tmp_path: Path) -> None:
    tone(tmp_path / "a.wav", 0.1)
    (tmp_path / "mood.txt").write_text("hapy\n" * 7)
    said = reasons(look(tmp_path))["mood.txt"]
    assert said.startswith("line 1: mood 'hapy' is not a word known here")
    assert "; line 5: " in said
    assert said.endswith("; and 2 more")


def test_own_tags_that_are_no_text_are_passed_by(tmp_path: Path) -> None:
    tone(tmp_path / "a.wav", 0.1)
    (tmp_path / OWN_TAGS).write_bytes(b"\xff\xfe\x00")
    assert len(look(tmp_path).tracks) == 1
    (tmp_path / OWN_TAGS).unlink()
    os.mkfifo(tmp_path / OWN_TAGS)
    assert len(look(tmp_path).tracks) == 1


def test_a_second_scan_sees_what_changed(tmp_path: Path) -> None:
    for name in ("a.flac", "b.flac"):
        tone(tmp_path / name, 0.1, tags={"TITLE": "old"})
    first = look(tmp_path)
    tag(tmp_path / "a.flac", {"TITLE": "new and longer than the padding" * 3})
    os.utime(tmp_path / "a.flac", ns=(1, 1))
    tone(tmp_path / "c.flac", 0.1)
    second = look(tmp_path, known=first)
    assert by_name(second)["a.flac"].title.startswith("new")
    assert by_name(second)["b.flac"] is by_name(first)["b.flac"]
    (tmp_path / OWN_TAGS).write_text('["b.flac"]\nmood = "sad"\n')
    (tmp_path / "c.flac").unlink()
    third = look(tmp_path, known=second)
    assert set(by_name(third)) == {"a.flac", "b.flac"}
    assert by_name(third)["b.flac"].affect.source == "user tag"


def test_a_scan_can_be_stopped_and_says_that_it_lives(tmp_path: Path) -> None:
    for number in range(5):
        tone(tmp_path / f"{number}.wav", 0.1)
    told: list[Progress] = []

    def until_three(progress: Progress) -> bool:
        told.append(progress)
        return progress.opened < 3

    assert scan(roots([tmp_path]), keep_going=until_three) is None
    assert told == [Progress(0), *(Progress(5, opened, 5) for opened in range(4))]


@pytest.mark.slow
def test_four_gigabytes_are_no_problem(tmp_path: Path) -> None:
    size = 4_200_000_000
    rate, header = 96_000, 44
    sizes = struct.pack("<4sI4s", b"RIFF", size - 8, b"WAVE")
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, rate, rate * 4, 4, 16)
    with (tmp_path / "huge.wav").open("wb") as file:
        file.write(sizes + form + struct.pack("<4sI", b"data", size - header))
        file.truncate(size)
    tone(tmp_path / "tail.mp3", 1.0)
    os.truncate(tmp_path / "tail.mp3", size)
    began = time.monotonic()
    result = look(tmp_path)
    found = by_name(result)
    assert time.monotonic() - began < 40.0
    assert found["huge.wav"].duration_seconds == pytest.approx((size - header) / rate / 4, rel=0.01)
    assert "tail.mp3" in found or "not read within 10 s" in reasons(result)["tail.mp3"]


def test_a_damaged_header_may_not_claim_days(tmp_path: Path) -> None:
    content = bytearray(tone(tmp_path / "a.mp3", 1.0).read_bytes())
    frames = content.index(b"Xing") + 8  # the count of frames, big-endian
    content[frames : frames + 4] = b"\x7f\xff\xff\xff"
    (tmp_path / "a.mp3").write_bytes(content)
    result = look(tmp_path)
    assert result.tracks == ()
    assert "claims to last" in reasons(result)["a.mp3"]
