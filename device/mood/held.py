"""A value that changes only when another one has been asked for without a break."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Held(Generic[T]):
    """Hysteresis in time: a blink changes nothing."""

    def __init__(self, value: T, since: float) -> None:
        self.value = value
        self.since = since
        self._wish: T = value
        self._wish_since = since

    def update(self, wish: T, now: float, hold_seconds: float) -> bool:
        """Take `wish` once it stood for `hold_seconds`; True when the value changed."""
        if wish != self._wish:
            self._wish, self._wish_since = wish, now
        if wish == self.value or now - self._wish_since < hold_seconds:
            return False
        self.set(wish, now)
        return True

    def set(self, value: T, now: float) -> None:
        """Take a value at once."""
        self.value, self.since = value, now
        self._wish, self._wish_since = value, now
