"""What is promised when something goes wrong, and what came of it: `python -m
tests.faults.promises` writes the table of `tests/faults/README.md`.

`./setup.sh test-faults` measures anew: `pytest tests/faults --write-results` keeps what each test
recorded in `tests/faults/results.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests import regions

HERE = Path(__file__).resolve().parent
README, RESULTS = HERE / "README.md", HERE / "results.json"

Record = Callable[[str, float | None, str], None]
"""Takes a fault's name, the seconds until all was well again, and what was seen, in words."""


class Promise(NamedTuple):
    """What goes wrong, and what shall come of it all the same."""

    fault: str
    promise: str


PROMISES = {
    "camera-hangs": Promise(
        "camera: connected, but silent", "told, opened anew; the music goes on"
    ),
    "camera-garbage": Promise(
        "camera: sends bytes that are no pictures", "told, opened anew; the music goes on"
    ),
    "camera-torn": Promise("camera: every picture has a hole", "looked at as far as they go"),
    "camera-resizes": Promise("camera: another size every second", "looked at all the same"),
    "camera-vanishes": Promise(
        "camera: gone from the network", "told, tried again till it is back"
    ),
    "camera-floods": Promise(
        "camera: as many pictures as go through", "the newest are looked at, the others dropped"
    ),
    "broker-gone": Promise("broker: stopped, and back", "introduced and up to date again"),
    "broker-slow": Promise(
        "broker: 2 kB/s", "nobody waits for it; commands arrive; the newest state wins"
    ),
    "broker-refuses": Promise("broker: hangs up at once", "told, tried again"),
    "broker-silent": Promise("broker: network cut, nobody is told", "noticed by the keep-alive"),
    "broker-flaps": Promise(
        "broker: connection cut 100 times", "back each time; no thread, no descriptor left behind"
    ),
    "sound-busy": Promise("sound card: cannot be opened at the start", "plays once it can"),
    "sound-gone": Promise("sound card: gone in mid-track", "goes on where it was, when it is back"),
    "sound-hangs": Promise("sound card: takes nothing", "told; goes on where it was"),
    "disk-full-starting": Promise(
        "disk: full from the n-th write of a start on, for every n",
        "starts without memory, or says why not; starts well when there is room",
    ),
    "disk-full-storing": Promise(
        "disk: the n-th write of a life fails (full, broken), alone or with all that follow, "
        "for every n",
        "never ends it; what was acknowledged is there afterwards",
    ),
    "disk-full-running": Promise(
        "disk: full in the daemon, at the n-th write after each moment",
        "the music goes on; written again as soon as there is room",
    ),
    "database-decayed": Promise(
        "database: random bytes, pages, ends", "starts; what is unreadable is kept aside"
    ),
    "database-harmed": Promise(
        "database: replaced by garbage, cut, its log gone, under a daemon that starts",
        "plays; the old file is kept aside",
    ),
    "database-later": Promise("database: of a later version", "refused, and left alone"),
    "database-overwritten": Promise(
        "database: overwritten while it runs", "ends at worst, and the next start plays"
    ),
    "model-damaged": Promise(
        "model: each file missing, cut, or with other bytes", "named; plays; sees once it is mended"
    ),
    "clock-jumps": Promise(
        "clock: to 1970, ten years ahead, ten back, a hundred times to and fro",
        "the music goes on, the sleep timer is on time",
    ),
    "flood-rest": Promise("10,000 commands over the API", "each is done, once; the music goes on"),
    "flood-mqtt": Promise("10,000 commands over MQTT", "each is done, once; the music goes on"),
    "two-at-once": Promise(
        "a second daemon on the same state", "refused; takes over when the first was killed"
    ),
}


def kept() -> dict[str, Any]:
    """The results of the newest runs, by fault."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def table() -> str:
    """All promises, and what came of them."""
    results = kept()
    rows = []
    for name, (fault, promise) in PROMISES.items():
        result = results.get(name, {"recovery_seconds": None, "outcome": "not measured yet"})
        seconds, outcome = result["recovery_seconds"], result["outcome"]
        recovery = "-" if seconds is None else f"{seconds:.1f} s"
        rows.append(f"| {fault} | {promise} | {recovery} | {outcome} |")
    head = "| what goes wrong | promised | well again after | seen |\n|---|---|---|---|"
    return "\n".join([head, *rows])


def filled(text: str) -> str:
    """The README with its table as the results are now."""
    return regions.filled(text, {"faults": table()})


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
