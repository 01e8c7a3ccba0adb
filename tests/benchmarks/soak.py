"""Does it last? `python -m tests.benchmarks.soak --minutes 80`, or `--hours 24 --speed 100`.

The real daemon, with a real broker, is lived with: the API is polled, people (or the
demonstration's portraits) come and go, commands come over the API and MQTT, a browser listens and
shows the page, the broker restarts, files come and go in the music folder. Meanwhile memory,
threads and file descriptors are counted each second. At speed 1 sound goes to SDL's dummy driver;
faster, see `tests.benchmarks.household`. The daemon runs in its service's environment.

What the speaker remembers is at its bound from the start: a week and a day are in its diary.
After a warm-up of a fifth of the time, the median of the resident memory in the first tenth of
the rest is compared with that of the last tenth; it may grow by 1 %. Threads and file descriptors
come and go with tracks and connections: their medians may not grow at all. The figures go to
`tests/benchmarks/soak.json`, `docs/soak.svg` shows them over time (matplotlib needed).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from device.client import Client, NotRunning, Refused
from device.demo import free_port
from device.lessons import ShowTaste, TasteReport
from device.settings import HOME
from device.types import (
    Dislike,
    Emotion,
    Goal,
    Like,
    Next,
    OverrideMood,
    Pause,
    Play,
    Previous,
    Scan,
    SetGoal,
    SetPrivacy,
    SetSleep,
    SetVolume,
)
from tests.benchmarks.browser import Browser
from tests.benchmarks.furnished import furnish
from tests.home.broker import Broker, Listener

UNIT = HOME / "systemd/attune.service"
FIGURES = HOME / "tests/benchmarks/soak.json"
PICTURE = HOME / "docs/soak.svg"
WARM_UP = 0.2
ALLOWED_GROWTH = 0.01
FASTEST_PACE = 5.0
"""However fast life is, no more happens from outside: every command would end a track."""
SERIES = 200
"""So many points of each curve are kept."""


class Sample(NamedTuple):
    """What a process holds: seconds since the start, megabytes (all that is resident; what is its
    own alone), counts."""

    at: float
    resident_mb: float
    own_mb: float
    threads: int
    descriptors: int


def look(process: psutil.Process, at: float) -> Sample:
    memory = process.memory_full_info()
    return Sample(
        round(at, 1),
        memory.rss / 1e6,
        memory.uss / 1e6,
        process.num_threads(),
        process.num_fds(),
    )


def tenths(samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """The first and the last tenth of what followed the warm-up."""
    end = samples[-1].at
    warm = [each for each in samples if each.at >= WARM_UP * end]
    span = (end - warm[0].at) / 10
    first = [each for each in warm if each.at <= warm[0].at + span]
    return first, [each for each in warm if each.at >= end - span]


def judged(samples: list[Sample]) -> dict[str, float]:
    """The figures of a run."""
    first, last = tenths(samples)
    figures: dict[str, float] = {}
    for name in ("resident_mb", "own_mb", "threads", "descriptors"):
        before, after = (
            statistics.median(getattr(sample, name) for sample in part) for part in (first, last)
        )
        figures |= {f"{name}_first": round(before, 2), f"{name}_last": round(after, 2)}
        figures[f"{name}_growth_percent"] = round(100 * (after / before - 1), 2)
    figures["resident_mb_most"] = round(max(sample.resident_mb for sample in samples), 2)
    return figures


class Home:
    """What happens to the speaker from outside, by real time; `pace` times as often."""

    def __init__(
        self, folder: Path, client: Client, browser: Browser, broker: Broker, pace: float
    ) -> None:
        self.client, self.browser, self.broker = client, browser, broker
        self._music, self._dice = folder / "music", random.Random(1)
        self.counts = {
            "commands": 0,
            "polls": 0,
            "unanswered": 0,
            "broker_restarts": 0,
            "scans": 0,
            "pages": 0,
            "reloads": 0,
        }
        self._due: dict[str, float] = {}
        self._deeds: dict[str, tuple[float, Callable[[], None]]] = {
            "events": (0.1, browser.hear),
            "poll": (0.5, self._poll),
            "page": (15.0 / pace, self._show),
            "reload": (90.0 / pace, self._reload),
            "command": (12.0 / pace, self._command),
            "message": (20.0 / pace, self._message),
            "taste": (60.0 / pace, self._taste),
            "broker": (300.0 / pace, self._restart_broker),
            "library": (240.0 / pace, self._change_library),
        }
        self._extra = self._music / "new" / "guest.flac"

    def live(self, now: float) -> None:
        """Do what is due."""
        for name, (period, deed) in self._deeds.items():
            if now >= self._due.setdefault(name, now + period):
                self._due[name] = now + period
                try:
                    deed()
                except (NotRunning, Refused) as error:
                    self.counts["unanswered"] += 1
                    print(f"{now:.0f} s: {name}: {error}", flush=True)

    def _poll(self) -> None:
        self.client.status()
        self.counts["polls"] += 1

    def _show(self) -> None:
        self.browser.show()
        self.counts["pages"] += 1

    def _reload(self) -> None:
        """The stream breaks and comes back, as a page's that is loaded again."""
        heard = self.browser.heard
        self.browser.listen()
        if not heard:
            raise Refused("the stream told nothing")
        self.counts["reloads"] += 1

    def _command(self) -> None:
        dice = self._dice
        command = dice.choices(
            [Next(), Like(), Dislike(), Previous(), SetVolume(dice.randrange(10, 101)),
             SetGoal(dice.choice(list(Goal))), OverrideMood(dice.choice([None, *Emotion])),
             OverrideMood(None), Pause(), SetSleep(dice.choice([0, 5, 30])),
             SetPrivacy(on=True)],
            [6, 4, 2, 1, 3, 2, 1, 3, 1, 1, 1],
        )[0]  # fmt: skip
        self.client.command(command)
        if isinstance(command, (Pause, SetPrivacy)):
            self.client.command(Play())
            self.client.command(SetPrivacy(on=False))
        self.counts["commands"] += 1

    def _message(self) -> None:
        topic, payload = self._dice.choice(
            [("next", "PRESS"), ("volume", "55"), ("goal", "match"), ("like", "PRESS"),
             ("mood", "auto"), ("volume", "nonsense"), ("play", "PRESS"), ("say", "bell.flac")]
        )  # fmt: skip
        with Listener(self.broker.port) as home:
            home.say(f"attune/attune/set/{topic}", payload)
        self.counts["commands"] += 1

    def _taste(self) -> None:
        self.client.taste(ShowTaste(), TasteReport)
        self.client.library()

    def _restart_broker(self) -> None:
        self.broker.stop()
        time.sleep(0.5)
        self.broker.start()
        self.counts["broker_restarts"] += 1

    def _change_library(self) -> None:
        if self._extra.exists():
            self._extra.unlink()
        else:
            self._extra.parent.mkdir(exist_ok=True)
            shutil.copyfile(self._music / "tones" / "happy" / "1.flac", self._extra)
        self.client.command(Scan())
        self.counts["scans"] += 1


