"""Who may do what over HTTP: tables of hosts, sites, logins, tokens and what each may reach."""

from __future__ import annotations

import itertools
import logging
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import flask.testing
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from device.home import login
from device.home.app import create_app
from device.home.guard import COOKIE, CSRF_HEADER, DOOR, FORMS, Door, at_door, host_of, is_ours
from device.home.keyring import FILE, Keyring
from device.system.vitals import LastError
from device.types import Next, Pause, Say
from tests.local_api import TinySpeaker

PASSWORD = "correct horse battery"
JSON = {"Content-Type": "application/json"}
NEXT = b'{"type": "next"}'
COMMANDS = "/api/v1/command"
OWN = frozenset({"attune", "attune.local", "music.example.org"})


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


# --- hosts: DNS rebinding ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST:8088", "localhost"),
        ("127.0.0.1:9000", "127.0.0.1"),
        ("[::1]:8088", "::1"),
        ("attune.local.", "attune.local"),
        ("", None),
        ("localhost, evil.example", None),
        ("localhost:8088:1", None),
        ("localhost@evil.example", None),
        ("local host", None),
        ("[::1", None),
        ("[localhost]", None),
        ("localhost:123456", None),
        ("localhost\n", None),
        ("http://localhost", None),
    ],
)
def test_hosts_are_read_strictly(header: str, host: str | None) -> None:
    assert host_of(header) == host


@pytest.mark.parametrize(
    ("host", "local", "network"),
    [
        ("localhost", True, True),
        ("127.0.0.1", True, True),
        ("127.1.2.3", True, True),
        ("::1", True, True),
        ("192.168.1.20", False, True),
        ("fd00::20", False, True),
        ("attune", False, True),
        ("attune.local", False, True),
        ("music.example.org", False, True),
        ("evil.example", False, False),
        ("localhost.evil.example", False, False),
        ("127.0.0.1.evil.example", False, False),
        ("127.1", False, False),  # names to us, an address to some
        ("0x7f000001", False, False),
    ],
)
def test_only_our_own_hosts_are_ours(host: str, local: bool, network: bool) -> None:
    assert is_ours(host, Door.LOCAL, OWN) is local
    assert is_ours(host, Door.NETWORK, OWN) is network


@given(st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z][a-z0-9-]{0,20}){1,4}", fullmatch=True))
def test_no_name_of_others_is_ours(host: str) -> None:
    assert not is_ours(host, Door.LOCAL, OWN)
    assert is_ours(host, Door.NETWORK, OWN) is (host in OWN)


@given(st.text(max_size=60))
def test_no_host_header_is_too_odd(header: str) -> None:
    host = host_of(header)
    assert host is None or host == host.lower()
    if host is not None:
        is_ours(host, Door.LOCAL, OWN)


@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/api/v1/events", "/login", "/nothing"])
@pytest.mark.parametrize("door", [Door.LOCAL, Door.NETWORK])
def test_a_rebound_name_reaches_nothing(locked: Home, door: Door, path: str) -> None:
    answer = locked.client(door, "evil.example:8088").get(path)
    assert answer.status_code == 421
    assert answer.mimetype == "application/problem+json"


def test_this_machines_name_is_ours_in_the_network(locked: Home) -> None:
    for host in (socket.gethostname(), f"{socket.gethostname()}.local:8088"):
        assert locked.client(Door.NETWORK, host).get("/api/v1/session").status_code == 200


# --- other sites' pages -----------------------------------------------------------------------

