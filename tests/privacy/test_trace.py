"""The guard itself: a picture that leaves a program, by whatever way, does not pass it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from device.settings import HOME
from tests.privacy import trace
from tests.privacy.needles import Needles
from tests.privacy.sensor import as_seen, as_sent, sensor
from tests.privacy.watched import HEIGHT, WIDTH, judge, make_pictures

pytestmark = pytest.mark.skipif(not trace.can_trace(), reason="strace may not, or is not here")

LEAKS = {
    "a row to a file": "out.write_bytes(image[240].tobytes())",
    "40 bytes of a row, somewhere in a file": "out.write_bytes(b'xyz' + image[7, 50:64].tobytes())",
    "a pixel at a time": (
        "f = out.open('wb', buffering=0)\nfor pixel in image[9, :90]: f.write(pixel.tobytes())"
    ),
    "blue first": "out.write_bytes(image[3, :, ::-1].tobytes())",
    "grey": "out.write_bytes(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[100].tobytes())",
    "mirrored": "out.write_bytes(image[3, ::-1].tobytes())",
    "what a model is shown": (
        "out.write_bytes((cv2.resize(image, (448, 336))[5] ^ np.uint8(0x80)).tobytes())"
    ),
    "as a JPEG": "out.write_bytes(cv2.imencode('.jpg', image)[1].tobytes())",
    "as a PNG through a socket": (
        "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "a.send(cv2.imencode('.png', image[:40, :40])[1].tobytes())"
    ),
    "in pieces, through sendmsg": (
        "a, b = socket.socketpair()\na.sendmsg([image[5, :9].tobytes(), image[5, 9:40].tobytes()])"
    ),
    "from a thread": (
        "import threading\n"
        "t = threading.Thread(target=lambda: out.write_bytes(image[8].tobytes()))\n"
        "t.start(); t.join()"
    ),
    "from a child": "if os.fork() == 0: os.write(1, image[20].tobytes()); os._exit(0)\nos.wait()",
    "by a mapped file": (
        "out.write_bytes(bytes(2000))\nf = out.open('r+b')\n"
        "mmap.mmap(f.fileno(), 2000)[:1920] = image[2].tobytes()"
    ),
    "by shared memory": "m = mmap.mmap(-1, 2000)\nm[:1920] = image[2].tobytes()",
    "by a file in memory": "os.write(os.memfd_create('x'), image[2].tobytes())",
    "by the kernel": (
        "f, g = source.open('rb'), out.open('wb')\nos.sendfile(g.fileno(), f.fileno(), 0, 5000)"
    ),
    "hidden by base64": "import base64\nout.write_bytes(base64.b64encode(image.tobytes()))",
}
PROGRAM = """
import mmap, os, socket, sys, pathlib
import cv2, numpy as np
source, out = map(pathlib.Path, sys.argv[1:])
image = cv2.cvtColor(cv2.imread(str(source)), cv2.COLOR_BGR2RGB)
out.write_text("a mood, an age: nothing else")
"""

WATCHER = """
import pathlib, sys
import cv2
frame = cv2.VideoCapture(sys.argv[1]).read()[1]
pathlib.Path(sys.argv[2]).write_bytes(frame[240].tobytes())
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_pictures(tmp_path_factory.mktemp("pictures") / "p", 2)


@pytest.fixture(scope="module")
def needles(pictures: list[Path]) -> Needles:
    return Needles(pictures, WIDTH, HEIGHT)


def run(folder: Path, picture: Path, leak: str) -> trace.Trace:
    program = [sys.executable, "-c", f"{PROGRAM}\n{leak}", str(picture), str(folder / "out")]
    subprocess.run(trace.command(folder / "trace", program), check=True, capture_output=True)
    return trace.read(folder / "trace")


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_each_leak_is_caught(
    tmp_path: Path, pictures: list[Path], needles: Needles, leak: str
) -> None:
    assert judge(run(tmp_path, pictures[1], leak), needles).leaks


def test_a_frame_of_a_network_camera_is_caught(tmp_path: Path, pictures: list[Path]) -> None:
    jpeg = as_sent(pictures[1], WIDTH, HEIGHT)
    needles = Needles([as_seen(jpeg, tmp_path / "seen.png")], WIDTH, HEIGHT, [jpeg])
    with sensor([jpeg]) as camera:
        program = [sys.executable, "-c", WATCHER, camera.url, str(tmp_path / "out")]
        subprocess.run(trace.command(tmp_path / "trace", program), check=True, capture_output=True)
    assert judge(trace.read(tmp_path / "trace"), needles).leaks
    assert needles.found_in(jpeg[5000:5100])


def test_who_only_looks_and_tells_passes(
    tmp_path: Path, pictures: list[Path], needles: Needles
) -> None:
    seen = run(tmp_path, pictures[1], "out.write_text(f'{image.mean():.3f}')")
    assert judge(seen, needles).leaks == ()
    assert sum(seen.volumes().values()) > 20


def test_a_portrait_is_known_by_its_crops(pictures: list[Path], needles: Needles) -> None:
    assert needles.faces == 1
    assert not needles.found_in(np.random.default_rng(1).bytes(1_000_000))
    assert not needles.found_in((HOME / "README.md").read_bytes())
    assert not needles.found_in(b"\x00\x01" * 10_000)
    assert needles.found_in(pictures[0].read_bytes()[5000:5100])
