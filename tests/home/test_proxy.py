"""Who comes through a proxy on the speaker itself, and who only says so."""

from __future__ import annotations

import http.client
import json
import logging
from pathlib import Path

import pytest
from msgspec.structs import replace

from device.settings import PageSettings
from device.types import Health
from tests.home.doors import PASSWORD
from tests.home.served_page import Page, free_port, own_address, serving

PROXIED = PageSettings(names=["music.example"])


def log_in(page: Page, password: str, peer: str = "127.0.0.1", **headers: str) -> tuple[int, str]:
    """Status and cookie; `peer`: the address from which it comes."""
    to = http.client.HTTPConnection("127.0.0.1", page.port, timeout=5, source_address=(peer, 0))
    told = {"Content-Type": "application/json", "Host": "music.example"}
    to.request("POST", "/api/v1/session", json.dumps({"password": password}), {**told, **headers})
    answer = to.getresponse()
    return answer.status, answer.headers.get("Set-Cookie", "")


def test_behind_a_proxy_each_address_has_tries_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with serving(tmp_path, replace(PROXIED, port=free_port()), up=False) as page:
        page.keyring.set_password(PASSWORD)
        page.served.part(Health.UP, 10.0)
        for_guest = {"X-Forwarded-For": "192.0.2.66, 198.51.100.7"}  # the guest wrote the first
        for _ in range(5):
            assert log_in(page, "not the password", **for_guest)[0] == 401
        assert log_in(page, PASSWORD, **for_guest)[0] == 429
        assert "somebody at 198.51.100.7 gave a wrong password" in caplog.text
        status, cookie = log_in(
            page, PASSWORD, **{"X-Forwarded-For": "192.0.2.66", "X-Forwarded-Proto": "https"}
        )
        assert status == 200
        assert "Secure" in cookie
        assert "Secure" not in log_in(page, PASSWORD)[1]


def test_nobody_else_says_whence_they_come(tmp_path: Path) -> None:
    lying = {"X-Forwarded-For": "192.0.2.9", "X-Forwarded-Proto": "https"}
    address = own_address()
    if address.startswith("127."):
        pytest.skip("this machine has no address but loopback's")
    settings = replace(PROXIED, port=free_port(), address="0.0.0.0")  # noqa: S104
    with serving(tmp_path, settings, up=False) as page:
        page.keyring.set_password(PASSWORD)
        page.served.part(Health.UP, 10.0)
        for number in range(5):
            told = {**lying, "X-Forwarded-For": f"192.0.2.{number}"}
            assert log_in(page, "not the password", address, **told)[0] == 401
        assert log_in(page, PASSWORD, address, **lying)[0] == 429


def test_without_a_name_for_a_proxy_none_is_believed(tmp_path: Path) -> None:
    with serving(tmp_path, PageSettings(port=free_port())) as page:
        page.keyring.set_password(PASSWORD)
        told = {"X-Forwarded-For": "192.0.2.9", "X-Forwarded-Proto": "https", "Host": "localhost"}
        status, cookie = log_in(page, PASSWORD, **told)
        assert status == 200
        assert "Secure" not in cookie
