"""What the page's forms ask: their fields become commands, or words why not."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from device.home.commands import AUTO, PRESS, parse_command
from device.lessons import ForgetTaste
from device.ports import CannotDo
from device.types import Command, Correct, Scan, SetQuietHours, TrackId

SIMPLE = {
    "play": PRESS,
    "pause": PRESS,
    "next": PRESS,
    "previous": PRESS,
    "like": PRESS,
    "dislike": PRESS,
    "volume": None,
    "goal": None,
    "mood": None,
    "sleep": None,
    "say": None,
    "privacy": None,
}
"""Commands of one value, read as those of the home; None: the value is the field `value`."""
DONE = {
    "like": "Liked. That counts for such moods from now on.",
    "dislike": "Disliked, and on to another one.",
    "scan": "The music folders are looked through.",
    "say": "It will be announced.",
    "correct": "Your word counts from now on.",
    "uncorrect": "Your word was taken back.",
    "quiet": "Quiet hours are set.",
    "forget": "Erased.",
}
"""What is said once it was done; nothing of what the page shows anyway."""
FORGET_SECONDS = {"hour": 3600.0, "day": 86_400.0, "week": 604_800.0, "all": None}
LONGEST_FIELD = 300

Fields = Mapping[str, str]
Moods = Mapping[str, tuple[float, float]]


def command_of(name: str, fields: Fields, moods: Moods) -> Command:
    """The command that the form of such a name asks for. Raises `CannotDo`."""
    reader = READERS.get(name)
    try:
        if reader is not None:
            return reader(fields, moods)
        if name in SIMPLE:
            return parse_command(name, (SIMPLE[name] or _field(fields, "value")).encode())
    except ValueError as error:
        raise CannotDo(str(error)) from error
    raise CannotDo(f"there is nothing called {name[:40]!r} to be done here")


def forgetting(fields: Fields) -> ForgetTaste:
    """What shall be erased. Raises `CannotDo`."""
    how = _field(fields, "since")
    if how not in FORGET_SECONDS:
        raise CannotDo("say from when on it shall be erased")
    if fields.get("sure") != "yes":
        raise CannotDo("nothing was erased: tick the box that says that you are sure")
    seconds = FORGET_SECONDS[how]
    return ForgetTaste(None if seconds is None else max(0.0, time.time() - seconds))


def _quiet(fields: Fields, _moods: Moods) -> Command:
    if fields.get("when") == AUTO:
        return SetQuietHours(None)
    if fields.get("when") == "never":
        return SetQuietHours("")
    begin, end = _field(fields, "from"), _field(fields, "to")
    if not (begin and end):
        raise CannotDo("say from when and until when, such as 22:00 and 07:00")
    return SetQuietHours(f"{begin}-{end}")


def _correct(fields: Fields, moods: Moods) -> Command:
    """A mood's word goes before the sliders; `as-told` says nothing of what a track feels like."""
    track, mood = TrackId(_field(fields, "track")), _field(fields, "mood")
    explicit = {"": None, "yes": True, "no": False}.get(_field(fields, "explicit"))
    skip = fields.get("skip") == "yes"
    if mood in moods:
        valence, arousal = moods[mood]
    elif mood == "sliders":
        valence, arousal = _unit(fields, "valence"), _unit(fields, "arousal")
    elif mood == "as-told":
        return Correct(track, explicit=explicit, skip=skip)
    else:
        raise CannotDo(f"{mood!r} is no mood that is known here")
    return Correct(track, valence, arousal, explicit=explicit, skip=skip)


def _unit(fields: Fields, name: str) -> float:
    text = _field(fields, name)
    if not re.fullmatch(r"-?(0|1)?(\.[0-9]{1,6})?", text) or not re.search(r"[0-9]", text):
        raise CannotDo(f"{name} takes a number from -1 to 1, not {text[:40]!r}")
    return float(text)


def _field(fields: Fields, name: str) -> str:
    text = fields.get(name, "")
    if len(text) > LONGEST_FIELD:
        raise CannotDo(f"{name} is too long")
    return text.strip()


READERS: dict[str, Callable[[Fields, Moods], Command]] = {
    "quiet": _quiet,
    "correct": _correct,
    "uncorrect": lambda fields, _moods: Correct(TrackId(_field(fields, "track"))),
    "scan": lambda _fields, _moods: Scan(),
}
