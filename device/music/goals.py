"""What music aims at: each goal as a path through valence and arousal."""

from __future__ import annotations

import math
from typing import NamedTuple

from device.types import Goal, Mood, MoodLabel

STEP = 0.25
"""Most that the aim moves with each track, where nothing else is configured. Music that starts
where the listener is and leads away in small steps changes moods better than a jump (the iso
principle; Altshuler, 1948; Starcke et al., Int. J. Environ. Res. Public Health 18, 2021)."""
DESTINATIONS = {Goal.LIFT: (0.7, 0.5), Goal.CALM: (0.3, -0.6)}
FOCUS = (0.2, -0.1)
"""Pleasant and unobtrusive: slightly positive, slightly below the middle in arousal."""
TOLERANCE = 0.25
"""Standard deviation around the aim within which music still fits."""
STEADY = 0.12
"""The same for arousal while focusing: it must not swing."""
BROAD = 0.5
"""The same where the mood cannot be told."""
AT_EASE = 0.2
"""Valence added where a face tells no emotion: people at rest feel mildly well (the positivity
offset; Cacioppo & Berntson, Psychological Bulletin 115, 1994); sad music would surprise them."""


class Pace(NamedTuple):
    """How *lift* and *calm* go: valence and arousal a track, and which share of the whole way."""

    step: float = STEP
    reach: float = 1.0


class Aim(NamedTuple):
    """The point to play near, and how near on each axis.

    On a path: `to_go` is how far the mood is from its end, `arrived` that the aim is there.
    """

    valence: float
    arousal: float
    valence_tolerance: float = TOLERANCE
    arousal_tolerance: float = TOLERANCE
    to_go: float = 0.0
    arrived: bool = True


def aim_of(goal: Goal, mood: Mood, steps: int, pace: Pace = Pace()) -> Aim:  # noqa: B008 - frozen
    """Where the next track should lie, `steps` tracks after the path began.

    Already the first track goes a step: who asks to be lifted should hear it.
    """
    if goal is Goal.FOCUS:
        return Aim(*FOCUS, TOLERANCE, STEADY)
    known = mood.label not in (MoodLabel.NOBODY, MoodLabel.UNCERTAIN)
    tolerance = TOLERANCE if known else BROAD
    # An uncertain mood still has an expected place; where nobody is, that is the middle.
    start = (0.0, 0.0) if mood.label is MoodLabel.NOBODY else (mood.valence, mood.arousal)
    if not known or mood.label is MoodLabel.NEUTRAL:
        start = (min(1.0, start[0] + AT_EASE), start[1])
    if goal is Goal.MATCH:
        return Aim(*start, tolerance, tolerance)
    end = DESTINATIONS[goal]
    distance = math.dist(start, end)
    share = 1.0 if distance == 0.0 else min(pace.reach, (steps + 1) * pace.step / distance)
    return Aim(
        start[0] + share * (end[0] - start[0]),
        start[1] + share * (end[1] - start[1]),
        to_go=distance,
        arrived=distance == 0.0 or share >= pace.reach,
    )


def distance_to_go(goal: Goal, mood: Mood) -> float | None:
    """How far a mood is from where a goal leads; None without a way, or where no mood is seen."""
    end = DESTINATIONS.get(goal)
    if end is None or mood.label in (MoodLabel.NOBODY, MoodLabel.UNCERTAIN):
        return None
    return math.dist((mood.valence, mood.arousal), end)
