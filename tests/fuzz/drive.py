"""Runs an edge's cases in children, and survives what those do not."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.child import Progress
from tests.fuzz.edges import EDGES
from tests.fuzz.mutate import Case, Cases

ROOT = Path(__file__).resolve().parents[2]
FOUND = ROOT / "runs" / "fuzz"
"""Where inputs are kept that an edge failed on."""
HANG_CPU_SECONDS = 15.0
"""Of processor time in one case: FFmpeg itself is given 10 s to look into a file."""
HANG_SECONDS = 120.0
"""Of waiting, on a loaded machine."""
LOOK_SECONDS = 0.2
MOST_FAILURES = 50


class Failure(NamedTuple):
    """A case that an edge did not take as it promises."""

    number: int
    kind: str
    why: str
    file: str


class Result(NamedTuple):
    """What became of an edge's cases: `taken` were used, the others refused as documented."""

    cases: int
    taken: int
    failures: tuple[Failure, ...]
    slowest_seconds: float
    grown_mib: float
    seconds: float


def drive(
    name: str,
    cases: int,
    seed: int,
    *,
    first: int = 0,
    found: Path = FOUND,
    tell: Callable[[int, int], None] = lambda _done, _failed: None,
) -> Result:
    """Attack the edge `name` with cases `first` … `first + cases`. `tell` gets how many are done
    and how many failed, several times a second."""
    began, failures = time.monotonic(), list[Failure]()
    taken, slowest, grown = 0, 0.0, 0
    with _folder() as folder:
        following = first
        while following < first + cases and len(failures) < MOST_FAILURES:
            (folder / "progress").write_bytes(bytes(ctypes.sizeof(Progress)))
            progress = Progress.at(folder / "progress")
            progress.number = following
            child = _start(name, seed, following, first + cases - following, folder)
            before, failed = following - first, len(failures)
            why = _watch(child, progress, lambda done, b=before, f=failed: tell(b + done, f))
            for line in (folder / "stdout").read_text(errors="replace").splitlines():
                told = json.loads(line)
                case = _cases(name, seed, folder).case(told["number"])
                failures.append(_keep(found, name, told["number"], case, told["why"]))
            if why and not (folder / "case").exists():
                raise RuntimeError(f"{name} cannot be attacked: {(folder / 'stderr').read_text()}")
            if why:
                case = Case(progress.kind.decode(), (folder / "case").read_bytes())
                why += f"\n{(folder / 'stderr').read_text(errors='replace')[-3000:]}"
                failures.append(_keep(found, name, progress.number, case, why))
            taken, grown = taken + progress.taken, max(grown, progress.grown_kib)
            slowest = max(slowest, progress.slowest_seconds)
            following = progress.number + 1
        tell(following - first, len(failures))
    return Result(
        following - first, taken, tuple(failures), slowest, grown / 1024, time.monotonic() - began
    )


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for the cases, in memory where there is some: a card would be worn."""
    shm = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a name of its own
    with tempfile.TemporaryDirectory(
        prefix="attune-fuzz-", dir=shm if os.access(shm, os.W_OK) else None
    ) as folder:
        yield Path(folder)


def _start(name: str, seed: int, first: int, count: int, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.fuzz.child"]
    command += [name, str(seed), str(first), str(count), str(folder)]
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        # FFmpeg and OpenCV tell much of damaged files.
        silent = {"OPENCV_LOG_LEVEL": "OFF", "OPENCV_FFMPEG_LOGLEVEL": "-8", "TMPDIR": str(folder)}
        return subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=err, env={**os.environ, **silent}
        )


def _watch(child: subprocess.Popen[bytes], progress: Progress, tell: Callable[[int], None]) -> str:
    """Wait until it ends; why it did, if that was not because all is done."""
    number, since, used = -1, time.monotonic(), 0.0
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = child.wait(LOOK_SECONDS)
                return "" if code == 0 else _death(code)
            tell(progress.done)
            now, cpu = time.monotonic(), _cpu_seconds(child.pid)
            if progress.number != number or not progress.busy:
                number, since, used = progress.number, now, cpu
            elif cpu - used > HANG_CPU_SECONDS or now - since > HANG_SECONDS:
                return f"hang: {cpu - used:.0f} s of processor time, {now - since:.0f} s in all"
    finally:
        child.kill()
        child.wait()


def _death(code: int) -> str:
    return f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cases(name: str, seed: int, folder: Path) -> Cases:
    return Cases(name, seed, EDGES[name].seeds(folder), EDGES[name].words)


def _keep(found: Path, name: str, number: int, case: Case, why: str) -> Failure:
    found.mkdir(parents=True, exist_ok=True)
    ending = "".join(sign if sign.isalnum() else "-" for sign in case.kind)
    file = found / f"{name}-{number}.{ending}"
    file.write_bytes(case.data)
    return Failure(number, case.kind, why, str(file))
