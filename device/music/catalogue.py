"""Choose the next track: a probability over a short list, by mood, goal, age and what was heard.

Scores are log-probabilities up to a constant, so that they add: how well a track fits the
aim, the era of the listener, what was liked, how long ago it and its artist were heard.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from itertools import repeat
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from device.music import features
from device.music.ages import age_then, child_may_listen, era
from device.music.albums import album_of
from device.music.because import Spoke, because
from device.music.clock import local_hour
from device.music.goals import Aim, Pace, aim_of
from device.music.listened import sound_key
from device.music.shelf import Shelf
from device.music.taste import FIT_MEANS, Belief
from device.types import Choice, Goal, Mood, Track, TrackId

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

SHORT_LIST = 24
"""About so many tracks are drawn from; all that tie with the last one are in."""
MOST_LISTED = 128
"""No more are drawn from by what was learned, for that takes the cube of their number: where
thousands tie, for nothing is known of them, so many at random."""
WORST = 2.5
"""A track whose score is so far below the best one's (1 : 12) is not drawn: an angry track for the
sad, where there are sad ones, is no variety."""
SINGING = 1.5
"""What singing takes from a track while focusing: words in the ear disturb words in the head
(the irrelevant speech effect; Salamé & Baddeley, Q. J. Experimental Psychology 41A, 1989)."""
FURTHEST = 6.0
"""A track that fits worse than the best one by this fits not at all: `Moment.fit` is -1."""
GAIN = 4.0 * FURTHEST / FIT_MEANS
"""Score of a unit of expected reward: what is believed is followed four times as decidedly as a
first impression is without learning. Less loses more by drawing from the list than is learned."""
DRAWS = 32
"""So many tastes are drawn from what is believed, for each choice."""
BOLDNESS, BOLDNESS_LEFT = 0.5, 0.05
BOLD_PLAYS = 30.0
"""Tastes are drawn with so much of the believed deviation: at first, at last, and in how many
plays the first falls by a factor of e. Whole, as in plain Thompson sampling, it explores for a long
life of plays; a person judges by the first dozens (Chapelle & Li, An empirical evaluation of
Thompson sampling, NeurIPS 2011, who find the same). What is tried early is of use for long, what is
tried late for little (so Auer, Cesa-Bianchi & Fischer, Finite-time analysis of the multiarmed
bandit problem, Machine Learning 47, 2002, try ever less). Chosen by simulated listeners who hate
artists, so that those who agree with the priors lose no more."""
EVEN = 0.02
"""Share of choices that fall evenly on the list: no probability is so small that a single play of
the diary would outweigh all others when another way of choosing is judged by it. And what is
firmly believed to be disliked is tried still: else nobody would see that it is liked by now, where
what was liked before pleases well enough."""
HOPE = 1.0
"""Standard deviations by which a track may be better than believed, and be listed for that."""
LIKE, DISLIKE = 0.6, 1.5
"""What each like adds and each dislike takes, three at most."""
ARTIST_AGAIN = (2.5, 1.5, 0.8)
"""What the artist of the last track, the one before and the third last loses."""
HEARD, HEARD_HOURS = 1.0, 48.0
"""What a track heard just now loses, and how slowly that is forgotten."""


class Wish(NamedTuple):
    """What the next track should suit.

    `steps`: tracks chosen toward the goal since it was set. `recent`: what was played and at
    which wall time, newest first. `feedback`: likes minus dislikes; those of exact copies of a
    track count with its own. `exclude`: never this one, unless there is no other.
    """

    mood: Mood = Mood()
    goal: Goal = Goal.MATCH
    wall: float = 0.0
    steps: int = 0
    recent: Sequence[tuple[TrackId, float]] = ()
    feedback: Mapping[TrackId, int] = MappingProxyType({})
    repeat_hours: float = 2.0
    exclude: TrackId | None = None
    pace: Pace = Pace()


class Heard(NamedTuple):
    """Tracks that were played lately, and copies of them, each once, newest first: their places in
    the catalogue, and hours since one that sounds the same was played."""

    places: Indices
    hours: Floats


class Catalogue:
    """The library, laid out once so that choosing is a few sums over arrays."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self.tracks: tuple[Track, ...] = tuple({track.id: track for track in tracks}.values())
        self._index = {track.id: index for index, track in enumerate(self.tracks)}
        self._valence = np.array([track.affect.valence for track in self.tracks], float)
        self._arousal = np.array([track.affect.arousal for track in self.tracks], float)
        self._variance = np.array([track.affect.deviation**2 for track in self.tracks], float)
        self._placed = np.array([t.affect.source != "unknown" for t in self.tracks], bool)
        self._year = np.array([track.year or np.nan for track in self.tracks], float)
        self._explicit = np.array([track.explicit for track in self.tracks], bool)
        artists = [features.lead_artist(track.artist).casefold() for track in self.tracks]
        names = {name: number for number, name in enumerate(dict.fromkeys(artists))}
        self._artist = np.array([names[name] if name else -1 for name in artists], int)
        self._voice = np.array([0.5 if t.voice is None else t.voice for t in self.tracks], float)
        sounds: dict[str, int] = {}
        self._sound = np.array(
            [sounds.setdefault(sound_key(track), len(sounds)) for track in self.tracks], int
        )
        self._sounds = len(sounds)
        self._shelf = Shelf(self.tracks)

    def __len__(self) -> int:
        return len(self.tracks)

    def get(self, track: TrackId) -> Track | None:
        """The track of an id, None when it is not, or no longer, in the library."""
        index = self._index.get(track)
        return None if index is None else self.tracks[index]

    def choose(self, wish: Wish, rng: random.Random, belief: Belief | None = None) -> Choice | None:
        """Draw a track; None when the library holds nothing that may be played now.

        Without a belief nothing that was learned counts. The choice's probability is exactly the
        one that it was drawn with, that of being listed included.
        """
        heard = self._heard(wish)
        candidates = self._candidates(wish, heard)
        if not len(candidates):
            return None
        aim = aim_of(wish.goal, wish.mood, wish.steps, wish.pace)
        fit = self._fit(aim, wish.goal)
        fit -= fit[candidates].max()
        candidates = self._spaced(candidates, fit, wish)
        balance = self._balance(wish.feedback)
        others = (
            era(wish.mood, wish.wall, self._year) + _taste(balance) - self._staleness(wish, heard)
        )
        if belief is None:
            listed, probabilities = _short_list(candidates, fit + others)
            listing = np.ones(len(listed))
        else:
            near = np.maximum(fit, -FURTHEST) / FURTHEST
            listed, listing, probabilities = self._by_belief(
                candidates, near, others, wish, belief, rng
            )
        drawn = _draw(probabilities, rng)
        index = int(listed[drawn])
        track = self.tracks[index]
        spoke = Spoke(
            age_then=age_then(wish.mood, wish.wall, track.year),
            liked=bool(balance[index] > 0),
            again=bool((heard.hours[heard.places == index] < wish.repeat_hours).any()),
            nearest=self._nearest(aim),
        )
        return Choice(
            track=track,
            probability=float(listing[drawn] * probabilities[drawn]),
            because=because(track, wish.goal, wish.mood, aim, spoke),
            fit=float(max(fit[index], -FURTHEST) / FURTHEST),
        )

    def fit_of(self, track: TrackId, wish: Wish) -> float:
        """`Choice.fit` of a track that was not drawn; 0 where there is nothing to compare with."""
        index, candidates = self._index.get(track), self._candidates(wish, self._heard(wish))
        if index is None or not len(candidates):
            return 0.0
        fit = self._fit(aim_of(wish.goal, wish.mood, wish.steps, wish.pace), wish.goal)
        return float(np.clip(fit[index] - fit[candidates].max(), -FURTHEST, 0.0) / FURTHEST)

    def following(self, track: TrackId, wish: Wish) -> Track | None:
        """What comes next on a track's album, passing by what rests or is disliked; None at its
        end, or where a child may not hear it."""
        here = self.get(track)
        if here is None or not here.album or here.track_number is None:
            return None
        album, place = album_of(here), _place_on_album(here)
        later = [
            each
            for each in self.tracks
            if each.album == here.album  # first, for most tracks are on another
            and album_of(each) == album
            and each.track_number is not None
            and _place_on_album(each) > place
        ]
        candidates = self._candidates(wish, self._heard(wish)) if later else ()
        balance = self._balance(wish.feedback)
        for each in sorted(later, key=_place_on_album):
            if each.explicit and child_may_listen(wish.mood):
                return None
            index = self._index[each.id]
            if index in candidates and balance[index] >= 0:
                return each
        return None

    def _by_belief(  # noqa: PLR0917 - one choice, in two parts
        self,
        candidates: Indices,
        near: Floats,
        others: Floats,
        wish: Wish,
        belief: Belief,
        rng: random.Random,
    ) -> tuple[Indices, Floats, Floats]:
        """Thompson sampling in a short list, softened: of each of `DRAWS` tastes the softmax.

        Their mean is what is drawn from, so that each track's probability is known. In the list are
        the best by what is believed, and the best by what may be hoped: what the first impression
        speaks against, and nobody has tried, gets in there. And the best without learning, so that
        the diary can always tell what choosing without it would have been worth.

        Returns who is listed, the probability of each to be, and to be drawn once it is.
        """
        dice = np.random.default_rng(rng.getrandbits(64))
        mean, covariance = belief.in_(circumstances_of(wish))
        worth, doubt = self._shelf.judge(near, mean, covariance)
        expected = others + GAIN * worth
        hoped = expected + GAIN * HOPE * doubt
        unlearned = others + FURTHEST * near
        listed, listing = _listed(candidates, (expected, hoped, unlearned), dice)
        z = self._shelf.z(listed, near)
        spread = z @ covariance @ z.T
        spread[np.diag_indices(len(listed))] += 1e-9
        tastes = (z @ mean)[:, None] + boldness(belief.settled) * (
            np.linalg.cholesky(spread) @ dice.standard_normal((len(listed), DRAWS))
        )
        scores = others[listed][:, None] + GAIN * tastes
        weights = np.exp(scores - scores.max(axis=0))
        drawn = (weights / weights.sum(axis=0)).mean(axis=1)
        return listed, listing, (1.0 - EVEN) * drawn + EVEN / len(listed)

    def _heard(self, wish: Wish) -> Heard:
        """When the tracks of this library were last played.

        A play in the future was played before the clock was set back: just now, as it were.
        """
        count = len(wish.recent)
        # Without a step of Python's own for each: thousands may have been played lately.
        tracks, walls_of = map(itemgetter(0), wish.recent), map(itemgetter(1), wish.recent)
        places = np.fromiter(map(self._index.get, tracks, repeat(-1)), int, count)
        walls = np.fromiter(walls_of, float, count)
        known = np.sort(np.unique(places, return_index=True)[1])
        known = known[places[known] >= 0]
        hours = np.maximum(0.0, wish.wall - walls[known]) / 3600.0
        return self._with_copies(Heard(places[known], hours))

    def _with_copies(self, heard: Heard) -> Heard:
        """A file that lies there twice is heard once."""
        if self._sounds == len(self):
            return heard
        count = len(heard.places)
        newest = np.full(self._sounds, count)
        newest[self._sound[heard.places][::-1]] = np.arange(count)[::-1]  # the last one stays
        since = newest[self._sound]
        places = np.flatnonzero(since < count)
        places = places[np.argsort(since[places], kind="stable")]
        return Heard(places, heard.hours[since[places]])

    def _candidates(self, wish: Wish, heard: Heard) -> Indices:
        """What may be heard and does not rest; none where nothing may be heard."""
        allowed = ~self._explicit if child_may_listen(wish.mood) else np.ones(len(self), bool)
        allowed[self._resting(wish, allowed, heard)] = False
        return np.flatnonzero(allowed)

    def _resting(self, wish: Wish, allowed: npt.NDArray[np.bool_], heard: Heard) -> Indices:
        """What may not be played yet: the newest first, and at most half of what may be heard."""
        half = int(allowed.sum()) // 2
        out = heard.places[heard.hours < wish.repeat_hours]
        left = None if wish.exclude is None else self._index.get(wish.exclude)
        if left is not None:
            out = np.concatenate([[left], out[out != left]])
        return np.asarray(out[allowed[out]][:half])

    def _spaced(self, candidates: Indices, fit: Floats, wish: Wish) -> Indices:
        """Without the artist heard last, however well liked, while another's music fits."""
        last = self._index.get(wish.recent[0][0]) if wish.recent else None
        if last is None or self._artist[last] < 0:
            return candidates
        others = candidates[self._artist[candidates] != self._artist[last]]
        return others if len(others) and fit[others].max() > -WORST else candidates

    def _fit(self, aim: Aim, goal: Goal) -> Floats:
        """Log-density of the aim under what is believed of each track.

        A track whose place is unsure loses where it would fit and gains where it would not.
        """
        score = -SINGING * self._voice if goal is Goal.FOCUS else np.zeros(len(self))
        for places, point, tolerance in (
            (self._valence, aim.valence, aim.valence_tolerance),
            (self._arousal, aim.arousal, aim.arousal_tolerance),
        ):
            variance = self._variance + tolerance**2
            score -= 0.5 * ((places - point) ** 2 / variance + np.log(variance))
        return score

    def _nearest(self, aim: Aim) -> float:
        """How far from the aim that track lies which lies nearest of those whose place is known."""
        ways = np.hypot(self._valence - aim.valence, self._arousal - aim.arousal)
        return float(ways[self._placed].min(initial=np.inf))

    def _balance(self, feedback: Mapping[TrackId, int]) -> Floats:
        """Likes minus dislikes of each track and of its copies."""
        of_sound: Floats = np.zeros(self._sounds)
        for track, likes in feedback.items():
            index = self._index.get(track)
            if index is not None:
                of_sound[self._sound[index]] += likes
        balance: Floats = of_sound[self._sound]
        return balance

    def _staleness(self, wish: Wish, heard: Heard) -> Floats:
        """What was heard lately, and by whom, loses a little more."""
        loss = np.zeros(len(self))
        loss[heard.places] = HEARD * np.exp(-heard.hours / HEARD_HOURS)
        for (track, _), again in zip(wish.recent, ARTIST_AGAIN, strict=False):
            index = self._index.get(track)
            if index is not None and self._artist[index] >= 0:
                loss[self._artist == self._artist[index]] += again
        return loss


