from __future__ import annotations

import contextlib
import logging
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from device.home.commands import PARSERS
from device.home.discovery import discovery
from device.home.mqtt import MqttBridge
from device.home.state import DRIFT_SECONDS, FACT_SECONDS
from device.home.topics import topics
from device.settings import MqttSettings
from device.system.supervise import Supervisor, WorkerFailed
from device.types import (
    Command,
    Goal,
    Health,
    MoodChanged,
    MoodLabel,
    Next,
    Part,
    PartChanged,
    SetGoal,
    SetVolume,
)
from tests.fakes import a_status
from tests.home.broker import (
    WAIT_SECONDS,
    Broker,
    Certificates,
    Listener,
    make_certificates,
    password_file,
    running,
)
from tests.home.cable import Cable

WHERE = topics(MqttSettings())
NEWS = MoodChanged(MoodLabel.SADNESS, -0.6, -0.3, 0.9)
SECRET = "correct-horse-battery"


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
Serve = Callable[[Callable[[socket.socket], None]], int]
Door = Broker | Cable


@pytest.fixture
def start() -> Iterator[Start]:
    speakers: list[Speaker] = []

    def start(settings: MqttSettings) -> Speaker:
        speakers.append(Speaker(settings))
        speakers[-1].start()
        return speakers[-1]

    yield start
    for speaker in speakers:
        speaker.stop()


IDS = (f"attune-{number}" for number in range(1000))


def settings_for(port: int, **changes: Any) -> MqttSettings:
    """Settings with an id, so topics, of their own."""
    fields = {"enabled": True, "host": "127.0.0.1", "port": port, "id": next(IDS)}
    return MqttSettings(**{**fields, **changes})


def json_of(payload: bytes) -> Any:
    return msgspec.json.decode(payload)


# --- what goes out -------------------------------------------------------------------------


def test_introduces_itself_and_everything_lasting_is_retained(shared: Door, start: Start) -> None:
    settings = settings_for(shared.port)
    where = topics(settings)
    speaker = start(settings)
    speaker.bridge.show(a_status(volume=33))
    assert "127.0.0.1" in speaker.part(Health.UP).detail
    with Listener(shared.port) as latecomer:  # hears only what the broker kept
        config = latecomer.hear(where.discovery)
        assert config.retain
        assert json_of(config.payload) == discovery(settings, "1.2.3")
        state = latecomer.hear(where.state)
        assert state.retain
        assert json_of(state.payload)["volume"] == 33
        assert latecomer.hear(where.availability).payload == b"online"


def test_availability_comes_after_the_state(shared: Door) -> None:
    where = topics(settings := settings_for(shared.port))
    with Listener(shared.port) as home:
        speaker = Speaker(settings)
        speaker.bridge.show(a_status())
        speaker.start()
        home.hear(where.availability, lambda m: m.payload == b"online")
        speaker.stop()
        own = [m.topic for m in home.heard if m.topic in set(where)]
        assert own == [where.discovery, where.state, where.availability]


def test_news_are_told_once_and_not_retained(shared: Door, start: Start) -> None:
    where = topics(settings := settings_for(shared.port))
    with Listener(shared.port) as home:
        speaker = start(settings)
        speaker.part(Health.UP)
        speaker.bridge.tell(NEWS)
        event = home.hear(where.event)
        assert json_of(event.payload)["event_type"] == "mood_changed"
        assert json_of(event.payload)["label"] == "sadness"
    with Listener(shared.port) as latecomer:
        assert where.event not in {m.topic for m in latecomer.drain(0.3)}


def test_a_burst_of_states_is_coalesced_and_its_last_one_arrives(
    shared: Door, start: Start
) -> None:
    where = topics(settings := settings_for(shared.port))
    with Listener(shared.port) as home:
        speaker = start(settings)
        speaker.part(Health.UP)
        began = time.monotonic()
        for volume in range(101):
            speaker.bridge.show(a_status(volume=volume))
            time.sleep(0.002)
        home.hear(where.state, lambda m: json_of(m.payload)["volume"] == 100)
        took = time.monotonic() - began
        assert sum(m.topic == where.state for m in home.heard) <= 2 + took / FACT_SECONDS


def test_nothing_is_sent_while_only_time_passes(shared: Door, start: Start) -> None:
    where = topics(settings := settings_for(shared.port))
    with Listener(shared.port) as home:
        speaker = start(settings)
        now = a_status()
        speaker.bridge.show(now)
        home.hear(where.state)
        for second in range(12):
            track = replace(now.track, position_seconds=float(second))
            speaker.bridge.show(replace(now, track=track, uptime_seconds=100.0 + second))
            time.sleep(0.1)
        assert not [m for m in home.drain(0.1) if m.topic == where.state]


