"""The command line's side of the local API: HTTP over the daemon's UNIX socket."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from device import config
from device.config import ConfigError
from device.lessons import TasteRequest
from device.types import Command, LibraryScanned, Status

TIMEOUT_SECONDS = 5.0
OK = 200
Answer = TypeVar("Answer")


class NotRunning(Exception):  # noqa: N818 - a state of the world, not a programming error
    """No daemon listens; the message says where, and names the mend."""


class Refused(Exception):  # noqa: N818 - an answer, not a programming error
    """The daemon did not do what it was asked; the message says why."""


class _Problem(msgspec.Struct):
    """The part of an `application/problem+json` answer that people read."""

    detail: str = ""


class Client:
    """Talks to the first daemon that listens on one of the paths.

    Every call raises `NotRunning`, or `Refused` with the reason.
    """

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._paths = paths

    def status_json(self) -> bytes:
        """The status as the daemon writes it."""
        return self._request("GET", "/api/v1/status")

    def status(self) -> Status:
        """Everything there is to show."""
        return _decode(self.status_json(), Status)

    def command(self, command: Command) -> Status:
        """Ask for something; the status after it."""
        return _decode(
            self._request("POST", "/api/v1/command", msgspec.json.encode(command)), Status
        )

    def library(self) -> LibraryScanned:
        """The library as it was scanned last."""
        return _decode(self._request("GET", "/api/v1/library"), LibraryScanned)

    def taste(self, request: TasteRequest, kind: type[Answer]) -> Answer:
        """Ask about what was learned; the answer to that request."""
        answer = self._request("POST", "/api/v1/taste", msgspec.json.encode(request))
        return _decode(answer, kind)

    def ask(
        self, method: str, path: str, kind: type[Answer], body: msgspec.Struct | None = None
    ) -> Answer:
        """Any route below `/api/v1`; its answer."""
        content = b"" if body is None else msgspec.json.encode(body)
        return _decode(self._request(method, f"/api/v1{path}", content), kind)

    def _request(self, method: str, path: str, body: bytes = b"") -> bytes:
        request = (
            f"{method} {path} HTTP/1.0\r\nHost: localhost\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            with self._connect() as connection:
                connection.sendall(request.encode("ascii") + body)
                code, content = _answer(connection)
        except TimeoutError as error:
            raise Refused(f"Attune did not answer within {TIMEOUT_SECONDS:g} seconds") from error
        except (OSError, ValueError) as error:
            raise NotRunning(f"Attune went away while it was asked ({error})") from error
        if code != OK:
            raise Refused(_reason(content) or f"Attune answered {code}")
        return content

    def _connect(self) -> socket.socket:
        for path in self._paths:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(TIMEOUT_SECONDS)
            try:
                connection.connect(os.fspath(path))
            except PermissionError as error:
                connection.close()
                raise Refused(
                    f"{path} may not be opened: run `sudo usermod -aG attune $USER` and log in "
                    "again, or use sudo"
                ) from error
            except OSError:
                connection.close()
                continue
            return connection
        places = " or ".join(str(path) for path in self._paths)
        raise NotRunning(
            f"Attune is not running (nobody listens on {places}); "
            "start it: `sudo systemctl start attune`, or `attune run`"
        )


def socket_paths(
    option: Path | None, config_option: Path | None, environ: Mapping[str, str] = os.environ
) -> tuple[Path, ...]:
    """Where a daemon may listen: as asked, as configured, else one run by hand or the service.

    A configuration that is wrong, or that may not be read, hides no daemon.
    """
    if option is not None:
        return (option,)
    try:
        settings = config.load(config.find(config_option, environ), environ)
    except ConfigError as error:
        settings = error.settings
    own = config.socket_path(settings, environ)
    return (own,) if settings.api.socket else (own, config.SERVICE_SOCKET)


def _answer(connection: socket.socket) -> tuple[int, bytes]:
    """Code and content of an answer that ends with its connection (HTTP/1.0, RFC 1945).

    By hand, for http.client alone takes a third of the time that `attune status` has. Raises
    `ValueError` for what is cut short.
    """
    received = bytearray()
    while chunk := connection.recv(65_536):
        received += chunk
    head, end, content = bytes(received).partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if not end or length is None or int(length[1]) != len(content):
        raise ValueError("the answer is cut short")
    return int(head.split(None, 2)[1]), content


def _decode(content: bytes, kind: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise Refused(
            f"the running Attune is of another version ({error}); "
            "restart it: `sudo systemctl restart attune`"
        ) from error


def _reason(content: bytes) -> str:
    try:
        return msgspec.json.decode(content, type=_Problem).detail
    except msgspec.DecodeError:
        return ""
