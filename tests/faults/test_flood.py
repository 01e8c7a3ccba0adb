"""Ten thousand commands at once."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from pathlib import Path

import psutil
import pytest
from paho.mqtt.client import Client as Mqtt
from paho.mqtt.enums import CallbackAPIVersion

from device.client import Client, Refused
from device.types import Health, Like, SetVolume
from tests.daemon import Daemon
from tests.faults.promises import Record
from tests.faults.witness import alive, plays, until
from tests.home import broker as mosquitto

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

COMMANDS = 10_000
CALLERS = 4
LIKE_EVERY = 10
"""Commands over the API of which one is a like, which are counted in the end."""


def likes(daemon: Daemon) -> int:
    path = Path(daemon.tables["state"]["folder"]) / "attune.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        (count,) = db.execute("SELECT count(*) FROM feedback").fetchone()
    return int(count)


class Onlooker:
    """Asks once a second how long an answer takes, and whether the music goes on."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon, self._over = daemon, threading.Event()
        self.waits: list[float] = []
        self.places: list[tuple[str, float]] = []
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(1.0):
            began = time.monotonic()
            with contextlib.suppress(Refused):
                track = self._daemon.client.status().track
                if track is not None:
                    self.places.append((track.id, track.position_seconds))
            self.waits.append(time.monotonic() - began)

    def close(self) -> None:
        self._over.set()
        self._thread.join()


def told(daemon: Daemon, onlooker: Onlooker, took: float, grown: float) -> str:
    moved = sum(a != b for a, b in zip(onlooker.places, onlooker.places[1:], strict=False))
    assert moved >= 0.8 * (len(onlooker.places) - 1)
    assert grown < 40.0
    assert "hangs" not in daemon.told()
    return (
        f"all {COMMANDS:,} done in {took:.0f} s, each once; longest wait for a status "
        f"{max(onlooker.waits):.1f} s; memory {grown:+.0f} MB; the music went on"
    )


def test_ten_thousand_over_the_api(tmp_path: Path, music: Path, record: Record) -> None:
    with alive(tmp_path / "d", music={"folders": [str(music)]}, log={"level": "warning"}) as daemon:
        plays(daemon)
        process = psutil.Process(daemon.pid)
        before = process.memory_info().rss
        done, given = [0] * CALLERS, [0] * CALLERS

        def call(caller: int) -> None:
            client = Client((Path(daemon.tables["api"]["socket"]),))
            turn = 0
            while sum(done) < COMMANDS:
                turn += 1
                liked = turn % LIKE_EVERY == 0
                with contextlib.suppress(Refused):  # busy; it says so, and did not do it
                    client.command(Like() if liked else SetVolume(turn % 101))
                    done[caller] += 1
                    given[caller] += liked

        onlooker, began = Onlooker(daemon), time.monotonic()
        callers = [threading.Thread(target=call, args=(number,)) for number in range(CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        took, ended = time.monotonic() - began, time.monotonic()
        until(daemon, lambda status: status.playing)
        recovery = time.monotonic() - ended
        onlooker.close()
        assert likes(daemon) == sum(given)
        grown = (process.memory_info().rss - before) / 1e6
        record("flood-rest", recovery, told(daemon, onlooker, took, grown))


def test_ten_thousand_over_mqtt(tmp_path: Path, music: Path, record: Record) -> None:
    with (
        # Its own bound of 1,000 messages a client would lose the others.
        mosquitto.running(
            tmp_path,
            "allow_anonymous true",
            "max_queued_messages 0",
            "max_inflight_messages 0",
        ) as broker,
        alive(
            tmp_path / "d",
            music={"folders": [str(music)]},
            mqtt={"enabled": True, "host": "127.0.0.1", "port": broker.port},
            log={"level": "warning"},
        ) as daemon,
    ):
        until(daemon, lambda status: status.broker.health is Health.UP)
        plays(daemon)
        process = psutil.Process(daemon.pid)
        before = process.memory_info().rss
        home = Mqtt(CallbackAPIVersion.VERSION2)
        home.max_inflight_messages_set(1000)
        home.connect("127.0.0.1", broker.port)
        home.loop_start()
        onlooker, began = Onlooker(daemon), time.monotonic()
        for _ in range(COMMANDS):
            home.publish("attune/attune/set/like", b"PRESS", qos=1)
        while likes(daemon) < COMMANDS and time.monotonic() - began < 500:
            time.sleep(0.5)
        took = time.monotonic() - began
        home.publish("attune/attune/set/volume", b"23", qos=1).wait_for_publish(30)
        recovery = until(daemon, lambda status: status.volume == 23)
        time.sleep(1)
        onlooker.close()
        home.disconnect()
        home.loop_stop()
        assert likes(daemon) == COMMANDS
        assert daemon.client.status().broker.health is Health.UP
        grown = (process.memory_info().rss - before) / 1e6
        record("flood-mqtt", recovery, told(daemon, onlooker, took, grown))
