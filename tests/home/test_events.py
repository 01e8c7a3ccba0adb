"""Server-sent events: what is sent when, to how many, and that nobody is kept waiting by them."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from device.home import events
from device.home.appliance import Appliance
from device.home.events import MOST_LISTENERS, changed, stream
from device.types import Board, Status
from tests.home.test_api import UnixConnection, get_status
from tests.local_api import TinySpeaker, make_status, serve

NOW = make_status()
TRACK = NOW.track
assert TRACK is not None


@pytest.mark.parametrize(
    ("after", "seconds", "told"),
    [
        (NOW, 5.0, True),  # it plays, but the position stands still: somebody led it back
        (replace(NOW, track=replace(TRACK, position_seconds=17.0)), 5.0, False),
        (replace(NOW, track=replace(TRACK, position_seconds=18.5)), 5.0, False),
        (replace(NOW, track=replace(TRACK, position_seconds=0.0)), 1.0, True),
        (replace(NOW, track=None), 1.0, True),
        (replace(NOW, uptime_seconds=1e6), 1.0, False),
        (replace(NOW, mood=replace(NOW.mood, since_seconds=1e6)), 1.0, False),
        (replace(NOW, volume=NOW.volume + 1), 0.1, True),
        (replace(NOW, board=Board(temperature_celsius=51.6)), 0.1, True),
    ],
)
def test_time_alone_is_no_change(after: Status, seconds: float, told: bool) -> None:
    before = replace(NOW, playing=True)
    assert changed(before, replace(after, playing=True), seconds) is told


def test_a_paused_track_stands_still() -> None:
    assert not changed(replace(NOW, playing=False), replace(NOW, playing=False), 60.0)


def test_a_stream_is_a_status_then_changes_and_heartbeats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    def status() -> Status:
        return replace(NOW, playing=False, volume=int(now * 2) if now < 10 else 20)

    monkeypatch.setattr(events.time, "sleep", sleep)
    quiet = Appliance(status, None, None)  # type: ignore[arg-type]
    told = [(now, event) for event in stream(quiet, lambda: now > 100, lambda: True, lambda: now)]
    statuses = [at for at, event in told if event.startswith(b"event: status\ndata: {")]
    assert statuses == [float(second) for second in range(11)]
    beats = [at for at, event in told if event.startswith(b":")]
    assert beats == [25.0, 40.0, 55.0, 70.0, 85.0, 100.0]
    assert all(event.endswith(b"\n\n") for _, event in told)


def test_a_stream_ends_before_the_server_holds_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1.0
        return now

    monkeypatch.setattr(events, "LONGEST_SECONDS", 1e9)
    monkeypatch.setattr(events.time, "sleep", lambda _seconds: None)
    busy = Appliance(lambda: replace(NOW, volume=int(now) % 2), None, None)  # type: ignore[arg-type]
    sent = sum(len(event) for event in stream(busy, lambda: False, lambda: True, clock))
    assert events.MOST_BYTES < sent < events.MOST_BYTES * 1.1


@contextmanager
def listening(path: Path) -> Iterator[http.client.HTTPResponse]:
    connection = UnixConnection(path)
    connection.request("GET", "/api/v1/events")
    answer = connection.getresponse()
    yield answer
    answer.close()
    connection.close()


def read_status(answer: http.client.HTTPResponse) -> dict[str, object]:
    while not (line := answer.readline()).startswith(b"data: "):
        assert line
    status: dict[str, object] = json.loads(line[6:])
    return status


def test_what_changed_arrives(tmp_path: Path) -> None:
    speaker = TinySpeaker()
    with serve(speaker, tmp_path / "api.sock"), listening(tmp_path / "api.sock") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert read_status(answer)["volume"] == NOW.volume
        speaker.now = replace(NOW, volume=7)
        assert read_status(answer)["volume"] == 7


def test_those_who_listen_neither_keep_others_waiting_nor_the_end(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    speaker = TinySpeaker()
    with serve(speaker, path):
        deaf = [socket.socket(socket.AF_UNIX) for _ in range(MOST_LISTENERS)]
        for each in deaf:
            each.connect(str(path))
            each.send(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert each.recv(12) == b"HTTP/1.1 200"
        with listening(path) as late:
            assert late.status == 503
            assert late.headers["Retry-After"] == "10"
        started = time.monotonic()
        assert get_status(path) == 200
        assert time.monotonic() - started < 1.0
        deaf[0].close()
        deadline = time.monotonic() + 5.0
        status = 503
        while status != 200 and time.monotonic() < deadline:
            with listening(path) as again:
                status = again.status
            time.sleep(0.1)
        assert status == 200  # the place of who went is free
    for each in deaf:
        each.close()
