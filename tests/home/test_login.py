"""Logging in with the password, and the forms of those who did."""

from __future__ import annotations

import logging
import re

import pytest

from device.home import login
from device.home.guard import Door
from device.system.vitals import LastError
from device.types import Pause
from tests.home.doors import PASSWORD, Home

# --- logging in -------------------------------------------------------------------------------


def test_without_a_password_nobody_logs_in(home: Home) -> None:
    answer = home.client(Door.NETWORK).post("/api/v1/session", json={"password": ""})
    assert answer.status_code == 409
    assert "attune password" in answer.get_json()["detail"]


def test_after_five_wrong_passwords_the_right_one_waits_too(
    locked: Home, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, told_the_broker = locked.client(Door.NETWORK), LastError()
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(login.log, "handlers", [told_the_broker])
    for number in range(5):
        answer = client.post("/api/v1/session", json={"password": f"wrong password {number}"})
        assert answer.status_code == 401
    late = client.post("/api/v1/session", json={"password": PASSWORD})
    assert late.status_code == 429
    assert 0 < int(late.headers["Retry-After"]) <= 900
    other = {"REMOTE_ADDR": "192.0.2.8"}
    entered = client.post("/api/v1/session", json={"password": PASSWORD}, environ_overrides=other)
    assert entered.status_code == 200
    assert "192.0.2.7 gave a wrong password" in caplog.text
    assert told_the_broker.text == "a wrong password was given at the page"
    assert "wrong password 0" not in caplog.text


# --- the form ---------------------------------------------------------------------------------


FORM = {"Origin": "http://127.0.0.1:8088"}


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/", "/"),
        ("/library?q=a%20b&page=2", "/library?q=a%20b&page=2"),
        ("", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
    ],
)
def test_the_form_logs_in_and_leads_on_within_the_page(locked: Home, asked: str, led: str) -> None:
    client = locked.client(Door.NETWORK)
    answer = client.post("/login", data={"password": PASSWORD, "next": asked}, headers=FORM)
    assert answer.status_code == 303
    assert answer.headers["Location"] == led
    assert client.get("/api/v1/status").status_code == 200


def test_the_form_tells_what_is_wrong_and_writes_nothing_of_others(locked: Home) -> None:
    client = locked.client(Door.NETWORK)
    evil = '"><script>alert(1)</script>'
    answer = client.post("/login", data={"password": evil, "next": evil}, headers=FORM)
    assert answer.status_code == 401
    assert "that is not the password" in answer.text
    assert "<script>" not in answer.text
    assert 'role="alert"' in answer.text


def test_logging_out_by_the_form_needs_its_token(locked: Home) -> None:
    client = locked.client(Door.NETWORK)
    csrf = client.post("/api/v1/session", json={"password": PASSWORD}).get_json()["csrf"]
    assert client.post("/logout", data={"csrf": "0" * 64}, headers=FORM).status_code == 403
    assert client.post("/logout", data={"csrf": csrf}, headers=FORM).status_code == 303
    assert client.get("/api/v1/status").status_code == 401


def test_a_second_tab_logs_in_too_and_the_first_goes_on(locked: Home) -> None:
    client = locked.client(Door.NETWORK)
    program = client.post("/api/v1/session", json={"password": PASSWORD})
    first = program.get_json()["csrf"]
    for password, code in (("not the password", 401), (PASSWORD, 303)):
        again = client.post("/login", data={"password": password, "next": "/library"}, headers=FORM)
        assert again.status_code == code
    assert client.post("/api/v1/session", json={"password": PASSWORD}).get_json()["csrf"] == first
    assert client.post("/do/pause", data={"csrf": first}, headers=FORM).status_code == 303
    other = {"Origin": "http://evil.example"}
    assert client.post("/login", data={"password": PASSWORD}, headers=other).status_code == 403


def test_who_is_logged_in_is_led_on_from_the_form(locked: Home) -> None:
    client = locked.client(Door.NETWORK)
    assert client.get("/login?next=/library").status_code == 200
    client.post("/login", data={"password": PASSWORD}, headers=FORM)
    for asked, led in (("/library", "/library"), ("//evil.example", "/")):
        answer = client.get("/login", query_string={"next": asked})
        assert (answer.status_code, answer.headers["Location"]) == (303, led)


# --- the page's forms -------------------------------------------------------------------------


def test_the_page_leads_to_the_login_and_its_forms_carry_the_token(locked: Home) -> None:
    client = locked.client(Door.NETWORK)
    led = client.get("/library?q=a")
    assert led.status_code == 303
    assert led.headers["Location"] == "/login?next=%2Flibrary%3Fq%3Da"
    browser = {"Accept": "text/html,*/*;q=0.8"}
    assert client.get("/nothing", headers=browser).headers["Location"] == "/login?next=%2Fnothing"
    assert client.get("/api/v1/nothing", headers=browser).status_code == 401
    style = re.search(r'href="(/assets/page.css[^"]*)"', client.get("/login").text)
    assert style is not None
    assert client.get(style[1]).status_code == 200
    client.post("/login", data={"password": PASSWORD}, headers=FORM)
    page = client.get("/").text
    assert "Log out" in page
    token = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert token is not None
    for fields, code in (({"csrf": "0" * 64}, 403), ({"csrf": token[1]}, 303)):
        answer = client.post("/do/pause", data={"back": "/", **fields}, headers=FORM)
        assert answer.status_code == code
    assert locked.speaker.asked == [Pause()]


def test_on_this_machine_the_pages_forms_need_to_come_from_the_page(home: Home) -> None:
    client = home.client(Door.LOCAL)
    assert "Log out" not in client.get("/").text
    for headers, code in (
        ({}, 415),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        (FORM, 303),
    ):
        answer = client.post("/do/pause", data={"back": "/"}, headers=headers)
        assert answer.status_code == code
    assert home.speaker.asked == [Pause(), Pause()]
