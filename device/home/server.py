"""Waitress on a UNIX socket for the command line, and on TCP for the page: the same app.

Each has threads of its own, so that nobody at the page can keep the command line waiting.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import waitress
from waitress import wasyncore

from device.home.api import MAXIMUM_TASTE_BYTES
from device.home.events import MOST_BYTES, MOST_LISTENERS
from device.ports import PartUnavailable
from device.settings import PageSettings

if TYPE_CHECKING:
    from device.ports import WorkerContext

_LOOP_SECONDS = 0.5
_THREADS = 2
"""Beside those that listeners take."""
_CONNECTIONS = 50
_PERMISSIONS = 0o660
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def serve(app: WsgiApp, listener: socket.socket, context: WorkerContext, detail: str) -> None:
    """Serve until stopping."""
    channels: dict[int, Any] = {}
    server = waitress.create_server(
        app,
        map=channels,
        sockets=[listener],
        threads=_THREADS + MOST_LISTENERS,
        ident="attune",
        connection_limit=_CONNECTIONS,
        # Notices while it answers that the other side went away.
        channel_request_lookahead=1,
        # What a listener that does not read is sent stays in memory, and never blocks a thread.
        outbuf_overflow=2 * MOST_BYTES,
        outbuf_high_watermark=MAXIMUM_TASTE_BYTES,
        max_request_body_size=MAXIMUM_TASTE_BYTES,
        max_request_header_size=16 * 1024,
    )
    try:
        context.up(detail)
        while not context.stopping:
            wasyncore.loop(timeout=_LOOP_SECONDS, map=channels, use_poll=True, count=1)
            context.beat()
    finally:
        server.task_dispatcher.shutdown(timeout=_LOOP_SECONDS)
        wasyncore.close_all(channels)


class PageServer:
    """Serves an app on TCP; `run` is a supervised worker's body."""

    def __init__(self, app: WsgiApp, settings: PageSettings) -> None:
        self._app, self._settings = app, settings

    def run(self, context: WorkerContext) -> None:
        """Serve until stopping. Raises `PartUnavailable` when the port cannot be had."""
        with self._bind() as listener:
            serve(self._app, listener, context, self._settings.url)

    def _bind(self) -> socket.socket:
        address, port = ipaddress.ip_address(self._settings.address), self._settings.port
        listener = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((str(address), port))
        except OSError as error:
            listener.close()
            raise PartUnavailable(
                f"the page cannot listen on {self._settings.url}: {error.strerror or error}; "
                "set another [page] address or port"
            ) from error
        return listener


class ApiServer:
    """Serves an app on a UNIX socket; `run` is a supervised worker's body."""

    def __init__(self, app: WsgiApp, path: Path) -> None:
        self._app = app
        self._path = path

    def run(self, context: WorkerContext) -> None:
        """Serve until stopping. Raises `PartUnavailable` when the socket cannot be had."""
        self._refuse_to_steal()
        with self._bind() as listener:
            own = self._path.stat().st_ino
            try:
                serve(self._app, listener, context, str(self._path))
            finally:
                with contextlib.suppress(FileNotFoundError):
                    if self._path.stat().st_ino == own:
                        self._path.unlink()

    def _bind(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            listener.bind(os.fspath(self._path))
            self._path.chmod(_PERMISSIONS)
        except OSError as error:
            listener.close()
            raise PartUnavailable(
                f"cannot listen on {self._path}: {error.strerror or error}; "
                "set [api] socket to a path that Attune may write"
            ) from error
        return listener

    def _refuse_to_steal(self) -> None:
        """Raise `PartUnavailable` where another daemon listens, or where something else lies."""
        try:
            mode = self._path.stat().st_mode
        except OSError:
            return
        if not stat.S_ISSOCK(mode):
            raise PartUnavailable(f"{self._path} is no socket; move it away")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_LOOP_SECONDS)
            try:
                probe.connect(os.fspath(self._path))
            except ConnectionRefusedError:
                return  # The stale socket of a daemon that was killed.
            except OSError as error:
                raise PartUnavailable(f"cannot tell who has {self._path}: {error}") from error
        raise PartUnavailable(
            f"another Attune listens on {self._path}; stop it, or set [api] socket to another path"
        )
