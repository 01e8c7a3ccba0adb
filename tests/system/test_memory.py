from __future__ import annotations

import re
import subprocess
import sys

import pytest

THREADS = """
import ctypes, sys, threading
from device.system.memory import keep_little

if sys.argv[1] == "kept":
    keep_little()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.fopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
together = threading.Barrier(13)

def allocate():
    libc.malloc(ctypes.c_size_t(5000))
    together.wait()

for _ in range(12):
    threading.Thread(target=allocate).start()
together.wait()
out = libc.fopen(b"/dev/stdout", b"w")
libc.malloc_info(0, out)
libc.fclose(out)
"""


@pytest.mark.parametrize(("kept", "fewest", "most"), [("kept", 1, 2), ("as usual", 3, 999)])
def test_a_dozen_threads_share_two_arenas(kept: str, fewest: int, most: int) -> None:
    told = subprocess.run(
        [sys.executable, "-c", THREADS, kept], capture_output=True, text=True, check=True
    ).stdout
    assert fewest <= len(re.findall("<heap nr=", told)) <= most


HOLES = """
import ctypes, os, sys
from device.system.memory import give_back

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
blocks = [libc.malloc(ctypes.c_size_t(4000)) for _ in range(20_000)]
for block in blocks:
    ctypes.memset(block, 1, 4000)
for number, block in enumerate(blocks):
    if number % 100:  # the others keep the heap from shrinking
        libc.free(block)

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

before = resident()
give_back()
print(before - resident())
"""


def test_what_lies_free_between_blocks_is_given_back() -> None:
    told = subprocess.run(
        [sys.executable, "-c", HOLES], capture_output=True, text=True, check=True
    ).stdout
    assert int(told) > 60e6