def _taste(balance: Floats) -> Floats:
    """What likes add and dislikes take."""
    score: Floats = np.clip(balance, -3.0, 3.0)
    return np.where(score > 0.0, LIKE * score, DISLIKE * score)


def _place_on_album(track: Track) -> tuple[int, int]:
    return track.disc_number or 1, track.track_number or 0


def circumstances_of(wish: Wish) -> features.Circumstances:
    """When and for whom a wish is."""
    mood = wish.mood
    return features.Circumstances(
        mood.valence, mood.arousal, wish.goal, mood.age_group, local_hour(wish.wall)
    )


def boldness(plays: float) -> float:
    """Share of the believed deviation that tastes are drawn with, so many plays after taste last
    turned, or the first one."""
    return max(BOLDNESS_LEFT, BOLDNESS * math.exp(-plays / BOLD_PLAYS))


def _short_list(allowed: Indices, scores: Floats) -> tuple[Indices, Floats]:
    """The best of the allowed tracks, and the probability of each: a softmax over scores."""
    score = scores[allowed]
    worst = score.max() - WORST
    if len(score) > SHORT_LIST:
        worst = max(worst, np.partition(score, -SHORT_LIST)[-SHORT_LIST])
    listed = score >= worst
    weight = np.exp(score[listed] - score.max())
    return allowed[listed], weight / weight.sum()


def _listed(
    allowed: Indices, scores: Sequence[Floats], dice: np.random.Generator
) -> tuple[Indices, Floats]:
    """The short lists by several scores as one, and the probability of each track to be on it.

    Where they are too long, some of those that merely tie with the last of a list are left out.
    """
    lists = [_short_list(allowed, score)[0] for score in scores]
    listed = np.unique(np.concatenate(lists))
    if len(listed) <= MOST_LISTED:
        return listed, np.ones(len(listed))
    before = [
        some[score[some] > score[some].min()] for some, score in zip(lists, scores, strict=True)
    ]
    sure = np.unique(np.concatenate(before))
    tied = np.setdiff1d(listed, sure)
    room = MOST_LISTED - len(sure)
    some = dice.choice(tied, room, replace=False)
    listing = np.repeat([1.0, room / len(tied)], [len(sure), room])
    return np.concatenate([sure, some]), listing


def _draw(probabilities: Floats, rng: random.Random) -> int:
    """An index, each with its probability."""
    place = np.searchsorted(np.cumsum(probabilities), rng.random(), side="right")
    return min(int(place), len(probabilities) - 1)
