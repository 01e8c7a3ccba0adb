"""A bridge to MQTT under the real supervisor, for the tests of what it says and hears."""

from __future__ import annotations

import queue
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from device.home.mqtt import MqttBridge
from device.home.topics import topics
from device.settings import MqttSettings
from device.system.supervise import Supervisor, WorkerFailed
from device.types import Command, Health, MoodChanged, MoodLabel, Next, Part, PartChanged
from tests.home.broker import WAIT_SECONDS, Broker, Listener
from tests.home.cable import Cable

NEWS = MoodChanged(MoodLabel.SADNESS, -0.6, -0.3, 0.9)


class Hasty(random.Random):
    """Shrinks every retry's delay to a hundredth."""

    def uniform(self, a: float, b: float) -> float:
        return super().uniform(a, b) / 100.0


class SteadyClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()


class Speaker:
    """A bridge under the real supervisor, what it posts, and how it says it is."""

    def __init__(self, settings: MqttSettings, folder: Path | None = None) -> None:
        self.where = topics(settings)
        self.commands: queue.Queue[Command] = queue.Queue()
        self._parts: queue.Queue[PartChanged | WorkerFailed] = queue.Queue()
        # Without a folder, nothing is remembered, as where the disk is full.
        self.bridge = MqttBridge(
            settings, self.commands.put, "1.2.3", folder or Path("/proc/no-such-folder")
        )
        self._supervisor = Supervisor(self._parts.put, SteadyClock(), Hasty(1))
        self._is_stopped = False

    def start(self) -> None:
        self._supervisor.start("broker", self.bridge.run)

    def stop(self) -> None:
        assert self._supervisor.stop(5) == ()
        self._is_stopped = True

    def has_said_all(self, home: Listener) -> None:
        """Wait until somebody at the broker has heard what it says of all that it heard so far."""
        if self._is_stopped:
            home.hear(self.where.availability, lambda m: m.payload == b"offline")
            return
        home.say(f"{self.where.commands}/next", "PRESS")
        assert self.command() == Next()
        self.bridge.tell(NEWS)
        home.hear(self.where.event)

    def part(self, health: Health) -> Part:
        """Wait until the part is so; its detail."""
        while True:
            posted = self._parts.get(timeout=WAIT_SECONDS)
            assert isinstance(posted, PartChanged), posted.trace
            if posted.part.health is health:
                return posted.part

    def command(self) -> Command:
        return self.commands.get(timeout=WAIT_SECONDS)


Start = Callable[[MqttSettings], Speaker]
Door = Broker | Cable
IDS = (f"attune-{number}" for number in range(1000))


def settings_for(port: int, **changes: Any) -> MqttSettings:
    """Settings with an id, so topics, of their own."""
    fields = {"enabled": True, "host": "127.0.0.1", "port": port, "id": next(IDS)}
    return MqttSettings(**{**fields, **changes})


def json_of(payload: bytes) -> Any:
    return msgspec.json.decode(payload)
