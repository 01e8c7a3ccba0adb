"""A network of the test's own: TCP from a port of its own to another one, well or not."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

BLOCK_BYTES = 4096
HELD_BYTES = 4096
LOOK_SECONDS = 0.05


class Proxy:
    """Forwards, in threads of its own. `bytes_a_second` (None: at once) and `dead` (nothing gets
    through, nobody is told) may change at any time."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.bytes_a_second: float | None = None
        self.dead = False
        self.closing = False
        """Who connects is hung up on at once."""
        self.connections = 0
        self._open: list[socket.socket] = []
        self._listener = self._bind(0)
        self.port: int = self._listener.getsockname()[1]
        self._over = False
        self._serve()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self.refuse()

    def refuse(self) -> None:
        """Nobody listens any more, and all connections are cut."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def listen(self) -> None:
        """Listen again."""
        self._listener = self._bind(self.port)
        self._serve()

    def cut(self) -> None:
        """Reset every connection."""
        now, self._open = self._open, []
        for each in now:
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _bind(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        # A slow network holds little: what does not go through waits with who sends it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HELD_BYTES)
        return listener

    def _serve(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while not self._over:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.closing:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()
                continue
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                rate = self.bytes_a_second
                block = source.recv(BLOCK_BYTES if rate is None else max(1, int(rate / 10)))
                if not block:
                    break
                while self.dead:
                    time.sleep(LOOK_SECONDS)
                if rate is not None:
                    time.sleep(len(block) / rate)
                sink.sendall(block)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
