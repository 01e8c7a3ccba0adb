"""Looks at a disk that may hang in a drive that went away: each in a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from device.ports import CannotDo

log = logging.getLogger(__name__)
Result = TypeVar("Result")

MEANWHILE_SECONDS = 1.0
"""So often whoever waits may do something else."""


class Unanswered(CannotDo):
    """A drive does not answer, or did not when it was asked before."""


class Pulse:
    """Signs of life of a look that takes long: what it asks its drive for just now."""

    def __init__(self, what: str) -> None:
        self.what, self.since = what, time.monotonic()
        self.wanted = True

    def beat(self, what: str) -> None:
        """The drive answered; this is what it is asked for next. Ends a look that was given up."""
        if not self.wanted:
            raise Unanswered(f"{what} is not looked at: nobody waits for it any longer")
        self.what, self.since = what, time.monotonic()


class Looks:
    """So many looks at most may hang in dead drives, where nobody can end them, before others are
    refused."""

    def __init__(self, most: int) -> None:
        self._room = threading.BoundedSemaphore(most)

    def take(
        self,
        look: Callable[[Pulse], Result],
        what: str,
        seconds: float,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Result:
        """What `look` returns or raises; `Unanswered` where its drive is silent for so long.

        `meanwhile` is called now and then by whoever waits here, and ends that by raising.
        """
        if not self._room.acquire(blocking=False):
            raise Unanswered(f"{what} was not looked at: earlier ones still hang in a dead drive")
        pulse, found = Pulse(what), Future[Result]()

        def run() -> None:
            # There is room for the next look before this one is told of.
            try:
                result = look(pulse)
            except BaseException as error:  # noqa: BLE001 - whoever asked gets it
                self._room.release()
                found.set_exception(error)
            else:
                self._room.release()
                found.set_result(result)

        threading.Thread(target=run, name="look", daemon=True).start()
        try:
            while not wait([found], min(MEANWHILE_SECONDS, seconds)).done:
                if time.monotonic() - pulse.since >= seconds:
                    raise _silent(pulse.what, seconds)
                meanwhile()
        finally:
            pulse.wanted = False
        return found.result()


def _silent(what: str, seconds: float) -> Unanswered:
    """Also for the journal: who asks again while the look hangs is refused without a word there."""
    message = f"{what}: its drive did not answer within {seconds:g} s. Is it asleep, or gone?"
    log.warning("%s", message)
    return Unanswered(message)
