"""What each door, session and token may reach over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import flask
import flask.testing
import pytest
from msgspec.structs import replace

from device.home.guard import COOKIE, CSRF_HEADER, DOOR, Door, at_door
from device.types import Say
from tests.home.doors import COMMANDS, JSON, NEXT, PASSWORD, Home


def test_on_this_machine_no_login_is_needed(home: Home) -> None:
    client = home.client(Door.LOCAL)
    assert client.get("/api/v1/status").status_code == 200
    assert client.get("/api/v1/session").json == {
        "login_needed": False,
        "logged_in": True,
        "csrf": "",
    }


def rules(app: flask.Flask) -> list[tuple[str, str, str]]:
    return [
        (method, rule.rule.replace("<name>", "x"), rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    ]


def test_in_the_network_nothing_but_the_login_is_open(locked: Home) -> None:
    client = locked.client(Door.NETWORK)
    opened = set()
    for method, path, endpoint in [*rules(locked.app), ("GET", "/nothing", "nothing")]:
        answer = client.open(path, method=method, headers=JSON, data=b"{}")
        if answer.status_code not in (401, 303):
            opened.add(endpoint)
    assert opened == {"api.session", "api.log_in", "login.show", "login.enter"} | (
        {"page.asset"} & set(locked.app.view_functions)
    )
    assert not locked.speaker.asked


def test_where_nobody_said_by_which_door_the_strictest_holds(locked: Home) -> None:
    client = locked.app.test_client()
    assert client.get("/api/v1/status").status_code == 401
    assert client.get("/api/v1/status", headers={"attune.door": "socket"}).status_code == 401


def test_a_header_cannot_say_by_which_door() -> None:
    seen: list[object] = []

    def app(environ: dict[str, object], _start: object) -> list[bytes]:
        seen.append(environ[DOOR])
        return []

    at_door(app, Door.NETWORK)({"HTTP_ATTUNE_DOOR": "socket", DOOR: "socket"}, lambda *_: None)
    assert seen == [Door.NETWORK]


def test_a_session_reads_and_with_its_csrf_token_changes(locked: Home) -> None:
    client = locked.client(Door.NETWORK)
    answer = client.post("/api/v1/session", json={"password": PASSWORD})
    assert answer.status_code == 200
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    csrf = answer.get_json()["csrf"]
    assert client.get("/api/v1/status").status_code == 200
    assert client.get("/api/v1/session").get_json() == {
        "login_needed": True,
        "logged_in": True,
        "csrf": csrf,
    }
    for wrong in ({}, {CSRF_HEADER: ""}, {CSRF_HEADER: csrf[:-1]}, {CSRF_HEADER: "é"}):
        refused = client.post(COMMANDS, data=NEXT, headers={**JSON, **wrong})
        assert refused.status_code == 403
    assert not locked.speaker.asked
    given_ = {**JSON, CSRF_HEADER: csrf}
    assert client.post(COMMANDS, data=NEXT, headers=given_).status_code == 200
    assert client.delete("/api/v1/session").status_code == 403
    gone = client.delete("/api/v1/session", headers={CSRF_HEADER: csrf})
    assert gone.get_json() == {"login_needed": True, "logged_in": False, "csrf": ""}
    client.set_cookie(COOKIE, cookie.split("=")[1].split(";")[0], domain="127.0.0.1")
    assert client.get("/api/v1/status").status_code == 401


def test_under_tls_the_cookie_is_secure(locked: Home) -> None:
    client = locked.client(Door.NETWORK)
    answer = client.post(
        "/api/v1/session",
        json={"password": PASSWORD},
        base_url="https://127.0.0.1:8088",
    )
    assert "Secure" in answer.headers["Set-Cookie"].split("; ")


def test_the_csrf_token_of_another_session_is_refused(locked: Home) -> None:
    tokens = []
    for _ in range(2):
        client = locked.client(Door.NETWORK)
        answer = client.post("/api/v1/session", json={"password": PASSWORD})
        tokens.append(answer.get_json()["csrf"])
    refused = client.post(COMMANDS, data=NEXT, headers={**JSON, CSRF_HEADER: tokens[0]})
    assert refused.status_code == 403
    assert tokens[0] != tokens[1]


@pytest.mark.parametrize("door", [Door.LOCAL, Door.NETWORK])
def test_tokens_let_programs_in_until_they_are_taken_back(locked: Home, door: Door) -> None:
    client = locked.client(door)
    token = locked.keyring.add_token("kitchen")
    right = {**JSON, "Authorization": f"Bearer {token}"}
    assert client.post(COMMANDS, data=NEXT, headers=right).status_code == 200
    for wrong in (f"Bearer {token}x", f"Basic {token}", "Bearer ", "Bearer", token, "Bearer é"):
        answer = client.get("/api/v1/status", headers={"Authorization": wrong})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    locked.keyring.remove_token("kitchen")
    assert client.get("/api/v1/status", headers=right).status_code == 401


def test_an_open_stream_ends_with_the_right_to_it(locked: Home) -> None:
    keyring = locked.keyring

    def listens_until(client: flask.testing.FlaskClient, end: Callable[[], None]) -> None:
        told = client.get("/api/v1/events").iter_encoded()
        assert next(told).startswith(b"retry")
        for volume in (31, 32):
            locked.speaker.now = replace(locked.speaker.now, volume=volume)
            assert b'"volume":%d' % volume in next(told)
        end()
        locked.speaker.now = replace(locked.speaker.now, volume=33)
        assert list(told) == []

    program, browser = locked.client(Door.NETWORK), locked.client(Door.NETWORK)
    program.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {keyring.add_token('hall')}"
    listens_until(program, lambda: keyring.remove_token("hall"))
    cookie = keyring.open_session()
    browser.set_cookie(COOKIE, cookie, domain="127.0.0.1")
    listens_until(browser, lambda: keyring.close_session(cookie))
    browser.set_cookie(COOKIE, keyring.open_session(), domain="127.0.0.1")
    listens_until(browser, lambda: keyring.set_password(None))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/api/v1/password", {"password": "another password"}),
        ("GET", "/api/v1/tokens", None),
        ("POST", "/api/v1/tokens", {"name": "mine"}),
        ("DELETE", "/api/v1/tokens/kitchen", None),
    ],
)
def test_who_comes_in_is_decided_at_the_speaker_alone(
    locked: Home, method: str, path: str, body: object
) -> None:
    token = locked.keyring.add_token("kitchen")
    for door in (Door.LOCAL, Door.NETWORK):
        answer = locked.client(door).open(
            path, method=method, json=body, headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 403
    assert locked.client(Door.SOCKET).open(path, method=method, json=body).status_code == 200


def test_over_tcp_no_path_is_announced(home: Home) -> None:
    path = {"type": "say", "file": "/etc/passwd"}
    name = {"type": "say", "file": "bell.ogg"}
    assert home.client(Door.LOCAL).post(COMMANDS, json=path).status_code == 422
    assert home.client(Door.LOCAL).post(COMMANDS, json=name).status_code == 200
    assert home.client(Door.SOCKET).post(COMMANDS, json=path).status_code == 200
    assert home.speaker.asked == [Say("bell.ogg"), Say("/etc/passwd")]
