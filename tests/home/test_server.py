"""The page's server on TCP: where it listens, whom it lets in, and that nobody can clog it."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from device.client import Client
from device.home import tls
from device.home.app import create_app
from device.home.keyring import Keyring
from device.home.server import ApiServer, PageServer
from device.settings import PageSettings
from device.system.supervise import Supervisor
from device.types import Health
from tests.home.doors import PASSWORD
from tests.home.served_page import free_port, own_address, serving
from tests.local_api import Served, SystemClock, TinySpeaker


def test_it_listens_on_this_machine_alone(tmp_path: Path) -> None:
    with serving(tmp_path, PageSettings(port=free_port())) as page:
        assert page.served.part(Health.UP).detail == f"http://127.0.0.1:{page.port}"
        assert page.get("/api/v1/status").status == 200
        assert page.get("/api/v1/status", Host="evil.example").status == 421
        with socket.socket() as other:
            assert other.connect_ex((own_address(), page.port)) != 0


def test_beyond_this_machine_it_waits_for_a_password(tmp_path: Path) -> None:
    settings = PageSettings(port=free_port(), address="0.0.0.0")  # noqa: S104 - that is the point
    with serving(tmp_path, settings, up=False) as page:
        assert "attune password" in page.served.part(Health.DOWN).detail
        with socket.socket() as other:
            assert other.connect_ex(("127.0.0.1", page.port)) != 0
        page.keyring.set_password(PASSWORD)
        page.served.part(Health.UP, 10.0)
        assert page.get("/api/v1/status").status == 401
        token = page.keyring.add_token("me")
        assert page.get("/api/v1/status", Authorization=f"Bearer {token}").status == 200
        page.keyring.set_password(None)
        deadline = time.monotonic() + 5.0
        while time.monotonic() < deadline:
            with socket.socket() as other:
                if other.connect_ex(("127.0.0.1", page.port)) != 0:
                    break
            time.sleep(0.1)
        else:
            pytest.fail("it still listens without a password")


def test_a_port_that_is_taken_is_told_with_the_mend(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = PageSettings(port=taken.getsockname()[1])
        with serving(tmp_path, settings, up=False) as page:
            assert "set another [page] address or port" in page.served.part(Health.DOWN).detail


def test_a_port_that_is_taken_between_two_steps_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that are bound, as SO_REUSEADDR allows: only the first may listen."""
    with socket.socket() as rival:
        rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        rival.bind(("127.0.0.1", 0))

        class Overtaken(socket.socket):
            def bind(self, address: tuple[str, int]) -> None:  # type: ignore[override]
                super().bind(address)
                rival.listen()

        settings = PageSettings(port=rival.getsockname()[1])
        monkeypatch.setattr(socket, "socket", Overtaken)
        with serving(tmp_path, settings, up=False) as page:
            assert "set another [page] address or port" in page.served.part(Health.DOWN).detail


ODD_REQUESTS = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost:99999999\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost\r\n\r\n",
    b"POST /api/v1/command HTTP/1.1\r\nHost: evil.example\r\n\r\n",
]


@pytest.mark.parametrize("request_", ODD_REQUESTS)
def test_odd_hosts_reach_nothing(tmp_path: Path, request_: bytes) -> None:
    with serving(tmp_path, PageSettings(port=free_port())) as page:
        with socket.create_connection(("127.0.0.1", page.port), 5) as rude:
            rude.sendall(request_)
            answer = rude.recv(1000)
        assert answer.split(b" ")[1] in (b"400", b"421"), answer


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"\x00\xff\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n bad: header\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"POST /api/v1/taste HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    ],
)
def test_what_is_no_request_is_answered_by_a_problem(
    tmp_path: Path, request_: bytes, code: int
) -> None:
    with serving(tmp_path, PageSettings(port=free_port())) as page:
        with socket.create_connection(("127.0.0.1", page.port), 5) as rude:
            rude.sendall(request_)
            answer = http.client.HTTPResponse(rude)
            answer.begin()
            problem = json.loads(answer.read())
        assert (answer.status, problem["status"]) == (code, code)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert problem["detail"]


# --- TLS --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return signed(tmp_path_factory.mktemp("tls"))


def signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*line.split(), *names, *files], check=True, capture_output=True)
    return certificate, key


def tls_settings(pair: tuple[Path, Path]) -> PageSettings:
    return PageSettings(port=free_port(), certificate_file=str(pair[0]), key_file=str(pair[1]))


def trusting(pair: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(pair[0]))


