"""The daemon, living faster: `python -m tests.benchmarks.household CONFIG SPEED`.

All of it is the product's own, but for what would hold time up: the clock, the sound card (a sink
that takes sound as fast as the clock runs) and the camera (people who come and go, who have moods).
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import device.daemon
import device.music.player
from device import config
from device.daemon import Daemon
from device.inbox import Inbox
from device.music.decode import Samples
from device.music.output import CHUNK_SECONDS
from device.ports import Clock, PartUnavailable, WorkerContext
from device.settings import Settings, SoundSettings
from device.system import journal, memory, supervise
from device.system.vitals import LastError
from device.types import Board, Emotion, Face, Sighting
from tests.fakes import face

MIDNIGHT = 1_780_012_800.0
LOOKS_HERTZ = 2.0
"""The looks of a camera at people, in the household's time."""
MOOD_SECONDS = 420.0
MEMBERS = {8.0: ((7, 8), (15, 20)), 15.0: ((7, 8), (16, 23)), 38.0: ((6, 9), (12, 13), (18, 23)),
           70.0: ((9, 12), (14, 18))}  # fmt: skip
"""Age, and the hours at which that one is at home and in view."""
FAULT_HOURS = 3.0
CAMERA_AWAY_SECONDS, CARD_AWAY_SECONDS = (600.0, 900.0), (1800.0, 2100.0)
"""In each such stretch of hours the camera and the sound card are unplugged for a while."""


class FastClock:
    """Time that passes `speed` times as fast, from midnight on."""

    def __init__(self, speed: float) -> None:
        self._speed, self._began = speed, time.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * self._speed

    def wall(self) -> float:
        return MIDNIGHT + self.monotonic()


class FastInbox(Inbox[device.daemon.Event]):
    """Waits as long as the faster clock says."""

    speed = 1.0

    def take(self, timeout_seconds: float) -> device.daemon.Event | None:
        return super().take(timeout_seconds / self.speed)


class FastSink:
    """Takes sound as a sound card would whose second is the clock's: one chunk sounds, another
    waits."""

    def __init__(self, _settings: SoundSettings, clock: Clock) -> None:
        self._clock = clock
        self._ends = 0.0

    def open(self) -> None:
        if is_away(CARD_AWAY_SECONDS, self._clock):
            raise PartUnavailable("the sound card is not plugged in")

    def close(self) -> None:
        self._ends = 0.0

    release = drain = close

    @property
    def idle(self) -> bool:
        return self._clock.monotonic() >= self._ends

    @property
    def wants(self) -> bool:
        self.open()
        deadline = time.monotonic() + 0.05
        while self._ends - self._clock.monotonic() > CHUNK_SECONDS:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.0005)
        return True

    def hand(self, mix: Samples) -> None:
        assert abs(mix).max() <= 1.0
        self._ends = max(self._ends, self._clock.monotonic()) + CHUNK_SECONDS


class People:
    """In the camera's place: the household, as a camera would have seen it."""

    def __init__(self, _settings: Settings, post: Callable[[Sighting], None], clock: Clock) -> None:
        self._post, self._clock = post, clock
        self._privacy = False
        self.frames_seen, self.inference_milliseconds = 0, 0.0

    def set_privacy(self, on: bool) -> None:
        self._privacy = on

    def set_board(self, board: Board) -> None:
        pass

    def run(self, context: WorkerContext) -> None:
        while not context.stopping:
            if self._privacy:
                context.off("privacy")
                context.wait(0.1)
                continue
            if is_away(CAMERA_AWAY_SECONDS, self._clock):
                raise PartUnavailable("the camera is not plugged in")
            context.up("the household")
            now = self._clock.monotonic()
            self._post(Sighting(now, in_view(now)))
            self.frames_seen += 1
            context.wait(1.0 / LOOKS_HERTZ / FastInbox.speed)


def is_away(span: tuple[float, float], clock: Clock) -> bool:
    return span[0] <= clock.monotonic() % (FAULT_HOURS * 3600.0) < span[1]


def in_view(now: float) -> tuple[Face, ...]:
    hour = now / 3600.0 % 24.0
    return tuple(
        face(mood_of(number, int(now // MOOD_SECONDS)), age=age, track=number)
        for number, (age, spans) in enumerate(MEMBERS.items())
        if any(begin <= hour < end for begin, end in spans)
    )


@lru_cache(maxsize=16)
def mood_of(member: int, slot: int) -> Emotion:
    """Mostly happy or calm, now and then something else."""
    weights = [1, 1, 1, 8, 3, 2, 6]
    return random.Random(1000 * slot + member).choices(list(Emotion), weights)[0]


def main(path: Path, speed: float) -> int:
    memory.keep_little()
    settings = config.load(path)
    journal.set_up(settings.log.level)
    FastInbox.speed = speed
    supervise.STALL_SECONDS *= speed  # the workers' own waits are not hastened
    device.daemon.Watcher = People  # type: ignore[misc,assignment]
    device.music.player.Output = FastSink  # type: ignore[misc,assignment]
    daemon = Daemon(settings, path, LastError())
    daemon._clock = FastClock(speed)  # type: ignore[assignment]
    daemon._inbox = FastInbox()
    return daemon.run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))
