"""A small speaker behind the real API server, for the tests of the API and the command line."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from pathlib import Path

import flask.testing
import msgspec

from device.home.app import create_app
from device.home.appliance import Appliance
from device.home.guard import DOOR, Door
from device.home.keyring import Keyring
from device.home.server import ApiServer
from device.lessons import TasteAnswer, TasteChanged, TasteRequest
from device.system.supervise import Supervisor, WorkerFailed
from device.types import (
    Board,
    Command,
    Health,
    MoodLabel,
    MoodNow,
    NowPlaying,
    OverrideMood,
    Part,
    PartChanged,
    Pause,
    Play,
    SetGoal,
    SetPrivacy,
    SetVolume,
    Status,
    TrackId,
)
from tests.fakes import a_status


def make_status() -> Status:
    """What the command line is shown."""
    return a_status(
        mood=MoodNow(
            label=MoodLabel.HAPPINESS,
            valence=0.81,
            arousal=0.43,
            confidence=0.9,
            since_seconds=61.5,
            overridden=False,
        ),
        age=38.2,
        age_interval=(30.0, 46.0),
        track=NowPlaying(
            id=TrackId("0011223344556677"),
            title="Morning Light",
            artist="Attune",
            path="/music/happy/morning.ogg",
            position_seconds=12.0,
            duration_seconds=64.0,
            because="bright and quick, as the mood",
        ),
        camera=Part(Health.UP, "picamera2"),
        broker=Part(Health.DOWN, "connection refused"),
        board=Board(temperature_celsius=51.5),
        uptime_seconds=3725.0,
        version="0.1.0",
    )


class TinySpeaker:
    """Does what it is asked, at once, and remembers it."""

    def __init__(self) -> None:
        self.now = make_status()
        self.asked: list[Command] = []
        self.busy = False
        self.taste_asked: list[TasteRequest] = []

    @property
    def appliance(self) -> Appliance:
        """What an app may ask of it."""
        return Appliance(self.status, self.ask, self.ask_taste)

    def status(self) -> Status:
        return self.now

    def ask_taste(self, request: TasteRequest) -> TasteAnswer:
        if self.busy:
            raise TimeoutError
        self.taste_asked.append(request)
        return TasteChanged(3)

    def ask(self, command: Command) -> Status:
        if self.busy:
            raise TimeoutError
        self.asked.append(command)
        replace = msgspec.structs.replace
        if isinstance(command, (Play, Pause)):
            self.now = replace(self.now, playing=isinstance(command, Play))
        elif isinstance(command, SetVolume):
            self.now = replace(self.now, volume=command.percent)
        elif isinstance(command, SetGoal):
            self.now = replace(self.now, goal=command.goal)
        elif isinstance(command, SetPrivacy):
            self.now = replace(self.now, privacy=command.on)
        elif isinstance(command, OverrideMood):
            label = MoodLabel(command.label.value if command.label else "neutral")
            mood = replace(self.now.mood, label=label, overridden=command.label is not None)
            self.now = replace(self.now, mood=mood)
        return self.now


class Served:
    """What the supervisor told while the API was served."""

    def __init__(self) -> None:
        self.told: list[PartChanged | WorkerFailed] = []

    def part(self, health: Health, seconds: float = 5.0) -> Part:
        """The newest part of such health; waits for it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for news in reversed(self.told):
                if isinstance(news, PartChanged) and news.part.health is health:
                    return news.part
            time.sleep(0.01)
        raise AssertionError(f"not {health} within {seconds} s: {self.told}")


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()


def client_of(
    appliance: Appliance, folder: Path, door: Door = Door.SOCKET
) -> flask.testing.FlaskClient:
    """A client of the app on such an appliance, which comes by such a door."""
    client = create_app(appliance, Keyring(folder)).test_client()
    client.environ_base[DOOR] = door
    return client


@contextlib.contextmanager
def serve(speaker: TinySpeaker, path: Path, *, up: bool = True) -> Iterator[Served]:
    """The real server, supervised, on a UNIX socket; asserts that it stops within a second."""
    served = Served()
    supervisor = Supervisor(served.told.append, SystemClock(), random.Random(0))
    supervisor.start(
        "api", ApiServer(create_app(speaker.appliance, Keyring(path.parent)), path).run
    )
    try:
        if up:
            served.part(Health.UP)
        yield served
    finally:
        late = supervisor.stop(1.5)
    assert not late
    assert not [news for news in served.told if isinstance(news, WorkerFailed)]
