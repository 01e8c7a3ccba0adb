"""Tags of every format end up in one shape, and nonsense in none."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.id3 import ID3, TCON, TXXX

from device.music.probe import Unplayable, probe
from device.music.tags import LONGEST_TEXT, Tags, flatten, parse
from tests.music.audio import FORMATS, tone

FULL = {
    "title": "Über\tden  Wolken\n",
    "artist": "Someone",
    "album": "Something",
    "genre": "Rock",
    "date": "2011-05-01",
    "originaldate": "1984",
    "bpm": "120",
    "mood": "Happy",
    "ITUNESADVISORY": "1",
    "REPLAYGAIN_TRACK_GAIN": "-6.50 dB",
    "VALENCE": "0.6",
    "AROUSAL": "-0.25",
}


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "aac"])
def test_every_format_is_read_alike(tmp_path: Path, kind: str) -> None:
    tags, seconds = probe(tone(tmp_path / f"a.{kind}", 0.5, tags=FULL))
    assert seconds == pytest.approx(0.5, abs=0.1)
    assert tags == Tags(
        title="Über den Wolken",
        artist="Someone",
        album="Something",
        genre="Rock",
        year=1984,
        tempo_bpm=120.0,
        loudness_lufs=-11.5,
        explicit=True,
        moods=("Happy",),
        valence=0.6,
        arousal=-0.25,
    )


def test_a_file_without_tags_says_nothing(tmp_path: Path) -> None:
    tags, seconds = probe(tone(tmp_path / "a.aac", 0.5))
    assert tags == Tags()
    assert seconds > 0.3


@pytest.mark.parametrize(
    ("flat", "wanted"),
    [
        ({"date": "1999-12-31"}, Tags(year=1999)),
        ({"date": "19991231"}, Tags(year=1999)),
        ({"date": "31.12.1999"}, Tags(year=1999)),
        ({"date": "0000"}, Tags()),
        ({"date": "99999999999"}, Tags()),
        ({"originaldate": "soon", "date": "1970"}, Tags(year=1970)),
        ({"bpm": "0"}, Tags()),
        ({"bpm": "127,5 BPM"}, Tags(tempo_bpm=127.5)),
        ({"bpm": "1e400"}, Tags()),
        ({"replaygain_track_gain": "+3.0 dB"}, Tags(loudness_lufs=-21.0)),
        ({"replaygain_track_gain": "loud"}, Tags()),
        ({"replaygain_track_gain": "-900 dB", "replaygain_album_gain": "1"},
         Tags(loudness_lufs=-19.0)),
        ({"r128_track_gain": "-512"}, Tags(loudness_lufs=-21.0)),
        ({"itunesadvisory": "2"}, Tags()),
        ({"itunesadvisory": "4"}, Tags(explicit=True)),
        ({"title": "Hit (Explicit Version)"}, Tags(title="Hit (Explicit Version)", explicit=True)),
        ({"title": "Explicit"}, Tags(title="Explicit")),
        ({"albumartist": "Band"}, Tags(artist="Band")),
        ({"mood": "Sad; slow/dark"}, Tags(moods=("Sad", "slow", "dark"))),
        ({"valence": "5", "arousal": "nan"}, Tags()),
    ],
)  # fmt: skip
def test_values_are_checked(flat: dict[str, str], wanted: Tags) -> None:
    assert parse(flat) == wanted


def test_numbered_genres_are_spelled_out() -> None:
    tags = ID3()
    tags.add(TCON(encoding=3, text=["(17)"]))
    assert flatten(tags) == {"genre": "Rock"}


def test_pictures_and_long_texts_do_not_get_through() -> None:
    flat = flatten({"APIC": b"\xff\xd8" * 5000, "title": "x" * 10_000, "artist": "a\x00b\ud800"})
    assert len(flat["title"]) == LONGEST_TEXT
    assert flat["artist"] == "a b?"
    assert "apic" not in flat


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=20), st.text() | st.binary() | st.lists(st.text())))
def test_any_tags_are_survived(tags: dict[str, object]) -> None:
    parse(flatten(tags))


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["date", "bpm", "replaygain_track_gain", "r128_track_gain", "valence"]),
        st.text(alphabet="0123456789.,-+eE dBinfa٣"),
    )
)
def test_any_numbers_are_survived(flat: dict[str, str]) -> None:
    tags = parse(flat)
    assert tags.year is None or 1000 <= tags.year < 2100
    assert tags.loudness_lufs is None or -160 < tags.loudness_lufs < 120


def test_a_user_frame_is_read_by_its_own_name() -> None:
    tags = ID3()
    tags.add(TXXX(encoding=3, desc="Valence", text=["0.5"]))
    assert parse(flatten(tags)).valence == 0.5


def test_text_that_is_not_utf8_does_not_make_a_file_unplayable(tmp_path: Path) -> None:
    content = tone(tmp_path / "a.wav", 0.3).read_bytes()
    info = b"INFOINAM" + struct.pack("<I", 6) + b"M\xf6glic"
    content = content[12:36] + b"LIST" + struct.pack("<I", len(info)) + info + content[36:]
    content = b"RIFF" + struct.pack("<I", len(content) + 4) + b"WAVE" + content
    (tmp_path / "a.wav").write_bytes(content)
    tags, seconds = probe(tmp_path / "a.wav")
    assert tags.title in ("M?glic", "M\ufffdglic")
    assert seconds == pytest.approx(0.3, abs=0.01)


def test_no_sound_is_unplayable(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_text("just words\n" * 500)
    with pytest.raises(Unplayable, match="not sound"):
        probe(path)
