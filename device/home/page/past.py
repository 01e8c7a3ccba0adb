"""The past as drawings: bars of mood and strips of plays, laid out here and drawn by a template.

All is in shares of the drawing's width and height, 0..1000, so that it can be stretched to any
screen; words stand beside it as HTML.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from device.diary import Diary, MoodSpan, Played
from device.home.page.circle import colour
from device.home.page.words import MOODS, count, span
from device.lessons import Ended
from device.types import MoodLabel

SCALE = 1000.0
DAY_SECONDS = 86_400.0
SHORTEST = 1.5
"""Of a play, in the drawing's units, so that a skipped one can be seen."""


class Bar(NamedTuple):
    """A rectangle, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    told: str


class Day(NamedTuple):
    """The drawings of one day, local time."""

    date: dt.date
    valence: tuple[Bar, ...]
    arousal: tuple[Bar, ...]
    plays: tuple[Bar, ...]
    told: str


def bounds(date: dt.date, days: int = 1) -> tuple[float, float]:
    """Wall times at which so many days begin and end here; a day has 23 hours in spring."""
    start = dt.datetime.combine(date, dt.time()).astimezone()
    end = dt.datetime.combine(date + dt.timedelta(days), dt.time()).astimezone()
    return start.timestamp(), end.timestamp()


def time_of_day(wall: float) -> str:
    """As "07:05", local time."""
    return f"{dt.datetime.fromtimestamp(wall).astimezone():%H:%M}"


def day(date: dt.date, diary: Diary) -> Day:
    """The drawings of a day, of a diary that covers it."""
    since, until = bounds(date)
    moods = [each for each in diary.moods if since <= each.at < until]
    plays = [each for each in diary.plays if since <= each.at < until]
    width = SCALE * diary.step_minutes * 60 / (until - since)
    return Day(
        date,
        tuple(_bars(moods, since, until, width, "valence")),
        tuple(_bars(moods, since, until, width, "arousal")),
        tuple(_strip(plays, since, until)),
        told(moods, plays),
    )


def _bars(
    moods: Sequence[MoodSpan], since: float, until: float, width: float, axis: str
) -> Iterator[Bar]:
    """A bar up or down from the middle for each step."""
    for mood in moods:
        value: float = getattr(mood, axis)
        height = max(abs(value), 0.02) * SCALE / 2
        yield Bar(
            x=round(SCALE * (mood.at - since) / (until - since), 2),
            y=round(SCALE / 2 - (height if value > 0 else 0.0), 1),
            width=round(width, 2),
            height=round(height, 1),
            fill=colour(mood.valence, mood.arousal),
            told=f"{time_of_day(mood.at)} {MOODS[mood.label].lower()}, {axis} {value:+.2f}",
        )


def _strip(plays: Sequence[Played], since: float, until: float) -> Iterator[Bar]:
    for play in plays:
        width = SCALE * (play.heard_seconds or 0.0) / (until - since)
        yield Bar(
            x=round(SCALE * (play.at - since) / (until - since), 2),
            y=0.0,
            width=round(max(SHORTEST, width), 2),
            height=SCALE,
            fill=taken(play),
            told=f"{time_of_day(play.at)} {play.title or 'a track that is gone'}",
        )


def taken(play: Played) -> str:
    """How a play was taken, in one word: a class of the style sheet."""
    if play.liked is not None:
        return "liked" if play.liked else "disliked"
    if play.ended is Ended.FINISHED:
        return "finished"
    if play.ended is Ended.DISLIKED:
        return "disliked"
    return "skipped" if play.ended is Ended.SKIPPED else "other"


def outlines(bars: Sequence[Bar]) -> Iterator[tuple[str, str]]:
    """Fills, and the outline of all bars of each: a tenth of what the bars one by one would take
    to send, for where nobody can point at one anyway."""
    by_fill: dict[str, list[str]] = {}
    for bar in bars:
        outline = f"M{bar.x:.0f} {bar.y:.0f}h{bar.width:.1f}v{bar.height:.0f}h-{bar.width:.1f}z"
        by_fill.setdefault(bar.fill, []).append(outline)
    for fill, parts in by_fill.items():
        yield fill, "".join(parts)


def told(moods: Sequence[MoodSpan], plays: Sequence[Played]) -> str:
    """The same in words."""
    if not moods and not plays:
        return "Nothing was noted."
    parts = []
    minutes: Counter[MoodLabel] = Counter()
    for mood in moods:
        minutes[mood.label] += mood.minutes
    seen = sum(minutes.values())
    if seen:
        label, most = minutes.most_common(1)[0]
        parts.append(
            f"Somebody was seen for {span(seen * 60)}, most of it "
            f"{MOODS[label].lower()} ({most / seen:.0%})."
        )
    if plays:
        kinds = Counter(map(taken, plays))
        notable = [f"{kinds[kind]} {kind}" for kind in ("liked", "disliked", "skipped")
                   if kinds[kind]]  # fmt: skip
        heard = sum(play.heard_seconds or 0.0 for play in plays)
        parts.append(
            f"{count(len(plays), 'track')} sounded, for {span(heard)}"
            f"{'; ' if notable else ''}{', '.join(notable)}."
        )
    return " ".join(parts)
