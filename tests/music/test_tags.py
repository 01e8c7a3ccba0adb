"""Tags of every format end up in one shape, and nonsense in none."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.apev2 import APEv2
from mutagen.asf import ASFBoolAttribute, ASFTags
from mutagen.id3 import ID3, RVA2, TCMP, TCON, TDRC, TDRL, TXXX
from mutagen.mp4 import MP4Tags

from device.music.probe import Unplayable, probe
from device.music.tags import LONGEST_TEXT, Tags, flatten, parse
from tests.music.audio import FORMATS, RATE, SOUNDFILE, sine, tag, tone

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
    "REPLAYGAIN_TRACK_PEAK": "0.5",
    "REPLAYGAIN_ALBUM_GAIN": "-5 dB",
    "REPLAYGAIN_ALBUM_PEAK": "1.000000",
    "albumartist": "Various",
    "tracknumber": "3/12",
    "discnumber": "2",
    "VALENCE": "0.6",
    "AROUSAL": "-0.25",
}


def test_several_values_stay_apart_in_every_format() -> None:
    ape, id3 = APEv2(), ID3()
    ape["Genre"] = ["Rock", "Pop"]
    id3.add(TCON(text=["Rock", "Pop"]))
    for tags in (ape, id3, {"genre": ["Rock", "Pop"]}, {"genre": "Rock\0Pop\0"}):
        assert flatten(tags)["genre"] == "Rock; Pop"


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "aac"])
def test_every_format_is_read_alike(tmp_path: Path, kind: str) -> None:
    found = probe(tone(tmp_path / f"a.{kind}", 0.5, tags=FULL, format=kind))
    assert found.seconds == pytest.approx(0.5, abs=0.1)
    assert found.tags == Tags(
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
        album_artist="Various",
        track_number=3,
        disc_number=2,
        peak_dbfs=pytest.approx(-6.02, abs=0.01),
        album_loudness_lufs=-13.0,
        album_peak_dbfs=0.0,
    )


def test_a_file_without_tags_says_nothing(tmp_path: Path) -> None:
    tags, seconds, _ = probe(tone(tmp_path / "a.aac", 0.5))
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
        ({"releasedate": "2009", "date": "1969"}, Tags(year=1969)),
        ({"releasedate": "2009", "date": "0000"}, Tags(year=2009)),
        ({"bpm": "0"}, Tags()),
        ({"bpm": "127,5 BPM"}, Tags(tempo_bpm=127.5)),
        ({"bpm": "1e400"}, Tags()),
        ({"replaygain_track_gain": "+3.0 dB"}, Tags(loudness_lufs=-21.0)),
        ({"replaygain_track_gain": "loud"}, Tags()),
        ({"replaygain_track_gain": "-900 dB", "replaygain_album_gain": "1"},
         Tags(album_loudness_lufs=-19.0)),
        ({"replaygain_track_peak": "0"}, Tags()),
        ({"replaygain_track_peak": "1.258925"}, Tags(peak_dbfs=pytest.approx(2.0, abs=1e-4))),
        ({"r128_album_gain": "256"}, Tags(album_loudness_lufs=-24.0)),
        ({"tracknumber": "07 of 12", "discnumber": "0"}, Tags(track_number=7)),
        ({"tracknumber": "A1"}, Tags()),
        ({"r128_track_gain": "-512"}, Tags(loudness_lufs=-21.0)),
        ({"itunesadvisory": "2"}, Tags()),
        ({"itunesadvisory": "4"}, Tags(explicit=True)),
        ({"title": "Hit (Explicit Version)"}, Tags(title="Hit (Explicit Version)", explicit=True)),
        *(({"title": title}, Tags(title=title, explicit=True)) for title in (
            "Hit (Album Version - Explicit)", "Hit [Remix, explicit]", "Hit - Explicit Version")),
        *(({"title": title}, Tags(title=title)) for title in (
            "Explicit", "Hit (Non-Explicit)", "Hit (not explicit)", "Explicit (Live)",
            "Hit (Inexplicit)")),
        *(({"explicit": said}, Tags(explicit=True)) for said in ("1", "true", "Yes")),
        *(({"explicit": said}, Tags()) for said in ("0", "no", "false", "")),
        ({"albumartist": "Band"}, Tags(artist="Band", album_artist="Band")),
        ({"compilation": "1"}, Tags(album_artist="Various Artists")),
        ({"compilation": "True", "albumartist": "Band"}, Tags(artist="Band", album_artist="Band")),
        ({"compilation": "0", "artist": "Band"}, Tags(artist="Band")),
        ({"compilation": "False"}, Tags()),
        ({"mood": "Sad; slow/dark"}, Tags(moods=("Sad", "slow", "dark"))),
        ({"valence": "5", "arousal": "nan"}, Tags()),
        ({"valence": ".7", "arousal": "+,5"}, Tags(valence=0.7, arousal=0.5)),
        ({"valence": "-9e-1", "arousal": "1.2345678901234567e-05"},
         Tags(valence=-0.9, arousal=1.2345678901234567e-05)),
        ({"valence": "1.", "arousal": "1e"}, Tags(valence=1.0, arousal=1.0)),
        ({"valence": ".", "arousal": "e-1"}, Tags()),
        ({"replaygain_track_peak": "1e-05"}, Tags(peak_dbfs=pytest.approx(-100.0))),
    ],
)  # fmt: skip
def test_values_are_checked(flat: dict[str, str], wanted: Tags) -> None:
    assert parse(flat) == wanted


def test_a_compilation_is_known_by_each_formats_mark() -> None:
    marked, mp4, asf = ID3(), MP4Tags(), ASFTags()
    marked.add(TCMP(encoding=3, text=["1"]))
    mp4["cpil"] = True
    asf["WM/IsCompilation"] = [ASFBoolAttribute(value=True)]
    for tags in (marked, mp4, asf, {"COMPILATION": ["1"]}):
        assert parse(flatten(tags)).album_artist == "Various Artists", tags


def test_numbered_genres_are_spelled_out() -> None:
    tags = ID3()
    tags.add(TCON(encoding=3, text=["(17)"]))
    assert flatten(tags) == {"genre": "Rock"}


def test_pictures_and_long_texts_do_not_get_through() -> None:
    flat = flatten({"APIC": b"\xff\xd8" * 5000, "title": "x" * 10_000, "artist": "a\x00b\ud800"})
    assert len(flat["title"]) == LONGEST_TEXT
    assert flat["artist"] == "a; b?"
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


def test_a_release_anew_is_not_when_music_came_out() -> None:
    tags = ID3()
    tags.add(TDRC(text="1969"))
    tags.add(TDRL(text="2009"))
    tags.add(TXXX(desc="EXPLICIT", text="1"))
    assert parse(flatten(tags)) == Tags(year=1969, explicit=True)


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
    tags, seconds, _ = probe(tmp_path / "a.wav")
    assert tags.title == "Möglic"
    assert seconds == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    ("stored", "meant"),
    [
        ("Ã¼ber", "über"),  # UTF-8 in a frame that promises Latin-1
        ("It\x92s", "It\u2019s"),  # Windows-1252 likewise
        ("Bj\xf6rk", "Björk"),
        ("M\udcf6glich", "Möglich"),
        ("Дождь", "Дождь"),
        ("Дождь \xe9", "Дождь é"),
        ("夢\udcff", "夢?"),
    ],
)
def test_text_is_what_was_meant(stored: str, meant: str) -> None:
    assert flatten({"title": [stored]}) == {"title": meant}


def test_gains_stand_where_old_programs_put_them(tmp_path: Path) -> None:
    path = tone(tmp_path / "a.mp3", 0.5, tags={"title": "x"})
    ape = APEv2()
    ape["REPLAYGAIN_TRACK_GAIN"] = "+2.0 dB"
    ape["Title"] = "shadowed by ID3"
    ape.save(path)
    tags = probe(path).tags
    assert (tags.loudness_lufs, tags.title) == (-20.0, "x")
    relative = ID3()
    relative.add(RVA2(desc="track", channel=1, gain=-4.0, peak=0.5))
    tags = parse(flatten(relative))
    assert tags.loudness_lufs == -14.0
    assert tags.peak_dbfs == pytest.approx(-6.02, abs=0.01)


@pytest.mark.parametrize("seconds", [0.2, 3.0])
@pytest.mark.parametrize("kind", FORMATS)
def test_the_audio_hash_is_of_the_sound_alone(tmp_path: Path, kind: str, seconds: float) -> None:
    path = tone(tmp_path / f"a.{kind}", seconds, format=kind)
    before = probe(path).audio_hash
    if kind != "aac":
        for text in ("short", "a long one " * 2000):
            tag(path, {"title": "x", "COMMENT": text})
            assert probe(path).audio_hash == before
    else:  # ADTS has no tags of its own; ID3 is put before
        tags = ID3()
        tags.add(TXXX(encoding=3, desc="x", text=["y" * 5000]))
        tags.save(path)
        assert probe(path).audio_hash == before
    other = tone(tmp_path / f"b.{kind}", seconds, 441.0, format=kind)
    assert probe(other).audio_hash != before


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3"])
def test_silence_at_the_start_does_not_make_two_tracks_one(tmp_path: Path, kind: str) -> None:
    silence = np.zeros((RATE * 4, 2), np.float32)
    hashes = set()
    for hertz in (440.0, 441.0):
        path = tmp_path / f"{hertz}.{kind}"
        container, encoding = SOUNDFILE[kind]
        with soundfile.SoundFile(path, "w", RATE, 2, encoding, format=container) as output:
            output.write(np.concatenate([silence, sine(1.0, hertz)]))
        hashes.add(probe(path).audio_hash)
    assert len(hashes) == 2


@pytest.mark.parametrize("kind", ["mp3", "aac", "wma", "flac", "ogg"])
def test_a_jingle_at_the_start_does_not_make_two_tracks_one(tmp_path: Path, kind: str) -> None:
    short, long = (
        tone(tmp_path / f"{seconds:.0f}.{kind}", seconds, rate=44_100) for seconds in (9.0, 12.0)
    )
    assert probe(short).audio_hash != probe(long).audio_hash


def test_no_sound_is_unplayable(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_text("just words\n" * 500)
    with pytest.raises(Unplayable, match="not sound"):
        probe(path)
