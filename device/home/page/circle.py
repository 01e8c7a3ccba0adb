"""Valence and arousal as a place and as a colour.

The circle is Russell's circumplex ("A circumplex model of affect", Journal of Personality and
Social Psychology 39, 1980): valence grows to the right, arousal upwards, each -1..1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from device.home.page import words
from device.types import Status, Track

RADIUS = 100.0
"""Of the circle, in the drawing's units; the drawing's middle is the origin."""
PAINTS = (
    ((0.64, 0.50), (0xF5, 0xB7, 0x33)),  # happy: amber
    ((-0.56, 0.64), (0xE4, 0x56, 0x4F)),  # angry: red
    ((-0.64, -0.44), (0x5B, 0x7F, 0xE0)),  # sad: blue
    ((0.60, -0.64), (0x3F, 0xB5, 0x8A)),  # calm: green
    ((0.0, 0.0), (0xA8, 0x9D, 0x92)),
)
"""Places in the circle and their red, green and blue, as `templates/parts.html` paints them too."""


class Spot(NamedTuple):
    """A place in the drawing, whose y grows downwards."""

    x: float
    y: float


def spot(valence: float, arousal: float) -> Spot:
    """Where to draw a place; what lies outside the circle is drawn on its edge."""
    reach = max(1.0, math.hypot(valence, arousal))
    return Spot(round(RADIUS * valence / reach, 1), round(-RADIUS * arousal / reach, 1))


def colour(valence: float, arousal: float) -> str:
    """The colour of a place, as #rrggbb: of all paints, the nearer the more (Shepard, "A
    two-dimensional interpolation function for irregularly-spaced data", ACM 1968)."""
    weights = [1.0 / (math.dist(place, (valence, arousal)) ** 3 + 1e-3) for place, _ in PAINTS]
    total = sum(weights)
    mixed = (
        sum(weight * paint[n] for weight, (_, paint) in zip(weights, PAINTS, strict=True)) / total
        for n in range(3)
    )
    return "#" + "".join(f"{round(each):02x}" for each in mixed)


class Circle(NamedTuple):
    """What is drawn into the circle: the room, and the music where one plays, each in its
    colour."""

    room: Spot | None
    music: Spot | None
    colour: str
    glow: str
    told: str


def circle_of(status: Status, track: Track | None) -> Circle:
    """The circle of the moment; `track` is the one that plays, where the library knows it."""
    mood = status.mood
    there = status.people > 0 or mood.overridden
    room = spot(mood.valence, mood.arousal) if there else None
    told = f"valence {mood.valence:+.2f}, arousal {mood.arousal:+.2f}"
    if not there:
        why = words.blind(status)
        told = f"not seen, for {why}" if why else "nobody"
    music, glow = None, ""
    if track is not None:
        music = spot(track.affect.valence, track.affect.arousal)
        glow = colour(track.affect.valence, track.affect.arousal)
        told += f"; the music: {track.affect.valence:+.2f}, {track.affect.arousal:+.2f}"
    return Circle(room, music, colour(mood.valence, mood.arousal), glow, f"The room: {told}")
