"""Read by the daemon where its PYTHONPATH says so: lets it hang on wish, and its clock jump.

The file `WISH` names a thread and a process. That thread stops where it next tells the supervisor,
or the main loop asks for news, for good: as one does that waits for a driver that never answers.
The file `SHIFT` says by how many seconds the wall clock is wrong.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import Any

from device.inbox import Inbox
from device.system.supervise import Worker

WISH = "/run/attune-hang"
SHIFT = "/run/attune-shift"


def read(path: str) -> list[str]:
    with contextlib.suppress(OSError), open(path) as file:  # noqa: PTH123
        return file.read().split()
    return []


def hangable(kind: Any, name: str) -> None:
    """Let a method not return where that is wished."""
    method = getattr(kind, name)

    def hang(*given: Any) -> Any:
        result = method(*given)
        if read(WISH) == [threading.current_thread().name, str(os.getpid())]:
            os.write(2, b"hanging on wish\n")
            while True:
                time.sleep(3600)
        return result

    setattr(kind, name, hang)


for method in ("beat", "wait"):
    hangable(Worker, method)
hangable(Inbox, "take")

right_time = time.time


def wrong_time() -> float:
    (shift,) = read(SHIFT) or ["0"]
    return right_time() + float(shift)


time.time = wrong_time
