"""A network camera (MJPEG over HTTP, as cheap ones speak it) that behaves as the test says."""

from __future__ import annotations

import contextlib
import enum
import random
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from device.settings import HOME

if TYPE_CHECKING:
    from typing_extensions import Self

HERTZ = 15.0
HEAD = (
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
    b"Content-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
)
SIZES = ((640, 480), (320, 240), (1280, 960), (176, 144))


class Way(enum.Enum):
    """How a camera may behave."""

    WELL = enum.auto()
    HANGING = enum.auto()
    """Connected, and silent."""
    GARBAGE = enum.auto()
    """Bytes, but no pictures."""
    TORN = enum.auto()
    """Pictures with holes in them."""
    RESIZING = enum.auto()
    """Another size every second."""
    FLOODING = enum.auto()
    """As many pictures as go through."""


def picture(size: tuple[int, int], shift: int = 0) -> bytes:
    """A JPEG of somebody before a wall."""
    width, height = size
    view = np.full((height, width, 3), (166, 178, 186), np.uint8)
    portrait = cv2.imread(str(HOME / "config/portraits/collins.jpg"))
    scale = height / portrait.shape[0]
    portrait = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    left = (width - portrait.shape[1]) // 2 + shift
    view[:, left : left + portrait.shape[1]] = portrait[:height]
    return bytes(cv2.imencode(".jpg", view)[1])


class NetworkCamera:
    """Serves on a port of its own; `way` may change at any time."""

    def __init__(self) -> None:
        self.way = Way.WELL
        self.sent = 0
        self._pictures = {size: [picture(size, shift) for shift in (0, 4)] for size in SIZES}
        self._dice = random.Random(1)
        self._connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/video.mjpg"
        self._serve()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.vanish()

    def settings(self) -> dict[str, Any]:
        return {"source": self.url, "timeout_seconds": 2.0}

    def vanish(self) -> None:
        """Gone from the network."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._connections:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._connections = []

    def appear(self) -> None:
        """There again."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._connections.append(client)
                threading.Thread(target=self._send, args=(client,), daemon=True).start()

    def _send(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.recv(4096)
            client.sendall(HEAD)
            began = time.monotonic()
            while True:
                if self.way is Way.HANGING:
                    time.sleep(0.05)
                    continue
                body = self._body(time.monotonic() - began)
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
                client.sendall(head.encode() + body + b"\r\n")
                self.sent += 1
                if self.way is not Way.FLOODING:
                    time.sleep(1 / HERTZ)

    def _body(self, elapsed: float) -> bytes:
        size = SIZES[int(elapsed) % len(SIZES)] if self.way is Way.RESIZING else SIZES[0]
        body = self._pictures[size][int(elapsed * 2) % 2]
        if self.way is Way.GARBAGE:
            return self._dice.randbytes(20_000)
        if self.way is Way.TORN:
            at = self._dice.randrange(200, len(body) - 600)
            return body[:at] + self._dice.randbytes(500) + body[at + 500 :]
        return body
