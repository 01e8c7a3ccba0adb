"""`attune password` and `attune token` against the real daemon, whose page is in the network."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

from device.demo import free_port
from device.types import Health
from tests.daemon import Daemon, running

PASSWORD = "correct horse battery"


def attune(
    daemon: Daemon, *arguments: str, piped: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "device.cli", "--config", str(daemon.config), *arguments],
        input=piped,
        stdin=subprocess.DEVNULL if piped is None else None,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def asked_at_a_terminal(daemon: Daemon, *typed: str) -> tuple[int, str]:
    """`attune password` on a terminal, at which these lines are typed; exit code and screen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "device.cli", "--config", str(daemon.config), "password"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,  # getpass opens the controlling terminal where there is one
    )
    os.close(theirs)
    screen = ""
    for line in typed:
        while not screen.endswith(": "):
            screen += os.read(ours, 1000).decode()
        os.write(ours, line.encode() + b"\n")
        screen += "\n"
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while more := os.read(ours, 1000):
            screen += more.decode()
    os.close(ours)
    return process.wait(60), screen


def status_code(port: int, token: str = "") -> int | None:
    """What the page's API answers; None while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection.request("GET", "/api/v1/status", headers=headers)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def test_a_password_opens_the_page_to_the_network_and_tokens_let_programs_in(
    tmp_path: Path,
) -> None:
    port = free_port()
    page = {"enabled": True, "address": "0.0.0.0", "port": port}  # noqa: S104 - that is the point
    with running(tmp_path, page=page) as daemon:
        daemon.wait_told("the page would be open to others")
        assert status_code(port) is None
        part = daemon.wait_for(lambda status: status.page.health is Health.DOWN).page
        assert "attune password" in part.detail
        assert attune(daemon, "password").returncode == 2
        short = attune(daemon, "password", "--stdin", piped="short\n")
        assert short.returncode == 1
        assert short.stderr.startswith("attune: a password has 10 to 256 characters; a few words")
        code, screen = asked_at_a_terminal(daemon, PASSWORD, PASSWORD + "!")
        assert code == 2
        assert "they differ" in screen
        code, screen = asked_at_a_terminal(daemon, PASSWORD, PASSWORD)
        assert code == 0, screen
        assert PASSWORD not in screen
        deadline = time.monotonic() + 20.0
        while status_code(port) is None and time.monotonic() < deadline:
            time.sleep(0.2)
        assert status_code(port) == 401

        made = attune(daemon, "token", "add", "kitchen")
        token = made.stdout.strip()
        assert made.returncode == 0
        assert "not shown again" in made.stderr
        assert status_code(port, token) == 200
        named = attune(daemon, "token", "add", "my kitchen").stderr
        assert named == "attune: a token's name has 1 to 40 letters, digits, or . _ -\n"
        assert "already" in attune(daemon, "token", "add", "kitchen").stderr
        listed = attune(daemon, "token", "list").stdout
        assert listed.startswith("kitchen ")
        assert token not in listed
        removed = attune(daemon, "token", "remove", "my kitchen")
        assert removed.returncode == 1
        assert "no token is called 'my kitchen'; `attune token list`" in removed.stderr
        assert attune(daemon, "token", "remove", "kitchen").returncode == 0
        assert status_code(port, token) == 401
        assert "no program has a token" in attune(daemon, "token", "list").stdout

        kept = json.loads((tmp_path / "state" / "page.json").read_text())
        assert kept["password"].startswith("scrypt$")
        for secret in (PASSWORD, token):
            assert secret not in daemon.told()
        assert "removed" in attune(daemon, "password", "--remove").stdout
