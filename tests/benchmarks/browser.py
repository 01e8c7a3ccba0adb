"""A browser at the page, for hours: it hears the events all the time, and shows pages."""

from __future__ import annotations

import contextlib
import itertools
import socket
import urllib.error
import urllib.request

from device.client import NotRunning, Refused

PAGES = ("history", "history?days=7", "", "library?q=happy", "settings", "assets/page.js")
"""The history first: SQLite keeps the file of one who read it open for the next one, for good."""
EVENT = b"event: status\n"
TIMEOUT_SECONDS = 10.0


class Browser:
    """At the page of a port. Each call raises `NotRunning`, or `Refused` with the reason."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._pages = itertools.cycle(PAGES)
        self._stream: socket.socket | None = None
        self.heard = 0
        """Events since the stream was opened."""

    def show(self) -> None:
        """Fetch the next page."""
        url = f"http://127.0.0.1:{self._port}/{next(self._pages)}"
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(f"{url}: {error}") from error
        except OSError as error:
            raise NotRunning(f"{url}: {error}") from error

    def listen(self) -> None:
        """Open the stream of events, anew where it is open."""
        self.close()
        ask = f"GET /api/v1/events HTTP/1.0\r\nHost: 127.0.0.1:{self._port}\r\n\r\n"
        try:
            stream = socket.create_connection(("127.0.0.1", self._port), TIMEOUT_SECONDS)
            self._stream = stream
            stream.sendall(ask.encode())
            first = stream.recv(65_536)
        except OSError as error:
            raise NotRunning(f"no events: {error}") from error
        if b" 200 " not in first.partition(b"\r\n")[0]:
            raise Refused(f"no events: {first[:300]!r}")
        stream.setblocking(False)
        self.heard = first.count(EVENT)

    def hear(self) -> None:
        """Take what came of the stream; one that ended is opened again, as browsers do."""
        came = None if self._stream is None else self._took(self._stream)
        if came is None:
            self.listen()
        else:
            self.heard += came.count(EVENT)

    def _took(self, stream: socket.socket) -> bytes | None:
        """What came; None where the stream ended."""
        taken = b""
        with contextlib.suppress(BlockingIOError):
            while data := stream.recv(65_536):
                taken += data
            return None
        return taken

    def close(self) -> None:
        """Go away."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
