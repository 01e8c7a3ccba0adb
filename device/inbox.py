"""The one bounded queue between the feeding threads and the main thread."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Generic, NamedTuple, TypeVar

from device.lessons import TasteAnswer, TasteRequest
from device.types import Command, Sighting, Status

Event = TypeVar("Event")
Result = TypeVar("Result")


class Asked(NamedTuple):
    """A command from somebody who waits for the status that it leads to."""

    command: Command
    reply: Future[Status]


class AskedTaste(NamedTuple):
    """A request about taste from somebody who waits for its answer."""

    request: TasteRequest
    reply: Future[TasteAnswer]


class Inbox(Generic[Event]):
    """Drops sightings when full, never anything else: a poster of those waits for room."""

    def __init__(self, capacity: int = 256) -> None:
        self._events: deque[Event] = deque()
        self._capacity = capacity
        self._changed = threading.Condition()
        self.dropped = 0
        """Sightings lost so far because the main thread did not keep up."""

    def post(self, event: Event) -> None:
        """Add an event. A full inbox loses its oldest sighting, or this one; blocks for others."""
        with self._changed:
            if len(self._events) >= self._capacity and not self._drop_sighting():
                if isinstance(event, Sighting):
                    self.dropped += 1
                    return
                self._changed.wait_for(lambda: len(self._events) < self._capacity)
            self._events.append(event)
            self._changed.notify_all()

    def take(self, timeout_seconds: float) -> Event | None:
        """The oldest event, None when there was none in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self._events), timeout_seconds):
                return None
            event = self._events.popleft()
            self._changed.notify_all()
            return event

    def _drop_sighting(self) -> bool:
        for index, event in enumerate(self._events):
            if isinstance(event, Sighting):
                del self._events[index]
                self.dropped += 1
                return True
        return False


def ask(post: Callable[[Asked], None], command: Command, timeout_seconds: float) -> Status:
    """Post a command and wait for the status after it. Raises TimeoutError, where it is not done
    any more: the main thread takes up no reply that was cancelled."""
    reply: Future[Status] = Future()
    post(Asked(command, reply))
    return _wait(reply, timeout_seconds)


def ask_taste(
    post: Callable[[AskedTaste], None], request: TasteRequest, timeout_seconds: float
) -> TasteAnswer:
    """Post a request about taste and wait for its answer. Raises TimeoutError."""
    reply: Future[TasteAnswer] = Future()
    post(AskedTaste(request, reply))
    return _wait(reply, timeout_seconds)


def _wait(reply: Future[Result], timeout_seconds: float) -> Result:
    try:
        with contextlib.suppress(FutureTimeoutError):
            return reply.result(timeout_seconds)
        if reply.cancel():
            raise TimeoutError(f"no answer within {timeout_seconds:g} s")
        return reply.result(timeout_seconds)  # it is being done just now
    except FutureTimeoutError as error:  # an alias of TimeoutError only from Python 3.11 on
        raise TimeoutError(f"no answer within {2 * timeout_seconds:g} s") from error
