"""What the app may ask of the appliance: everything that it serves comes through here."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from device.lessons import TasteAnswer, TasteRequest
from device.settings import Settings
from device.types import Command, LibraryScanned, Status


def never() -> bool:
    """Where nobody stops."""
    return False


class Appliance(NamedTuple):
    """Safe to call from any thread.

    `status`, `library` and `settings` return at once. `command` returns the status after a
    command, `taste` the answer to a request; both wait for the main thread, raise `CannotDo`
    where it refuses, and `TimeoutError` where it does not answer. `stopping`: the daemon goes
    down, so that nothing may go on for longer than half a second.
    """

    status: Callable[[], Status]
    command: Callable[[Command], Status]
    taste: Callable[[TasteRequest], TasteAnswer]
    library: Callable[[], LibraryScanned] = LibraryScanned
    settings: Callable[[], Settings] = Settings
    stopping: Callable[[], bool] = never
