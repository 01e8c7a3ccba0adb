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
from device.home.events import MOST_LISTENERS
from device.home.guard import Door, WsgiApp, at_door
from device.home.keyring import Keyring
from device.home.proxy import behind_proxy
from device.home.unparsed import Channel
from device.ports import PartUnavailable
from device.settings import PageSettings

if TYPE_CHECKING:
    from device.ports import WorkerContext

_LOOP_SECONDS = 0.5
_THREADS = 2
"""Beside those that listeners take."""
_CONNECTIONS = 50
_IDLE_SECONDS = 30
_UNREAD_SECONDS = 60.0
"""A client that takes nothing of its answers for so long is let go, as `tls.SEND_SECONDS` does
where it is https: waitress itself would keep it for ever."""
_MOST_UNREAD_BYTES = 32 * 1024 * 1024
_HURRIED_SECONDS = 5.0
"""The same, where answers of more bytes than that wait to be read by all together."""
_LONGEST_PAGE_BYTES = 1024 * 1024
"""Of a body over TCP, where anybody may send one before we know who it is; a longer taste is
imported by the command line."""
_READ_BYTES = 1024
"""Taken at once over TCP: what a client asks ahead, without reading an answer, is no more."""
_SOCKET_READ_BYTES = 8192
_PERMISSIONS = 0o660


def serve(
    app: WsgiApp,
    listener: socket.socket,
    context: WorkerContext,
    detail: str,
    *,
    check: Callable[[], None] = lambda: None,
    longest_body: int,
    read_bytes: int,
) -> None:
    """Serve until stopping, or until `check` raises. A body longer than `longest_body` bytes is
    refused before anybody looks at it; `read_bytes` are taken of a connection at once."""
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
        clear_untrusted_proxy_headers=False,  # `behind_proxy` says who is trusted
        recv_bytes=read_bytes,
        # What comes and goes stays in memory, not on the SD card, and what a client does not read
        # blocks no thread.
        inbuf_overflow=longest_body + 1,
        outbuf_overflow=MAXIMUM_TASTE_BYTES,
        outbuf_high_watermark=MAXIMUM_TASTE_BYTES,
        max_request_body_size=longest_body + 1,
        max_request_header_size=16 * 1024,
        channel_timeout=_IDLE_SECONDS,
    )
    server.channel_class = Channel
    try:
        context.up(detail)
        while not context.stopping:
            wasyncore.loop(timeout=_LOOP_SECONDS, map=channels, use_poll=True, count=1)
            _let_go(channels.values())
            context.beat()
            check()
    finally:
        server.task_dispatcher.shutdown(timeout=_LOOP_SECONDS)
        wasyncore.close_all(channels)


def _let_go(channels: Iterable[object]) -> None:
    """Close the connections whose other side has stopped reading."""
    open_ = [channel for channel in channels if isinstance(channel, Channel)]
    unread = sum(channel.total_outbufs_len for channel in open_)
    patience = _UNREAD_SECONDS if unread <= _MOST_UNREAD_BYTES else _HURRIED_SECONDS
    for channel in open_:
        if channel.unread_seconds() >= patience:
            channel.handle_close()


class PageServer:
    """Serves an app on TCP; `run` is a supervised worker's body."""

    def __init__(self, app: WsgiApp, settings: PageSettings, keyring: Keyring) -> None:
        app = behind_proxy(app) if settings.names else app
        self._app = at_door(app, Door.LOCAL if settings.local else Door.NETWORK)
        self._settings, self._keyring = settings, keyring

    def run(self, context: WorkerContext) -> None:
        """Serve until stopping. Raises `PartUnavailable` when the port cannot be had, and as long
        as others could reach it without a password."""
        self._check()
        settings = self._settings
        with contextlib.ExitStack() as stack:
            if not settings.certificate_file:
                listener = stack.enter_context(self._bind(settings.address, settings.port))
                self._serve(self._app, listener, context, self._check)
                return
            from device.home import tls  # noqa: PLC0415 - asyncio takes memory: not without need

            keys = tls.Certificate(Path(settings.certificate_file), Path(settings.key_file))
            listener = stack.enter_context(self._bind(settings.address, settings.port))
            inner = stack.enter_context(self._bind("127.0.0.1", 0))
            front = stack.enter_context(tls.TlsFront(listener, keys, inner.getsockname()))

            def check() -> None:
                self._check()
                if not front.alive:
                    raise RuntimeError("the thread that speaks TLS ended")

            self._serve(front.passed_on(self._app), inner, context, check)

    def _serve(
        self,
        app: WsgiApp,
        listener: socket.socket,
        context: WorkerContext,
        check: Callable[[], None],
    ) -> None:
        serve(
            app,
            listener,
            context,
            self._settings.url,
            check=check,
            longest_body=_LONGEST_PAGE_BYTES,
            read_bytes=_READ_BYTES,
        )

    def _check(self) -> None:
        if not self._settings.local and not self._keyring.has_password:
            raise PartUnavailable(
                f"the page would be open to others at {self._settings.url}: set a password with "
                '`attune password`, or set [page] address = "127.0.0.1"'
            )

    def _bind(self, host: str, port: int) -> socket.socket:
        address = ipaddress.ip_address(host)
        listener = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((str(address), port))
            listener.listen(_CONNECTIONS)  # here, too, somebody else may have been quicker
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
        self._app = at_door(app, Door.SOCKET)
        self._path = path

    def run(self, context: WorkerContext) -> None:
        """Serve until stopping. Raises `PartUnavailable` when the socket cannot be had."""
        self._refuse_to_steal()
        with self._bind() as listener:
            own = self._path.stat().st_ino
            try:
                serve(
                    self._app,
                    listener,
                    context,
                    str(self._path),
                    longest_body=MAXIMUM_TASTE_BYTES,
                    read_bytes=_SOCKET_READ_BYTES,
                )
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
