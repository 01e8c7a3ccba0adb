"""A broker that is missing, that another speaker took, that is none, or that is old."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from device.home.topics import topics
from device.settings import MqttSettings
from device.types import Health
from tests.fakes import a_status
from tests.home.bridged import NEWS, Door, Speaker, Start, json_of, settings_for
from tests.home.broker import WAIT_SECONDS, Broker, Listener, running

Serve = Callable[[Callable[[socket.socket], None]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve TCP by a function of the connection; its port."""
    servers: list[socket.socket] = []

    def serve(answer: Callable[[socket.socket], None]) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(ConnectionError):
                    answer(connection)

        threading.Thread(target=accept, daemon=True).start()
        return int(server.getsockname()[1])

    yield serve
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


# --- when the broker is missing ------------------------------------------------------------


def test_reconnects_to_a_restarted_broker_with_the_latest_state_only(
    tmp_path: Path, start: Start
) -> None:
    with running(tmp_path, "allow_anonymous true") as broker:
        where = topics(settings := settings_for(broker.port))
        speaker = start(settings)
        speaker.bridge.show(a_status(volume=1))
        speaker.part(Health.UP)
        broker.stop()
        assert "broker" in speaker.part(Health.DOWN).detail
        for volume in range(2, 50):
            speaker.bridge.show(a_status(volume=volume))
            speaker.bridge.tell(NEWS)
        broker.start()
        with Listener(broker.port) as home:
            home.hear(where.availability, lambda m: m.payload == b"online")
            home.drain(0.5)
            states = [json_of(m.payload)["volume"] for m in home.heard if m.topic == where.state]
            assert states == [49]
            assert where.event not in {m.topic for m in home.heard}
            assert where.discovery in {m.topic for m in home.heard}
        speaker.part(Health.UP)


def test_starts_before_its_broker(tmp_path: Path, start: Start) -> None:
    broker = Broker(tmp_path, "allow_anonymous true")
    speaker = start(settings_for(broker.port))
    speaker.bridge.show(a_status())
    detail = speaker.part(Health.DOWN).detail
    assert "nobody listens" in detail
    assert "[mqtt] host and port" in detail
    broker.start()
    try:
        speaker.part(Health.UP)
    finally:
        broker.stop()


def test_an_unknown_host_is_named(start: Start) -> None:
    speaker = start(settings_for(1883, host="no-such-host.invalid"))
    assert "no-such-host.invalid" in speaker.part(Health.DOWN).detail


def test_another_speaker_with_the_same_id_is_told(shared: Door, start: Start) -> None:
    settings = settings_for(shared.port)
    first = start(settings)
    first.part(Health.UP)
    start(settings)
    assert "use this [mqtt] id" in first.part(Health.DOWN).detail


def test_a_broker_that_says_so_names_the_other_speaker(serve: Serve, start: Start) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"\x20\x03\x00\x00\x00")
        subscribe = connection.recv(1000)
        connection.sendall(b"\x90\x05" + subscribe[2:4] + b"\x00\x01\x01")
        # Session taken over, with a reason in words (mosquitto 2.0 just hangs up).
        connection.sendall(b"\xe0\x0a\x8e\x08\x1f\x00\x05taken")
        while connection.recv(4096):
            pass

    speaker = start(settings_for(serve(answer)))
    assert "an [mqtt] id of its own" in speaker.part(Health.DOWN).detail


def test_switched_off_is_off(start: Start) -> None:
    speaker = start(MqttSettings(enabled=False))
    assert "[mqtt] enabled" in speaker.part(Health.OFF).detail
    speaker.bridge.show(a_status())
    speaker.bridge.tell(NEWS)


# --- brokers that are none, or old ---------------------------------------------------------


@pytest.mark.parametrize(
    "greeting",
    [
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n" + b" " * 200,
        b"SSH-2.0-OpenSSH_9.2\r\n" + b" " * 200,
        b"\x20\x03\x00\x00\xff",  # an answer that is cut short
        b"\x30\x02\xff\xff",  # a message shorter than its topic
        b"\xff" * 300,
        b"",
    ],
)
def test_what_is_no_broker_is_said_so_and_crashes_nothing(
    serve: Serve, start: Start, greeting: bytes
) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(greeting)

    speaker = start(settings_for(serve(answer)))
    assert "[mqtt]" in speaker.part(Health.DOWN).detail


@pytest.mark.parametrize("refusal", [b"\x20\x02\x00\x01", b""], ids=["told", "hung up"])
def test_a_broker_that_speaks_only_mqtt_3(serve: Serve, start: Start, refusal: bytes) -> None:
    seen: list[int] = []

    def answer(connection: socket.socket) -> None:
        version = connection.recv(1000)[8]
        seen.append(version)
        if version > 4:
            connection.sendall(refusal)
            return
        connection.sendall(b"\x20\x02\x00\x00")
        subscribe = connection.recv(1000)
        connection.sendall(b"\x90\x04" + subscribe[2:4] + b"\x01\x01")
        while connection.recv(4096):
            pass

    speaker = start(settings_for(serve(answer)))
    assert "[mqtt]" in speaker.part(Health.DOWN).detail or refusal
    speaker.part(Health.UP)
    assert seen == [5, 4]


def test_a_broker_that_hung_up_on_both_versions_is_asked_in_both_again(
    serve: Serve, start: Start
) -> None:
    seen: list[int] = []
    enough = threading.Event()

    def answer(connection: socket.socket) -> None:
        seen.append(connection.recv(1000)[8])
        if len(seen) >= 4:
            enough.set()

    speaker = start(settings_for(serve(answer)))
    assert "tls" in speaker.part(Health.DOWN).detail
    assert enough.wait(WAIT_SECONDS)
    assert seen[:4] == [5, 4, 5, 4]


def test_a_silent_broker_does_not_delay_the_end(serve: Serve) -> None:
    release = threading.Event()

    def answer(_connection: socket.socket) -> None:
        release.wait(WAIT_SECONDS)

    speaker = Speaker(settings_for(serve(answer)))
    speaker.start()
    time.sleep(0.5)
    stopping = time.monotonic()
    speaker.stop()
    release.set()
    assert time.monotonic() - stopping < 4.0
