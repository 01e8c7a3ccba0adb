"""Which hosts and sites may ask anything over HTTP at all, and what every answer carries."""

from __future__ import annotations

import itertools
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.home.guard import COOKIE, CSRF_HEADER, FORMS, Door, host_of, is_ours
from device.types import Next
from tests.home.doors import COMMANDS, JSON, NEXT, Home

OWN = frozenset({"attune", "attune.local", "music.example.org"})


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
