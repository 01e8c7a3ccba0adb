"""Which topics this speaker had: when its id or a prefix changes, what it left is cleared."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import msgspec

from device.home.topics import Topics

log = logging.getLogger(__name__)

FILE = "mqtt.json"


class Kept(NamedTuple):
    """The topics on which the broker keeps what this speaker said last."""

    discovery: str
    state: str
    availability: str


class FormerTopics:
    """Remembers them over restarts, in the state's folder; written only when they change."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def left(self, now: Topics) -> Kept | None:
        """The topics of before, where they were others; None where there is nothing to clear."""
        try:
            before = msgspec.json.decode(self._path.read_bytes(), type=Kept)
        except FileNotFoundError:
            self.remember(now)
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("%s is not readable and begun anew: %s", self._path, error)
            self.remember(now)
            return None
        return None if before == _kept(now) else before

    def remember(self, now: Topics) -> None:
        """These are ours now."""
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_bytes(msgspec.json.encode(_kept(now)))
            fresh.replace(self._path)
        except OSError as error:
            log.warning("cannot write %s: %s", self._path, error.strerror)


def _kept(topics: Topics) -> Kept:
    return Kept(topics.discovery, topics.state, topics.availability)
