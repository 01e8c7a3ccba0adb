"""The page's real server on TCP, for the tests of it."""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from device.home.app import create_app
from device.home.keyring import Keyring
from device.home.server import PageServer
from device.settings import PageSettings, Settings
from device.system.supervise import Supervisor, WorkerFailed
from device.types import Health, LibraryScanned
from tests.local_api import Served, SystemClock, TinySpeaker

DEAD = "192.0.2.1"  # RFC 5737: nobody has this address


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Page(NamedTuple):
    port: int
    keyring: Keyring
    served: Served

    def get(
        self, path: str, *, keys: ssl.SSLContext | None = None, **headers: str
    ) -> http.client.HTTPResponse:
        connection = (
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            if keys is None
            else http.client.HTTPSConnection("localhost", self.port, timeout=5, context=keys)
        )
        connection.request("GET", path, headers=headers)
        return connection.getresponse()


@contextlib.contextmanager
def serving(
    folder: Path, settings: PageSettings, *, up: bool = True, library: LibraryScanned | None = None
) -> Iterator[Page]:
    """The real server of the page, supervised; asserts that it stops in time, without a bug."""
    served, keyring = Served(), Keyring(folder)
    supervisor = Supervisor(served.told.append, SystemClock(), random.Random(0))
    held = library or LibraryScanned()
    told = Settings(page=settings)
    appliance = TinySpeaker().appliance._replace(library=lambda: held, settings=lambda: told)
    app = create_app(appliance, keyring)
    supervisor.start("page", PageServer(app, settings, keyring).run)
    try:
        if up:
            served.part(Health.UP)
        yield Page(settings.port, keyring, served)
    finally:
        late = supervisor.stop(4.0)
    assert not late
    assert not [news for news in served.told if isinstance(news, WorkerFailed)]


def own_address() -> str:
    """An address of this machine that is not loopback; loopback's second where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((DEAD, 9))
        except OSError:
            return "127.0.0.2"
        return str(probe.getsockname()[0])
