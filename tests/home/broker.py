"""A real mosquitto of a test's own, on a free loopback port, and somebody who listens to it."""

from __future__ import annotations

import contextlib
import getpass
import queue
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from typing_extensions import Self

WAIT_SECONDS = 10.0


class Certificates(NamedTuple):
    """PEM files: the authority, a broker's for the name localhost, and a speaker's."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def program(name: str, package: str) -> str:
    """Path of a program; the test fails with the mend when it is missing."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.fail(f"{name} is not installed: apt-get install {package}")
    return found


def make_certificates(folder: Path) -> Certificates:
    """A small authority and what it signed, valid for two days."""
    openssl = program("openssl", "openssl")

    def make(name: str, *more: str) -> Path:
        key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
        command = [openssl, "req", "-x509", "-newkey", "ec"]
        command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        command += ["-subj", f"/CN=attune test {name}", "-keyout", str(key)]
        command += ["-out", str(certificate), *more]
        subprocess.run(command, check=True, capture_output=True)
        return certificate

    ca = make("ca")
    signed = ["-CA", str(ca), "-CAkey", str(ca.with_suffix(".key"))]
    server = make("server", *signed, "-addext", "subjectAltName=DNS:localhost")
    client = make("client", *signed)
    return Certificates(ca, server, server.with_suffix(".key"), client, client.with_suffix(".key"))


class Broker:
    """mosquitto as a process. `start` after `stop` comes back on the same port, empty."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self._mosquitto = program("mosquitto", "mosquitto")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._log = folder / f"mosquitto-{self.port}.log"
        self._config = folder / f"mosquitto-{self.port}.conf"
        own = (
            f"listener {self.port} 127.0.0.1",
            f"user {getpass.getuser()}",  # as root it would become one who cannot read the keys
            "persistence false",
        )
        self._config.write_text("\n".join((*own, *lines)) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._mosquitto, "-c", str(self._config)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            time.sleep(0.02)
        pytest.fail(f"mosquitto did not start:\n{self._log.read_text()}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(WAIT_SECONDS)
            self._process = None


@contextlib.contextmanager
def running(folder: Path, *lines: str) -> Iterator[Broker]:
    """A broker with more lines of configuration, e.g. "allow_anonymous true"."""
    broker = Broker(folder, *lines)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def password_file(folder: Path, user: str, password: str) -> Path:
    """mosquitto's file of logins with one in it."""
    path = folder / "passwords"
    command = [program("mosquitto_passwd", "mosquitto"), "-b", "-c", str(path), user, password]
    subprocess.run(command, check=True, capture_output=True)
    return path


class Listener:
    """Somebody else at the broker: hears everything, may say something."""

    def __init__(self, port: int, client_id: str = "") -> None:
        self._inbox: queue.Queue[MQTTMessage] = queue.Queue()
        self.heard: list[MQTTMessage] = []
        ready = queue.SimpleQueue[None]()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        self._client.on_message = lambda _c, _d, message: self._inbox.put(message)
        self._client.on_subscribe = lambda *_: ready.put(None)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        ready.get(timeout=WAIT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(WAIT_SECONDS)

    def hear(
        self, topic: str, accept: Callable[[MQTTMessage], bool] = lambda _: True
    ) -> MQTTMessage:
        """The next message on `topic` that is acceptable; others are kept in `heard`."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                message = self._inbox.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                seen = [(m.topic, m.payload[:80]) for m in self.heard]
                pytest.fail(f"nothing came on {topic}; heard {seen}")
            self.heard.append(message)
            if message.topic == topic and accept(message):
                return message

    def drain(self, seconds: float) -> list[MQTTMessage]:
        """Whatever comes within the next seconds."""
        time.sleep(seconds)
        came = []
        with contextlib.suppress(queue.Empty):
            while True:
                came.append(self._inbox.get_nowait())
        self.heard += came
        return came
