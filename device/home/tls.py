"""TLS in front of the page: waitress speaks none.

One thread runs asyncio, which shakes hands with all at once, and passes what it decrypts on to
waitress over loopback. Who dawdles costs a place among `MOST_CONNECTIONS`, for a limited time, and
keeps nobody waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device.home.guard import WsgiApp
from device.ports import PartUnavailable

if TYPE_CHECKING:
    from typing_extensions import Self

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 40
HANDSHAKE_SECONDS = 10.0
SEND_SECONDS = 60.0
"""A client that takes nothing for so long is let go."""
CLOSE_SECONDS = 5.0
STOP_SECONDS = 1.0
_CHUNK_BYTES = 64 * 1024


def _server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer, with this certificate. Raises `PartUnavailable` where it does not do."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password, OpenSSL would ask for one at the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise PartUnavailable(
            f"{certificate} and {key} cannot be used ({error}); the page needs a PEM certificate "
            "and its key, without a password, that Attune may read"
        ) from error
    return context


class Certificate:
    """A certificate and its key, read anew when their files change: Let's Encrypt's are renewed
    each second month. Raises `PartUnavailable` where they do not do from the start."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = certificate, key
        self._stamp = self._stamps()
        self._context = _server_context(*self._files)

    def context(self) -> ssl.SSLContext:
        """What to shake hands with now; the former pair goes on where a new one does not do."""
        stamp = self._stamps()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._context = _server_context(*self._files)
                log.info("the page shows the new certificate in %s", self._files[0])
            except PartUnavailable as error:
                log.warning("the page goes on with the former certificate: %s", error)
        return self._context

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in self._files]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes with a file's content; None where it cannot be seen."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


class TlsFront:
    """Takes connections of `listener` and passes them on to `inner`, (host, port) on loopback."""

    def __init__(
        self, listener: socket.socket, certificate: Certificate, inner: tuple[str, int]
    ) -> None:
        self._listener, self._certificate, self._inner = listener, certificate, inner
        self._peers: dict[str, str] = {}  # our port towards waitress -> address of who came
        self._thread = threading.Thread(target=self._run, name="page-tls", daemon=True)
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_tell_quietly)
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._listener.setblocking(False)
        self._task = self._loop.create_task(self._accept())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(RuntimeError):  # it ended by itself
            self._loop.call_soon_threadsafe(self._end)
        self._thread.join(STOP_SECONDS)

    @property
    def alive(self) -> bool:
        """Whether it still serves."""
        return self._thread.is_alive()

    def passed_on(self, app: WsgiApp) -> WsgiApp:
        """The app, told who came; it answers nobody who comes another way."""

        def entered(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            who = self._peers.get(environ.get("REMOTE_PORT", ""))
            if who is None:
                start("403 Forbidden", [("Content-Type", "text/plain")])
                return [b"use https\n"]
            environ["REMOTE_ADDR"], environ["wsgi.url_scheme"] = who, "https"
            return app(environ, start)

        return entered

    # --- the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task or self._accept())
        finally:
            self._loop.close()

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _accept(self) -> None:
        going: set[asyncio.Task[None]] = set()
        try:
            while True:
                try:
                    connection, address = await self._loop.sock_accept(self._listener)
                except OSError as error:  # too many files open, or gone before we came
                    log.debug("no connection: %s", error)
                    await asyncio.sleep(0.1)
                    continue
                if len(going) >= MOST_CONNECTIONS:
                    connection.close()
                    continue
                task = self._loop.create_task(self._serve(connection, str(address[0])))
                going.add(task)
                task.add_done_callback(going.discard)
        finally:
            for task in going:
                task.cancel()
            await asyncio.gather(*going, return_exceptions=True)

    async def _serve(self, connection: socket.socket, who: str) -> None:
        try:
            reader, writer = await self._shake_hands(connection)
        except (OSError, asyncio.TimeoutError) as error:
            log.debug("no TLS with %s: %s", who, error)
            connection.close()
            return
        try:
            inner_reader, inner_writer = await asyncio.open_connection(*self._inner)
        except OSError as error:
            log.warning("the page's server does not answer: %s", error)
            await _close(writer)
            return
        port = str(inner_writer.get_extra_info("sockname")[1])
        self._peers[port] = who
        try:
            pumps = {
                self._loop.create_task(_pump(reader, inner_writer)),
                self._loop.create_task(_pump(inner_reader, writer)),
            }
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            del self._peers[port]
            await _close(inner_writer)
            await _close(writer)

    async def _shake_hands(
        self, connection: socket.socket
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader = asyncio.StreamReader(_CHUNK_BYTES, self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        transport, _ = await asyncio.wait_for(
            self._loop.connect_accepted_socket(
                lambda: protocol,
                connection,
                ssl=self._certificate.context(),
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            ),
            HANDSHAKE_SECONDS + 1.0,
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, self._loop)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on until one side ends."""
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await asyncio.wait_for(writer.drain(), SEND_SECONDS)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Send what is left, but not to who takes nothing."""
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), CLOSE_SECONDS)
    except (OSError, asyncio.TimeoutError):
        writer.transport.abort()


def _tell_quietly(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What clients do wrong is no news."""
    log.debug("TLS: %s", context.get("exception") or context.get("message"))
