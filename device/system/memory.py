"""How the C library keeps the memory that was freed: mallopt(3), of glibc."""

from __future__ import annotations

import contextlib
import ctypes
import logging

log = logging.getLogger(__name__)

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
"""Names and numbers of <malloc.h>."""
ARENAS = 2
"""Unless told, glibc makes one for nearly each thread, eight times the cores at most. Each track
is decoded in a thread of its own, and each arena keeps the most that was ever used of it: memory
would grow for days."""
MAPPED_BYTES = 256 * 1024
"""Blocks of this size and more, such as pictures, go back to the system when they are freed."""


def give_back() -> None:
    """Return what lies free between blocks in use to the system; takes some milliseconds."""
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def keep_little() -> None:
    """Have freed memory used again or given back. To be called before threads start."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        log.debug("no mallopt here")
        return
    mallopt(M_ARENA_MAX, ARENAS)
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
