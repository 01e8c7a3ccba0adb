"""The whole thing where there is no network but its own broker: `python -m tests.privacy.alone`.

Runs in a network namespace of its own (see `command`), which holds nothing but a loopback; there
it starts mosquitto and the daemon, traced, lets it look at pictures, uses it in all other ways, and
prints what came of it.
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
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from paho.mqtt.client import MQTTMessage

from device.lessons import ForgetTaste, Memory, ShowTaste, TasteChanged, TasteReport
from device.types import MoodLabel, Play, Say
from tests.daemon import make_music
from tests.home import broker as mosquitto
from tests.music.audio import tone
from tests.music.capture import amplitude_at, read_raw, windows
from tests.privacy import trace
from tests.privacy.needles import Needles
from tests.privacy.watched import HEIGHT, WIDTH, TracedDaemon, judge, look_on, make_pictures

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1  # linux/sockios.h, linux/if.h
BELL, BELL_HERTZ, LOUD = "bell.flac", 1234.0, 0.02
PAGE_PORT = 8088
"""Free: nobody else is in this network."""
NOBODY_THERE = ("192.0.2.1", 9)  # RFC 5737: an address for documentation

Result = TypeVar("Result")


class Looked(NamedTuple):
    """A daemon that looked at pictures, and what the broker got from it meanwhile."""

    daemon: TracedDaemon
    heard: list[MQTTMessage]


def command(seconds: float, pictures: int) -> list[str]:
    """The command that runs this without a network, as root or as anybody."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.fail("unshare is not installed: apt-get install util-linux")
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    own = [sys.executable, "-m", "tests.privacy.alone", f"{seconds:g}", f"{pictures}"]
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


def look(folder: Path, broker: int, pictures: Path, number: int, seconds: float) -> Looked:
    """A daemon looks at pictures for so long; what left it, and what the broker got."""
    daemon = a_daemon(folder / "looking", broker, pictures)
    with mosquitto.Listener(broker) as home, contextlib.ExitStack() as stack:
        stack.callback(daemon.kill)
        daemon.started()
        daemon.client.command(Play())
        look_on(daemon, number, seconds)
        heard = home.drain(0.1)
        daemon.stop()
        heard += home.drain(1.0)
    return Looked(daemon, heard)


def use(folder: Path, broker: int, pictures: Path) -> tuple[TracedDaemon, dict[str, Any]]:
    """Another one is used in all other ways that people have; what came of each."""
    tone(folder / "say" / BELL, 0.8, BELL_HERTZ)
    daemon = a_daemon(
        folder / "used",
        broker,
        pictures,
        sound={"announcements": str(folder / "say")},
        page={"enabled": True, "port": PAGE_PORT},
    )
    with contextlib.ExitStack() as stack:
        stack.callback(daemon.kill)
        daemon.started()
        daemon.client.command(Play())
        learned = until(lambda: daemon.client.taste(ShowTaste(), TasteReport).lessons)
        with urllib.request.urlopen(f"http://127.0.0.1:{PAGE_PORT}/", timeout=10) as page:
            code = page.status
        daemon.client.command(Say(BELL))
        announced = until(lambda: was_announced(daemon.raw))
        forgotten = daemon.client.taste(ForgetTaste(what=tuple(Memory)), TasteChanged).count
        left = daemon.client.taste(ShowTaste(), TasteReport).lessons
        daemon.stop()
    return daemon, {
        "page_code": code,
        "announced": announced,
        "learned": learned,
        "forgotten": forgotten,
        "left": left,
    }


def a_daemon(folder: Path, broker: int, pictures: Path, **tables: dict[str, Any]) -> TracedDaemon:
    """One that sees the pictures, plays, and tells the broker."""
    return TracedDaemon(
        folder,
        camera={"source": str(pictures), "width": WIDTH, "height": HEIGHT},
        music={"folders": [str(make_music(folder / "music", 8.0))]},
        mqtt={"enabled": True, "host": "127.0.0.1", "port": broker},
        **tables,
    )


def until(ask: Callable[[], Result], seconds: float = 40.0) -> Result:
    """The first answer that is not nothing, or the last; seldom asked: it is traced."""
    end = time.monotonic() + seconds
    while not (answer := ask()) and time.monotonic() < end:
        time.sleep(1.0)
    return answer


def was_announced(raw: Path) -> bool:
    """Whether the bell's tone is in what sounded."""
    parts = windows(read_raw(raw), 0.2)
    return any(amplitude_at(part, BELL_HERTZ) > LOUD for part in parts)


def run(folder: Path, seconds: float, most: int) -> dict[str, Any]:
    """Look at pictures for so long, be used, and tell what left, and what the broker got."""
    interfaces = cut_off()
    pictures = make_pictures(folder / "pictures", most)
    with mosquitto.running(folder, "allow_anonymous true") as broker:
        looking, heard = look(folder, broker.port, pictures[0].parent, len(pictures), seconds)
        used, done = use(folder, broker.port, pictures[0].parent)
    needles = Needles(pictures, WIDTH, HEIGHT)
    verdict, other = (
        judge(
            trace.read(daemon.folder / "trace"),
            needles,
            sound=daemon.raw,
            state=daemon.folder / "state",
        )
        for daemon in (looking, used)
    )
    states = [json.loads(m.payload) for m in heard if m.topic.endswith("/state") and m.payload]
    moods = {state["mood"]["label"] for state in states}
    return {
        **verdict._asdict(),
        "leaks": (*verdict.leaks, *other.leaks),
        "interfaces": interfaces,
        "moods_at_the_broker": sorted(moods - {MoodLabel.NOBODY.value, MoodLabel.UNCERTAIN.value}),
        "ages_at_the_broker": sorted({round(state["age"]) for state in states if state["age"]}),
        "tracks_at_the_broker": sorted({s["title"] for s in states if s["title"]}),
        "messages_at_the_broker": len(heard),
        "done": done,
        "told": "".join(d.told() for d in (looking, used) if "Traceback" in d.told()),
    }


if __name__ == "__main__":
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="attune-privacy-") as place:
        report = run(Path(place), float(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({**report, "seconds": round(time.monotonic() - began)}))
