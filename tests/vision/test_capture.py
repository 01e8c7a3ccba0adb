from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np
import pytest

from device.config_keys import redacted
from device.ports import PartUnavailable
from device.settings import CameraSettings
from device.vision.capture import LiveCamera
from device.vision.sources import open_camera
from tests.fakes import FakeClock


class Bench:
    """A capture whose driver does what the test says: send, hang, end or garble."""

    def __init__(self) -> None:
        self.opens = True
        self.sends = True
        self.hang = threading.Event()
        self.hang.set()
        self.grabbed = 0
        self.decoded = 0
        self.garbled = 0
        self.released = 0

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.opens

    def grab(self) -> bool:
        self.hang.wait(30)
        time.sleep(0.002)
        self.grabbed += 1
        return self.sends

    def retrieve(self) -> tuple[bool, Any]:
        self.decoded += 1
        if self.garbled:
            self.garbled -= 1
            raise cv2.error("imdecode")
        return True, np.full((4, 6, 3), (self.grabbed % 256, 0, 255), np.uint8)

    def release(self) -> None:
        self.released += 1


def camera(bench: Bench, timeout: float = 1.0, name: str = "/dev/video0") -> LiveCamera:
    return LiveCamera(name, lambda: bench, FakeClock(), timeout, "is it plugged in?")


def test_only_what_is_asked_for_is_decoded() -> None:
    bench = Bench()
    with camera(bench) as live:
        for _ in range(3):
            frame = live.read(1.0)
            assert frame is not None
            assert frame.full[0, 0, 0] == 255, "red comes first"
            time.sleep(0.1)
    assert bench.decoded == 3
    assert bench.grabbed > 8
    assert bench.released == 1


def test_a_frame_is_never_older_than_the_question() -> None:
    bench = Bench()
    with camera(bench) as live:
        live.read(1.0)
        time.sleep(0.1)
        before = bench.grabbed
        frame = live.read(1.0)
    assert frame is not None
    assert int(frame.full[0, 0, 2]) > before


def test_a_hanging_camera_is_given_up_in_time() -> None:
    bench = Bench()
    live = camera(bench)
    with live:
        live.read(1.0)
        bench.hang.clear()
        began = time.monotonic()
        with pytest.raises(PartUnavailable, match=r"/dev/video0 sent nothing.*plugged in"):
            live.read(0.2)
        assert time.monotonic() - began < 5.0
    assert bench.released == 0, "nobody may release what a driver still uses"
    with pytest.raises(PartUnavailable, match="still hangs"), camera(Bench()):
        pass
    bench.hang.set()
    live._thread.join(2)
    assert bench.released == 1
    with camera(Bench()) as again:
        assert again.read(1.0) is not None


def test_a_camera_that_hangs_while_it_opens() -> None:
    opened = threading.Event()

    def slow() -> Bench:
        opened.wait(30)
        return Bench()

    live = LiveCamera("slow", slow, FakeClock(), 0.2, "is it on?")
    with pytest.raises(PartUnavailable, match="slow cannot be opened in time; is it on"), live:
        pass
    opened.set()
    live._thread.join(2)
    assert not live._thread.is_alive()


def test_a_camera_that_does_not_open() -> None:
    bench = Bench()
    bench.opens = False
    with pytest.raises(PartUnavailable, match="cannot be opened"), camera(bench):
        pass
    assert bench.released == 1


def test_a_camera_that_is_unplugged() -> None:
    bench = Bench()
    with camera(bench) as live:
        live.read(1.0)
        bench.sends = False
        with pytest.raises(PartUnavailable, match="stopped sending"):
            live.read(1.0)
    assert bench.released == 1


def test_a_garbled_picture_is_passed_over() -> None:
    bench = Bench()
    bench.garbled = 3
    with camera(bench) as live:
        assert live.read(1.0) is not None
    assert bench.decoded == 4


class Mjpeg(BaseHTTPRequestHandler):
    """A network camera of 20 Hz; pictures grow brighter from one to the next."""

    hang = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for step in range(1000):
            if self.hang.is_set():
                time.sleep(2)
                return
            image = np.full((48, 64, 3), (0, 0, min(255, 100 + step)), np.uint8)
            jpeg = cv2.imencode(".jpg", image)[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + jpeg + b"\r\n")
            except OSError:
                return
            time.sleep(0.05)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Mjpeg.hang.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Mjpeg) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{http.server_address[1]}"
        http.shutdown()


def test_mjpeg_over_http(server: str) -> None:
    settings = CameraSettings(source=f"http://{server}/video.mjpg", timeout_seconds=5.0)
    with open_camera(settings, FakeClock()) as live:
        first = live.read(5.0)
        time.sleep(0.5)
        second = live.read(5.0)
    assert first is not None
    assert second is not None
    assert first.full.shape == (48, 64, 3)
    assert first.full[..., 0].mean() > 90
    assert first.full[..., 2].mean() < 20
    assert second.full[..., 0].mean() > first.full[..., 0].mean() + 3, "the newest picture"


def test_a_network_camera_that_falls_silent(server: str) -> None:
    settings = CameraSettings(source=f"http://{server}/video.mjpg", timeout_seconds=5.0)
    with open_camera(settings, FakeClock()) as live:
        assert live.read(5.0) is not None
        Mjpeg.hang.set()
        time.sleep(0.2)
        began = time.monotonic()
        with pytest.raises(PartUnavailable, match=r"sent nothing for 0\.5 seconds"):
            live.read(0.5)
        assert time.monotonic() - began < 5.0


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_network_camera_that_is_not_there_keeps_its_secrets(
    scheme: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = CameraSettings(
        source=f"{scheme}://me:s3cr3t@127.0.0.1:{port}/stream", timeout_seconds=2.0
    )
    with (
        pytest.raises(PartUnavailable) as caught,
        open_camera(settings, FakeClock()),
    ):
        pass
    assert f"{scheme}://127.0.0.1:{port}/stream cannot be opened" in str(caught.value)
    told = "".join(capfd.readouterr()) + caplog.text + str(caught.value)
    assert "s3cr3t" not in told


def test_a_failing_try_is_told_by_us_alone() -> None:
    script = """
from device.settings import CameraSettings
from device.ports import PartUnavailable
from device.vision.sources import open_camera
from tests.fakes import FakeClock
for source in ("http://127.0.0.1:9/x", "rtsp://127.0.0.1:9/x", "pyproject.toml"):
    try:
        open_camera(CameraSettings(source=source), FakeClock()).__enter__()
    except PartUnavailable:
        print("told")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["told"] * 3
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://me:p@ss@cam:554/s?x=1", "rtsp://cam:554/s?***"),
        ("http://cam/video.mjpg?user=a&pwd=hunter22", "http://cam/video.mjpg?***"),
        ("rtspsrc user-id=a user-pw=p,w;d ! x", "rtspsrc user-id=a user-pw=*** ! x"),
        ("souphttpsrc proxy-pw='p w' ! x", "souphttpsrc proxy-pw=*** ! x"),
        ("rtspsrc location=rtsp://a:b@cam/s ! x", "rtspsrc location=rtsp://cam/s ! x"),
        ("http://cam/a@b", "http://cam/a@b"),
        ("/dev/video0", "/dev/video0"),
    ],
)
def test_sources_are_shown_without_secrets(source: str, shown: str) -> None:
    assert redacted(source) == shown
