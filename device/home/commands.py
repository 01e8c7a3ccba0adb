"""What the home may ask: a command's name and payload become a `Command`, or words why not."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import TypeVar

from device.types import (
    LONGEST_SLEEP_MINUTES,
    Command,
    Dislike,
    Emotion,
    Goal,
    Like,
    Next,
    OverrideMood,
    Pause,
    Play,
    Previous,
    Say,
    SetGoal,
    SetPrivacy,
    SetSleep,
    SetVolume,
)

LONGEST_PAYLOAD_BYTES, LONGEST_NAME_BYTES = 64, 255
"""Of most commands, and of a file's name (Linux has none that is longer)."""
PRESS = "PRESS"
"""What a button sends. Not the empty payload: that is how a retained message is cleared."""
AUTO = "auto"
"""The mood override that lets the camera decide."""

Choice = TypeVar("Choice", bound=enum.Enum)


def parse_command(name: str, payload: bytes) -> Command:
    """The command that arrived at `…/set/<name>`; ValueError says what is wrong with it."""
    parse = PARSERS.get(name)
    if parse is None:
        raise ValueError(f"there is no command {name[:40]!r}, only {', '.join(sorted(PARSERS))}")
    most = LONGEST_NAME_BYTES if name == "say" else LONGEST_PAYLOAD_BYTES
    if len(payload) > most:
        raise ValueError(f"{len(payload)} bytes are too many, {most} is the most")
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise ValueError("the payload is not UTF-8 text") from None
    return parse(text.strip())


def _press(command: Command) -> Callable[[str], Command]:
    def parse(text: str) -> Command:
        if text.upper() != PRESS:
            raise ValueError(f"a button takes {PRESS}, not {text!r}")
        return command

    return parse


def _switch(on: Command, off: Command) -> Callable[[str], Command]:
    def parse(text: str) -> Command:
        try:
            return {"ON": on, "OFF": off}[text.upper()]
        except KeyError:
            raise ValueError(f"a switch takes ON or OFF, not {text!r}") from None

    return parse


def _volume(text: str) -> Command:
    return SetVolume(_whole_number("volume", text, 100))


def _sleep(text: str) -> Command:
    off = text.upper() == "OFF"
    return SetSleep(0 if off else _whole_number("sleep", text, LONGEST_SLEEP_MINUTES))


def _whole_number(name: str, text: str, most: int) -> int:
    # Home Assistant sends whole numbers as "60", templates often as "60.0".
    if not re.fullmatch(r"[0-9]{1,3}(\.0+)?", text):
        raise ValueError(f"{name} takes a whole number from 0 to {most}, not {text!r}")
    return int(float(text))


def _say(text: str) -> Command:
    """A file of the announcements' folder: from afar, no path reaches out of it."""
    if not re.fullmatch(r"[^/.][^/]*\.[A-Za-z0-9]{1,5}", text) or not text.isprintable():
        raise ValueError(
            f"say takes a file's name in the announcements' folder, as bell.ogg, not {text!r}"
        )
    return Say(text)


def _one_of(options: type[Choice], text: str) -> Choice:
    try:
        return options(text.lower())
    except ValueError:
        names = ", ".join(str(option.value) for option in options)
        raise ValueError(f"{text!r} is none of {names}") from None


def _goal(text: str) -> Command:
    return SetGoal(_one_of(Goal, text))


def _mood(text: str) -> Command:
    if text.lower() == AUTO:
        return OverrideMood(None)
    try:
        return OverrideMood(_one_of(Emotion, text))
    except ValueError as error:
        raise ValueError(f"{error}, {AUTO}") from None


PARSERS: dict[str, Callable[[str], Command]] = {
    "play": _press(Play()),
    "pause": _press(Pause()),
    "playing": _switch(Play(), Pause()),
    "next": _press(Next()),
    "previous": _press(Previous()),
    "like": _press(Like()),
    "dislike": _press(Dislike()),
    "volume": _volume,
    "goal": _goal,
    "mood": _mood,
    "sleep": _sleep,
    "say": _say,
    "privacy": _switch(SetPrivacy(on=True), SetPrivacy(on=False)),
}
"""Command name -> what reads its text."""
