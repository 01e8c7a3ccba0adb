"""The whole thing where there is no network but its own broker: `python -m tests.privacy.alone`.

Runs in a network namespace of its own (see `command`), which holds nothing but a loopback; there
it starts mosquitto and the daemon, traced, lets it look at pictures, and prints what came of it.
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
from pathlib import Path
from typing import Any

import pytest

from device.types import MoodLabel, Play
from tests.daemon import make_music
from tests.home import broker as mosquitto
from tests.privacy import trace
from tests.privacy.needles import Needles
from tests.privacy.watched import HEIGHT, WIDTH, TracedDaemon, judge, look_on, make_pictures

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1  # linux/sockios.h, linux/if.h
NOBODY_THERE = ("192.0.2.1", 9)  # RFC 5737: an address for documentation


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


def run(folder: Path, seconds: float, most: int) -> dict[str, Any]:
    """Look at pictures for so long, and tell what left, and what the broker got."""
    interfaces = cut_off()
    pictures = make_pictures(folder / "pictures", most)
    music = make_music(folder / "music", 8.0)
    with mosquitto.running(folder, "allow_anonymous true") as broker:
        daemon = TracedDaemon(
            folder / "d",
            camera={"source": str(folder / "pictures"), "width": WIDTH, "height": HEIGHT},
            music={"folders": [str(music)]},
            mqtt={"enabled": True, "host": "127.0.0.1", "port": broker.port},
        )
        with mosquitto.Listener(broker.port) as home, contextlib.ExitStack() as stack:
            stack.callback(daemon.kill)
            daemon.start()
            daemon.wait_for(lambda _: True)
            daemon.client.command(Play())
            look_on(daemon, len(pictures), seconds)
            heard = home.drain(0.1)
            daemon.stop()
            heard += home.drain(1.0)
    seen = trace.read(daemon.folder / "trace")
    needles = Needles(pictures, WIDTH, HEIGHT)
    verdict = judge(seen, needles, sound=daemon.raw, state=daemon.folder / "state")
    states = [json.loads(m.payload) for m in heard if m.topic.endswith("/state") and m.payload]
    moods = {state["mood"]["label"] for state in states}
    return {
        **verdict._asdict(),
        "interfaces": interfaces,
        "moods_at_the_broker": sorted(moods - {MoodLabel.NOBODY.value, MoodLabel.UNCERTAIN.value}),
        "ages_at_the_broker": sorted({round(state["age"]) for state in states if state["age"]}),
        "tracks_at_the_broker": sorted({s["title"] for s in states if s["title"]}),
        "messages_at_the_broker": len(heard),
        "told": daemon.told() if "Traceback" in daemon.told() else "",
    }


if __name__ == "__main__":
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="attune-privacy-") as place:
        report = run(Path(place), float(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({**report, "seconds": round(time.monotonic() - began)}))
