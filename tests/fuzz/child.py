"""The process that is attacked: `python -m tests.fuzz.child EDGE SEED FIRST COUNT FOLDER`.

It may crash, hang or eat memory: `tests.fuzz.drive` watches it through the file `progress`, finds
the input in the file `case`, and starts another one behind it. What an edge raises against its
promise is told as a line of JSON on standard output.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import logging
import mmap
import resource
import sys
import time
import traceback
from pathlib import Path

import device.vision  # noqa: F401 - before OpenCV, as in the product: OpenCV reads limits as it loads
from tests.fuzz.edges import EDGES
from tests.fuzz.mutate import Cases

MOST_ADDRESSES = 2 << 30
"""Bytes of address space that a child may add to what it has when it begins."""
MOST_MEMORY_KIB = 400 << 10
"""So much more memory than at the beginning is a failure, although the case went well: FFmpeg gives
one element of a Matroska file up to 256 MiB, which nobody can forbid it (325 in all were seen)."""


class Progress(ctypes.Structure):
    """What the watcher sees of a child, whatever becomes of that."""

    _fields_ = (
        ("number", ctypes.c_int64),
        ("busy", ctypes.c_int64),  # within a case; neither loading nor ending is one
        ("done", ctypes.c_int64),
        ("taken", ctypes.c_int64),
        ("failed", ctypes.c_int64),
        ("slowest_seconds", ctypes.c_double),
        ("grown_kib", ctypes.c_int64),
        ("kind", ctypes.c_char * 80),
    )

    @classmethod
    def at(cls, path: Path) -> Progress:
        """The one in a file, shared with whoever has it open."""
        with path.open("r+b") as file:
            return cls.from_buffer(mmap.mmap(file.fileno(), ctypes.sizeof(cls)))


class _Format(logging.Handler):
    """Lines of the log are written out and thrown away: a wrong one raises, as a bug shall."""

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record).encode("utf-8", "backslashreplace")


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MOST_ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _peak_kib() -> int:
    """Of this program: `getrusage` tells of the parent's memory, too, where that was more."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def main(name: str, seed: int, first: int, count: int, folder: Path) -> None:
    """Attack an edge with `count` cases from number `first` on."""
    faulthandler.enable(sys.stderr)
    root = logging.getLogger()
    root.handlers, root.level = [_Format()], logging.DEBUG
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    edge = EDGES[name]
    progress = Progress.at(folder / "progress")
    cases = Cases(name, seed, edge.seeds(folder), edge.words)
    with edge.attack(folder) as attack:
        _limit()
        base = _peak_kib()
        for number in range(first, first + count):
            case = cases.case(number)
            (folder / "case").write_bytes(case.data)
            progress.kind = case.kind.encode()[:80]
            progress.number = number
            progress.busy = 1
            began = time.process_time()
            try:
                progress.taken += bool(attack(case.kind, case.data))
                wrong = ""
            except KeyboardInterrupt:
                raise
            except BaseException:  # noqa: BLE001 - that is what is looked for
                wrong = traceback.format_exc()
            progress.busy = 0
            progress.slowest_seconds = max(progress.slowest_seconds, time.process_time() - began)
            grown = _peak_kib() - base
            progress.grown_kib = max(progress.grown_kib, grown)
            if not wrong and grown > MOST_MEMORY_KIB:
                base += grown
                wrong = f"it took {grown >> 10} MiB"
            if wrong:
                progress.failed += 1
                print(json.dumps({"number": number, "kind": case.kind, "why": wrong}), flush=True)
            progress.done += 1


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
