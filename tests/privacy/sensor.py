"""A network camera (MJPEG over HTTP) on the loopback, that knows who watches it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from device.settings import CameraSettings
from device.vision.files import fit, read_image
from device.vision.sources import open_camera
from tests.local_api import SystemClock

BOUNDARY = b"frame"
QUALITY = 90


class Sensor:
    """Shows each of some JPEGs for so many seconds, again and again."""

    def __init__(self, jpegs: Sequence[bytes], seconds: float) -> None:
        self.jpegs, self.seconds = jpegs, seconds
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.server.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.watched = 0
        """By so many, now."""
        self.opened = 0
        self.sent = 0
        self.began = time.monotonic()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                watcher, _ = self.server.accept()
            except OSError:
                return
            self.opened += 1
            threading.Thread(target=self._send, args=(watcher,), daemon=True).start()

    def _send(self, watcher: socket.socket) -> None:
        self.watched += 1
        head = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=" + BOUNDARY
        part = b"--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
        try:
            with watcher:
                watcher.recv(4096)
                watcher.sendall(head + b"\r\n\r\n")
                while True:
                    number = int((time.monotonic() - self.began) / self.seconds)
                    jpeg = self.jpegs[number % len(self.jpegs)]
                    watcher.sendall(part % (BOUNDARY, len(jpeg)) + jpeg + b"\r\n")
                    self.sent += 1
                    time.sleep(0.1)
        except OSError:
            pass
        finally:
            self.watched -= 1


@contextmanager
def sensor(jpegs: Sequence[bytes], seconds: float = 5.0) -> Iterator[Sensor]:
    made = Sensor(jpegs, seconds)
    try:
        yield made
    finally:
        made.server.close()


def as_sent(picture: Path, width: int, height: int) -> bytes:
    """A picture as such a camera sends it: of its own size, packed."""
    image = read_image(picture)
    assert image is not None, picture
    seen = fit(image, width, height)
    frame = np.zeros((height, width, 3), np.uint8)
    frame[: seen.shape[0], : seen.shape[1]] = seen
    bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def as_seen(jpeg: bytes, file: Path) -> Path:
    """What the daemon's camera makes of it, pixel by pixel, as a file without loss."""
    with (
        sensor([jpeg]) as camera,
        open_camera(CameraSettings(source=camera.url), SystemClock()) as eye,
    ):
        frame = eye.read(10.0)
    assert frame is not None
    cv2.imwrite(str(file), cv2.cvtColor(frame.full, cv2.COLOR_RGB2BGR))
    return file
