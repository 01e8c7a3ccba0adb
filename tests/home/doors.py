"""A speaker, and clients that come to it by any door, for the tests of who may do what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask.testing

from device.home.app import create_app
from device.home.guard import DOOR, Door
from device.home.keyring import Keyring
from tests.local_api import TinySpeaker

PASSWORD = "correct horse battery"
JSON = {"Content-Type": "application/json"}
NEXT = b'{"type": "next"}'
COMMANDS = "/api/v1/command"


class Browser(flask.testing.FlaskClient):
    """A client that names a host."""

    host = "127.0.0.1:8088"

    def open(self, *args: Any, **kwargs: Any) -> Any:
        return super().open(*args, **{"base_url": f"http://{self.host}", **kwargs})


class Home:
    """A speaker, its keyring, and clients that come by any door."""

    def __init__(self, folder: Path) -> None:
        self.speaker = TinySpeaker()
        self.keyring = Keyring(folder)
        self.app = create_app(self.speaker.appliance, self.keyring)
        self.app.test_client_class = Browser

    def client(self, door: Door, host: str = Browser.host) -> flask.testing.FlaskClient:
        client = self.app.test_client()
        assert isinstance(client, Browser)
        client.environ_base.update({DOOR: door, "REMOTE_ADDR": "192.0.2.7"})
        client.host = host
        return client
