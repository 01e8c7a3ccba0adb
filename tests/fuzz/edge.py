"""What an edge is: where something from without comes in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

Seeds = dict[str, Sequence[bytes]]
"""Good inputs by kind: a file's ending, a route, a topic."""
Attack = Callable[[str, bytes], bool]
"""Takes kind and bytes; True: they were used, False: refused as documented. Whatever it raises is
a failure, and so are a crash, a hang and hundreds of megabytes."""


class Edge(NamedTuple):
    """`seeds` and `attack` get a folder of their own. `promise`: all that may come of it."""

    what: str
    promise: str
    seeds: Callable[[Path], Seeds]
    words: Sequence[bytes]
    attack: Callable[[Path], AbstractContextManager[Attack]]
