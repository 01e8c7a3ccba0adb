"""What listening changes about a track, and what it does not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.music.affect import UNKNOWN
from device.music.heard import (
    GENRES,
    MOODS,
    USUAL_ONSETS,
    VOICES,
    enrich,
    joined,
    listened_affect,
    voice,
)
from device.music.listen import VERSION
from device.music.listen.tagger import MusicSidecar
from device.music.listened import Work, sound_key, still_to_hear
from device.settings import HOME
from device.types import Affect, Heard, Listened, Track, TrackId


def heard(**changes: object) -> Heard:
    fields: dict[str, object] = {
        "loudness_lufs": -12.0,
        "loudness_range_lu": 6.0,
        "peak_dbfs": -0.5,
        "lead_in_seconds": 0.25,
        "lead_out_seconds": 1.5,
        "tempo_bpm": 110.0,
        "onset_rate": 4.0,
        "brightness_hertz": 1500.0,
        "key": "C major",
        "majorness": 0.0,
        "tags": {},
    }
    return Heard(**(fields | changes))  # type: ignore[arg-type]


def a_track(affect: Affect = UNKNOWN, **changes: object) -> Track:
    return Track(TrackId("a"), "/a.ogg", "A", "B", affect, 60.0, **changes)  # type: ignore[arg-type]


def test_the_users_own_word_stands_alone() -> None:
    own = Affect(-0.8, 0.9, 0.2, "user tag")
    assert joined(own, Affect(0.9, -0.9, 0.3, "listening")) == own


def test_where_nothing_was_said_the_sound_decides() -> None:
    listened = listened_affect(heard(tags={"happy": 0.4}))
    assert joined(UNKNOWN, listened) == listened
    assert listened.source == "listening"


@given(
    st.sampled_from(["file tag", "folder", "genre"]),
    st.floats(-1, 1),
    st.floats(-1, 1),
    st.floats(0.05, 0.5),
)
def test_a_joined_place_lies_between_and_is_no_less_sure(
    source: str, valence: float, arousal: float, deviation: float
) -> None:
    said, listened = Affect(valence, arousal, deviation, source), listened_affect(heard())
    both = joined(said, listened)
    for one, other, middle in (
        (said.valence, listened.valence, both.valence),
        (said.arousal, listened.arousal, both.arousal),
    ):
        assert min(one, other) - 1e-9 <= middle <= max(one, other) + 1e-9
    assert both.deviation <= min(said.deviation, listened.deviation)
    assert both.source == (source if deviation <= listened.deviation else "listening")


@pytest.mark.parametrize(
    ("changes", "axis", "sign"),
    [
        ({"tempo_bpm": 170.0}, "arousal", 1),
        ({"tempo_bpm": 60.0}, "arousal", -1),
        ({"onset_rate": 8.0}, "arousal", 1),
        ({"onset_rate": 0.0}, "arousal", -1),
        ({"brightness_hertz": 500.0}, "arousal", -1),
        ({"majorness": 0.3}, "valence", 1),
        ({"majorness": -0.3}, "valence", -1),
        ({"tags": {"happy": 0.2}}, "valence", 1),
        ({"tags": {"sad": 0.2}}, "valence", -1),
        ({"tags": {"ambient": 0.5}}, "arousal", -1),
        ({"tags": {"metal": 0.5}}, "arousal", 1),
    ],
)
def test_each_feature_moves_the_place_its_way(
    changes: dict[str, object], axis: str, sign: int
) -> None:
    plain = getattr(listened_affect(heard()), axis)
    moved = getattr(listened_affect(heard(**changes)), axis)
    assert math.copysign(1, moved - plain) == sign
    assert abs(moved - plain) > 0.02


def test_whatever_is_heard_stays_in_the_plane() -> None:
    wild = heard(tempo_bpm=220.0, onset_rate=30.0, brightness_hertz=7900.0, majorness=2.0)
    assert listened_affect(wild).arousal <= 1.0
    nothing = Heard(None, 0.0, None, 0.0, 0.0, None, USUAL_ONSETS, None, None, None)
    assert (listened_affect(nothing).valence, listened_affect(nothing).arousal) == (0.0, 0.0)
    faint, still = heard(onset_rate=0.01), heard(onset_rate=0.0)
    assert listened_affect(still) == listened_affect(faint)


def test_tags_of_the_file_stay_and_gaps_are_filled() -> None:
    known = {"a": Listened("a", VERSION, heard(tags={"female vocalists": 0.5}))}
    track = enrich(a_track(loudness_lufs=-20.0), known, "a")
    assert (track.loudness_lufs, track.tempo_bpm, track.peak_dbfs) == (-20.0, 110.0, -0.5)
    assert (track.lead_in_seconds, track.lead_out_seconds) == (0.25, 1.5)
    assert track.voice == 1.0


@pytest.mark.parametrize(
    "known", [{}, {"a": Listened("a", VERSION, error="damaged")}, {"b": Listened("b", VERSION)}]
)
def test_a_track_that_was_not_heard_stays_as_it_is(known: dict[str, Listened]) -> None:
    assert enrich(a_track(), known, "a") == a_track()


def test_a_voice_is_told_from_instruments() -> None:
    assert voice(heard()) is None
    sung, played = {"male vocalists": 0.3, "instrumental": 0.01}, {"instrumental": 0.4}
    assert (voice(heard(tags=sung)) or 0) > 0.9
    assert voice(heard(tags=played)) == 0.0


def test_every_tag_that_is_looked_for_is_one_of_the_taggers() -> None:
    import msgspec  # noqa: PLC0415 - for this alone

    sidecar = msgspec.json.decode(
        (HOME / "models_tflite/music.json").read_bytes(), type=MusicSidecar
    )
    assert {*MOODS, *GENRES, *VOICES, "instrumental"} <= set(sidecar.labels)
    assert len(sidecar.labels) == 50


def test_only_the_new_and_what_an_older_analysis_heard_is_listened_to() -> None:
    tracks = [
        Track(TrackId(name), f"/{name}.ogg", name, "", UNKNOWN, 9.0, audio_hash=sound)
        for name, sound in (("a", None), ("b", "hash"), ("c", "hash"), ("d", None), ("e", None))
    ]
    known = {
        "a": Listened("a", VERSION, heard()),
        "d": Listened("d", VERSION, error="damaged"),
        "e": Listened("e", VERSION - 1, heard()),
    }
    assert [sound_key(track) for track in tracks] == ["a", "hash", "hash", "d", "e"]
    assert still_to_hear(tracks, known) == [Work("hash", "/b.ogg", 9.0), Work("e", "/e.ogg", 9.0)]
