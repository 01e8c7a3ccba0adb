"""Choose the next track: a probability over a short list, by mood, goal, age and what was heard.

Scores are log-probabilities up to a constant, so that they add: how well a track fits the
aim, the era of the listener, what was liked, how long ago it and its artist were heard.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from device.music.because import Circumstances, because
from device.music.goals import Aim, aim_of
from device.types import Choice, Goal, Mood, Track, TrackId

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SHORT_LIST = 24
"""About so many tracks are drawn from; all that tie with the last one are in."""
WORST = 2.5
"""A track whose score is so far below the best one's (1 : 12) is not drawn: an angry track for the
sad, where there are sad ones, is no variety."""
EXPLICIT_FROM_YEARS = 16.0
"""Nobody younger than this hears a track marked explicit."""
BUMP_YEARS = (10.0, 25.0)
"""Age at which music of the day stays with people for good: the reminiscence bump (Jakubowski
et al., Music & Science 3, 2020; Krumhansl & Zupnick, Psychological Science 24, 2013)."""
BUMP_EDGE_YEARS = 10.0
"""How softly the bump ends on both sides, before the age's own uncertainty."""
BUMP_WEIGHT = 0.7
"""Most that an era speaks for a track: twice as likely, for taste differs more than age does."""
NO_YEAR = 0.4
"""Share of that for a track whose year nobody knows."""
LIKE, DISLIKE = 0.6, 1.5
"""What each like adds and each dislike takes, three at most."""
ARTIST_AGAIN = (2.5, 1.5, 0.8)
"""What the artist of the last track, the one before and the third last loses."""
HEARD, HEARD_HOURS = 1.0, 48.0
"""What a track heard just now loses, and how slowly that is forgotten."""
CLOCK_SET = 1_735_689_600.0
"""2025-01-01: a wall clock before it was never set, as on boards without a clock chip."""


class Wish(NamedTuple):
    """What the next track should suit.

    `steps`: tracks chosen toward the goal since it was set. `recent`: what was played and at
    which wall time, newest first. `feedback`: likes minus dislikes. `exclude`: never this one,
    unless there is no other.
    """

    mood: Mood = Mood()
    goal: Goal = Goal.MATCH
    wall: float = 0.0
    steps: int = 0
    recent: Sequence[tuple[TrackId, float]] = ()
    feedback: Mapping[TrackId, int] = MappingProxyType({})
    repeat_hours: float = 2.0
    exclude: TrackId | None = None