def test_says_goodbye_when_stopped(shared: Door) -> None:
    where = topics(settings := settings_for(shared.port))
    with Listener(shared.port) as home:
        speaker = Speaker(settings)
        speaker.start()
        home.hear(where.availability, lambda m: m.payload == b"online")
        speaker.stop()
        home.hear(where.availability, lambda m: m.payload == b"offline")
    with Listener(shared.port) as latecomer:
        assert latecomer.hear(where.availability).payload == b"offline"


def test_the_will_is_published_when_the_process_is_killed(shared: Door, tmp_path: Path) -> None:
    where = topics(settings := settings_for(shared.port))
    script = (
        "import pathlib, random, sys, time\n"
        "from device.home.mqtt import MqttBridge\n"
        "from device.settings import MqttSettings\n"
        "from device.system.supervise import Supervisor\n"
        "settings = MqttSettings(enabled=True, port=int(sys.argv[1]), id=sys.argv[2])\n"
        "bridge = MqttBridge(settings, print, '1', pathlib.Path(sys.argv[3]))\n"
        "Supervisor(print, time, random.Random(1)).start('broker', bridge.run)\n"
        "time.sleep(60)\n"
    )
    with Listener(shared.port) as home:
        command = [sys.executable, "-c", script, str(settings.port), settings.id, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            home.hear(where.availability, lambda m: m.payload == b"online")
            process.send_signal(signal.SIGKILL)
        assert home.hear(where.availability).payload == b"offline"


# --- what comes in -------------------------------------------------------------------------


def test_commands_arrive(shared: Door, start: Start) -> None:
    where = topics(settings := settings_for(shared.port))
    speaker = start(settings)
    speaker.part(Health.UP)
    with Listener(shared.port) as home:
        home.say(f"{where.commands}/volume", "35")
        home.say(f"{where.commands}/goal", "calm")
        home.say(f"{where.commands}/next", "PRESS")
    assert [speaker.command() for _ in range(3)] == [SetVolume(35), SetGoal(Goal.CALM), Next()]


def test_a_command_is_answered_by_the_new_state_at_once(shared: Door, start: Start) -> None:
    where = topics(settings := settings_for(shared.port))
    with Listener(shared.port) as home:
        speaker = start(settings)
        speaker.bridge.show(a_status(volume=60))
        home.hear(where.state)
        time.sleep(0.6)
        asked = time.monotonic()
        home.say(f"{where.commands}/volume", "35")
        command = speaker.command()
        assert isinstance(command, SetVolume)
        speaker.bridge.show(a_status(volume=command.percent))
        home.hear(where.state, lambda m: json_of(m.payload)["volume"] == 35)
        assert time.monotonic() - asked < DRIFT_SECONDS / 2


@pytest.mark.parametrize("garbage", [b"", b"\xff\xfe\x00", b"{}", b"9" * 4000, b"\x1b[2J"])
def test_garbage_on_every_command_topic_is_named_and_forgotten(
    shared: Door, start: Start, caplog: pytest.LogCaptureFixture, garbage: bytes
) -> None:
    where = topics(settings := settings_for(shared.port))
    speaker = start(settings)
    speaker.part(Health.UP)
    names = [*sorted(PARSERS), "no-such"]
    with Listener(shared.port) as home, caplog.at_level(logging.WARNING, "device.home"):
        for name in names:
            home.say(f"{where.commands}/{name}", garbage)
        home.say(f"{where.commands}/volume", "1")
        assert speaker.command() == SetVolume(1)
    assert speaker.commands.empty()
    warnings = [r.getMessage() for r in caplog.records if r.name == "device.home.mqtt"]
    assert len(warnings) == len(names)
    for name, warning in zip(names, warnings, strict=True):
        assert f"{where.commands}/{name}'" in warning
        assert warning.isprintable()


def test_a_packet_beyond_all_measure_never_reaches_us(shared: Door, start: Start) -> None:
    where = topics(settings := settings_for(shared.port))
    speaker = start(settings)
    speaker.part(Health.UP)
    with Listener(shared.port) as home:
        home.say(f"{where.commands}/volume", b"9" * 5_000_000)
        home.say(f"{where.commands}/volume", "2")
    assert speaker.command() == SetVolume(2)


def test_a_retained_command_is_stale(
    shared: Door, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    where = topics(settings := settings_for(shared.port))
    with Listener(shared.port) as home:
        home.say(f"{where.commands}/next", "PRESS", retain=True)
        with caplog.at_level(logging.WARNING, "device.home"):
            speaker = start(settings)
            speaker.part(Health.UP)
            home.say(f"{where.commands}/volume", "3")
            assert speaker.command() == SetVolume(3)
        home.say(f"{where.commands}/next", "", retain=True)  # clearing it is no command either
        home.say(f"{where.commands}/volume", "4")
        assert speaker.command() == SetVolume(4)
    assert any("retained" in message and "set/next" in message for message in caplog.messages)


def test_the_hubs_birth_is_answered_after_a_moment(shared: Door, start: Start) -> None:
    settings = settings_for(shared.port, discovery_prefix=f"hub-{next(IDS)}")
    where = topics(settings)
    with Listener(shared.port) as home:
        speaker = start(settings)
        speaker.bridge.show(a_status())
        speaker.part(Health.UP)
        home.hear(where.availability, lambda m: m.payload == b"online")
        home.say(where.birth, "offline")
        home.say(where.birth, "online")
        born = time.monotonic()
        home.hear(where.discovery)
        waited = time.monotonic() - born
        home.hear(where.state)
        home.hear(where.availability)
    assert 0.9 < waited < 6.0


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


# --- login ---------------------------------------------------------------------------------


def test_password(tmp_path: Path, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    logins = password_file(tmp_path, "attune", SECRET)
    lines = ("allow_anonymous false", f"password_file {logins}")
    with running(tmp_path, *lines) as broker, caplog.at_level(logging.DEBUG):
        right = start(settings_for(broker.port, username="attune", password=SECRET))
        details = [right.part(Health.UP).detail]
        for username, password in (("attune", SECRET + "?"), ("eve", SECRET), ("", "")):
            wrong = start(settings_for(broker.port, username=username, password=password))
            details.append(wrong.part(Health.DOWN).detail)
            assert "check [mqtt] username and password" in details[-1]
    assert SECRET not in "".join((*details, caplog.text))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def tls_broker(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[Broker]:
    """Wants a client certificate, and takes the login from it."""
    lines = (
        f"cafile {certificates.ca}",
        f"certfile {certificates.server}",
        f"keyfile {certificates.server_key}",
        "require_certificate true",
        "use_identity_as_username true",
        "allow_anonymous false",
    )
    with running(tmp_path_factory.mktemp("tls"), *lines) as broker:
        yield broker


def tls_settings(port: int, certificates: Certificates, **changes: Any) -> MqttSettings:
    fields: dict[str, Any] = {
        "tls": True,
        "host": "localhost",
        "ca_file": str(certificates.ca),
        "certificate_file": str(certificates.client),
        "key_file": str(certificates.client_key),
    }
    return settings_for(port, **{**fields, **changes})


def test_tls_with_a_client_certificate(
    tls_broker: Broker, certificates: Certificates, start: Start
) -> None:
    speaker = start(tls_settings(tls_broker.port, certificates))
    speaker.bridge.show(a_status())
    speaker.part(Health.UP)
    for volume in range(20):  # the encrypted way stays open under load
        speaker.bridge.show(a_status(volume=volume))
        speaker.bridge.tell(NEWS)
    time.sleep(0.7)
    assert speaker._parts.empty()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ca_file": ""}, "[mqtt] ca_file must name who signed it"),
        ({"host": "127.0.0.1"}, "host what it is made out to"),
        ({"certificate_file": "", "key_file": ""}, "certificate_file what the broker trusts"),
        ({"ca_file": "/nonexistent/ca.pem"}, "cannot read /nonexistent/ca.pem"),
        ({"ca_file": __file__}, "must be PEM"),
        ({"tls": False}, "[mqtt] tls must be on"),
    ],
)
def test_tls_mistakes_name_their_mend(
    tls_broker: Broker,
    certificates: Certificates,
    start: Start,
    changes: dict[str, Any],
    words: str,
) -> None:
    speaker = start(tls_settings(tls_broker.port, certificates, **changes))
    assert words in speaker.part(Health.DOWN).detail


def test_a_key_of_another_certificate(
    tls_broker: Broker, certificates: Certificates, start: Start
) -> None:
    other = str(certificates.server_key)
    speaker = start(tls_settings(tls_broker.port, certificates, key_file=other))
    assert "certificate's own" in speaker.part(Health.DOWN).detail


def test_tls_at_a_port_without(shared: Door, certificates: Certificates, start: Start) -> None:
    speaker = start(tls_settings(shared.port, certificates))
    assert "TLS" in speaker.part(Health.DOWN).detail


# --- brokers that are none, or old ---------------------------------------------------------


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
