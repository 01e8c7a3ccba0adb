"""Read by every Python under test here (PYTHONPATH): lets one thread of the daemon hang on wish.

The file `WISH` names a thread and a process. That thread stops at its next call of a function of
Attune's, for good, as one does that waits for a drive or a driver that never answers.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from types import FrameType

WISH = "/run/attune-hang"
LOOK_SECONDS = 0.2
OURS = "/device/"
NOT_THERE = {"supervise.py", "monotonic"}  # what watches over the thread does not hang with it


class Hanger:
    """A profile function (`sys.setprofile`)."""

    def __init__(self) -> None:
        self._looked = 0.0
        self._name = ""

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call" or threading.current_thread().name != self._wished():
            return
        code = frame.f_code
        if (
            OURS in code.co_filename
            and not {code.co_filename.rpartition("/")[2], code.co_name} & NOT_THERE
        ):
            os.write(2, b"hanging on wish\n")
            while True:
                time.sleep(3600)

    def _wished(self) -> str:
        if (now := time.monotonic()) - self._looked > LOOK_SECONDS:
            self._looked = now
            with contextlib.suppress(OSError, ValueError), open(WISH) as file:  # noqa: PTH123
                name, pid = file.read().split()
                self._name = name if int(pid) == os.getpid() else ""
        return self._name


hanger = Hanger()
threading.setprofile(hanger)
sys.setprofile(hanger)