def as_the_service() -> dict[str, str]:
    """The environment that the service runs in; its C library's heap decides what memory does."""
    lines = UNIT.read_text().splitlines()
    told = dict(
        line.removeprefix("Environment=").split("=", 1)
        for line in lines
        if line.startswith("Environment=")
    )
    said = subprocess.run(["/bin/true"], env=told, capture_output=True, check=True).stderr
    if said:
        raise SystemExit(f"{said.decode()}apt-get install libjemalloc2, as ./setup.sh install does")
    return told


@contextlib.contextmanager
def daemon(folder: Path, path: Path, speed: float) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon in a process of its own."""
    command = (
        [sys.executable, "-m", "device.cli", "--config", str(path), "run"]
        if speed == 1.0
        else [sys.executable, "-m", "tests.benchmarks.household", str(path), str(speed)]
    )
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=HOME,
            env={
                **os.environ,
                **as_the_service(),
                "PYTHONPATH": str(HOME),
                "SDL_AUDIODRIVER": "dummy",
            },
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def soak(folder: Path, seconds: float, speed: float) -> tuple[list[Sample], dict[str, Any]]:
    """Live for so many seconds of real time; what was seen meanwhile, and what was done."""
    broker = Broker(folder, "allow_anonymous true")
    broker.start()
    page = free_port()
    path = furnish(folder, broker.port, page, real=speed == 1.0)
    client, browser = Client((folder / "api.sock",)), Browser(page)
    home = Home(folder, client, browser, broker, pace=min(speed, FASTEST_PACE))
    samples = []
    load = os.getloadavg()[0]
    with daemon(folder, path, speed) as process:
        watched, began = psutil.Process(process.pid), time.monotonic()
        _await_answer(home.client)
        home.client.command(Play())
        next_sample = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            if process.poll() is not None:
                raise SystemExit(
                    f"it ended after {now:.0f} s: {(folder / 'log').read_text()[-3000:]}"
                )
            home.live(now)
            if time.monotonic() >= next_sample:
                next_sample += 1.0
                samples.append(look(watched, now))
            time.sleep(0.05)
        busy = watched.cpu_times()
        process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        code = process.wait(30)
        stopped = time.monotonic() - asked
    browser.close()
    broker.stop()
    log = (folder / "log").read_text(errors="replace")
    return samples, {
        **home.counts,
        **diary(folder / "state" / "attune.db"),
        "exit_code": code,
        "stop_seconds": round(stopped, 2),
        "tracebacks": log.count("Traceback"),
        "processor_share": round((busy.user + busy.system) / seconds, 3),
        "load_at_start": round(load, 1),
        "load_at_end": round(os.getloadavg()[0], 1),
    }


def _await_answer(client: Client) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(NotRunning, Refused):
            if client.status().tracks:
                return
        time.sleep(0.2)
    raise SystemExit("it did not start")


def diary(path: Path) -> dict[str, Any]:
    """What was remembered, and whether the file is whole."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        counts = {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            for table in ("feedback", "moods", "listened")
        }
        counts["plays"], hours = db.execute(
            "SELECT count(*), total(heard_seconds) / 3600 FROM plays WHERE because != 'imported'"
        ).fetchone()
        (verdict,) = db.execute("PRAGMA integrity_check").fetchone()
    return {**counts, "heard_hours": round(hours, 2), "database": verdict}


