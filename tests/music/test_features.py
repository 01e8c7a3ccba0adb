"""Names as numbers: who shares what is learned with whom."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import numpy as np
import pytest
from msgspec.structs import replace

from device.lessons import Ended, Traits
from device.music.catalogue import Catalogue, Wish
from device.music.features import COMMON_GENRES, artist_vector, genre_vector, lead_artist
from device.music.taste import Belief
from device.types import Affect, Goal, Mood, MoodLabel, Track, TrackId
from tests.music.test_taste import LESSON

GENRES = ("Rock", "Pop", "Jazz", "Metal", "Soul", "Folk", "Classical", "Hip-Hop")


def shared(one: str, other: str) -> float:
    return float(np.dot(genre_vector(one), genre_vector(other)))


def test_common_genres_share_nothing() -> None:
    for one, other in itertools.combinations(COMMON_GENRES, 2):
        assert shared(one, other) == 0.0, (one, other)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Hip-Hop", "hip hop", 1.0),
        ("Rap", "Hip Hop", 1.0),
        ("R&B", "RnB", 1.0),
        ("Kinderlieder", "Children's Music", 1.0),
        ("Hard Rock", "rock", 0.5**0.5),
        ("Blues Rock", "Rock", 0.5**0.5),  # a kind of rock, not of blues
        ("Blues Rock", "Blues", 0.0),
        ("Dance", "Pop", 0.0),
        ("Rock; Pop", "Rock", 0.5**0.5),
        ("gqom", "Rock", 0.0),
        ("", "Rock", 0.0),
    ],
)
def test_a_genre_shares_with_what_it_is_a_kind_of(one: str, other: str, expected: float) -> None:
    assert shared(one, other) == pytest.approx(expected)


@pytest.mark.parametrize("genre", ["Rock", "Hard Rock", "gqom", "Rock; Pop", "a/b/c"])
def test_a_genre_weighs_about_as_much_as_another(genre: str) -> None:
    assert 0.5 < np.linalg.norm(genre_vector(genre)) < 1.5


@pytest.mark.parametrize(
    ("artist", "expected"),
    [
        ("Adele", "Adele"),
        ("Adele feat. Someone", "Adele"),
        ("Adele (ft. Someone)", "Adele"),
        ("Adele Featuring Someone & Others", "Adele"),
        ("Daft Punk", "Daft Punk"),
        ("Little Feat", "Little Feat"),
        ("feat. Someone", "feat. Someone"),
        ("", ""),
    ],
)
def test_guests_do_not_make_another_artist(artist: str, expected: str) -> None:
    assert lead_artist(artist) == expected
    assert artist_vector(artist.upper()) == artist_vector(expected)


def drawn_after(skipped: str) -> Counter[str]:
    """Genres drawn, of forty tracks of each, all at one place, once ten of one were skipped."""
    tracks = [
        Track(
            TrackId(f"{genre}{n}"), f"/{genre}{n}", "T", f"{genre} {n}",
            Affect(0.7, 0.5, 0.2, "file tag"), 200.0, genre=genre,
        )
        for genre in GENRES
        for n in range(40)
    ]  # fmt: skip
    belief = Belief()
    for n in range(10):
        moment = replace(LESSON.moment, traits=Traits(0.7, 0.5, genre=skipped, artist=f"other {n}"))
        belief.teach(replace(LESSON, moment=moment, ended=Ended.SKIPPED, heard_seconds=3.0))
    catalogue, dice = Catalogue(tracks), random.Random(1)
    wish = Wish(Mood(MoodLabel.HAPPINESS, 0.7, 0.5, 0.8, 0.0, 1), Goal.MATCH, wall=LESSON.wall)
    choices = (catalogue.choose(wish, dice, belief) for _ in range(300))
    return Counter(str(choice.track.genre) for choice in choices if choice)


@pytest.mark.parametrize("skipped", GENRES)
def test_what_is_thought_of_one_genre_says_nothing_of_others(skipped: str) -> None:
    drawn = drawn_after(skipped)
    others = [drawn[genre] for genre in GENRES if genre != skipped]
    assert drawn[skipped] < 10
    assert max(others) < 2.5 * min(others), drawn
