"""Logging in at a broker, by password or by certificate, and what is said where TLS is amiss."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from device.settings import MqttSettings
from device.types import Health
from tests.fakes import a_status
from tests.home.bridged import NEWS, Door, Start, settings_for
from tests.home.broker import Broker, Certificates, make_certificates, password_file, running

SECRET = "correct-horse-battery"


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
