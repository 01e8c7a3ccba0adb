"""The process that listens: `python -m device.music.listen MODELS`, fed by `device.music.listener`.

Standard input brings one request a line, JSON `{"path": …, "seconds": …}`; standard output takes
an empty line for each bit of progress, and for each request a line of JSON: what was heard, or
`{"error": …}`, or `{"unread": …}` where that may be its drive's fault. A process of its own, so
that a starved or crashing listener cannot hold up the music: in a thread of the same one, it would
hold Python's lock while it waits for its turn.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

import msgspec

from device.inference import ModelError
from device.music.decode import CannotDecode
from device.music.ffmpeg import DAMAGED
from device.music.listen.analyse import listen
from device.music.listen.tagger import Tagger

READ_BYTES = 1 << 20


class Request(msgspec.Struct, frozen=True):
    """A file to listen to, and how long it claims to be."""

    path: str
    seconds: float


class Failed(msgspec.Struct, frozen=True):
    """Why a file could not be listened to."""

    error: str


class Unread(msgspec.Struct, frozen=True):
    """Why a file could not be read, which says nothing of its sound."""

    unread: str


def rest_behind_others() -> None:
    """Give way to whatever else wants the processor; a sandbox may forbid it, and may."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 19)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def end_with_the_daemon() -> None:
    """The daemon alone ends this process: a signal meant for both must not look as if a track
    had been too much. Linux ends it with the daemon (prctl's PR_SET_PDEATHSIG), held or not."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def main() -> int:
    """Serve until standard input ends. 2: wrong use."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m device.music.listen MODELS_FOLDER\n")
        return 2
    end_with_the_daemon()
    rest_behind_others()
    try:
        tagger: Tagger | None = Tagger(Path(sys.argv[1]))
    except ModelError as error:
        # Loudness, tempo and silence are worth having all the same.
        sys.stderr.write(f"no tags: {error}\n")
        tagger = None
    for line in sys.stdin.buffer:
        request = msgspec.json.decode(line, type=Request)
        try:
            answer: msgspec.Struct = listen(
                request.path, request.seconds, tagger, lambda: _say(b"")
            )
        except CannotDecode as error:
            answer = _unread(request.path) or Failed(str(error))
        except DAMAGED as error:
            answer = _unread(request.path) or Failed(f"damaged: {error}")
        _say(msgspec.json.encode(answer))
    return 0


def _unread(path: str) -> Unread | None:
    """Why a file cannot be read to its end; None where it can."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            while file.read(READ_BYTES):
                _say(b"")
    except OSError as error:
        return Unread(str(error.strerror))
    return None


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
