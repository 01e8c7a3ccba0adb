"""The status for people: a panel of lines, a line for each change, and a live view of both.

The live view writes only what changed of a line, which is kind to a slow SSH connection.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
import unicodedata
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from device.client import Client, NotRunning, Refused
from device.types import Health, MoodLabel, NowPlaying, Part, Status

if TYPE_CHECKING:
    from typing_extensions import Self

POLL_SECONDS = 0.5
NAME_COLUMNS = 10
BAR_COLUMNS = 24

UNSURE = (MoodLabel.NOBODY, MoodLabel.UNCERTAIN)
"""Labels of which a confidence says nothing."""

BOLD, DIM, GREEN, YELLOW, RED, CYAN = "1", "2", "32", "33", "31", "36"
HEALTH_COLOURS = {
    Health.UP: GREEN,
    Health.STARTING: YELLOW,
    Health.DOWN: RED,
    Health.OFF: DIM,
}


class Paint:
    """Colours by ANSI's SGR codes, or none."""

    def __init__(self, *, on: bool) -> None:
        self._on = on

    def __call__(self, text: str, code: str) -> str:
        """`text` in the style of an SGR code such as `BOLD`."""
        return f"\x1b[{code}m{text}\x1b[0m" if self._on else text


def wants_colour(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether to colour: on a terminal, unless NO_COLOR (no-color.org) or a dumb one forbids."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def panel(status: Status, paint: Paint) -> list[str]:
    """Everything to show of a status, a line each."""
    rows = [
        ("Mood", _mood(status, paint)),
        ("Valence", _axis(status.mood.valence, paint)),
        ("Arousal", _axis(status.mood.arousal, paint)),
        ("People", _people(status)),
        *_track(status, paint),
        ("Settings", _settings(status)),
        *(
            (name, _part(part, paint))
            for name, part in (
                ("Camera", status.camera),
                ("Sound", status.sound),
                ("Broker", status.broker),
                ("Library", status.library),
                ("Page", status.page),
            )
        ),
        ("Board", _board(status)),
    ]
    return [paint(f"{name:<{NAME_COLUMNS}}", DIM) + text for name, text in rows]


def summary(status: Status) -> str:
    """What matters after a command, in one line."""
    return f"{status.mood.label.value}; {_playing(status)}; {_settings(status)}"


def changes(before: Status | None, after: Status) -> list[str]:
    """What happened between two statuses, a line each; `before` None: how it all stands."""
    lines = []
    if before is None or before.mood.label is not after.mood.label:
        sure = "" if after.mood.label in UNSURE else f", {after.mood.confidence:.0%} sure"
        lines.append(f"mood: {after.mood.label.value}{sure}")
    if before is None or (before.people, before.age_group) != (after.people, after.age_group):
        lines.append(f"people: {_people(after)}")
    if before is None or _playing(before) != _playing(after):
        lines.append(_playing(after))
    for name in ("volume", "goal", "privacy"):
        value = getattr(after, name)
        if before is not None and getattr(before, name) != value:
            lines.append(f"{name}: {_word(value)}")
    if after.volume_why and (before is None or before.volume_why != after.volume_why):
        lines.append(f"volume: {after.volume_why}")
    for name in ("camera", "sound", "broker", "library", "page"):
        part = getattr(after, name)
        if before is None or getattr(before, name).health is not part.health:
            lines.append(f"{name}: {_part(part, Paint(on=False))}")
    return lines


def watch(client: Client, out: TextIO = sys.stdout) -> None:
    """Show the status until interrupted. Raises `NotRunning` when no daemon runs at first."""
    client.status()
    if out.isatty():
        live = _Live(client, Paint(on=wants_colour(out)))
        with Canvas(out) as canvas:
            while True:
                canvas.draw(live.lines())
                time.sleep(POLL_SECONDS)
    else:
        _tell_changes(client, out)


def _tell_changes(client: Client, out: TextIO) -> None:
    """A line for each change, for logs and pipes."""
    before: Status | None = None
    running = True
    while True:
        try:
            now = client.status()
        except (NotRunning, Refused) as error:
            lines, before = ([str(error)] if running else []), None
            running = False
        else:
            lines, before, running = changes(before, now), now, True
        out.writelines(f"{time.strftime('%H:%M:%S')}  {line}\n" for line in lines)
        out.flush()
        time.sleep(POLL_SECONDS)


class Canvas:
    """The terminal's alternate screen, written line by line, and only from where a line changed."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._drawn: list[str] = []
        self._size = shutil.get_terminal_size()

    def __enter__(self) -> Self:
        # Without a cursor; long lines are cut, not wrapped.
        self._out.write("\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J")
        return self

    def __exit__(self, *_: object) -> None:
        """The terminal is left as it was."""
        self._out.write("\x1b[?7h\x1b[?25h\x1b[?1049l")
        self._out.flush()

    def draw(self, lines: list[str]) -> None:
        """Show lines, as many as fit, instead of those before."""
        size = shutil.get_terminal_size()
        if size != self._size:
            self._size, self._drawn = size, []
            self._out.write("\x1b[2J")
        lines = lines[: size.lines - 1]
        for row in range(max(len(lines), len(self._drawn))):
            line = lines[row] if row < len(lines) else ""
            before = self._drawn[row] if row < len(self._drawn) else ""
            if row >= len(self._drawn) or before != line:
                column, rest = difference(before, line)
                if column < size.columns:
                    self._out.write(f"\x1b[{row + 1};{column + 1}H{rest}\x1b[K")
        self._drawn = lines
        self._out.flush()


def difference(before: str, after: str) -> tuple[int, str]:
    """From which column on a line differs from the one before, and what stands there now.

    The rest begins with the style that holds there; a line that is not printed one column a
    character (East Asian, combined) is taken from before such a character on.
    """
    column, style, at = 0, "", 0
    for old, new in zip(_cells(before), _cells(after), strict=False):
        if old != new or not _is_narrow(new):
            break
        at += len(new)
        if new.startswith("\x1b"):
            style = new
        else:
            column += 1
    return column, style + after[at:]


def _cells(line: str) -> list[str]:
    """A line's characters, and its SGR codes each in one piece."""
    return re.findall(r"\x1b\[[\d;]*m|.", line, re.DOTALL)


def _is_narrow(cell: str) -> bool:
    return cell.isascii() or (
        unicodedata.east_asian_width(cell) not in "WF" and unicodedata.category(cell)[0] != "M"
    )


class _Live:
    """The live view: the panel, and below it what happened last."""

    def __init__(self, client: Client, paint: Paint) -> None:
        self._client = client
        self._paint = paint
        self._before: Status | None = None
        self._history: deque[str] = deque(maxlen=200)

    def lines(self) -> list[str]:
        """The view as it is now."""
        paint = self._paint
        try:
            status = self._client.status()
        except (NotRunning, Refused) as error:
            return [paint("Attune", BOLD), "", paint(str(error), RED)]
        stamp = time.strftime("%H:%M:%S")
        if self._before is not None:
            self._history.extendleft(
                f"{paint(stamp, DIM)}  {line}" for line in changes(self._before, status)
            )
        self._before = status
        return [headline(status, paint), "", *panel(status, paint), "", *self._history]


def headline(status: Status, paint: Paint) -> str:
    """Name, version, and how long it has been up."""
    return f"{paint('Attune', BOLD)} {status.version}, up {span(status.uptime_seconds)}"


# --- the parts of the panel ------------------------------------------------------------------


def _mood(status: Status, paint: Paint) -> str:
    mood = status.mood
    colour = DIM if mood.label in UNSURE else CYAN
    words = paint(mood.label.value, f"{BOLD};{colour}")
    if mood.label not in UNSURE:
        words += f", {mood.confidence:.0%} sure"
    words += f", for {span(mood.since_seconds)}"
    return words + (" (set by hand)" if mood.overridden else "")


def _axis(value: float, paint: Paint) -> str:
    """A point on the line from -1 to 1."""
    middle = BAR_COLUMNS // 2
    line = ["─"] * (BAR_COLUMNS + 1)
    line[middle] = "┼"
    line[round(middle + max(-1.0, min(1.0, value)) * middle)] = "●"
    return f"{paint('-', DIM)}{''.join(line)}{paint('+', DIM)} {value:+.2f}"


def _people(status: Status) -> str:
    if status.people == 0:
        return "nobody in view"
    words = "1 person" if status.people == 1 else f"{status.people} people"
    if status.age is not None:
        words += f", about {status.age:.0f}"
    if status.age_interval is not None:
        words += f" ({status.age_interval[0]:.0f} to {status.age_interval[1]:.0f})"
    if status.age_group is not None:
        words += f", {_word(status.age_group)}"
    return words


def _track(status: Status, paint: Paint) -> list[tuple[str, str]]:
    track = status.track
    if track is None:
        return [("Track", "none")]
    state = "playing" if status.playing else "paused"
    share = track.position_seconds / track.duration_seconds if track.duration_seconds > 0 else 0.0
    filled = round(max(0.0, min(1.0, share)) * BAR_COLUMNS)
    bar = "━" * filled + paint("─" * (BAR_COLUMNS - filled), DIM)
    times = f"{_clock(track.position_seconds)} / {_clock(track.duration_seconds)}"
    return [
        ("Track", paint(_title(track), BOLD)),
        ("", f"{bar} {times}, {state}"),
        ("Because", clean(track.because)),
    ]


def _settings(status: Status) -> str:
    privacy = "on, the camera is off" if status.privacy else "off"
    words = [f"volume {status.volume} %", f"goal {status.goal.value}", f"privacy {privacy}"]
    if status.volume_why:
        words.insert(1, f"now {status.volume_now} % ({status.volume_why})")
    if status.sleep_minutes is not None:
        words.append(f"sleep in {status.sleep_minutes} min")
    return ", ".join(words)


def _part(part: Part, paint: Paint) -> str:
    word = paint(part.health.value, HEALTH_COLOURS[part.health])
    return f"{word}, {clean(part.detail)}" if part.detail else word


def _board(status: Status) -> str:
    board = status.board
    words = []
    if board.temperature_celsius is not None:
        words.append(f"{board.temperature_celsius:.0f} °C")
    if board.throttled:
        words.append("throttled")
    if board.under_voltage:
        words.append("under-voltage: use a stronger power supply")
    return ", ".join(words) or "does not tell of its health"


def _playing(status: Status) -> str:
    if status.track is None:
        return "no track"
    state = "playing" if status.playing else "paused"
    return f"{state}: {_title(status.track)}: {clean(status.track.because)}"


def _title(track: NowPlaying) -> str:
    return clean(f"{track.title} by {track.artist}" if track.artist else track.title)


def clean(text: str) -> str:
    """Without control characters: a file's tags shall not steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(getattr(value, "value", value)).replace("_", " ")


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def span(seconds: float) -> str:
    """A duration in words."""
    minutes, hours = int(seconds) // 60, int(seconds) // 3600
    if minutes < 1:
        return f"{int(seconds)} s"
    return f"{minutes} min" if hours < 1 else f"{hours} h {minutes % 60} min"
