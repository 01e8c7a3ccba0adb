"""What volume holds now, and why: the wished one, under the caps of the night and of children,
and on its way down to sleep. Pure: time comes in, a value goes out."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

from device.music.clock import CLOCK_SET
from device.settings import MusicSettings

GLIDE_PERCENT = 2.0
"""How far a cap moves in a second when it begins or ends to hold, and what the sleep timer took
comes back when it is set again or taken back: nobody is startled."""
SLEEP_FADE_SECONDS = 300.0
"""The last minutes of the sleep timer, over which the music fades; half of a shorter one."""
DAY_MINUTES = 24 * 60


class Cap(NamedTuple):
    """The most that the volume may be, in percent, and why; no reason: nothing caps it."""

    percent: int = 100
    why: str = ""


class Volume(NamedTuple):
    """Percent for the music and for announcements, and what keeps it from the wished one."""

    music: float
    announced: float
    why: str


class Sleep(NamedTuple):
    """A sleep timer: when it is over (monotonic), and how long it fades before."""

    ends_at: float
    fade_seconds: float

    @staticmethod
    def after(minutes: float, now: float) -> Sleep:
        """One that ends in so many minutes."""
        seconds = minutes * 60.0
        return Sleep(now + seconds, min(SLEEP_FADE_SECONDS, seconds / 2))

    @staticmethod
    def resumed(minutes: float, now: float) -> Sleep:
        """One that was set before a restart and has so many minutes left. It fades as one of ten
        minutes and more does: how short it once was is not noted, and too soft wakes nobody."""
        return Sleep(now + minutes * 60.0, SLEEP_FADE_SECONDS)

    def share(self, now: float) -> float:
        """What is left of the volume: 1 until the fade begins, 0 at the end."""
        return max(0.0, min(1.0, (self.ends_at - now) / self.fade_seconds))

    def minutes_left(self, now: float) -> int:
        """Minutes until the end, begun ones as whole."""
        return max(0, math.ceil((self.ends_at - now) / 60.0))

    def minutes_to_resume(self, at: float) -> int:
        """What is left at a time, for `resumed`: to the nearest minute, and never none."""
        return max(1, round((self.ends_at - at) / 60.0))


def cap_of(settings: MusicSettings, wall: float, *, child: bool) -> Cap:
    """The lowest cap that holds at a wall time (seconds since the epoch)."""
    caps = [Cap()]
    if child:
        why = f"at most {settings.child_volume} % while a child may listen"
        caps.append(Cap(settings.child_volume, why))
    if settings.quiet_hours:
        caps.append(_quiet_cap(settings, wall))
    lowest = min(caps, key=lambda cap: cap.percent)
    # Equal to no cap at all: the only thing to tell is what cannot be kept.
    return lowest if lowest.percent < 100 else Cap(100, caps[-1].why if len(caps) > 1 else "")


def _quiet_cap(settings: MusicSettings, wall: float) -> Cap:
    if wall < CLOCK_SET:
        return Cap(100, "quiet hours cannot be kept: the clock was never set")
    start, end = settings.quiet_hours.split("-")
    clock = time.localtime(wall)
    minute = clock.tm_hour * 60 + clock.tm_min
    length = (_minutes(end) - _minutes(start)) % DAY_MINUTES or DAY_MINUTES
    if (minute - _minutes(start)) % DAY_MINUTES >= length:
        return Cap()
    return Cap(settings.quiet_volume, f"at most {settings.quiet_volume} % until {end}: quiet hours")


def _minutes(text: str) -> int:
    """Minutes after midnight of "HH:MM"."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


class VolumeKeeper:
    """Lets caps come and go gently, and come back what the sleep timer took; what is set by hand
    holds at once."""

    def __init__(self) -> None:
        self._cap: float | None = None
        self._share: float | None = None
        self._at = 0.0

    def somebody_asks(self) -> None:
        """For music, or a volume: whoever does is awake, and hears it at once."""
        self._share = None

    def update(self, now: float, wished: int, cap: Cap, share: float = 1.0) -> Volume:
        """The volume at a monotonic time; `share` is what the sleep timer leaves of it."""
        step = GLIDE_PERCENT * max(0.0, now - self._at)
        self._at = now
        if self._cap is None:
            self._cap = float(cap.percent)
        elif cap.percent < self._cap:
            self._cap = min(self._cap, float(max(wished, cap.percent)))
            self._cap = max(float(cap.percent), self._cap - step)
        else:
            self._cap = min(float(cap.percent), self._cap + step)
        self._share = share if self._share is None else min(share, self._share + step / 100.0)
        announced = min(float(wished), self._cap)
        capped = wished > cap.percent or cap.percent == 100
        reasons = [cap.why] if cap.why and capped else []
        if share < 1.0:
            reasons.append("the sleep timer lets the music fade")
        elif self._share < 1.0:
            reasons.append("the music comes back after the sleep timer's fade")
        return Volume(announced * self._share, announced, "; ".join(reasons))
