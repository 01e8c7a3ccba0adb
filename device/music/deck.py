"""A deck: one track, decoded ahead of time in a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

import numpy as np

from device.music.decode import RATE, CannotDecode, Samples, decode

log = logging.getLogger(__name__)

REFILL_SECONDS = 3.0
"""Decoding goes on when only so much is left: seldom, so that the processor may rest."""
AHEAD_SECONDS = 6.0
"""So much is decoded ahead (2 MB): a slow drive or network share may pause for so long."""
READY_FRAMES = RATE // 2
"""So much is there before a track starts to sound."""
SOUNDING_FRAMES = RATE // 5
"""So much is enough once it sounds: a little more than is mixed at once."""
PATIENCE_SECONDS = 10.0
"""A drive that gives nothing for so long, while we wait for it, is given up."""


class Deck:
    """Reads a file ahead. Making one starts its thread; `close` ends it.

    `changed` is called from that thread when the deck becomes ready. The end is in sight, and
    `remaining` known, at least `sight_seconds` before it comes.
    """

    def __init__(
        self,
        path: str,
        start_seconds: float,
        changed: Callable[[], None],
        sight_seconds: float = 0.0,
    ) -> None:
        self._path, self._start_seconds, self._changed = path, start_seconds, changed
        more = max(0.0, sight_seconds - REFILL_SECONDS)
        self._refill_frames = round((REFILL_SECONDS + more) * RATE)
        self._ahead_frames = round((AHEAD_SECONDS + more) * RATE)
        self._condition = threading.Condition()
        self._blocks: deque[Samples] = deque()
        self._frames = 0
        self._enough = READY_FRAMES
        self._done = False
        self._closed = False
        self._error: str | None = None
        self._progress_at = time.monotonic()
        threading.Thread(target=self._run, name="deck", daemon=True).start()

    @property
    def ready(self) -> bool:
        """Whether there is enough to sound, or nothing more will come."""
        with self._condition:
            if self._done or self._frames >= self._enough:
                return True
            if time.monotonic() - self._progress_at > PATIENCE_SECONDS:
                # The thread hangs in the system, which no one can end; it ends with the read.
                self._done = self._closed = True
                self._error = f"its drive gave nothing for {PATIENCE_SECONDS:.0f} s"
            return self._done

    @property
    def finished(self) -> bool:
        """Whether all was read."""
        with self._condition:
            return self._done and self._frames == 0

    @property
    def remaining(self) -> int | None:
        """How many frames are left; None while the end is not in sight."""
        with self._condition:
            return self._frames if self._done else None

    @property
    def error(self) -> str | None:
        """Why it ended early, None when it did not."""
        with self._condition:
            return self._error

    def read(self, frames: int) -> Samples:
        """The next samples: fewer than `frames` at the end, or when decoding lags behind."""
        blocks = []
        with self._condition:
            wanted = min(frames, self._frames)
            self._enough = SOUNDING_FRAMES
            self._frames -= wanted
            while wanted > 0:
                block = self._blocks.popleft()
                if len(block) > wanted:
                    self._blocks.appendleft(block[wanted:])
                    block = block[:wanted]
                blocks.append(block)
                wanted -= len(block)
            if self._frames < self._refill_frames:
                self._condition.notify()
        return np.concatenate(blocks) if blocks else np.zeros((0, 2), np.float32)

    def close(self) -> None:
        """Let the file go. Does not wait for the thread, which may hang in a dead drive."""
        with self._condition:
            self._closed = True
            self._blocks.clear()
            self._frames = 0
            self._condition.notify()

    def _run(self) -> None:
        error = None
        try:
            for block in decode(self._path, self._start_seconds):
                if not self._put(block):
                    return
        except CannotDecode as reason:
            error = str(reason)
        except Exception as reason:
            # Whatever a strange file does to the decoder is that file's trouble alone.
            log.exception("the decoder stumbled over %s", self._path)
            error = repr(reason)
        with self._condition:
            if self._closed:
                return
            self._done, self._error = True, error
        self._changed()

    def _put(self, block: Samples) -> bool:
        """Lay a block in; False when nobody wants more."""
        with self._condition:
            if self._closed:
                return False
            self._progress_at = time.monotonic()
            before = self._frames
            self._blocks.append(block)
            self._frames += len(block)
            became_ready = before < self._enough <= self._frames
        if became_ready:
            self._changed()
        with self._condition:
            if self._frames >= self._ahead_frames:
                self._condition.wait_for(lambda: self._closed or self._frames < self._refill_frames)
                self._progress_at = time.monotonic()  # only now the drive is asked again
            return not self._closed
