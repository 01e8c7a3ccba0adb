from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.system import notify


@pytest.fixture(params=["bindings", "datagram"])
def sender(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "datagram":
        monkeypatch.setattr(notify, "systemd_daemon", None)
    elif notify.systemd_daemon is None:
        pytest.skip("systemd's Python bindings are not installed")
    return str(request.param)


@pytest.fixture(params=["path", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    name = str(tmp_path / "n") if request.param == "path" else f"@attune-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(5)
        listener.bind(name.replace("@", "\0"))
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield listener


@pytest.mark.usefixtures("sender")
def test_each_message_arrives_as_systemd_reads_it(manager: socket.socket) -> None:
    def told() -> str:
        return manager.recv(4096).decode()

    notify.ready()
    assert told() == "READY=1"
    notify.watchdog()
    assert told() == "WATCHDOG=1"
    notify.watchdog_trigger()
    assert told() == "WATCHDOG=trigger"
    notify.status("happy · plays\nPärt")
    assert told() == "STATUS=happy · plays Pärt"
    notify.reloading()
    first, second = told().split("\n")
    assert first == "RELOADING=1"
    assert second.startswith("MONOTONIC_USEC=")
    notify.stopping()
    assert told() == "STOPPING=1"


@pytest.mark.usefixtures("sender")
def test_nobody_listening_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify.ready()


@pytest.mark.usefixtures("sender")
def test_a_manager_that_is_gone_is_logged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify.ready()
    assert "systemd could not be told 'READY=1'" in caplog.text


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("30000000", None, 30.0),
        ("30000000", "self", 30.0),
        ("30000000", "1", None),
        ("0", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_watchdog_seconds(
    monkeypatch: pytest.MonkeyPatch, usec: str | None, pid: str | None, expected: float | None
) -> None:
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, str(os.getpid()) if value == "self" else value)
    assert notify.watchdog_seconds() == expected
