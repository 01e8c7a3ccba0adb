"""One's own labels, and playlists in and out: what counts, and that nothing hostile does harm."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.music.labels import MOOD_TEXT, OWN_TAGS, Label, read_labels
from device.music.library import ScanResult, scan
from device.music.playlists import BadPlaylist, read_playlist, write_playlist
from device.music.walk import roots
from device.music.words import place_of
from device.types import Affect, Track, TrackId
from tests.music.audio import tone


def look(folder: Path, known: ScanResult | None = None) -> ScanResult:
    result = scan(roots([folder]), known.library if known else None)
    assert result is not None
    return result


def tracks(result: ScanResult) -> dict[str, Track]:
    return {Path(track.path).name: track for track in result.tracks}


def place(track: Track) -> tuple[float, float]:
    return track.affect.valence, track.affect.arousal


def reasons(result: ScanResult) -> str:
    return "\n".join(f"{skipped.path}: {skipped.reason}" for skipped in result.skipped)


def test_mood_text_labels_a_folder_files_and_what_lies_below(tmp_path: Path) -> None:
    for name in ("a.flac", "b.flac", "below/c.flac", "below/d.flac"):
        tone(tmp_path / name, 0.1, tags={"MOOD": "tense"})
    (tmp_path / MOOD_TEXT).write_text("\ufeff# my word\r\n\r\ncalm\r\na.flac: happy\r\nb: sad\r\n")
    (tmp_path / "below" / "Mood.txt").write_text("d.flac: angry")
    found = tracks(look(tmp_path))
    places = [place(found[f"{name}.flac"]) for name in "abcd"]
    assert places == [place_of(word) for word in ("happy", "sad", "calm", "angry")]
    assert {track.affect.source for track in found.values()} == {"user tag"}


def test_a_name_without_its_ending_means_each_sound_file_of_that_name(tmp_path: Path) -> None:
    for name in ("song.flac", "song.mp3", "other.flac", "other.flac.ogg", "a.b.flac"):
        tone(tmp_path / name, 0.1)
    for name in ("song.cue", "song.jpg", "song.lrc", "song.txt", "a.b", "cover.jpg"):
        (tmp_path / name).write_text("no music")
    text = "song: sad\nother.flac: happy\na.b: calm\ncover: sad\ncover.jpg: sad\n"
    (tmp_path / MOOD_TEXT).write_text(text)
    result = look(tmp_path)
    found = tracks(result)
    assert place(found["song.flac"]) == place(found["song.mp3"]) == place_of("sad")
    assert place(found["other.flac"]) == place_of("happy")
    assert found["other.flac.ogg"].affect.source == "unknown"
    assert place(found["a.b.flac"]) == place_of("calm")
    told = [f"{name!r}: there is no such sound file here" for name in ("cover", "cover.jpg")]
    assert [skipped.reason for skipped in result.skipped] == ["; ".join(told)]


@pytest.mark.parametrize("name", [".Attune.toml", ".ATTUNE.TOML"])
def test_a_drive_that_changes_the_case_of_names_changes_no_label(tmp_path: Path, name: str) -> None:
    tone(tmp_path / "a.flac", 0.1)
    (tmp_path / "MOOD.TXT").write_text("a: sad")
    (tmp_path / name).write_text('["a.flac"]\nmood = "happy"\n')
    result = look(tmp_path)
    assert place(result.tracks[0]) == place_of("happy")
    assert result.skipped == ()


def test_attune_toml_says_more_and_wins(tmp_path: Path) -> None:
    for name in ("a.flac", "b.flac", "c.flac"):
        tone(tmp_path / name, 0.1, tags={"GENRE": "Rock", "DATE": "1999"})
    (tmp_path / MOOD_TEXT).write_text("sad\na: sad")
    (tmp_path / OWN_TAGS).write_text(
        '["*"]\ngenre = "Jazz"\nyear = 1959\n["a.flac"]\nvalence = 0.5\narousal = 0.1\n'
        'explicit = true\n["b.flac"]\nskip = true\n'
    )
    result = look(tmp_path)
    found = tracks(result)
    assert set(found) == {"a.flac", "c.flac"}
    assert (found["a.flac"].genre, found["a.flac"].year) == ("Jazz", 1959)
    assert place(found["a.flac"]) == (0.5, 0.1)
    assert (found["a.flac"].explicit, found["c.flac"].explicit) == (True, False)
    assert place(found["c.flac"]) == place_of("sad")
    assert "b.flac: your label says: skip" in reasons(result)


def test_a_label_that_changes_is_seen_and_what_is_skipped_keeps_its_id(tmp_path: Path) -> None:
    tone(tmp_path / "a.flac", 0.1)
    first = look(tmp_path)
    (tmp_path / MOOD_TEXT).write_text("a: sad")
    second = look(tmp_path, first)
    assert second.tracks[0].affect.source == "user tag"
    (tmp_path / OWN_TAGS).write_text('["a.flac"]\nskip = true')
    third = look(tmp_path, second)
    assert third.tracks == ()
    (tmp_path / OWN_TAGS).unlink()
    assert look(tmp_path, third).tracks == second.tracks


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (MOOD_TEXT, b"xyzzy", "line 1: mood 'xyzzy' is not a word known here"),
        (MOOD_TEXT, b"a: happy\nsng.flac: sad", "'sng.flac': there is no such sound file here"),
        (MOOD_TEXT, b"happy\0" * 50, "not text"),
        (MOOD_TEXT, b"x" * 1_000_001, "larger than 1 MB"),
        (OWN_TAGS, b'["a.flac"]\nyear = 3', "year must be"),
        (OWN_TAGS, b'["a.flac"]\nskip = 3', "skip"),
        (OWN_TAGS, b'["other.flac"]\nskip = true', "no such sound file"),
        (OWN_TAGS, b"[a.flac]\nskip = true\n[a.b.mp3]", """put 'a.flac' in quotes: ["a.flac"]"""),
        (OWN_TAGS, b"[a.flac]\nskip = true\n[a.b.mp3]", """put 'a.b.mp3' in quotes: ["a.b.mp3"]"""),
    ],
)
def test_wrong_labels_are_told(tmp_path: Path, name: str, text: bytes, says: str) -> None:
    tone(tmp_path / "a.flac", 0.1)
    (tmp_path / name).write_bytes(text)
    result = look(tmp_path)
    assert len(result.tracks) == 1
    assert says in reasons(result)


@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_label_file_is_survived(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    for name in (MOOD_TEXT, OWN_TAGS):
        (folder / name).write_bytes(data)
    labels, problems = read_labels(folder, [MOOD_TEXT, OWN_TAGS, "a.mp3"], Label())
    assert isinstance(labels.of("a.mp3"), Label)
    assert all(problem.reason for problem in problems)


# --- genres and playlists ---------------------------------------------------------------------


def test_a_folder_may_be_named_for_a_genre(tmp_path: Path) -> None:
    tone(tmp_path / "Jazz" / "Band" / "a.flac", 0.1)
    tone(tmp_path / "Jazz" / "b.flac", 0.1, tags={"GENRE": "Metal"})
    found = tracks(look(tmp_path))
    assert (found["a.flac"].genre, found["b.flac"].genre) == ("Jazz", "Metal")
    assert found["a.flac"].affect.source == "genre"


def test_a_playlist_labels_like_a_folder_below_file_tags(tmp_path: Path) -> None:
    for name in ("happy/a.flac", "happy/ü b.flac", "c.flac", "d.flac"):
        tone(tmp_path / name, 0.1)
    tone(tmp_path / "e.flac", 0.1, tags={"MOOD": "calm"})
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "sad evening.m3u8").write_text("# no mood alone: evening\n../c.flac\n")
    (lists / "Sad Songs.m3u8").write_text(
        "#EXTM3U\n#EXTINF:1,x\n../happy/a.flac\nhttp://example.org/x.mp3\n..\\e.flac\n\n"
        "/etc/passwd\n../../../../../../etc/shadow\nSad Songs.m3u8\n"
    )
    (lists / "Party.xspf").write_text(
        '<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList>'
        "<track><location>../happy/%C3%BC%20b.flac</location></track>"
        f"<track><location>file://{tmp_path}/c.flac</location><title>t &amp; u</title></track>"
        "</trackList></playlist>"
    )
    result = look(tmp_path)
    found = tracks(result)
    assert place(found["a.flac"]) == place_of("sad")
    assert place(found["ü b.flac"]) == place(found["c.flac"]) == place_of("party")
    assert found["a.flac"].affect.source == "playlist"
    assert (found["d.flac"].affect.source, found["e.flac"].affect.source) == ("unknown", "file tag")
    assert result.skipped == ()
    (lists / "Sad Songs.m3u8").unlink()
    again = tracks(look(tmp_path, result))
    assert again["a.flac"].affect.source == "folder"
    assert again["c.flac"] is found["c.flac"]


def test_a_playlist_may_spell_its_entries_with_percent_signs(tmp_path: Path) -> None:
    for name in ("c d.flac", "é.flac", "100%25.flac", "e%20f.flac", "e f.flac"):
        tone(tmp_path / "100% Jazz" / name, 0.1)
    (tmp_path / "100% Jazz" / "Calm.m3u8").write_text(
        "c%20d.flac\n%C3%A9.flac\n100%25.flac\ne%20f.flac\nhttp:%2f%2fx\n%00\n%zz.flac\n"
    )
    result = look(tmp_path)
    found = tracks(result)
    for name in ("c d.flac", "é.flac", "100%25.flac", "e%20f.flac"):
        assert place(found[name]) == place_of("calm")
    assert found["e f.flac"].affect.source == "unknown"  # another is named so, letter by letter
    assert result.unused == ()


def test_a_playlist_that_says_nothing_is_told(tmp_path: Path) -> None:
    tone(tmp_path / "a.flac", 0.1)
    (tmp_path / "Road trip.m3u8").write_text("a.flac\n")
    (tmp_path / "Sad.m3u8").write_text("/home/me/a.flac\n")
    (tmp_path / "Calm.m3u8").write_text("a.flac\n/home/me/a.flac\n")
    (tmp_path / "Happy.m3u").write_text("D:\\Music\\a.flac\n\\\\nas\\music\\a.flac\n")
    (tmp_path / "Tense.m3u").write_text("#EXTM3U\nhttp://example.org/a.mp3\n")
    (tmp_path / "Angry.m3u").write_text("\0")
    result = look(tmp_path)
    assert result.unused == (
        f"{tmp_path}/Happy.m3u: none of the files it names is here",
        f"{tmp_path}/Road trip.m3u8: its name is no mood and no genre",
        f"{tmp_path}/Sad.m3u8: none of the files it names is here",
        f"{tmp_path}/Tense.m3u: it names no files",
    )
    assert [Path(skipped.path).name for skipped in result.skipped] == ["Angry.m3u"]


def test_a_playlist_may_spell_umlauts_otherwise_than_the_file_system(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        tone(tmp_path / unicodedata.normalize(form, "für dich.flac"), 0.1)
    tone(tmp_path / "a" / unicodedata.normalize("NFD", "für alle.flac"), 0.1)
    named = ["für dich.flac", "a/für alle.flac"]
    text = "\n".join(unicodedata.normalize("NFC", name) for name in named)
    (tmp_path / "Calm.m3u8").write_text(text, encoding="utf-8")
    result = look(tmp_path)
    calm = [track.path for track in result.tracks if track.affect.source == "playlist"]
    assert [unicodedata.is_normalized("NFC", path) for path in calm] == [False, True]
    assert result.unused == ()


def test_a_name_may_begin_with_a_space(tmp_path: Path) -> None:
    paths = [str(tone(tmp_path / name, 0.1)) for name in (" 01 lead.flac", "b.flac")]
    write_playlist(tmp_path / "a.m3u8", [a_track(path) for path in paths])
    assert read_playlist(tmp_path / "a.m3u8") == paths
    (tmp_path / "Calm.m3u8").write_text(" 01 lead.flac\n  b.flac \n")  # as others write it
    assert {track.affect.source for track in look(tmp_path).tracks} == {"playlist"}


def test_old_players_wrote_windows_letters(tmp_path: Path) -> None:
    (tmp_path / "x.m3u").write_bytes("fröhlich.mp3\r\n".encode("cp1252"))
    assert read_playlist(tmp_path / "x.m3u") == [str(tmp_path / "fröhlich.mp3")]


BOMB = """<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]>
<playlist><trackList><track><location>&b;</location></track></trackList></playlist>"""
LEAK = """<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<playlist><trackList><track><location>&a;</location></track></trackList></playlist>"""


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("sad.xspf", BOMB.encode(), "document type"),
        ("sad.xspf", LEAK.encode(), "document type"),
        ("sad.xspf", b"<playlist><trackList>", "not XML"),
        ("sad.xspf", bytes(range(256)), "not XML"),
        ("sad.m3u", bytes(range(256)) * 10, "not text"),
        ("sad.m3u8", b"a.mp3\n" * 100_002, "more than 100,000"),
        ("sad.m3u8", b"a" * 10_000_001, "larger than 10 MB"),
    ],
)
def test_hostile_playlists_are_refused_by_name(
    tmp_path: Path, name: str, data: bytes, says: str
) -> None:
    tone(tmp_path / "a.flac", 0.1)
    (tmp_path / name).write_bytes(data)
    result = look(tmp_path)
    assert len(result.tracks) == 1
    assert name in reasons(result)
    assert says in reasons(result)


def test_an_entry_that_hides_a_nul_names_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.m3u").write_text("file:///a%00b.mp3\nc.mp3\n")
    assert read_playlist(tmp_path / "x.m3u") == [str(tmp_path / "c.mp3")]


def test_a_playlist_that_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "sad.m3u")
    assert "sad.m3u: not a file" in reasons(look(tmp_path))


@given(st.binary(max_size=400), st.sampled_from(["x.m3u", "x.m3u8", "x.xspf"]))
def test_any_playlist_is_survived(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data)
    try:
        found = read_playlist(path)
    except BadPlaylist:
        return
    assert all(entry.startswith("/") for entry in found)


def a_track(path: str, title: str = "T") -> Track:
    return Track(
        TrackId(path), path, title, "A & B", Affect(0, 0, 0.5, "unknown"), 61.5, album="<x>"
    )


names = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"], exclude_characters="/\\"),
    min_size=1, max_size=12,
).filter(lambda name: name not in (".", ".."))  # fmt: skip


@given(st.lists(names, max_size=5), st.sampled_from(["p.m3u8", "p.xspf"]))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, files: list[str], name: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    paths = [str(folder / "music" / file) for file in files] + ["/elsewhere/ä#b.ogg"]
    write_playlist(folder / name, [a_track(path, path) for path in paths])
    assert read_playlist(folder / name) == paths


def test_paths_are_relative_and_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.m3u8"
    write_playlist(path, [a_track(str(tmp_path / "m" / "x.ogg"))])
    text = path.read_text()
    assert text == "#EXTM3U\n#EXTINF:62,A & B - T\nm/x.ogg\n"
    with pytest.raises(ValueError, match="surrogates"):
        write_playlist(path, [a_track(str(tmp_path / "\udcff.ogg"))])
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ValueError, match="does not end with"):
        write_playlist(tmp_path / "a.txt", [])


def test_labels_are_one_shape_for_all() -> None:
    assert msgspec.convert({"mood": "calm"}, Label).over(Label(valence=0.1, year=1960)) == Label(
        mood="calm", year=1960
    )
