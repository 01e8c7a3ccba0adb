"""Listens through the library in the background, one track at a time, while the board is cool."""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from device.inference import STDERR
from device.music.listen import VERSION
from device.music.listened import Work
from device.ports import PartUnavailable, WorkerContext
from device.settings import HOME
from device.types import Board, Heard, Listened

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

log = logging.getLogger(__name__)

HOT_CELSIUS, COOL_CELSIUS = 75.0, 70.0
"""Listening pauses at the first and goes on below the second; a Raspberry Pi throttles at 80."""
REST_SECONDS = 3600.0
"""Between looks for work; new work wakes the listener."""
LOOK_SECONDS = 1.0
SILENT_SECONDS = 120.0
"""A child that made no progress for so long, while it was let run, hangs on its file."""
ENDING_SECONDS = 3.0
"""A child that was killed, and is there after so long, hangs in a read; it ends with that."""
BREATH_SECONDS = 0.2
"""After each track."""


class Listener:
    """The body of the worker `listener`."""

    def __init__(self, models: Path, post: Callable[[Listened], None], *, wanted: bool) -> None:
        self._models, self._post, self._wanted = models, post, wanted
        self._context: WorkerContext | None = None
        self._lock = threading.Lock()
        self._work: deque[Work] = deque()
        self._total = self._done = 0
        self._failed: set[str] = set()
        """Sounds that a process died of, or found no end to, once since the start."""
        self._hot = False

    def offer(self, work: Sequence[Work], total: int) -> None:
        """All that is still to be heard of so many tracks; callable from any thread."""
        with self._lock:
            self._work = deque(work)
            self._total, self._done = total, total - len(work)
        if self._context is not None:
            self._context.wake()

    def set_board(self, board: Board) -> None:
        """How the board is; callable from any thread."""
        limit = COOL_CELSIUS if self._hot else HOT_CELSIUS
        self._hot = bool(
            board.throttled
            or board.under_voltage
            or (board.temperature_celsius is not None and board.temperature_celsius >= limit)
        )

    def run(self, context: WorkerContext) -> None:
        """Listen to what is there, then rest until there is more."""
        self._context = context
        if not self._wanted:
            context.off("[music] listen = false")
        while not context.stopping:
            if self._wanted:
                self._tell(context)
                if self._next() is not None:
                    with ListeningProcess(self._models) as process:
                        self._hear_all(context, process)
            if context.stopping or context.wait(REST_SECONDS):
                return

    def _hear_all(self, context: WorkerContext, process: ListeningProcess) -> None:
        while (work := self._next()) is not None and not context.stopping:
            # What is on a drive that is not there now is offered again after the next scan. Only
            # the process finds out: it may hang in such a drive, where this thread must not.
            result = self._hear(context, process, work)
            if context.stopping:
                return
            with self._lock:
                # Other work may have been offered meanwhile.
                if self._work and self._work[0] == work:
                    self._work.popleft()
                    self._done += result is not None
            if result is not None:
                if result.error is not None:
                    log.warning("cannot listen to %s: %s", work.path, result.error)
                self._post(result)
            self._tell(context)
            context.wait(BREATH_SECONDS)

    def _hear(
        self, context: WorkerContext, process: ListeningProcess, work: Work
    ) -> Listened | None:
        """What became of a track; None when asked to stop, or when that says nothing of it."""
        process.ask(work)
        silent_since = time.monotonic()
        while not context.stopping:
            context.beat()
            if self._hot is not process.paused:
                process.pause(self._hot)
                self._tell(context)
            line = process.line(LOOK_SECONDS)
            if line is not None or process.paused:
                silent_since = time.monotonic()
            if line == b"":
                process.restart()
                return self._failure(work, "the listening process died of it")
            if line is not None and line.strip():
                return _result(work, line)
            if time.monotonic() - silent_since > SILENT_SECONDS:
                process.restart()
                return self._failure(work, "there is no end to it")
        return None

    def _failure(self, work: Work, error: str) -> Listened | None:
        """A failure, the second time: the first may be the memory's fault, or a slow drive's."""
        if work.key in self._failed:
            return Listened(work.key, VERSION, error=error)
        self._failed.add(work.key)
        log.info("cannot listen to %s now: %s", work.path, error)
        return None

    def _next(self) -> Work | None:
        with self._lock:
            return self._work[0] if self._work else None

    def _tell(self, context: WorkerContext) -> None:
        with self._lock:
            detail = f"listened to {self._done} of {self._total}" if self._total else ""
            waiting = bool(self._work)
        if self._hot and waiting:
            detail += ", paused while the board is hot or short of power"
        context.up(detail)


def _result(work: Work, line: bytes) -> Listened | None:
    """The listening process's answer; None where it could not read the file, which may pass.

    What it cannot have said is a bug, and raises.
    """
    if line.startswith(b'{"unread"'):
        reason = msgspec.json.decode(line, type=dict[str, str])["unread"]
        log.info("cannot listen to %s now: %s", work.path, reason)
        return None
    if line.startswith(b'{"error"'):
        error = msgspec.json.decode(line, type=dict[str, str])["error"]
        return Listened(work.key, VERSION, error=error)
    return Listened(work.key, VERSION, heard=msgspec.json.decode(line, type=Heard))


class ListeningProcess:
    """`python -m device.music.listen`, which is gone when this is left."""

    def __init__(self, models: Path) -> None:
        self._models = models.resolve()
        self._waiting = bytearray()
        self.paused = False
        """Whether it is held."""

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def ask(self, work: Work) -> None:
        """Let it listen to a file."""
        request = msgspec.json.encode({"path": work.path, "seconds": work.seconds})
        try:
            self._input.write(request + b"\n")
            self._input.flush()
        except BrokenPipeError as error:
            raise PartUnavailable("the listening process ended; the journal says why") from error

    def line(self, timeout_seconds: float) -> bytes | None:
        """Its next line: empty for progress, b"" when it ended; None when none came in time."""
        if b"\n" not in self._waiting:
            if not select.select([self._output], [], [], timeout_seconds)[0]:
                return None
            content = os.read(self._output.fileno(), 65_536)
            if not content:
                return b""
            self._waiting += content
        line, newline, rest = bytes(self._waiting).partition(b"\n")
        if not newline:
            return None
        self._waiting = bytearray(rest)
        return line + newline

    def pause(self, paused: bool) -> None:
        """Hold it where it is, or let it go on."""
        self.paused = paused
        self._process.send_signal(signal.SIGSTOP if paused else signal.SIGCONT)

    def restart(self) -> None:
        """Another one in its place."""
        self._end()
        self._start()

    def _start(self) -> None:
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        # Neither the broker's password nor systemd's socket is its business.
        ours = ("ATTUNE_", "NOTIFY_", "WATCHDOG_", "CREDENTIALS_")
        inherited = {name: v for name, v in os.environ.items() if not name.startswith(ours)}
        with STDERR:  # else the child might keep what catches the greetings of a model's runtime
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "device.music.listen", str(self._models)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=HOME,
                env={**inherited, **one_thread},
            )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("pipes were asked for")
        self._input, self._output = self._process.stdin, self._process.stdout
        self._waiting.clear()
        self.paused = False

    def _end(self) -> None:
        self._process.kill()  # reaches a stopped process, too
        try:
            self._process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("process %d does not end yet: a dead drive holds it", self.pid)
        self._output.close()
        try:
            self._input.close()
        except BrokenPipeError:
            log.debug("the listening process took its last request with it")
