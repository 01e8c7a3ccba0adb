"""Clients that ask and do not read: they are let go, and take little memory until then."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from device.home import server
from device.settings import PageSettings
from device.types import LibraryScanned, SkippedFile
from tests.home.served_page import free_port, serving

STYLE = b"GET /assets/page.css HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextlib.contextmanager
def asking(port: int, requests: bytes) -> Iterator[socket.socket]:
    """A client with little room, which asked for much and read nothing yet."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(5.0)
        client.connect(("127.0.0.1", port))
        client.sendall(requests)
        yield client


def read_all(client: socket.socket) -> bytes | None:
    """What comes until the other side closes; None where it does not."""
    got = bytearray()
    try:
        while part := client.recv(65536):
            got += part
    except ConnectionError:
        pass
    except TimeoutError:
        return None
    return bytes(got)


def closings(monkeypatch: pytest.MonkeyPatch) -> list[server.Channel]:
    """Connections that the server has closed; grows."""
    closed: list[server.Channel] = []
    close = server.Channel.handle_close

    def noted(channel: server.Channel) -> None:
        close(channel)
        closed.append(channel)

    monkeypatch.setattr(server.Channel, "handle_close", noted)
    return closed


def wait_for(closed: list[server.Channel], count: int) -> None:
    end = time.monotonic() + 60.0  # a busy machine is long at filling what nobody reads
    while len(set(map(id, closed))) < count:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_who_reads_nothing_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_UNREAD_SECONDS", 1.0)
    closed = closings(monkeypatch)
    with contextlib.ExitStack() as stack:
        page = stack.enter_context(serving(tmp_path, PageSettings(port=free_port())))
        asked = [stack.enter_context(asking(page.port, STYLE * 400)) for _ in range(12)]
        wait_for(closed, len(asked))
        for client in asked:
            client.settimeout(1.0)
            got = read_all(client)
            assert got is not None
            assert got.count(b"200 OK") < 400
        assert page.get("/login").status == 200


def test_who_reads_slowly_gets_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_UNREAD_SECONDS", 2.0)
    last = STYLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with (
        serving(tmp_path, PageSettings(port=free_port())) as page,
        asking(page.port, STYLE * 99 + last) as client,
    ):
        got = b""
        for _ in range(8):
            time.sleep(0.5)
            got += client.recv(65536)
        rest = read_all(client)
        assert rest is not None
        assert (got + rest).count(b"200 OK") == 100


def test_where_much_waits_to_be_read_nobody_waits_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_HURRIED_SECONDS", 1.0)
    monkeypatch.setattr(server, "_MOST_UNREAD_BYTES", 100_000)
    closed = closings(monkeypatch)
    with (
        serving(tmp_path, PageSettings(port=free_port())) as page,
        asking(page.port, STYLE * 400) as client,
    ):
        wait_for(closed, 1)
        assert read_all(client) is not None


def test_a_large_library_lies_in_memory_once_for_all_who_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no card"))
    library = LibraryScanned(skipped=(SkippedFile("/music/x.ogg", "x" * 20_000_000),))
    ask = b"GET /api/v1/library HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with contextlib.ExitStack() as stack:
        settings = PageSettings(port=free_port())
        page = stack.enter_context(serving(tmp_path, settings, library=library))
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        for _ in range(6):
            client = stack.enter_context(asking(page.port, ask))
            assert client.recv(15) == b"HTTP/1.1 200 OK"
        _, most = tracemalloc.get_traced_memory()
        assert most < 50_000_000
        got = page.get("/api/v1/library")
        assert msgspec.json.decode(got.read(), type=LibraryScanned) == library
        assert got.headers["Content-Type"] == "application/json"