def thinned(samples: list[Sample]) -> list[Sample]:
    return samples[:: max(1, len(samples) // SERIES)]


def draw(runs: dict[str, Any]) -> None:
    """Memory, threads and descriptors of each run over time."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - the figures serve without it
    except ImportError:
        print("no picture: matplotlib is not installed; pip install matplotlib", file=sys.stderr)
        return
    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - likewise

    figure, rows = plt.subplots(2, len(runs), figsize=(6.5 * len(runs), 5), squeeze=False)
    for (name, run), memory, counts in zip(runs.items(), rows[0], rows[1], strict=True):
        at = [sample[0] / run["unit_seconds"] for sample in run["series"]]
        memory.plot(at, [s[1] for s in run["series"]], label="resident memory, MB", color="#2a7f62")
        memory.plot(at, [s[2] for s in run["series"]], label="its own alone, MB", color="#999999")
        memory.axvline(WARM_UP * at[-1], color="#cccccc", linewidth=1)
        memory.set_ylim(bottom=0)
        memory.set_title(f"{name}: {run['resident_mb_growth_percent']:+.2f} % after the warm-up")
        counts.plot(at, [s[3] for s in run["series"]], label="threads", color="#4060a0")
        counts.plot(at, [s[4] for s in run["series"]], label="file descriptors", color="#c07020")
        counts.set_ylim(bottom=0)
        counts.set_xlabel(run["unit"])
        memory.legend(loc="lower right")
        counts.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(PICTURE, metadata={"Date": None})


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak", description=__doc__)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="of life")
    length.add_argument("--hours", type=float, help="of life")
    parser.add_argument("--speed", type=float, default=1.0, help="times as fast as life (1)")
    parser.add_argument("--keep", type=Path, help="folder for the log and the state (none)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    asked = options(arguments)
    life = asked.minutes * 60 if asked.minutes else asked.hours * 3600
    name = f"{life / 3600:.3g} h at {asked.speed:g} x"
    with contextlib.ExitStack() as stack:
        folder = asked.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        samples, told = soak(folder, life / asked.speed, asked.speed)
    figures = {"name": name, "date": time.strftime("%Y-%m-%d"), **judged(samples), **told}
    print(json.dumps(figures, indent=1))
    unit = ("minutes", 60.0) if asked.speed == 1.0 else ("hours of life", 3600.0 / asked.speed)
    kept = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    series = [[round(number, 1) for number in sample] for sample in thinned(samples)]
    kept[name] = {**figures, "unit": unit[0], "unit_seconds": unit[1], "series": series}
    FIGURES.write_text(_text(kept))
    draw(kept)
    return 0 if held(figures) else 1


def held(figures: dict[str, Any]) -> bool:
    """Whether a run kept what is promised."""
    return bool(
        figures["resident_mb_growth_percent"] <= 100 * ALLOWED_GROWTH
        and figures["threads_growth_percent"] <= 0
        and figures["descriptors_growth_percent"] <= 0
        and (figures["exit_code"], figures["tracebacks"], figures["database"]) == (0, 0, "ok")
    )


def _text(kept: dict[str, Any]) -> str:
    """JSON with a line for each sample."""
    text = json.dumps(kept, indent=1)
    for run in kept.values():
        text = text.replace(
            json.dumps(run["series"], indent=1).replace("\n", "\n  "),
            "[\n" + ",\n".join("   " + json.dumps(sample) for sample in run["series"]) + "\n  ]",
        )
    return text + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
