"""What the tests of home share: brokers, speakers at them, and speakers behind their doors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.home.keyring import FILE, Keyring
from device.settings import MqttSettings
from tests.home.bridged import Speaker, Start
from tests.home.broker import Broker, running
from tests.home.cable import MQTT_3_1_1, MQTT_5, Cable
from tests.home.doors import PASSWORD, Home


@pytest.fixture(scope="module", params=[MQTT_5, MQTT_3_1_1], ids=["MQTT 5", "MQTT 3.1.1"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker | Cable]:
    """A broker for all tests of a module, once for each version of MQTT that the speaker uses."""
    with running(tmp_path_factory.mktemp("broker"), "allow_anonymous true") as broker:
        if request.param == MQTT_5:
            yield broker
            return
        with contextlib.closing(Cable(broker.port, newest=MQTT_3_1_1)) as old:
            yield old


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


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture(scope="module")
def hashed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A keyring's file with the password: hashing it for each test would take minutes."""
    folder = tmp_path_factory.mktemp("keyring")
    Keyring(folder).set_password(PASSWORD)
    return (folder / FILE).read_bytes()


@pytest.fixture
def locked(tmp_path: Path, hashed: bytes) -> Home:
    (tmp_path / FILE).write_bytes(hashed)
    return Home(tmp_path)
