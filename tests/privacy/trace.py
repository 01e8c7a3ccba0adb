"""What a program and all its threads and children write, send and share, by its system calls."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

WRITES = (
    "write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg,sendfile,splice,tee,vmsplice,"
    "copy_file_range,process_vm_writev,memfd_create,shmget,shmat,mmap,io_uring_setup,"
    "openat,open,creat"
)
NEVER = frozenset(
    [
        "sendfile",
        "splice",
        "tee",
        "vmsplice",
        "copy_file_range",
        "process_vm_writev",
        "memfd_create",
        "shmget",
        "shmat",
        "io_uring_setup",
    ]
)
"""Calls that move what no trace shows: none may be made."""
SHARED_FILES = ("-shm",)
"""Files that may be mapped so that others see what is written: SQLite's index of its log."""
LONGEST = 1 << 24
_CALL = re.compile(rb"^(\d+) +(?:<\.\.\. )?(\w+)[( ]")
_TEXT = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_TARGET = re.compile(rb"\((\d+)<((?:\\x[0-9a-f]{2}|[^>\\])*)>")
_MAPPED = re.compile(rb", (\d+)<((?:\\x[0-9a-f]{2}|[^>\\])*)>, ")


class Write(NamedTuple):
    """Bytes that went somewhere, by a system call."""

    call: str
    target: str
    data: bytes


class Trace(NamedTuple):
    """All that was written, and what no program that is watched may do."""

    writes: tuple[Write, ...]
    forbidden: tuple[str, ...]
    opened: tuple[str, ...]

    def volumes(self) -> Counter[str]:
        """Bytes by where they went."""
        sums: Counter[str] = Counter()
        for write in self.writes:
            sums[write.target] += len(write.data)
        return sums

    def streams(self) -> dict[str, bytes]:
        """What went to each place, in order: a picture may be written a row at a time."""
        parts: dict[str, list[bytes]] = {}
        for write in self.writes:
            parts.setdefault(write.target, []).append(write.data)
        return {target: b"".join(part) for target, part in parts.items()}


def command(file: Path, program: Sequence[str]) -> list[str]:
    """The command that runs a program and writes its trace to a file."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.fail("strace is not installed: apt-get install strace")
    options = ["-f", "-qq", "-xx", "-y", "-s", str(LONGEST), "--seccomp-bpf", "-o", str(file)]
    return [strace, *options, "-e", f"trace={WRITES}", "-e", "signal=none", *program]


def can_trace() -> bool:
    """Whether this system lets programs be traced, which some containers do not."""
    strace = shutil.which("strace")
    return (
        bool(strace)
        and not subprocess.run(
            [strace, "-f", "--seccomp-bpf", "-o", "/dev/null", "true"],
            check=False,
            capture_output=True,
        ).returncode
    )


def read(file: Path) -> Trace:
    """What a trace tells."""
    writes, forbidden, opened = list[Write](), list[str](), dict[str, None]()
    with file.open("rb") as lines:
        for line in lines:
            match = _CALL.match(line)
            if match is None or b" = -1 E" in line[-200:] or b"<... " in line[:20]:
                continue
            call = match[2].decode()
            if call in NEVER:
                forbidden.append(line[:200].decode(errors="replace"))
            elif call in ("open", "openat", "creat"):
                if re.search(rb"O_WRONLY|O_RDWR|O_CREAT", line):
                    opened[_plain(_TEXT.findall(line)[0][0])] = None
            elif call == "mmap":
                forbidden += _shared(line)
            else:
                texts = _TEXT.findall(line)
                assert not any(cut for _, cut in texts), "a write was longer than is traced"
                target = _TARGET.search(line)
                where = "?" if target is None else _plain(target[2])
                data = b"".join(_unhex(text) for text, _ in texts)
                writes.append(Write(call, where, data))
    return Trace(tuple(writes), tuple(forbidden), tuple(opened))


def _shared(line: bytes) -> Iterator[str]:
    """What of a mapping lets others see what is written to it."""
    if b"MAP_SHARED" not in line or b"PROT_WRITE" not in line:
        return
    mapped = _MAPPED.search(line)
    where = "" if mapped is None else _plain(mapped[2])
    if not where.endswith(SHARED_FILES):
        yield f"shared memory: {where or 'of no file'}"


def _unhex(text: bytes) -> bytes:
    return bytes.fromhex(text.replace(b"\\x", b"").decode())


def _plain(text: bytes) -> str:
    return re.sub(rb"((?:\\x[0-9a-f]{2})+)", lambda match: _unhex(match[1]), text).decode(
        errors="replace"
    )
