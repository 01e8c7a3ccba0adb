"""Several ways to one file: it is a single track, of which each way may say something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from device.music.library import ScanResult, scan
from device.music.walk import roots
from tests.music.audio import tone


def look(*folders: Path, known: ScanResult | None = None) -> ScanResult:
    result = scan(roots(folders), known.library if known else None)
    assert result is not None
    return result


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
@pytest.mark.parametrize("artist", ["Artist", "zz top"])
def test_a_link_in_a_mood_folder_labels_its_file_whatever_the_alphabet(
    tmp_path: Path, artist: str, link: Callable[[Path, Path], None]
) -> None:
    song = tone(tmp_path / "music" / artist / "song.flac", 0.1)
    for folder in ("happy", "Jazz", "more"):
        (tmp_path / "music" / folder).mkdir()
    first = look(tmp_path / "music")
    assert [track.affect.source for track in first.tracks] == ["unknown"]
    for folder in ("happy", "Jazz"):
        link(tmp_path / "music" / folder / "song.flac", song)
    second = look(tmp_path / "music", known=first)
    (track,) = second.tracks
    assert (track.affect.source, track.genre) == ("folder", "Jazz")
    link(tmp_path / "music" / "more" / "song.flac", song)
    (tmp_path / "music" / "more" / "mood.txt").write_text("sad")
    (track,) = look(tmp_path / "music", known=second).tracks
    assert (track.affect.source, track.affect.valence < 0) == ("user tag", True)


def test_a_playlist_may_name_a_file_by_a_link(tmp_path: Path) -> None:
    song = tone(tmp_path / "Artist" / "song.flac", 0.1)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "other.flac").symlink_to(song)
    (tmp_path / "links" / "Calm.m3u8").write_text("other.flac\n")
    result = look(tmp_path)
    assert [track.affect.source for track in result.tracks] == ["playlist"]
    assert result.unused == ()


def test_a_link_from_another_music_folder_labels_its_file_too(tmp_path: Path) -> None:
    song = tone(tmp_path / "one" / "song.flac", 0.1)
    (tmp_path / "two" / "happy").mkdir(parents=True)
    (tmp_path / "two" / "happy" / "song.flac").symlink_to(song)
    (track,) = look(tmp_path / "one", tmp_path / "two").tracks
    assert (track.path, track.affect.source) == (str(song), "folder")
