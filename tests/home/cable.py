"""The network between a speaker and its broker, as a cable that can be pulled."""

from __future__ import annotations

import contextlib
import select
import socket
import threading

MQTT_3_1_1, MQTT_5 = 4, 5
"""As a client's first packet numbers them."""
_REFUSED = b"\x20\x02\x00\x01"
"""The answer of a broker that does not know the version."""


class Cable:
    """Passes TCP on from a port of its own. Pulled, no byte passes, and nobody is told: the
    connections stay open on both sides, and new ones are not answered.

    `newest`: the broker at its end seems to know MQTT up to this version.
    """

    def __init__(self, port: int, newest: int = MQTT_5) -> None:
        self._to, self._newest = port, newest
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
            first = near.recv(65536)
            if _version(first) > self._newest:
                near.sendall(_REFUSED)
                return
            far.sendall(first)
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


def _version(packet: bytes) -> int:
    """The version of MQTT that a client's first packet asks for; 0 where it is none."""
    _, name, rest = packet[:20].partition(b"MQTT")
    return rest[0] if name and rest else 0
