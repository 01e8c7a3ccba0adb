"""Where tracks lie: who is believed, and that words stand where they should."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.mood.circumplex import COORDINATES
from device.music.affect import UNKNOWN, affect_of
from device.music.genres import FITTED, RATED
from device.music.labels import Label
from device.music.words import PLACES, fold, place_of, place_of_folder
from device.types import Affect, Emotion


def test_the_best_source_speaks() -> None:
    everything = {
        "own": Label(mood="calm"),
        "valence": 0.5,
        "arousal": 0.5,
        "moods": ("sad",),
        "folders": ("party",),
        "genre": "Rock",
    }
    sources = []
    for name in ("own", "valence", "moods", "folders", "genre"):
        sources.append(affect_of(**everything).source)
        everything[name] = None if name in ("own", "valence", "genre") else ()
        everything["arousal"] = None if name == "valence" else everything["arousal"]
    assert sources == ["user tag", "file tag", "file tag", "folder", "genre"]
    assert affect_of(**everything) == UNKNOWN


def test_the_less_is_known_the_wider_it_is() -> None:
    deviations = [
        affect_of(own=Label(valence=0.1, arousal=0.2)).deviation,
        affect_of(moods=["happy"]).deviation,
        affect_of(folders=["happy"]).deviation,
        affect_of(genre="rock").deviation,
        affect_of().deviation,
    ]
    assert deviations == sorted(deviations)
    assert len(set(deviations)) == len(deviations)


def test_a_lone_number_is_joined_by_the_word_for_the_other() -> None:
    affect = affect_of(valence=-0.9, moods=["angry"])
    assert affect == Affect(-0.9, place_of("angry")[1], 0.2, "file tag")
    assert affect_of(valence=-0.9).arousal == 0.0
    assert affect_of(valence=-0.9).deviation > 0.3


def test_faces_and_words_agree() -> None:
    for emotion, word in (
        (Emotion.HAPPINESS, "happy"),
        (Emotion.SADNESS, "sad"),
        (Emotion.ANGER, "angry"),
        (Emotion.NEUTRAL, "neutral"),
    ):
        assert place_of(word) == COORDINATES[emotion]


def test_every_place_lies_in_the_circumplex() -> None:
    for valence, arousal in (*PLACES, *FITTED.values(), *RATED.values()):
        assert -1.0 <= valence <= 1.0
        assert -1.0 <= arousal <= 1.0
        assert math.hypot(valence, arousal) < 1.1


def test_no_word_stands_in_two_places() -> None:
    words = [fold(word) for words in PLACES.values() for word in words.split()]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("happy", "happy"),
        ("02 - Sad Songs", "sad"),
        ("CALM", "calm"),
        ("Fröhliche Lieder", "fröhlich"),
        ("froehlich", "fröhlich"),
        ("wu\u0308tend", "wütend"),
        ("ruhige Musik", "ruhig"),
        ("Chill Mix 2", "chill"),
        ("laid-back", "relaxed"),
        ("party_playlist", "party"),
    ],
)
def test_folders_named_for_a_mood(name: str, word: str) -> None:
    assert place_of_folder(name) == place_of(word)


@pytest.mark.parametrize("name", ["Happy Mondays", "music", "2012", "", "Sad Café Days", "📁"])
def test_folders_named_for_something_else(name: str) -> None:
    assert place_of_folder(name) is None


def test_the_innermost_mood_folder_counts() -> None:
    assert affect_of(folders=["music", "happy", "sad", "Album"]).valence < 0
    assert affect_of(folders=["music", "happy", "Album"]).source == "folder"


@pytest.mark.parametrize(
    ("genre", "like"),
    [
        ("ROCK", "rock"),
        ("R&B", "r&b"),
        ("Rhythm & Blues", "r&b"),
        ("Drum & Bass", "drum and bass"),
        ("Bavarian Indie Rock", "indie rock"),
        ("Klassik", "classical"),
        ("Techno; Unheard Of", "techno"),
        ("Hip-Hop", "hip hop"),
        ("Heavy Metal", "metal"),
    ],
)
def test_genres_are_recognised(genre: str, like: str) -> None:
    assert affect_of(genre=genre) == affect_of(genre=like)
    assert affect_of(genre=genre).source == "genre"


def test_genres_lie_where_people_hear_them() -> None:
    assert affect_of(genre="metal").arousal > affect_of(genre="pop").arousal
    assert affect_of(genre="pop").arousal > affect_of(genre="ambient").arousal
    assert affect_of(genre="disco").valence > affect_of(genre="classical").valence
    both = affect_of(genre="Metal; Ambient").arousal
    assert affect_of(genre="ambient").arousal < both < affect_of(genre="metal").arousal


@pytest.mark.parametrize("genre", ["", "Unknown", "other", "(255)", "; ;"])
def test_no_genre_is_no_knowledge(genre: str) -> None:
    assert affect_of(genre=genre) == UNKNOWN


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"valence": 2}, "-1..1"),
        ({"arousal": "high"}, "float"),
        ({"mood": "xyzzy"}, "not a word known"),
        ({"mod": "happy"}, "mod"),
        (3, "object"),
    ],
)
def test_own_tags_are_checked(entry: object, says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.convert(entry, Label)


@settings(deadline=None)
@given(st.lists(st.text()), st.lists(st.text()), st.none() | st.text())
def test_any_text_is_survived(moods: list[str], folders: list[str], genre: str | None) -> None:
    affect = affect_of(moods=moods, folders=folders, genre=genre)
    assert -1 <= affect.valence <= 1
    assert -1 <= affect.arousal <= 1
