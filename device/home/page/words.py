"""Words for what the page shows."""

from __future__ import annotations

import math
from collections.abc import Mapping

from device.lessons import Ended
from device.types import AgeGroup, Correct, Goal, Health, MoodLabel, Status, Track

MOODS = {
    MoodLabel.SURPRISE: "Surprised",
    MoodLabel.FEAR: "Afraid",
    MoodLabel.DISGUST: "Disgusted",
    MoodLabel.HAPPINESS: "Happy",
    MoodLabel.SADNESS: "Sad",
    MoodLabel.ANGER: "Angry",
    MoodLabel.NEUTRAL: "Calm and even",
    MoodLabel.UNCERTAIN: "Hard to say",
    MoodLabel.NOBODY: "Nobody in view",
}
GROUPS = {
    AgeGroup.CHILD: "child",
    AgeGroup.TEENAGER: "teenager",
    AgeGroup.YOUNG_ADULT: "young adult",
    AgeGroup.ADULT: "adult",
    AgeGroup.SENIOR: "senior",
}
GOALS = {
    Goal.MATCH: ("Match", "music like the mood"),
    Goal.LIFT: ("Lift", "step by step towards brighter music"),
    Goal.CALM: ("Calm", "step by step towards quieter music"),
    Goal.FOCUS: ("Focus", "even, with little singing, whatever the mood"),
}
ENDINGS = {
    Ended.FINISHED: "heard out",
    Ended.SKIPPED: "skipped",
    Ended.DISLIKED: "disliked",
    Ended.REPLAYED: "started again",
    Ended.RETURNED: "gone back from",
    Ended.MOOD: "left as the mood moved on",
    Ended.CHILD: "ended as a child came",
    Ended.STOPPED: "Attune was stopped",
    Ended.FAILED: "could not be played on",
}
SOURCES = {
    "user tag": "your own label",
    "file tag": "the file's tags",
    "playlist": "a playlist",
    "folder": "its folder's name",
    "listening": "how it sounds",
    "genre": "its genre",
    "unknown": "nobody knows",
}
HEALTH = {
    Health.STARTING: "starting",
    Health.UP: "works",
    Health.DOWN: "is down, and tried again",
    Health.OFF: "is off on purpose",
}


def clock(seconds: float) -> str:
    """A length as people write it: 3:07, or 1:02:03."""
    minutes, left = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def span(seconds: float) -> str:
    """A duration in one or two units: 45 s, 12 min, 3 h 20 min, 2 d 4 h."""
    if seconds < 60:
        return f"{max(0, int(seconds))} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def count(number: int, one: str, many: str | None = None) -> str:
    """A number of things: 1 track, 2,000 tracks."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def kept(days: int) -> str:
    """For how long what has a time is kept."""
    return f"{count(days, 'day')}, or until you erase it" if days else "until you erase it"


def blind(status: Status) -> str:
    """Why nobody can be seen; nothing where the camera looks."""
    if status.privacy:
        return "the camera is off"
    if status.people or status.camera.health is Health.UP:
        return ""
    if status.camera.health is Health.DOWN:
        return "the camera does not work"
    return "the camera is starting"


def mood(status: Status) -> str:
    """The mood of the room, in a word or two."""
    if status.mood.overridden or not blind(status):
        return MOODS[status.mood.label]
    return "Camera off" if status.privacy else "No camera"


def who(status: Status) -> str:
    """Who is there, in a line."""
    if not status.people or status.privacy:
        return blind(status) or "the room looks empty"
    people = count(status.people, "person", "people")
    if status.age is None or status.age_group is None:
        return people
    about = f"about {status.age:.0f}"
    if status.age_interval is not None:
        low, high = status.age_interval
        about += f" ({low:.0f} to {high:.0f})"
    return f"{people}, {about}, {GROUPS[status.age_group]}"


def sure(status: Status) -> str:
    """For how long the mood is so, and how sure that is."""
    mood = status.mood
    since = "just now" if mood.since_seconds < 10 else f"for {span(mood.since_seconds)}"
    if mood.overridden:
        return f"set by hand, {since}"
    if mood.label in (MoodLabel.NOBODY, MoodLabel.UNCERTAIN):
        return since
    return f"{since}, {mood.confidence:.0%} sure"


def side(valence: float, arousal: float) -> str:
    """Where a place lies: "pleasant and lively"."""
    words = [
        f"{'very ' if abs(value) > 0.7 else '' if abs(value) > 0.3 else 'a little '}"
        f"{plus if value > 0 else minus}"
        for value, plus, minus in (
            (valence, "pleasant", "unpleasant"),
            (arousal, "lively", "quiet"),
        )
        if abs(value) > 0.1
    ]
    return " and ".join(words) or "in the middle"


def feel(track: Track, moods: Mapping[str, tuple[float, float]]) -> str:
    """The mood word that lies nearest to a track; nothing where nobody knows."""
    if track.affect.source == "unknown" or not moods:
        return ""
    place = (track.affect.valence, track.affect.arousal)
    return min(moods, key=lambda word: math.dist(moods[word], place))


def says(track: Track, correction: Correct | None) -> str:
    """Who says what a track feels like."""
    if correction is not None and correction.valence is not None:
        return "your word, said here"
    return SOURCES.get(track.affect.source, track.affect.source)
