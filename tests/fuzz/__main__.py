"""Attack every edge with harmed inputs: `python -m tests.fuzz [EDGE …] [--cases N]`.

What an edge does against its promise, a crash, a hang or hundreds of megabytes is a failure; its
input is kept. The figures go into `results.json`, from which the README's table is made.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

from tests.fuzz.drive import FOUND, Result, drive
from tests.fuzz.edges import EDGES

RESULTS = Path(__file__).with_name("results.json")
CASES = 100_000
SEED = 1
PACKAGES = ("av", "mutagen", "opencv-python-headless", "ai-edge-litert", "msgspec", "numpy")
BAR = 30
QUIET_SECONDS = 30.0


class Bar:
    """How far an edge is, on a terminal or now and then in a log."""

    def __init__(self, name: str, cases: int) -> None:
        self._name, self._cases = name, cases
        self._began = self._told = time.monotonic()

    def show(self, done: int, failed: int) -> None:
        """So many are done, and so many of them failed."""
        now = time.monotonic()
        if not sys.stderr.isatty():
            if now - self._told < QUIET_SECONDS:
                return
            self._told = now
        share = done / self._cases
        left = (now - self._began) / share * (1 - share) if done else 0.0
        bar = "#" * round(share * BAR)
        line = f"{self._name:10} [{bar:{BAR}}] {done:>7,} of {self._cases:,}, {failed} failed"
        line += f", {left / 60:.0f} min left"
        print(f"\r{line}\x1b[K" if sys.stderr.isatty() else line, end="", file=sys.stderr)
        if not sys.stderr.isatty() or done == self._cases:
            print(file=sys.stderr)


def main() -> int:
    """Attack; 1 where anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("edges", nargs="*", metavar="EDGE", help=", ".join(EDGES))
    parser.add_argument("--cases", type=int, default=CASES, help=f"for each edge ({CASES:,})")
    parser.add_argument("--seed", type=int, default=SEED, help="other cases (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="begin with this case (0)")
    parsed = parser.parse_args()
    unknown = set(parsed.edges) - set(EDGES)
    if unknown:
        parser.error(f"there is no edge {', '.join(sorted(unknown))}; there are {', '.join(EDGES)}")
    failed = False
    for name in parsed.edges or EDGES:
        bar = Bar(name, parsed.cases)
        result = drive(name, parsed.cases, parsed.seed, first=parsed.first, tell=bar.show)
        failed |= bool(result.failures)
        _tell(name, parsed.seed, result)
        if parsed.first == 0 and parsed.cases >= CASES:
            _write(name, parsed.seed, result)
    return int(failed)


def _tell(name: str, seed: int, result: Result) -> None:
    print(
        f"{name:10} {result.cases:>7,} cases, {result.taken:,} taken, "
        f"{len(result.failures)} failed; slowest {result.slowest_seconds:.1f} s, "
        f"{result.grown_mib:.0f} MiB more memory; {result.seconds:.0f} s"
    )
    for failure in result.failures:
        print(f"\n{failure.file}: {failure.why.strip()}")
        print(
            f"again: python -m tests.fuzz {name} --seed {seed} --first {failure.number} --cases 1"
        )
    if result.failures:
        print(f"\nthe inputs are kept in {FOUND}")


def _write(name: str, seed: int, result: Result) -> None:
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    known[name] = {
        "cases": result.cases,
        "seed": seed,
        "taken": result.taken,
        "failures": len(result.failures),
        "slowest_seconds": round(result.slowest_seconds, 2),
        "grown_mib": round(result.grown_mib, 1),
        "seconds": round(result.seconds),
        "python": platform.python_version(),
        "packages": {package: version(package) for package in PACKAGES},
    }
    ordered = {each: known[each] for each in EDGES if each in known}
    RESULTS.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
