"""How often a password may be tried: five wrong ones an address, and thirty in all, each quarter
of an hour. A guesser has 2,880 tries a day, whatever the number of addresses."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import deque
from collections.abc import Callable

EACH, ALL = 5, 30
WINDOW_SECONDS = 900.0


class Attempts:
    """Wrong passwords of the last quarter of an hour. Safe to call from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: deque[tuple[float, str]] = deque()

    def admit(self, address: str) -> float:
        """0 if this address may try now, which counts as wrong until `forgive`; else the seconds
        until it may."""
        source = _source(address)
        with self._lock:
            now = self._clock()
            while self._failed and now - self._failed[0][0] >= WINDOW_SECONDS:
                self._failed.popleft()
            own = [at for at, who in self._failed if who == source]
            wait = 0.0
            if len(own) >= EACH:
                wait = own[-EACH] + WINDOW_SECONDS - now
            if len(self._failed) >= ALL:
                wait = max(wait, self._failed[-ALL][0] + WINDOW_SECONDS - now)
            if wait <= 0.0:
                self._failed.append((now, source))
            return min(max(0.0, wait), WINDOW_SECONDS)  # rounding may lead beyond either

    def forgive(self, address: str) -> None:
        """This address gave the right password: what it failed before is forgotten."""
        source = _source(address)
        with self._lock:
            self._failed = deque(each for each in self._failed if each[1] != source)


def _source(address: str) -> str:
    """Whom an address belongs to: an IPv6 network of 64 bits is one household's."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        mapped = known.ipv4_mapped
        return str(mapped or ipaddress.ip_network((known, 64), strict=False))
    return address
