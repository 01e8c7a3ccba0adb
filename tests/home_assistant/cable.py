"""The network between a speaker and its broker, as a cable that can be pulled."""

from __future__ import annotations

import contextlib
import select
import socket
import threading


class Cable:
    """Passes TCP on from a port of its own. Pulled, no byte passes, and nobody is told: the
    connections stay open on both sides, and new ones are not answered."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._whole = threading.Event()
        self._whole.set()
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def pull(self) -> None:
        self._whole.clear()

    def plug(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self._closed = True
        self._whole.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        self._whole.wait()
        with near, contextlib.suppress(OSError), self._dial() as far:
            other = {near: far, far: near}
            while not self._closed:
                ready, _, _ = select.select([near, far], [], [], 0.2)
                self._whole.wait()
                for end in ready:
                    data = end.recv(65536)
                    if not data:
                        return
                    other[end].sendall(data)

    def _dial(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._to), timeout=5)