class Catalogue:
    """The library, laid out once so that choosing is a few sums over arrays."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self.tracks: tuple[Track, ...] = tuple({track.id: track for track in tracks}.values())
        self._index = {track.id: index for index, track in enumerate(self.tracks)}
        self._valence = np.array([track.affect.valence for track in self.tracks], float)
        self._arousal = np.array([track.affect.arousal for track in self.tracks], float)
        self._variance = np.array([track.affect.deviation**2 for track in self.tracks], float)
        self._year = np.array([track.year or np.nan for track in self.tracks], float)
        self._explicit = np.array([track.explicit for track in self.tracks], bool)
        names = {name: number for number, name in enumerate({t.artist for t in self.tracks})}
        self._artist = np.array(
            [names[track.artist] if track.artist else -1 for track in self.tracks], int
        )

    def __len__(self) -> int:
        return len(self.tracks)

    def get(self, track: TrackId) -> Track | None:
        """The track of an id, None when it is not, or no longer, in the library."""
        index = self._index.get(track)
        return None if index is None else self.tracks[index]

    def choose(self, wish: Wish, rng: random.Random) -> Choice | None:
        """Draw a track; None when the library holds nothing that may be played now."""
        allowed = ~self._explicit if child_may_listen(wish.mood) else np.ones(len(self), bool)
        if not allowed.any():
            return None
        heard = self._heard(wish)
        resting = self._resting(wish, allowed, heard)
        allowed[resting] = False
        aim = aim_of(wish.goal, wish.mood, wish.steps)
        age_then = self._ages_then(wish)
        scores = (
            self._fit(aim)
            + self._era(wish.mood, age_then)
            + self._taste(wish.feedback)
            - self._staleness(wish, heard)
        )
        listed, probabilities = _short_list(np.flatnonzero(allowed), scores)
        drawn = _draw(probabilities, rng)
        index = int(listed[drawn])
        track = self.tracks[index]
        circumstances = Circumstances(
            age_then=_in_bump(age_then, index),
            liked=wish.feedback.get(track.id, 0) > 0,
            again=heard.get(index, np.inf) < wish.repeat_hours,
        )
        return Choice(
            track=track,
            probability=float(probabilities[drawn]),
            because=because(track, wish.goal, wish.mood, aim, circumstances),
        )

    def _heard(self, wish: Wish) -> dict[int, float]:
        """Index -> hours since a track was last played, newest first.

        A play in the future was played before the clock was set back: just now, as it were.
        """
        heard: dict[int, float] = {}
        for track, wall in wish.recent:
            index = self._index.get(track)
            if index is not None:
                heard.setdefault(index, max(0.0, wish.wall - wall) / 3600.0)
        return heard

    def _resting(self, wish: Wish, allowed: Mask, heard: Mapping[int, float]) -> list[int]:
        """What may not be played yet: the newest first, and at most half of what may be heard."""
        half = int(allowed.sum()) // 2
        out = [] if wish.exclude is None else [self._index.get(wish.exclude)]
        out += [index for index, hours in heard.items() if hours < wish.repeat_hours]
        resting = dict.fromkeys(index for index in out if index is not None and allowed[index])
        return list(resting)[:half]

    def _fit(self, aim: Aim) -> Floats:
        """Log-density of the aim under what is believed of each track.

        A track whose place is unsure loses where it would fit and gains where it would not.
        """
        score = np.zeros(len(self))
        for places, point, tolerance in (
            (self._valence, aim.valence, aim.valence_tolerance),
            (self._arousal, aim.arousal, aim.arousal_tolerance),
        ):
            variance = self._variance + tolerance**2
            score -= 0.5 * ((places - point) ** 2 / variance + np.log(variance))
        return score

    def _ages_then(self, wish: Wish) -> Floats | None:
        """The listener's age when each track came out; None where age or date are not known."""
        if wish.mood.age_years is None or wish.wall < CLOCK_SET:
            return None
        return wish.mood.age_years - (time.gmtime(wish.wall).tm_year - self._year)

    def _era(self, mood: Mood, ages_then: Floats | None) -> Floats:
        """A wide, weak preference for the music of one's youth."""
        if ages_then is None:
            return np.zeros(len(self))
        low, high = BUMP_YEARS
        outside = np.maximum(np.maximum(low - ages_then, ages_then - high), 0.0)
        variance = BUMP_EDGE_YEARS**2 + _age_deviation(mood) ** 2
        bump = np.exp(-0.5 * outside**2 / variance)
        return BUMP_WEIGHT * np.where(np.isnan(bump), NO_YEAR, bump)

    def _taste(self, feedback: Mapping[TrackId, int]) -> Floats:
        score = np.zeros(len(self))
        for track, net in feedback.items():
            index = self._index.get(track)
            if index is not None:
                score[index] = (LIKE if net > 0 else DISLIKE) * max(-3, min(3, net))
        return score

    def _staleness(self, wish: Wish, heard: Mapping[int, float]) -> Floats:
        """What was heard lately, and by whom, loses a little more."""
        loss = np.zeros(len(self))
        if heard:
            hours = np.fromiter(heard.values(), float, len(heard))
            loss[np.fromiter(heard, int, len(heard))] = HEARD * np.exp(-hours / HEARD_HOURS)
        for (track, _), again in zip(wish.recent, ARTIST_AGAIN, strict=False):
            index = self._index.get(track)
            if index is not None and self._artist[index] >= 0:
                loss[self._artist == self._artist[index]] += again
        return loss


def child_may_listen(mood: Mood) -> bool:
    """Whether the youngest may be a child: the low end of the age interval decides."""
    if mood.youngest_years is None:
        return False
    doubt = 0.0
    if mood.age_interval_years is not None and mood.age_years is not None:
        doubt = max(0.0, mood.age_years - mood.age_interval_years[0])
    return mood.youngest_years - doubt < EXPLICIT_FROM_YEARS


def _age_deviation(mood: Mood) -> float:
    """Standard deviation of the age, in years, of a normal one with this 80 % interval."""
    if mood.age_interval_years is None:
        return 0.0
    low, high = mood.age_interval_years
    return max(0.0, high - low) / (2 * 1.2816)


def _in_bump(ages_then: Floats | None, index: int) -> float | None:
    """The listener's age at a track's release, where that spoke for it."""
    if ages_then is None or not BUMP_YEARS[0] <= ages_then[index] <= BUMP_YEARS[1]:
        return None
    return float(ages_then[index])


def _short_list(
    allowed: npt.NDArray[np.intp], scores: Floats
) -> tuple[npt.NDArray[np.intp], Floats]:
    """The best of the allowed tracks, and the probability of each: a softmax over scores."""
    score = scores[allowed]
    worst = score.max() - WORST
    if len(score) > SHORT_LIST:
        worst = max(worst, np.partition(score, -SHORT_LIST)[-SHORT_LIST])
    listed = score >= worst
    weight = np.exp(score[listed] - score.max())
    return allowed[listed], weight / weight.sum()


def _draw(probabilities: Floats, rng: random.Random) -> int:
    """An index, each with its probability."""
    place = np.searchsorted(np.cumsum(probabilities), rng.random(), side="right")
    return min(int(place), len(probabilities) - 1)