SITES = [
    ({}, True),
    ({"Origin": "http://127.0.0.1:8088"}, True),
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Origin": "http://evil.example"}, False),
    ({"Origin": "http://127.0.0.1:9999"}, False),
    ({"Origin": "http://evil.example/127.0.0.1:8088"}, False),
    ({"Origin": "http://127.0.0.1:8088@evil.example"}, False),
    ({"Origin": "null"}, False),
    ({"Origin": ""}, False),
    ({"Origin": "http://[::1"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Origin": "http://127.0.0.1:8088", "Sec-Fetch-Site": "cross-site"}, False),
]


@pytest.mark.parametrize(("headers", "admitted"), SITES)
def test_only_our_own_pages_and_programs_change_anything(
    home: Home, headers: dict[str, str], admitted: bool
) -> None:
    answer = home.client(Door.LOCAL).post(COMMANDS, data=NEXT, headers={**JSON, **headers})
    assert answer.status_code == (200 if admitted else 403)
    assert home.speaker.asked == ([Next()] if admitted else [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    origin=st.none() | st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"])),
    site=st.none() | st.sampled_from(["same-origin", "none", "same-site", "cross-site", "x", ""]),
    mimetype=st.sampled_from(["application/json", "text/plain", *FORMS, ""]),
)
def test_no_other_origin_changes_anything(
    home: Home, origin: str | None, site: str | None, mimetype: str
) -> None:
    home.speaker.asked.clear()
    told = {"Origin": origin, "Sec-Fetch-Site": site, "Content-Type": mimetype or None}
    headers = {name: value for name, value in told.items() if value is not None}
    answer = home.client(Door.LOCAL).post(COMMANDS, data=NEXT, headers=headers)
    admitted = (
        origin in (None, "http://127.0.0.1:8088", "https://127.0.0.1:8088")
        and site in (None, "same-origin", "none")
        and mimetype == "application/json"
    )
    assert (answer.status_code == 200) is admitted
    assert home.speaker.asked == ([Next()] if admitted else [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=st.text(st.characters(codec="latin-1", categories=["L", "N", "P", "S"]), max_size=80))
def test_nothing_guessed_lets_anybody_in(locked: Home, value: str) -> None:
    client = locked.client(Door.NETWORK)
    for headers in (
        {"Authorization": value},
        {"Authorization": f"Bearer {value}"},
        {"Authorization": f"Bearer attune_{value}"},
        {"Cookie": f"{COOKIE}={value}"},
        {"Cookie": value},
        {CSRF_HEADER: value},
    ):
        answer = client.post(COMMANDS, data=NEXT, headers={**JSON, **headers})
        assert answer.status_code == 401
    assert not locked.speaker.asked


@pytest.mark.parametrize(
    ("site", "mode", "code"),
    [
        ("same-origin", "cors", 200),
        ("none", "navigate", 200),
        ("cross-site", "navigate", 200),  # a link
        ("cross-site", "no-cors", 403),  # an image, a script
        ("cross-site", "cors", 403),
        ("same-site", "cors", 403),  # another port of this machine
    ],
)
def test_other_sites_may_lead_here_and_have_nothing_for_themselves(
    home: Home, site: str, mode: str, code: int
) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
    for path in ("/", "/api/v1/status"):
        assert home.client(Door.LOCAL).get(path, headers=headers).status_code == code


@pytest.mark.parametrize(
    "mimetype", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_a_form_may_send_unasked_changes_nothing(
    home: Home, method: str, mimetype: str
) -> None:
    headers = {"Content-Type": mimetype} if mimetype else {}
    for path in (COMMANDS, "/login", "/logout", "/api/v1/password"):
        answer = home.client(Door.LOCAL).open(path, method=method, data=NEXT, headers=headers)
        assert answer.status_code in (405, 415)
    assert not home.speaker.asked


# --- rights -----------------------------------------------------------------------------------


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


# --- headers ----------------------------------------------------------------------------------


def test_every_answer_carries_the_headers(locked: Home) -> None:
    for door, path in itertools.product(
        (Door.SOCKET, Door.LOCAL, Door.NETWORK), ("/api/v1/status", "/login", "/nothing")
    ):
        headers = locked.client(door).get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in headers


# --- the page's forms -------------------------------------------------------------------------


def test_the_page_leads_to_the_login_and_its_forms_carry_the_token(locked: Home) -> None:
    client = locked.client(Door.NETWORK)
    led = client.get("/library?q=a")
    assert led.status_code == 303
    assert led.headers["Location"] == "/login?next=%2Flibrary%3Fq%3Da"
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
