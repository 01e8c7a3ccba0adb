"""Pictures of the page for the README: `python -m tests.page.shots` writes `docs/page-*.png`.

They show the page of a real speaker with a week that was made up; nobody's picture is on them.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tests.page.browser import DESK, PHONE, Browser, Screen, browsing
from tests.page.home import ROOT, base, running

SHOTS: dict[str, tuple[str, Screen, float, int | None]] = {
    "now": ("/", DESK, 1.0, None),
    "dark": ("/", DESK._replace(dark=True), 1.0, None),
    "history": ("/history?view=week", DESK, 1.0, None),
    "library": ("/library", DESK, 1.0, 900),
    "phone": ("/", PHONE._replace(dark=True), 2.0, 1150),
}
MOODS = {"now": "Happy", "dark": "Sad", "phone": "Happy"}


def _wait_for(page: Browser, mood: str) -> None:
    """Until somebody looks so, and the music had time to follow."""
    page.wait(lambda: page.text("#mood") == "Nobody in view", 120)  # and not about to go
    page.wait(lambda: page.text("#mood") == mood and page.has("#room"), 120)
    time.sleep(3.0)


def main() -> None:
    """Write all of them: those of the moment in a first hour, when all the music is fresh."""
    for past in (False, True):
        with tempfile.TemporaryDirectory() as folder, running(Path(folder), past=past) as daemon:
            for name in SHOTS:
                if (name not in MOODS) is past:
                    _take(name, base(daemon))


def _take(name: str, address: str) -> None:
    path, screen, scale, height = SHOTS[name]
    file = ROOT / "docs" / f"page-{name}.png"
    with browsing(address, screen) as page:
        page.go(path)
        if name in MOODS:
            _wait_for(page, MOODS[name])
        page.picture(file, scale, height)
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--output", str(file), "256", str(file)], check=True)
    print(file.relative_to(ROOT))  # noqa: T201 - a command tells what it did


if __name__ == "__main__":
    main()
