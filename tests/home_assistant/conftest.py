from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon, make_music
from tests.home.broker import (
    Broker,
    Certificates,
    make_certificates,
    password_file,
    program,
)
from tests.home.cable import Cable
from tests.home_assistant.hub import ROOT, Hub
from tests.home_assistant.install import RELEASES, Installation, Release
from tests.music.audio import tone

USER, SECRET = "attune", "correct-horse-battery"


class HomeBroker(Broker):
    """mosquitto with a login, on a plain port and on two that speak TLS: one whose certificate is
    good, and one whose time is up."""

    def __init__(self, folder: Path) -> None:
        certificates = make_certificates(folder)
        self.ca = certificates.ca
        self.tls_port, self.expired_port = _free_port(), _free_port()
        listeners = (
            (self.tls_port, certificates.server, certificates.server_key),
            (self.expired_port, *expired(folder, certificates)),
        )
        super().__init__(
            folder,
            "allow_anonymous false",
            f"password_file {password_file(folder, USER, SECRET)}",
            *(
                f"listener {port} 127.0.0.1\ncertfile {pem}\nkeyfile {key}"
                for port, pem, key in listeners
            ),
        )

    def keep(self, folder: Path) -> None:
        """From the next start on, what is retained outlives a restart."""
        folder.mkdir()
        text = self._config.read_text()
        self._config.write_text(
            text.replace("persistence false", f"persistence true\npersistence_location {folder}/")
        )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def expired(folder: Path, certificates: Certificates) -> tuple[Path, Path]:
    """A certificate for localhost, signed as the good one is, that ended yesterday; its key."""
    key, request, pem, names = (folder / f"expired.{end}" for end in ("key", "csr", "pem", "ext"))
    names.write_text("subjectAltName=DNS:localhost\n")
    ca = ["-CA", str(certificates.ca), "-CAkey", str(certificates.ca.with_suffix(".key"))]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    asked = ["req", *curve, "-subj", "/CN=expired", "-keyout", str(key), "-out", str(request)]
    signed = ["x509", "-req", "-in", str(request), *ca, "-set_serial", "7", "-days", "-1"]
    for command in (asked, [*signed, "-extfile", str(names), "-out", str(pem)]):
        subprocess.run([program("openssl", "openssl"), *command], check=True, capture_output=True)
    return pem, key


class World:
    """A home: a broker with logins, Home Assistant, and a speaker on the end of a cable."""

    def __init__(self, hub: Hub, folder: Path, figures: dict[str, str]) -> None:
        self.hub, self.folder, self._figures = hub, folder, figures
        self.broker = HomeBroker(folder)
        self.cable = Cable(self.broker.port)
        self.music = make_music(folder / "music", 60.0)
        self.bell = tone(folder / "say" / "bell.flac", 0.8, 1234.0)
        self.daemon = self.speaker("attune", "Attune")

    def speaker(self, id_: str, name: str, **mqtt: Any) -> Daemon:
        """A daemon of its own that sees the demonstration's portraits; not started."""
        table = {
            "enabled": True,
            "host": "127.0.0.1",
            "port": self.cable.port,
            "username": USER,
            "password": SECRET,
            "id": id_,
            "name": name,
            **mqtt,
        }
        return Daemon(
            self.folder / id_,
            camera={"source": f"slideshow:{ROOT / 'config/portraits'}"},
            music={"folders": [str(self.music)], "fade_seconds": 0.2, "listen": False},
            sound={"announcements": str(self.bell.parent)},
            mqtt=table,
        )

    def measured(self, what: str, seconds: float) -> None:
        """Keep a figure for the end."""
        self._figures[f"{self.hub.version}: {what}"] = f"{seconds:.1f} s"


@pytest.fixture(scope="session", params=RELEASES, ids=lambda release: release.version)
def world(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    figures: dict[str, str],
) -> Iterator[World]:
    """A home in which all is well."""
    release: Release = request.param
    installation = Installation(release)
    installation.make(release.suite)
    with contextlib.ExitStack() as stack:
        hub = Hub(installation)
        stack.callback(hub.remove)
        world = World(hub, tmp_path_factory.mktemp("home"), figures)
        stack.callback(world.cable.close)
        world.broker.start()
        stack.callback(world.broker.stop)
        world.measured("first start of the hub", hub.start())
        hub.add_mqtt(world.broker.port, USER, SECRET)
        begun = time.monotonic()
        stack.callback(world.daemon.kill)
        world.daemon.started()
        hub.wait("number.attune_volume", "60")
        world.measured("speaker started until its state is shown", time.monotonic() - begun)
        yield world


@pytest.fixture(autouse=True)
def well(world: World) -> None:
    """Each test begins in a home where all is well."""
    world.hub.wait("sensor.attune_broker", "up", seconds=90)
    world.hub.wait("sensor.attune_camera", "up")


@pytest.fixture
def hub(world: World) -> Hub:
    return world.hub


@pytest.fixture
def daemon(world: World) -> Daemon:
    return world.daemon