def test_tls_is_spoken_and_the_cookie_is_secure(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    with serving(tmp_path, tls_settings(pair)) as page:
        page.keyring.set_password(PASSWORD)
        assert page.served.part(Health.UP).detail == f"https://127.0.0.1:{page.port}"
        connection = http.client.HTTPSConnection(
            "localhost", page.port, timeout=10, context=trusting(pair)
        )
        for _ in range(3):  # one connection, several requests
            connection.request("GET", "/api/v1/status")
            answer = connection.getresponse()
            assert answer.status == 200
            assert len(answer.read()) > 500
        body = f'{{"password": "{PASSWORD}"}}'
        connection.request("POST", "/api/v1/session", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200
        assert "Secure" in answer.headers["Set-Cookie"]
        connection.close()


def test_a_renewed_certificate_is_shown_without_a_restart(
    tmp_path: Path, pair: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    used = tuple(tmp_path / path.name for path in pair)
    for new, old in zip(pair, used, strict=True):
        old.write_bytes(new.read_bytes())
    (tmp_path / "new").mkdir()
    renewed = signed(tmp_path / "new")
    with serving(tmp_path, tls_settings((used[0], used[1]))) as page:
        assert page.get("/api/v1/status", keys=trusting(pair)).status == 200
        used[0].write_bytes(renewed[0].read_bytes())  # a key that is not its own, for a moment
        for _ in range(2):
            assert page.get("/api/v1/status", keys=trusting(pair)).status == 200
        assert caplog.text.count("goes on with the former certificate") == 1
        used[1].write_bytes(renewed[1].read_bytes())
        assert page.get("/api/v1/status", keys=trusting(renewed)).status == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            page.get("/api/v1/status", keys=trusting(pair))
        for path in used:
            path.unlink()
        assert page.get("/api/v1/status", keys=trusting(renewed)).status == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_and_none_at_all_are_refused(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    with serving(tmp_path, tls_settings(pair)) as page:
        old = trusting(pair)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError):
            page.get("/api/v1/status", keys=old)
        with pytest.raises((http.client.HTTPException, OSError)):
            page.get("/api/v1/status")
        assert page.get("/api/v1/status", keys=trusting(pair)).status == 200


def test_who_hangs_in_a_handshake_or_an_answer_keeps_nobody_waiting(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_SECONDS", 2.0)
    with serving(tmp_path, tls_settings(pair)) as page, contextlib.ExitStack() as stack:
        keys = trusting(pair)
        for number in range(10):
            hanging = stack.enter_context(socket.create_connection(("127.0.0.1", page.port), 5))
            if number % 2:
                hanging.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
        for _ in range(10):
            half = stack.enter_context(socket.create_connection(("127.0.0.1", page.port), 5))
            slow = stack.enter_context(keys.wrap_socket(half, server_hostname="localhost"))
            slow.sendall(b"POST /api/v1/command HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        for _ in range(8):
            half = stack.enter_context(socket.create_connection(("127.0.0.1", page.port), 5))
            deaf = stack.enter_context(keys.wrap_socket(half, server_hostname="localhost"))
            deaf.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        started = time.monotonic()
        assert page.get("/api/v1/status", keys=keys).status == 200
        assert time.monotonic() - started < 3.0


def test_hanging_handshakes_are_ended_and_their_places_free_again(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_SECONDS", 1.0)
    with serving(tmp_path, tls_settings(pair)) as page, contextlib.ExitStack() as stack:
        for _ in range(tls.MOST_CONNECTIONS):
            stack.enter_context(socket.create_connection(("127.0.0.1", page.port), 5))
        time.sleep(0.2)
        with pytest.raises((http.client.HTTPException, OSError)):
            page.get("/api/v1/status", keys=trusting(pair))
        time.sleep(3.0)
        assert page.get("/api/v1/status", keys=trusting(pair)).status == 200


def test_the_way_behind_tls_is_closed_to_others(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    inner: list[tuple[str, int]] = []
    original = tls.TlsFront.__init__

    def watched(self: tls.TlsFront, *given: object) -> None:
        inner.append(given[2])  # type: ignore[arg-type]
        original(self, *given)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tls.TlsFront, "__init__", watched)
        with serving(tmp_path, tls_settings(pair)):
            connection = http.client.HTTPConnection(*inner[0], timeout=5)
            connection.request("GET", "/api/v1/status")
            assert connection.getresponse().status == 403


@pytest.mark.parametrize("broken", ["certificate", "key"])
def test_a_broken_certificate_is_told_with_the_mend(
    tmp_path: Path, pair: tuple[Path, Path], broken: str
) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("-----BEGIN NOTHING-----\n")
    certificate = bad if broken == "certificate" else pair[0]
    key = bad if broken == "key" else pair[1]
    settings = PageSettings(port=free_port(), certificate_file=str(certificate), key_file=str(key))
    with serving(tmp_path, settings, up=False) as page:
        assert "PEM certificate" in page.served.part(Health.DOWN).detail


def test_nothing_is_left_of_tls(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    before = threading.active_count()
    with serving(tmp_path, tls_settings(pair)) as page:
        page.get("/api/v1/status", keys=trusting(pair)).read()
    assert threading.active_count() == before


def test_whoever_clogs_the_page_keeps_no_command_waiting(tmp_path: Path) -> None:
    speaker, keyring, path = TinySpeaker(), Keyring(tmp_path), tmp_path / "api.sock"
    served, settings = Served(), PageSettings(port=free_port())
    supervisor = Supervisor(served.told.append, SystemClock(), random.Random(0))
    app = create_app(speaker.appliance, keyring)
    supervisor.start("page", PageServer(app, settings, keyring).run)
    served.part(Health.UP)
    supervisor.start("api", ApiServer(app, path).run)
    deadline = time.monotonic() + 5.0
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    with contextlib.ExitStack() as stack:
        stack.callback(supervisor.stop, 4.0)
        for number in range(60):
            clog = stack.enter_context(socket.create_connection(("127.0.0.1", settings.port), 5))
            events = b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
            clog.sendall(events if number < 20 else events[:20])
        client = Client((path,))
        time.sleep(0.2)  # each is on its way by now
        slowest = 0.0
        for _ in range(20):
            started = time.monotonic()
            client.status()
            slowest = max(slowest, time.monotonic() - started)
        assert slowest < 1.0
