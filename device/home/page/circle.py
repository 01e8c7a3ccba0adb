"""Valence and arousal as a place and as a colour.

The circle is Russell's circumplex ("A circumplex model of affect", Journal of Personality and
Social Psychology 39, 1980): valence grows to the right, arousal upwards, each -1..1.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

from device.types import Status, Track

RADIUS = 100.0
"""Of the circle, in the drawing's units; the drawing's middle is the origin."""
HUES = (
    (32.0, 42.0),
    (75.0, 24.0),
    (131.0, -2.0),
    (203.0, -136.0),
    (315.0, -202.0),
    (392.0, -318.0),
)
"""Angle in the circle -> hue: happy amber, surprised orange, angry red, sad blue, calm green."""


class Spot(NamedTuple):
    """A place in the drawing, whose y grows downwards."""

    x: float
    y: float


def spot(valence: float, arousal: float) -> Spot:
    """Where to draw a place; what lies outside the circle is drawn on its edge."""
    reach = max(1.0, math.hypot(valence, arousal))
    return Spot(round(RADIUS * valence / reach, 1), round(-RADIUS * arousal / reach, 1))


def colour(valence: float, arousal: float) -> str:
    """The colour of a place: its hue by direction, the stronger the further out. As #rrggbb."""
    strength = min(1.0, math.hypot(valence, arousal))
    angle = math.degrees(math.atan2(arousal, valence)) % 360.0
    if angle < HUES[0][0]:
        angle += 360.0
    for (low, before), (high, after) in itertools.pairwise(HUES):
        if angle <= high:
            hue = before + (after - before) * (angle - low) / (high - low)
            break
    return _hex(hue % 360.0, 0.12 + 0.68 * min(1.0, strength / 0.7), 0.56)


def _hex(hue: float, saturation: float, lightness: float) -> str:
    """CSS's hsl() as a number: https://www.w3.org/TR/css-color-4/#hsl-to-rgb."""
    amplitude = saturation * min(lightness, 1.0 - lightness)

    def channel(n: int) -> int:
        k = (n + hue / 30.0) % 12.0
        return round(255 * (lightness - amplitude * max(-1.0, min(k - 3.0, 9.0 - k, 1.0))))

    return f"#{channel(0):02x}{channel(8):02x}{channel(4):02x}"


class Circle(NamedTuple):
    """What is drawn into the circle: the room, and the music where one plays."""

    room: Spot | None
    music: Spot | None
    colour: str
    told: str


def circle_of(status: Status, track: Track | None) -> Circle:
    """The circle of the moment; `track` is the one that plays, where the library knows it."""
    mood = status.mood
    there = status.people > 0 or mood.overridden
    room = spot(mood.valence, mood.arousal) if there else None
    told = f"valence {mood.valence:+.2f}, arousal {mood.arousal:+.2f}" if there else "nobody"
    music = None
    if track is not None:
        music = spot(track.affect.valence, track.affect.arousal)
        told += f"; the music: {track.affect.valence:+.2f}, {track.affect.arousal:+.2f}"
    return Circle(room, music, colour(mood.valence, mood.arousal), f"The room: {told}")
