"""What is liked here: one Bayesian linear model, learned on the device.

Reward is linear in the features of `device.music.features`, with normal noise and a normal prior,
so that what is believed after n plays is normal again, in closed form (Bishop, Pattern
Recognition and Machine Learning, 2006, section 3.3). The prior's mean is what was believed of
music before: near the goal's aim is good; all else is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from device.lessons import Ended, Lesson
from device.music.features import (
    CONSTANT,
    FIT,
    WEIGHTS,
    Circumstances,
    Floats,
    Spread,
    Z,
    deviations,
    spread,
    x_of,
)
from device.types import Goal

HEARD_OUT = 0.4
"""Reward of a track that was let play to its end: some approval, for many tracks are only let."""
HEARD_SECONDS = 1.0
"""What sounded for less was passed by on the way to another one, and nobody heard it."""
SKIPPED_AT_ONCE = -0.8
"""Of one that was skipped at its first second. Between, it rises with the share that was heard:
the later a skip, the more it is like hearing out, and at the very end it is the same."""
LIKED, DISLIKED = 1.0, -1.0
"""Said outright, which says more than any playing on: the ends of the range."""
REPLAYED = 0.7
"""Of one that was started again: nearly as good as a like."""
RETURNED = 0.0
"""Somebody went back to the track before: that one was wanted, this one need not be bad."""
WENT_BACK = {Ended.REPLAYED: REPLAYED, Ended.RETURNED: RETURNED}
MOVED = 0.3
"""Most that the mood's way toward the goal's end, or away from it, adds or takes: less than
hearing out, for moods move for other reasons, too."""
MOVED_FULL = 0.5
"""So far in valence and arousal counts in full: about from neutral to an emotion."""
UNSEEN = 0.25
"""Share of a play's weight when it was let play and nobody was seen: it may have played to an
empty room. What was asked for by hand counts in full."""
LISTENED_SECONDS = 20.0
"""A mood that moved sooner was not moved by this track."""

USUAL = 0.15
"""The reward expected of any fitting track: some are skipped, most are let play."""
NOISE = 0.5
"""Standard deviation of a reward around what taste explains."""
FIT_MEANS = 0.75
"""Reward that a track at the far end of fitting (`FURTHEST`) is believed to lose."""
REMEMBERED = 2000
"""Plays that are read again at a start: what lies before has faded to a fiftieth."""
AT_ONCE = 500
"""Plays that are taken in at a time: some 10 ms."""
KEEP, KEEP_EVERY = 0.98, 10
"""After so many plays, so much of what they taught is kept: half is forgotten after 340 plays,
so that a taste that drifts is followed."""
TURN, TURN_SLACK = 6.0, 0.2
"""Taste has turned once plays lost so much reward in all against what is usual here, not counting
so much of each: five songs skipped at once in a row are a whim yet, seven are none."""
TURN_KEEPS = 0.1
"""Of what was learned before a turn, so much is kept: years of plays hold out against a few dozen
no longer, and come back where the turn was none."""
USUAL_OF = 50.0
"""Plays, about, by which it is judged what is usual."""


def reward(lesson: Lesson) -> float | None:
    """What a play says of taste, -1..1; None where it says nothing.

    A mood that moved on, a child, a power cut, a failure are no verdict.
    """
    ended = lesson.ended
    if lesson.liked is False or ended is Ended.DISLIKED:
        return DISLIKED
    if lesson.liked:
        return LIKED
    if lesson.heard_seconds is not None and lesson.heard_seconds < HEARD_SECONDS:
        return None
    if ended in WENT_BACK:
        return WENT_BACK[ended]
    if ended is Ended.FINISHED:
        base = HEARD_OUT
    elif ended is Ended.SKIPPED:
        base = SKIPPED_AT_ONCE + (HEARD_OUT - SKIPPED_AT_ONCE) * _share_heard(lesson)
    else:
        return None
    if lesson.moved is not None and lesson.goal in (Goal.LIFT, Goal.CALM):
        base += MOVED * min(1.0, max(-1.0, lesson.moved / MOVED_FULL))
    return min(1.0, max(-1.0, base))


def weight(lesson: Lesson) -> float:
    """How much a verdict counts, 0..1."""
    by_hand = lesson.liked is not None or lesson.ended is not Ended.FINISHED
    return 1.0 if by_hand or lesson.people > 0 else UNSEEN


def _share_heard(lesson: Lesson) -> float:
    if lesson.heard_seconds is None or lesson.moment.duration_seconds <= 0.0:
        return 0.0
    return min(1.0, lesson.heard_seconds / lesson.moment.duration_seconds)


class Watch:
    """Looks out for a taste that turned: Page's test for a mean that fell (Continuous inspection
    schemes, Biometrika 41, 1954), on the rewards. For a slow drift fading is enough."""

    def __init__(self) -> None:
        self._usual, self._seen, self._lost = 0.0, 0.0, 0.0
        self.plays = 0.0
        """Since the last turn, each by its weight."""

    def turned(self, verdict: float, weight: float) -> bool:
        """Take in a play; whether it shows, with those before it, that taste has turned."""
        self.plays += weight
        self._seen = min(self._seen + weight, USUAL_OF)
        self._usual += (verdict - self._usual) * weight / self._seen
        self._lost = max(0.0, self._lost + weight * (self._usual - verdict - TURN_SLACK))
        if self._lost <= TURN:
            return False
        self._seen, self._lost, self.plays = 0.0, 0.0, 0.0
        return True


class Belief:
    """A normal distribution over the weights, taught by plays. Few hundred numbers wide."""

    def __init__(self) -> None:
        self._prior = 1.0 / deviations(Spread()) ** 2
        self._start = np.zeros(WEIGHTS)
        self._start[CONSTANT], self._start[FIT] = USUAL, FIT_MEANS
        self._precision = np.diag(self._prior)
        self._shift = np.zeros(WEIGHTS)
        self.mean: Floats = self._start.copy()
        self.covariance: Floats = np.diag(1.0 / self._prior)
        self.count = 0
        """Plays that taught something."""
        self._watch = Watch()

    @property
    def settled(self) -> float:
        """Plays since taste last turned, each by its weight."""
        return self._watch.plays

    def teach(self, lesson: Lesson) -> None:
        """Take in one play: a rank-1 update (Sherman & Morrison, 1950)."""
        verdict = reward(lesson)
        if verdict is None:
            return
        keep = self._keep(verdict, weight(lesson))
        if keep < 1.0:
            self._fade(keep)
        self.count += 1
        x = x_of([lesson])[0]
        trust = weight(lesson) / NOISE**2
        self._precision += trust * np.outer(x, x)
        self._shift += trust * (verdict - x @ self._start) * x
        along = self.covariance @ x
        self.covariance -= np.outer(along, along) * (trust / (1.0 + trust * (x @ along)))
        self.mean = self._start + self.covariance @ self._shift

    def teach_all(self, lessons: Iterable[Lesson]) -> None:
        """Take in a whole diary, oldest first, into a belief that was taught nothing yet."""
        for _ in self.teaching(lessons):
            pass

    def teaching(self, lessons: Iterable[Lesson]) -> Iterator[None]:
        """The same in short steps; nothing is believed before the last one."""
        pairs = [(lesson, r) for lesson in lessons if (r := reward(lesson)) is not None]
        if not pairs:
            return
        taught, rewards = zip(*pairs[-REMEMBERED:], strict=True)
        self.count = len(pairs) - len(taught)
        verdicts, weights = np.array(rewards), np.array([weight(lesson) for lesson in taught])
        keeps = np.ones(len(taught) + 1)
        for place, (verdict, trusted) in enumerate(zip(verdicts, weights, strict=True)):
            keeps[place] = self._keep(float(verdict), float(trusted))
            self.count += 1
        trust = weights * np.cumprod(keeps[:0:-1])[::-1] / NOISE**2
        for start in range(0, len(taught), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            x = x_of(taught[some])
            self._precision += x.T @ (x * trust[some, None])
            self._shift += x.T @ (trust[some] * (verdicts[some] - x @ self._start))
            yield
        self._solve()

    def in_(self, circumstances: Circumstances) -> tuple[Floats, Floats]:
        """Mean (Z,) and covariance (Z, Z) of the weights of a track in such circumstances."""
        # The first Z weights are the track's own, and the same in all circumstances. Of the others
        # few count in these: with them alone it takes a fifth of the time.
        crossed = spread(circumstances)[:, Z:]
        used = np.flatnonzero(crossed.any(axis=0))
        crossed, used = crossed[:, used], used + Z
        mean = self.mean[:Z] + crossed @ self.mean[used]
        both = self.covariance[:Z, used] @ crossed.T
        among = crossed @ self.covariance[np.ix_(used, used)] @ crossed.T
        return mean, self.covariance[:Z, :Z] + both + both.T + among

    def _keep(self, verdict: float, weight: float) -> float:
        """How much is kept of all that was taught before a play that says this."""
        keep = KEEP if self.count and self.count % KEEP_EVERY == 0 else 1.0
        return keep * TURN_KEEPS if self._watch.turned(verdict, weight) else keep

    def _fade(self, keep: float) -> None:
        """Forget a little: what was taught fades, the prior does not."""
        self._precision *= keep
        self._precision[np.diag_indices(WEIGHTS)] += (1.0 - keep) * self._prior
        self._shift *= keep
        self._solve()

    def _solve(self) -> None:
        covariance = np.linalg.inv(self._precision)
        self.covariance = 0.5 * (covariance + covariance.T)
        self.mean = self._start + self.covariance @ self._shift
