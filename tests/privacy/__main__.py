"""Prove that no picture leaves, and print by how much: `python -m tests.privacy`.

The daemon looks at pictures for half a minute, from a folder and then from a network camera, in a
network that holds nothing but its broker, with every write of every thread and child traced. The
figures go into `results.json`, from which PRIVACY.md's table is made.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.privacy.alone import CAMERAS, command

RESULTS = Path(__file__).with_name("results.json")
SECONDS = 20.0
"""Time for each picture once. In hours, an honest daemon tells more than a picture holds, too."""
KEPT = (
    *("pictures", "faces", "needed_bytes", "writes", "sound_bytes", "database_bytes"),
    *("stored_bytes", "page_bytes", "other_bytes", "messages_at_the_broker"),
    *("moods_at_the_broker", "seconds"),
)


def main() -> int:
    """Look, and tell; 1 where a picture left, or something did not work."""
    reports: dict[str, dict[str, Any]] = {}
    for camera in CAMERAS:
        print(
            f"looking at pictures of a {camera} camera for {SECONDS:.0f} s, traced, "
            "without a network …",
            file=sys.stderr,
        )
        ran = subprocess.run(
            command(camera, SECONDS, 4), check=False, capture_output=True, text=True
        )
        if ran.returncode:
            print(ran.stderr, file=sys.stderr)
            return 1
        report = json.loads(ran.stdout)
        reports[camera] = {name: report[name] for name in KEPT}
        if wrong(report):
            return 1
    RESULTS.write_text(json.dumps(reports, indent=1) + "\n", "utf-8")
    print("no picture left the daemon")
    return 0


def wrong(report: dict[str, Any]) -> list[str]:
    """Print what came of it, and return what is not as it was promised."""
    for name in KEPT:
        print(f"{name.replace('_', ' '):24} {report[name]}")
    for file in report["files"]:
        print(f"{'opened to write':24} {file}")
    told = [*report["leaks"], *([report["told"]] if report["told"] else [])]
    if not report["moods_at_the_broker"] or not report["tracks_at_the_broker"]:
        told.append("the broker was told of no mood, or of no track")
    for what in told:
        print(f"NOT AS PROMISED: {what}")
    return told


if __name__ == "__main__":
    sys.exit(main())
