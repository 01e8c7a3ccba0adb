"""Simulated people of known taste, and how well a way of choosing serves them.

A listener's `appeal` of a track, -1..1, is what we know of a taste and Attune does not. What a
person does follows from it by chance: hears the track out, skips it sooner or later, sometimes
says like or dislike. The regret of a play is the expected reward that it lost against the most
that was to be had under the same rules.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from device.lessons import Ended, Lesson, Moment
from device.mood.circumplex import COORDINATES
from device.music.catalogue import Catalogue, Wish
from device.music.clock import local_hour
from device.music.features import traits_of
from device.music.taste import Belief, reward
from device.types import Affect, AgeGroup, Choice, Emotion, Goal, Mood, MoodLabel, Track, TrackId

START = 1_780_000_000.0
TRACK_SECONDS = 200.0
GENRES = ("rock", "pop", "jazz", "classical", "metal", "folk", "hip hop", "electronic", "soul",
          "country", "reggae", "blues")  # fmt: skip
WHIM = 0.15
"""Standard deviation of what moves a person in one play and nobody could know."""
AGES = {AgeGroup.CHILD: 9.0, AgeGroup.ADULT: 42.0, AgeGroup.SENIOR: 66.0}

Taste = Callable[[Track, Mood, int], float]
"""Appeal of a track in a mood at the n-th play, before it is cut to -1..1."""


def synthetic_library(count: int, seed: int = 0) -> tuple[Track, ...]:
    """Artists of a genre and a time, tracks around their artist's place."""
    dice = random.Random(seed)
    artists = [
        (
            f"Artist {number}",
            dice.choice(GENRES),
            dice.randrange(1960, 2024),
            dice.uniform(-0.7, 0.7),
            dice.uniform(-0.7, 0.7),
        )
        for number in range(max(1, count // 12))
    ]
    tracks = []
    for number in range(count):
        artist, genre, year, valence, arousal = dice.choice(artists)
        place = [min(1.0, max(-1.0, dice.gauss(at, 0.35))) for at in (valence, arousal)]
        tracks.append(
            Track(
                TrackId(f"t{number}"), f"/music/{number}.ogg", f"Title {number}", artist,
                Affect(*place, 0.2, "file tag"), TRACK_SECONDS, genre=genre,
                year=year + dice.randrange(6), tempo_bpm=dice.uniform(60, 180),
            )
        )  # fmt: skip
    return tuple(tracks)


def nearness(track: Track, mood: Mood) -> float:
    """1 at the mood's own place, falling to 0 far away."""
    place = (track.affect.valence, track.affect.arousal)
    return math.exp(-0.5 * (math.dist(place, (mood.valence, mood.arousal)) / 0.5) ** 2)


def agrees(track: Track, mood: Mood, _: int) -> float:
    """Likes what is near the mood, as the priors say."""
    return 1.6 * nearness(track, mood) - 0.7


def loves_genres(track: Track, mood: Mood, _: int) -> float:
    return (0.75 if track.genre in ("jazz", "soul", "blues") else -0.35) + 0.4 * (
        nearness(track, mood) - 0.5
    )


def is_contrary(track: Track, mood: Mood, _: int) -> float:
    """Wants in each mood what is opposite to it: sad music when happy."""
    return -1.2 * (track.affect.valence * mood.valence + track.affect.arousal * mood.arousal) + 0.05


def loves_an_era(track: Track, mood: Mood, _: int) -> float:
    assert track.year is not None
    return (0.7 if 1978 <= track.year <= 1992 else -0.3) + 0.4 * (nearness(track, mood) - 0.5)


def hates_artists(track: Track, mood: Mood, _: int) -> float:
    """Cannot stand every third artist."""
    hated = int(track.artist.rpartition(" ")[2]) % 3 == 0
    return (-0.8 if hated else 0.4) + 0.4 * (nearness(track, mood) - 0.5)


def does_not_care(_: Track, __: Mood, ___: int) -> float:
    return 0.2


def drifts(at: int) -> Taste:
    def taste(track: Track, mood: Mood, play: int) -> float:
        """Loves three genres, and after `at` plays three others."""
        loved = ("jazz", "soul", "blues") if play < at else ("metal", "rock", "electronic")
        return (0.75 if track.genre in loved else -0.35) + 0.4 * (nearness(track, mood) - 0.5)

    return taste


def outgrows(at: int) -> Taste:
    def taste(track: Track, mood: Mood, play: int) -> float:
        """Loves three genres, and after `at` plays three others, but likes the first still: so
        that nothing is skipped that was not before."""
        first, second = (0.75, -0.35) if play < at else (0.35, 0.75)
        plain = dict.fromkeys(("jazz", "soul", "blues"), first)
        plain |= dict.fromkeys(("metal", "rock", "electronic"), second)
        return plain.get(track.genre or "", -0.35) + 0.4 * (nearness(track, mood) - 0.5)

    return taste


def household(track: Track, mood: Mood, _: int) -> float:
    """A child and a grandparent, who like different genres, seen in turns."""
    young = mood.age_group is AgeGroup.CHILD
    loved = ("pop", "hip hop", "electronic") if young else ("classical", "jazz", "folk")
    return (0.7 if track.genre in loved else -0.35) + 0.4 * (nearness(track, mood) - 0.5)


KINDS: dict[str, Taste] = {
    "agrees with the priors": agrees,
    "loves genres": loves_genres,
    "contrary": is_contrary,
    "loves an era": loves_an_era,
    "hates artists": hates_artists,
    "does not care": does_not_care,
    "drifts after 100": drifts(100),
    "household of two ages": household,
}


# --- a day with Attune -------------------------------------------------------------------------


def moods(count: int, groups: Sequence[AgeGroup], seed: int) -> list[Mood]:
    """Moods that last a few tracks each; those who are seen change by the hour."""
    dice = random.Random(seed)
    emotion = Emotion.NEUTRAL
    found = []
    for play in range(count):
        if dice.random() < 0.25:
            emotion = dice.choice(
                [Emotion.HAPPINESS, Emotion.HAPPINESS, Emotion.SADNESS, Emotion.NEUTRAL,
                 Emotion.ANGER]
            )  # fmt: skip
        group = groups[play // 10 % len(groups)]
        age = AGES[group]
        found.append(
            Mood(
                MoodLabel(emotion.value), *COORDINATES[emotion], 0.8, 0.0, 1,
                age, (age - 5, age + 5), group, age, age,
            )
        )  # fmt: skip
    return found


def cut(appeal: float) -> float:
    return min(1.0, max(-1.0, appeal))


def chance_to_skip(appeal: float) -> float:
    """A person skips nearly all that is disliked, and little of what is liked."""
    return 1.0 / (1.0 + math.exp(4.0 * (appeal + 0.1)))


def answer(lesson: Lesson, appeal: float, dice: random.Random) -> Lesson:
    """What a person does with a track of such appeal."""
    felt = cut(appeal + dice.gauss(0.0, WHIM))
    if dice.random() < chance_to_skip(felt):
        if felt < -0.3 and dice.random() < 0.15:
            return _ended(lesson, Ended.DISLIKED, 10.0, liked=False)
        heard = TRACK_SECONDS * min(0.95, max(0.005, dice.betavariate(1.0, 4.0 - 2.0 * felt)))
        return _ended(lesson, Ended.SKIPPED, heard)
    liked = True if felt > 0.4 and dice.random() < 0.15 else None
    return _ended(lesson, Ended.FINISHED, TRACK_SECONDS, liked=liked)


def _ended(lesson: Lesson, ended: Ended, heard: float, *, liked: bool | None = None) -> Lesson:
    return Lesson(
        lesson.track, lesson.wall, lesson.goal, lesson.probability, lesson.label, lesson.valence,
        lesson.arousal, lesson.people, lesson.moment, heard, ended, None, liked,
    )  # fmt: skip


def lesson_of(choice: Choice, mood: Mood, wall: float) -> Lesson:
    moment = Moment(
        choice.fit, traits_of(choice.track), TRACK_SECONDS, local_hour(wall), mood.age_group
    )
    return Lesson(
        choice.track.id, wall, Goal.MATCH, choice.probability, mood.label, mood.valence,
        mood.arousal, mood.people, moment,
    )  # fmt: skip


_APPEALS = np.linspace(-1.0, 1.0, 81)
_EXPECTED: list[float] = []


def expected_reward(appeal: float) -> float:
    """Mean reward of a track of such appeal, by 4,000 tries at each of 81 places."""
    if not _EXPECTED:
        dice = random.Random(11)
        track = synthetic_library(1)[0]
        blank = lesson_of(Choice(track, 1.0, ""), Mood(people=1), START)
        for place in _APPEALS:
            tries = [reward(answer(blank, float(place), dice)) for _ in range(4000)]
            _EXPECTED.append(sum(r for r in tries if r is not None) / len(tries))
    return float(np.interp(cut(appeal), _APPEALS, _EXPECTED))


class Run(NamedTuple):
    """What each play was worth in expectation, the diary, and what was believed at each play."""

    worth: npt.NDArray[np.float64]
    diary: list[Lesson]


Chooser = Callable[[Catalogue, Wish, random.Random, int], Choice | None]


def live(
    taste: Taste, tracks: Sequence[Track], plays: int, seed: int, *, way: str,
    groups: Sequence[AgeGroup] = (AgeGroup.ADULT,),
) -> Run:  # fmt: skip
    """Let a listener hear so many tracks, chosen by `way`: learning, prior, or oracle.

    The oracle knows the appeal of each track, and takes the best that the rules leave: no track
    within the hours of rest, no artist just heard where others are.
    """
    catalogue, belief = Catalogue(tracks), Belief()
    dice, person = random.Random(seed), random.Random(1000 + seed)
    recent: deque[tuple[TrackId, float]] = deque(maxlen=1000)
    worth, diary, wall = [], [], START
    for play, mood in enumerate(moods(plays, groups, seed)):
        wish = Wish(mood, Goal.MATCH, wall, recent=tuple(recent), repeat_hours=2.0)
        if way == "oracle":
            choice = best_choice(catalogue, wish, taste, play)
        else:
            choice = catalogue.choose(wish, dice, belief if way == "learning" else None)
        assert choice is not None
        appeal = taste(choice.track, mood, play)
        worth.append(expected_reward(appeal))
        lesson = answer(lesson_of(choice, mood, wall), appeal, person)
        if way == "learning":
            belief.teach(lesson)
        diary.append(lesson)
        recent.appendleft((choice.track.id, wall))
        wall += lesson.heard_seconds or TRACK_SECONDS
    return Run(np.array(worth), diary)


def best_choice(catalogue: Catalogue, wish: Wish, taste: Taste, play: int) -> Choice:
    """What somebody would choose who knows the taste, under the same rules of rest."""
    resting = {t for t, wall in wish.recent if (wish.wall - wall) / 3600 < wish.repeat_hours}
    artists = {
        track.artist for t, _ in list(wish.recent)[:3] if (track := catalogue.get(t)) is not None
    }
    free = [t for t in catalogue.tracks if t.id not in resting] or list(catalogue.tracks)
    spaced = [t for t in free if t.artist not in artists] or free
    return Choice(max(spaced, key=lambda t: cut(taste(t, wish.mood, play))), 1.0, "")
