"""The whole thing where there is no network but its own broker: `python -m tests.privacy.alone`.

Runs in a network namespace of its own (see `command`), which holds nothing but a loopback; there
it starts mosquitto and the daemon, traced, lets it look at pictures, of a folder or of a network
camera, uses it, and prints what came of it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from device.lessons import ForgetTaste, ShowTaste, TasteChanged, TasteReport
from device.settings import PageSettings
from device.types import MoodLabel, Next, Play, Say
from tests.daemon import make_music
from tests.home import broker as mosquitto
from tests.music.audio import tone
from tests.music.capture import Sound, amplitude_at, read_raw, windows
from tests.privacy import trace
from tests.privacy.needles import Needles
from tests.privacy.sensor import as_seen, as_sent, sensor
from tests.privacy.watched import (
    HEIGHT,
    SECONDS_A_PICTURE,
    WIDTH,
    TracedDaemon,
    judge,
    look_on,
    make_pictures,
)

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1  # linux/sockios.h, linux/if.h
PAGES = ("/", "/history", "/library", "/settings", "/api/v1/events")
BELL_HERTZ, BELL_SECONDS = 1234.0, 3.0
NOBODY_THERE = ("192.0.2.1", 9)  # RFC 5737: an address for documentation


def command(camera: str, seconds: float, pictures: int) -> list[str]:
    """The command that runs this without a network, as root or as anybody."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.fail("unshare is not installed: apt-get install util-linux")
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    own = [sys.executable, "-m", "tests.privacy.alone", camera, f"{seconds:g}", f"{pictures}"]
    return [unshare, "--net", *root, *own]


def cut_off() -> list[str]:
    """Switch the loopback on; names of all interfaces. Raises where something else is reached."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh", b"lo", 0).ljust(40, b"\0")
        (flags,) = struct.unpack_from("h", fcntl.ioctl(control, SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP).ljust(40))
        try:
            control.connect(NOBODY_THERE)
        except OSError as error:
            assert error.errno == errno.ENETUNREACH
        else:
            raise RuntimeError("there is a way out of this network")
    return [name for _, name in socket.if_nameindex()]


@contextlib.contextmanager
def folder_camera(folder: Path, most: int) -> Iterator[tuple[str, Needles]]:
    """A folder of pictures as camera, and how to find them again."""
    yield str(folder), Needles(make_pictures(folder, most), WIDTH, HEIGHT)


@contextlib.contextmanager
def network_camera(folder: Path, most: int) -> Iterator[tuple[str, Needles]]:
    """The same sent by a network camera."""
    sent = [as_sent(picture, WIDTH, HEIGHT) for picture in make_pictures(folder, most)]
    seen = [as_seen(jpeg, folder / f"seen-{number}.png") for number, jpeg in enumerate(sent)]
    with sensor(sent, SECONDS_A_PICTURE) as camera:
        yield camera.url, Needles(seen, WIDTH, HEIGHT, sent)


CAMERAS = {"folder": folder_camera, "network": network_camera}


def run(folder: Path, kind: str, seconds: float, most: int) -> dict[str, Any]:
    """Look at pictures for so long, do what else there is to do, and tell what left, and what the
    broker got."""
    interfaces = cut_off()
    music = make_music(folder / "music", 8.0)
    bell = tone(folder / "say" / "bell.flac", 0.8, BELL_HERTZ)
    with (
        CAMERAS[kind](folder / "pictures", most) as (source, needles),
        mosquitto.running(folder, "allow_anonymous true") as broker,
    ):
        daemon = TracedDaemon(
            folder / "d",
            camera={"source": source, "width": WIDTH, "height": HEIGHT},
            music={"folders": [str(music)]},
            sound={"announcements": str(bell.parent)},
            page={"enabled": True},  # nobody else is in this network
            mqtt={"enabled": True, "host": "127.0.0.1", "port": broker.port},
        )
        with mosquitto.Listener(broker.port) as home, contextlib.ExitStack() as stack:
            stack.callback(daemon.kill)
            daemon.start()
            daemon.wait_told("page is up")  # each question after it would add to what is told
            daemon.wait_told("library is up")
            daemon.client.command(Play())
            look_on(daemon, most, seconds)
            used = use(daemon, bell)
            heard = home.drain(0.1)
            daemon.stop()
            heard += home.drain(1.0)
    seen = trace.read(daemon.folder / "trace")
    verdict = judge(
        seen,
        needles,
        sound=daemon.raw,
        state=daemon.folder / "state",
        page_bytes=used["page_bytes"],
    )
    states = [json.loads(m.payload) for m in heard if m.topic.endswith("/state") and m.payload]
    moods = {state["mood"]["label"] for state in states}
    return {
        **verdict._asdict(),
        **used,
        "announced": loudest(read_raw(daemon.raw), BELL_HERTZ),
        "interfaces": interfaces,
        "moods_at_the_broker": sorted(moods - {MoodLabel.NOBODY.value, MoodLabel.UNCERTAIN.value}),
        "ages_at_the_broker": sorted({round(state["age"]) for state in states if state["age"]}),
        "tracks_at_the_broker": sorted({s["title"] for s in states if s["title"]}),
        "messages_at_the_broker": len(heard),
        "told": daemon.told() if "Traceback" in daemon.told() else "",
    }


def use(daemon: TracedDaemon, bell: Path) -> dict[str, int]:
    """Announce something, look at the page, tell what was learned, and forget the last of it."""
    began = time.time()
    daemon.client.command(Next())
    daemon.client.command(Say(bell.name))
    page_bytes = sum(fetched(path) for path in PAGES)
    time.sleep(BELL_SECONDS)
    learned = daemon.client.taste(ShowTaste(), TasteReport).lessons
    forgotten = daemon.client.taste(ForgetTaste(since=began), TasteChanged).count
    return {"page_bytes": page_bytes, "learned": learned, "forgotten": forgotten}


def fetched(path: str) -> int:
    """How many bytes came for a page, of the events until the first. Raises where it is none."""
    asked = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{PageSettings().port}\r\n\r\n"
    answer = bytearray()
    with socket.create_connection(("127.0.0.1", PageSettings().port), timeout=20.0) as connection:
        connection.sendall(asked.encode())
        while b"event: status" not in answer and (chunk := connection.recv(65_536)):
            answer += chunk
    assert answer.split(None, 2)[1] == b"200", (path, bytes(answer[:300]))
    return len(answer)


def loudest(sound: Sound, hertz: float) -> float:
    """The greatest amplitude of a sine in any quarter of a second."""
    return max(amplitude_at(window, hertz) for window in windows(sound, 0.25))


if __name__ == "__main__":
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="attune-privacy-") as place:
        report = run(Path(place), sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps({**report, "seconds": round(time.monotonic() - began)}))
