"""What the age of those who are seen says for music: what is fit to play, and of which years."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from device.music.clock import CLOCK_SET
from device.types import Mood

Floats = npt.NDArray[np.float64]

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


def child_may_listen(mood: Mood) -> bool:
    """Whether the youngest may be a child: the low end of the age interval decides."""
    if mood.youngest_years is None:
        return False
    doubt = 0.0
    if mood.age_interval_years is not None and mood.age_years is not None:
        doubt = max(0.0, mood.age_years - mood.age_interval_years[0])
    return mood.youngest_years - doubt < EXPLICIT_FROM_YEARS


def era(mood: Mood, wall: float, years: Floats) -> Floats:
    """A wide, weak preference for the music of the youth of anybody between the youngest and
    the oldest who are seen, for tracks of such years (NaN: not known); none where age or date are
    not known."""
    if mood.age_years is None or wall < CLOCK_SET:
        return np.zeros(len(years))
    passed = time.gmtime(wall).tm_year - years
    youngest, oldest = _ages(mood)
    low, high = BUMP_YEARS
    outside = np.maximum(np.maximum(low - (oldest - passed), youngest - passed - high), 0.0)
    variance = BUMP_EDGE_YEARS**2 + _age_deviation(mood) ** 2
    bump = np.exp(-0.5 * outside**2 / variance)
    return BUMP_WEIGHT * np.where(np.isnan(bump), NO_YEAR, bump)


def age_then(mood: Mood, wall: float, year: int | None) -> float | None:
    """The listeners' age when a track of that year came out, where that spoke for it with all of
    them."""
    age = mood.age_years
    if age is None or not year or wall < CLOCK_SET:
        return None
    passed = time.gmtime(wall).tm_year - year
    youngest, oldest = (each - passed for each in _ages(mood))
    return age - passed if BUMP_YEARS[0] <= youngest <= oldest <= BUMP_YEARS[1] else None


def _age_deviation(mood: Mood) -> float:
    """Standard deviation of the age, in years, of a normal one with this 80 % interval."""
    if mood.age_interval_years is None:
        return 0.0
    low, high = mood.age_interval_years
    return max(0.0, high - low) / (2 * 1.2816)


def _ages(mood: Mood) -> tuple[float, float]:
    """Age of the youngest and of the oldest who are seen."""
    ages = [a for a in (mood.age_years, mood.youngest_years, mood.oldest_years) if a is not None]
    return min(ages), max(ages)
