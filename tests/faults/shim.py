"""Disks that fill up and clocks that jump, for a process that is none the wiser."""

from __future__ import annotations

import errno
import mmap
import os
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.home.broker import program

if TYPE_CHECKING:
    from typing_extensions import Self

SOURCE = Path(__file__).with_name("shim.c")
LAYOUT = struct.Struct("=qiiiii")


def build(folder: Path) -> Path:
    """The shim, compiled."""
    library = folder / "shim.so"
    command = [program("gcc", "gcc"), "-Wall", "-Werror", "-O1", "-shared", "-fPIC"]
    subprocess.run([*command, "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


class Shim:
    """What the shim shall do to processes started with its `environment`; may change meanwhile."""

    def __init__(self, library: Path, control: Path, below: Path) -> None:
        control.write_bytes(bytes(LAYOUT.size))
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAULTS_CONTROL": str(control),
            "FAULTS_BELOW": str(below),
        }
        self._open(control)

    @classmethod
    def here(cls) -> Self:
        """The shim that this very process was started under."""
        shim = cls.__new__(cls)
        shim._open(Path(os.environ["FAULTS_CONTROL"]))
        return shim

    def _open(self, control: Path) -> None:
        with control.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), LAYOUT.size)
        self.well()

    def well(self) -> None:
        """No write fails any more, and counting begins anew."""
        self._set(after=-1, times=0, error=0)

    def fail(self, after: int, times: int = -1, error: int = errno.ENOSPC) -> None:
        """After so many more writes `times` of them fail (-1: all that follow)."""
        self._set(after=-1, times=0, error=0)
        self._set(after=after, times=times, error=error)

    def move_clock(self, seconds: int) -> None:
        """The wall clock goes so much ahead of the machine's."""
        struct.pack_into("=q", self._map, 0, seconds)

    @property
    def writes(self) -> int:
        """Since the last change."""
        return self._count(3)

    @property
    def failed(self) -> int:
        """Since the last change."""
        return self._count(4)

    def _count(self, index: int) -> int:
        return int(struct.unpack_from("=i", self._map, 8 + 4 * index)[0])

    def _set(self, after: int, times: int, error: int) -> None:
        struct.pack_into("=iiiii", self._map, 8, after, times, error, 0, 0)
