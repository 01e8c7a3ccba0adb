"""Why a track plays, in words that are true."""

from __future__ import annotations

import math
from typing import NamedTuple

from device.music.goals import DESTINATIONS, TOLERANCE, Aim
from device.types import Affect, Goal, Mood, MoodLabel, Track

NEAR = 0.6
"""A track farther than this from the aim does not count as fitting."""

_CHARACTER = {
    (1, 1): "bright and lively",
    (1, 0): "warm and bright",
    (1, -1): "warm and calm",
    (0, 1): "lively",
    (0, 0): "even-tempered",
    (0, -1): "quiet",
    (-1, 1): "dark and driving",
    (-1, 0): "wistful",
    (-1, -1): "quiet and wistful",
}
"""Signs of valence and arousal -> how such music sounds."""

_LOOKS = {
    MoodLabel.SURPRISE: "surprised",
    MoodLabel.FEAR: "uneasy",
    MoodLabel.DISGUST: "displeased",
    MoodLabel.HAPPINESS: "happy",
    MoodLabel.SADNESS: "sad",
    MoodLabel.ANGER: "angry",
    MoodLabel.NEUTRAL: "composed",
}


class Spoke(NamedTuple):
    """What besides the mood spoke for a track. `age_then`: the listener's when it came out;
    `nearest`: how far from the aim that track lies which lies nearest of those whose place is
    known."""

    age_then: float | None = None
    liked: bool = False
    again: bool = False
    nearest: float = 0.0


def because(track: Track, goal: Goal, mood: Mood, aim: Aim, spoke: Spoke) -> str:
    """One sentence without its full stop."""
    said = [f"{character(track)}, {_purpose(track.affect, goal, mood, aim, spoke.nearest)}"]
    if spoke.age_then is not None:
        who = "people here" if mood.people > 1 else "you"
        said.append(f"from {track.year}, when {who} were about {spoke.age_then:.0f}")
    if spoke.liked:
        said.append("liked here before")
    if spoke.again:
        said.append("again so soon because there is little to choose from")
    return "; ".join(said)


def character(track: Track) -> str:
    """How a track sounds, as far as it is known."""
    affect = track.affect
    if affect.source == "unknown":
        return "a surprise, for nothing tells its mood"
    # A guess's mean is near the middle by nature; it shows a tendency, and is said as one.
    guess = {"genre": "its genre", "listening": "its sound"}.get(affect.source)
    edge = 0.2 if guess is None else 0.08
    words = _CHARACTER[_sign(affect.valence, edge), _sign(affect.arousal, edge)]
    return words if guess is None else f"probably {words}, by {guess}"


def _sign(value: float, edge: float) -> int:
    return (value > edge) - (value < -edge)


def _purpose(affect: Affect, goal: Goal, mood: Mood, aim: Aim, nearest: float) -> str:
    known = affect.source != "unknown"
    place = (affect.valence, affect.arousal)
    though = _though(math.dist(place, (aim.valence, aim.arousal)), nearest) if known else ""
    if goal is Goal.FOCUS:
        return f"{though}to help you focus"
    looks = _looks(mood)
    if goal is Goal.MATCH:
        return f"{though if mood.label in _LOOKS else ''}{looks}"
    if goal is Goal.LIFT:
        verb, doing, step = "lift", "lifting", "a step up"
    else:
        verb, doing, step = "calm", "calming", "a step toward calm"
    if aim.arrived:
        return f"{though}to {verb} the mood, {looks}"
    if not known:
        return looks  # nobody can tell where it leads
    if math.dist(place, DESTINATIONS[goal]) < aim.to_go:
        return f"{step}, {looks}"
    return f"to meet the mood before {doing} it, {looks}"


def _though(way: float, nearest: float) -> str:
    """What is to be owned of a track that lies so far from the aim."""
    if way <= NEAR:
        return ""
    if nearest < way - TOLERANCE:
        return "though others lie nearer, "
    return "about as near as this library comes, "


def _looks(mood: Mood) -> str:
    """The mood as the reason for something."""
    if mood.label is MoodLabel.NOBODY:
        return "as nobody is in view"
    if mood.label is MoodLabel.UNCERTAIN:
        return "as the mood is hard to read"
    looks = _LOOKS[mood.label]
    if mood.confidence >= 1.0 or mood.people == 0:
        # No camera is ever certain: this mood was set by hand.
        return f"for the {looks} mood that was asked for"
    return f"as {'the room looks' if mood.people > 1 else 'you look'} {looks}"
