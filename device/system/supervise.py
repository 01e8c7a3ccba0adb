"""Threads that are watched: a missing part is retried, a bug is reported, a hang is named."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from device.ports import PartUnavailable
from device.types import Health, Part, PartChanged, Value

if TYPE_CHECKING:
    import random

    from device.ports import Clock, WorkerContext

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 60.0
JITTER = 0.2
"""Share by which a retry may come earlier or later, so that parts do not retry in step."""
STALL_SECONDS = 30.0
"""A worker that neither beats nor waits for longer than this hangs."""


class WorkerFailed(Value, frozen=True):
    """A worker's body ended by a bug; `trace` is its traceback. The process must exit."""

    name: str
    trace: str


Body = Callable[["WorkerContext"], None]
Post = Callable[["PartChanged | WorkerFailed"], None]


class Backoff:
    """Seconds to wait before each further try: 1 -> 60, doubling, with jitter."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._seconds = FIRST_RETRY_SECONDS

    def next(self) -> float:
        """Seconds until the next try; never above 60."""
        delay = self._seconds * self._rng.uniform(1.0 - JITTER, 1.0 + JITTER)
        self._seconds = min(self._seconds * 2.0, LAST_RETRY_SECONDS)
        return min(delay, LAST_RETRY_SECONDS)

    def reset(self) -> None:
        """Start again at one second."""
        self._seconds = FIRST_RETRY_SECONDS


class Worker:
    """One supervised thread; towards its body it is the `WorkerContext`."""

    def __init__(self, name: str, body: Body, post: Post, clock: Clock, backoff: Backoff) -> None:
        self.name = name
        self._body = body
        self._post = post
        self._clock = clock
        self._backoff = backoff
        self._part = Part()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._known = threading.Event()
        # Instant of the last progress; None while idle. One name, so that no lock is needed.
        self._busy_since: float | None = clock.monotonic()
        # A body that hangs must not keep the process from exiting.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    # --- what the body sees ---

    def beat(self) -> None:
        """Progress was made."""
        self._busy_since = self._clock.monotonic()

    def up(self, detail: str = "") -> None:
        """The part works: the next failure is retried quickly."""
        self.beat()
        self._backoff.reset()
        self._become(Part(Health.UP, detail))

    def off(self, detail: str) -> None:
        """The part rests on purpose; idle until the next `beat`, `up` or end of a `wait`."""
        self._backoff.reset()
        self._become(Part(Health.OFF, detail))
        self._busy_since = None

    def wait(self, seconds: float) -> bool:
        """Sleep until `seconds` are over or `wake`; True when stopping."""
        self._busy_since = None
        if not self.stopping:
            self._wake.wait(seconds)
        self._wake.clear()
        self.beat()
        return self.stopping

    def wake(self) -> None:
        """End a `wait`, present or next, early. A retry's delay is not shortened."""
        self._wake.set()

    @property
    def stopping(self) -> bool:
        """The body shall return soon."""
        return self._stop.is_set()

    # --- what the supervisor sees ---

    def start(self) -> None:
        """Run the body in its thread."""
        self._thread.start()

    def request_stop(self) -> None:
        """Ask the body to return."""
        self._stop.set()
        self._wake.set()

    def settle(self, seconds: float) -> bool:
        """Wait until it is known how the part is; False when that takes longer."""
        return self._known.wait(seconds)

    def join(self, seconds: float) -> bool:
        """Wait for the thread's end; False when it did not come in time."""
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def busy_seconds(self, now: float) -> float:
        """How long ago the body made its last progress; 0 while idle or ended."""
        since = self._busy_since
        return 0.0 if since is None or not self._thread.is_alive() else now - since

    # --- the thread ---

    def _run(self) -> None:
        try:
            while not self.stopping:
                self._run_once()
        except BaseException:  # noqa: BLE001 - whatever it was, the main thread must hear of it
            self._post(WorkerFailed(self.name, traceback.format_exc()))
        finally:
            self._busy_since = None

    def _run_once(self) -> None:
        self.beat()
        try:
            self._body(self)
        except PartUnavailable as error:
            if self.stopping:
                return
            delay = self._backoff.next()
            self._become(Part(Health.DOWN, str(error)))
            log.debug("%s is tried again in %.1f s: %s", self.name, delay, error)
            self._busy_since = None
            self._stop.wait(delay)
        else:
            if not self.stopping:
                raise RuntimeError(f"worker {self.name} returned without being asked to stop")

    def _become(self, part: Part) -> None:
        before, self._part = self._part, part
        self._known.set()
        if part == before:
            return
        if part.health is not before.health:
            self._log(part, before.health)
        self._post(PartChanged(self.name, part))

    def _log(self, part: Part, before: Health) -> None:
        detail = f": {part.detail}" if part.detail else ""
        fields = {"PART": self.name, "HEALTH": part.health.value}
        if part.health is Health.DOWN:
            log.warning("%s is down%s", self.name, detail, extra=fields)
        elif part.health is Health.OFF:
            log.info("%s is off%s", self.name, detail, extra=fields)
        elif before is Health.DOWN:
            log.info("%s is up again%s", self.name, detail, extra=fields)
        else:
            log.info("%s is up%s", self.name, detail, extra=fields)


class Supervisor:
    """Starts workers, names the one that hangs, stops them all.

    `post` gets each `PartChanged` and `WorkerFailed`, from the workers' threads.
    Belongs to the main thread.
    """

    def __init__(self, post: Post, clock: Clock, rng: random.Random) -> None:
        self._post = post
        self._clock = clock
        self._rng = rng
        self._workers: list[Worker] = []

    def start(self, name: str, body: Body) -> Worker:
        """Run `body` in a thread called `name`; what returns may be woken from any thread."""
        worker = Worker(name, body, self._post, self._clock, Backoff(self._rng))
        self._workers.append(worker)
        worker.start()
        return worker

    def stalled(self, now: float) -> str | None:
        """Name of a worker that neither beat nor waited for over 30 s; None when all is well."""
        for worker in self._workers:
            if worker.busy_seconds(now) > STALL_SECONDS:
                return worker.name
        return None

    def stop(self, timeout: float) -> tuple[str, ...]:
        """Stop all workers, at once, within `timeout` seconds; names of those that hang on."""
        deadline = time.monotonic() + timeout
        for worker in self._workers:
            worker.request_stop()
        late = tuple(
            worker.name for worker in self._workers if not worker.join(deadline - time.monotonic())
        )
        if late:
            log.error("did not stop within %.0f s: %s", timeout, ", ".join(late))
        return late
