"""Choosing after what was heard: tracks and artists rest, albums go on."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from device.lessons import Ended, Lesson, Moment
from device.music.catalogue import Catalogue, Wish
from device.music.features import traits_of
from device.music.taste import Belief
from device.types import AgeGroup, Goal, MoodLabel, Track, TrackId
from tests.music.shelves import HAPPY, NOW, PLEASED, draws, track


def test_nothing_repeats_within_the_hours_while_half_is_left() -> None:
    shelf = [track(name) for name in "abcdefgh"]
    recent = [(TrackId(name), NOW - 600 * age) for age, name in enumerate("abc")]
    chosen = draws(Catalogue(shelf), Wish(HAPPY, wall=NOW, recent=recent))
    assert {each.id for each in chosen} == set("defgh")
    later = Wish(HAPPY, wall=NOW + 3 * 3600, recent=recent)
    assert {each.id for each in draws(Catalogue(shelf), later, 2000)} == set("abcdefgh")


def test_when_all_was_heard_the_longest_ago_half_is_left() -> None:
    shelf = [track(name) for name in "abcdef"]
    recent = [(TrackId(name), NOW - 60 * age) for age, name in enumerate("abcdef")]
    wish = Wish(HAPPY, wall=NOW, recent=recent, exclude=TrackId("f"))
    assert {each.id for each in draws(Catalogue(shelf), wish)} == {"c", "d", "e"}


def test_a_copy_rests_with_what_was_heard() -> None:
    """The same sound twice in the library: another track, but nothing else to hear."""
    shelf = [
        replace(track(f"{name}{copy}"), audio_hash=name) for name in "abcdef" for copy in (1, 2)
    ] + [track("g"), track("h")]  # of an older Attune, which named no sounds
    recent = [(TrackId(name), NOW - 600 * age) for age, name in enumerate(("a2", "b1", "g"))]
    chosen = {each.id for each in draws(Catalogue(shelf), Wish(HAPPY, wall=NOW, recent=recent))}
    assert chosen == {"c1", "c2", "d1", "d2", "e1", "e2", "f1", "f2", "h"}


def test_of_copies_too_the_longest_ago_half_is_left() -> None:
    shelf = [replace(track(f"{name}{copy}"), audio_hash=name) for copy in (1, 2) for name in "abcd"]
    recent = [(TrackId(f"{name}1"), NOW - 60 * age) for age, name in enumerate("abcd")]
    recent.append((TrackId("a2"), NOW - 5000))  # heard again since, as its copy
    chosen = {each.id for each in draws(Catalogue(shelf), Wish(HAPPY, wall=NOW, recent=recent))}
    assert chosen == {"c1", "c2", "d1", "d2"}


def test_likes_and_dislikes_of_a_track_and_of_its_copies_count_together() -> None:
    shelf = [replace(track(f"{name}{copy}"), audio_hash=name) for name in "abc" for copy in (1, 2)]
    feedback = {TrackId("a1"): 1, TrackId("b2"): -1, TrackId("c1"): 2, TrackId("c2"): -2}
    drawn = draws(Catalogue(shelf), Wish(HAPPY, wall=NOW, feedback=feedback), 2000)
    count = Counter(each.id for each in drawn)
    for copy in (1, 2):
        liked, disliked, neither = (count[TrackId(f"{name}{copy}")] for name in "abc")
        assert liked > 1.3 * neither > 3 * disliked
    wish = Wish(HAPPY, exclude=TrackId("a1"), feedback=feedback)
    choice = Catalogue(shelf[:2]).choose(wish, random.Random(0))
    assert choice is not None
    assert choice.track.id == "a2"
    assert choice.because.endswith("liked here before")


def test_an_album_passes_by_a_disliked_copy() -> None:
    album = [
        replace(track(f"{n}"), album="A", track_number=n, audio_hash=f"s{n}") for n in (1, 2, 3)
    ]
    copy = replace(track("copy"), audio_hash="s2")
    wish = Wish(HAPPY, feedback={copy.id: -1})
    assert Catalogue([*album, copy]).following(TrackId("1"), wish) == album[2]


def test_a_clock_that_was_set_back_forgets_nothing() -> None:
    recent = [(TrackId("a"), NOW + 1e6)]
    wish = Wish(HAPPY, wall=NOW, recent=recent)
    assert {each.id for each in draws(Catalogue([track("a"), track("b")]), wish)} == {"b"}


def test_an_artist_is_not_played_twice_in_a_row_while_others_fit() -> None:
    shelf = [track(f"a{n}", artist="A") for n in range(5)]
    shelf += [track(f"b{n}", artist="B") for n in range(5)]
    wish = Wish(HAPPY, wall=NOW, recent=[(TrackId("a0"), NOW - 200)])
    artists = Counter(each.artist for each in draws(Catalogue(shelf), wish, 500))
    assert artists["A"] == 0
    shelf[5:] = [track(f"b{n}", -0.7, -0.6, artist="B") for n in range(5)]
    assert {each.artist for each in draws(Catalogue(shelf), wish, 100)} == {"A"}


@pytest.mark.parametrize("spelled", ["ABBA", "abba ", "Abba feat. Somebody"])
def test_an_artist_is_one_however_spelled(spelled: str) -> None:
    shelf = [track("a", artist="Abba"), *(track(f"a{n}", artist=spelled) for n in range(5))]
    shelf += [track(f"b{n}", artist="B") for n in range(5)]
    wish = Wish(HAPPY, wall=NOW, recent=[(TrackId("a"), NOW - 200)])
    assert {each.artist for each in draws(Catalogue(shelf), wish, 200)} == {"B"}


def test_an_artist_just_heard_gives_way_to_what_fits_almost() -> None:
    """One whose music fits too little to be drawn otherwise is drawn about as often."""
    shelf = [track(f"a{n}", *PLEASED, artist="A") for n in range(6)]
    shelf += [track(f"b{n}", PLEASED[0] - 0.75, PLEASED[1], artist="B") for n in range(5)]
    wish = Wish(HAPPY, wall=NOW, recent=[(TrackId("a0"), NOW - 200)])
    artists = Counter(each.artist for each in draws(Catalogue(shelf), wish, 1000))
    assert artists["B"] / artists["A"] == pytest.approx(math.exp(2.5 - 0.75**2 / 0.205), rel=0.2)
    assert {each.artist for each in draws(Catalogue(shelf), Wish(HAPPY, wall=NOW))} == {"A"}


def test_the_artists_heard_before_the_last_come_seldomer_too() -> None:
    shelf = [track(f"{artist}{n}", artist=artist) for artist in "abcd" for n in range(5)]
    recent = [(TrackId(f"{artist}0"), NOW - 200 * age) for age, artist in enumerate("abc", start=1)]
    wish = Wish(HAPPY, wall=NOW, recent=recent)
    artists = Counter(each.artist for each in draws(Catalogue(shelf), wish, 3000))
    # Of the three heard one track rests, and four are left, of five.
    assert artists["b"] / artists["d"] == pytest.approx(0.8 * math.exp(-1.5), abs=0.03)
    assert artists["c"] / artists["d"] == pytest.approx(0.8 * math.exp(-0.8), abs=0.04)


def test_an_artist_that_is_loved_is_not_played_twice_in_a_row_either() -> None:
    catalogue, belief = Catalogue([track(f"{n}", artist=f"A{n % 5}") for n in range(50)]), Belief()
    for loved in catalogue.tracks[::5]:
        moment = Moment(0.0, traits_of(loved), 60.0, 20.0, AgeGroup.ADULT)
        belief.teach(
            Lesson(loved.id, NOW, Goal.MATCH, 0.1, MoodLabel.HAPPINESS, 0.7, 0.4, 1, moment, 60.0,
                   Ended.FINISHED, liked=True)
        )  # fmt: skip
    wish = Wish(HAPPY, wall=NOW, recent=[(TrackId("0"), NOW - 200)], exclude=TrackId("0"))
    chosen = [catalogue.choose(wish, random.Random(n), belief) for n in range(100)]
    assert not any(choice is not None and choice.track.artist == "A0" for choice in chosen)


def test_an_album_goes_on_by_disc_and_number_and_mixes_with_no_other() -> None:
    def on(name: str, disc: int | None, number: int | None, **other: Any) -> Track:
        told = {"artist": "A", "album": "Best of"} | other
        return replace(track(name), disc_number=disc, track_number=number, **told)

    shelf = [
        on("2-1", 2, 1), on("1-2", 1, 2), on("2-2", 2, 2), on("1-1", None, 1), on("1-4", 1, 4),
        on("unnumbered", 1, None), on("alone", None, 3, album=None), on("single", 1, 1, album=None),
        on("of another", 1, 3, artist="B"), on("the next", 1, 3, album="Best of, part two"),
        on("guests", 1, 3, artist="A and B", album_artist="A"), on("1-5", 1, 5, artist="a feat. B"),
    ]  # fmt: skip
    catalogue, order = Catalogue(shelf), [TrackId("1-1")]
    while (following := catalogue.following(order[-1], Wish(HAPPY))) is not None:
        order.append(following.id)
    assert order == ["1-1", "1-2", "guests", "1-4", "1-5", "2-1", "2-2"]
    for name in ("unnumbered", "alone", "single", "of another", "not here"):
        assert catalogue.following(TrackId(name), Wish(HAPPY)) is None


def test_an_album_does_not_go_on_with_what_a_child_may_not_hear() -> None:
    album = [replace(track(f"{n}", explicit=n == 2), album="A", track_number=n) for n in (1, 2, 3)]
    catalogue, child = Catalogue(album), replace(HAPPY, age_years=8.0, youngest_years=8.0)
    assert catalogue.following(TrackId("1"), Wish(HAPPY)) == album[1]
    assert catalogue.following(TrackId("1"), Wish(child)) is None


def test_an_album_goes_on_after_what_rests_or_is_disliked() -> None:
    album = [replace(track(f"{n}"), album="A", track_number=n) for n in range(1, 6)]
    catalogue, one = Catalogue(album), TrackId("1")
    heard = [(one, NOW), (TrackId("2"), NOW - 900.0)]
    assert catalogue.following(one, Wish(HAPPY, wall=NOW, recent=heard)) == album[2]
    later = Wish(HAPPY, wall=NOW + 3 * 3600.0, recent=heard, feedback={TrackId("2"): 1})
    assert catalogue.following(one, later) == album[1]
    disliked = {TrackId(f"{n}"): -1 for n in range(2, 6)}
    assert catalogue.following(one, Wish(HAPPY, feedback=disliked)) is None
    assert catalogue.following(one, Wish(HAPPY, feedback={**disliked, TrackId("4"): 0})) == album[3]
