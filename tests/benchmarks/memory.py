"""What a large library takes in memory: `python -m tests.benchmarks.memory [TRACKS]`, 50,000 unless
told otherwise. Each figure is a process's resident memory, in MB, over what it had at its start."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import psutil
from msgspec.structs import replace

from device.music.catalogue import Catalogue, Wish
from device.music.stock import Stock
from device.music.taste import Belief
from device.system.store import SqliteStore
from device.types import AgeGroup, KnownFile, LibraryScanned
from tests.fakes import FakeClock
from tests.music.listeners import KINDS, START, live, moods, synthetic_library


class Memory(msgspec.Struct):
    """MB, each with what came before: the library as the scan knows it, as it is chosen from, and
    the most while 50 tracks were chosen."""

    library: float
    catalogue: float
    choosing: float


def measured(tracks: int) -> Memory:
    """Measure in a process of its own, from a database that another one wrote."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("write", "measure"):
            said = subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.memory", str(tracks), part, folder],
                check=True,
                capture_output=True,
            ).stdout
    return msgspec.json.decode(said, type=Memory)


def write(tracks: int, folder: Path) -> None:
    """A database of so many tracks, as a scan leaves it."""
    found = tuple(
        replace(track, audio_hash=f"{number:032x}", album=f"Album {number // 12}")
        for number, track in enumerate(synthetic_library(tracks))
    )
    files = tuple(KnownFile(track.id, f"{number}:170000000") for number, track in enumerate(found))
    with SqliteStore(folder, FakeClock()) as store:
        store.replace_library(LibraryScanned(found, files=files))


def measure(folder: Path) -> Memory:
    """Load the library, lay it out, and choose, with a taste."""
    process = psutil.Process()
    belief = Belief()
    belief.teach_all(live(KINDS["loves genres"], synthetic_library(600), 60, 1, way="prior").diary)
    start = process.memory_info().rss

    def over() -> float:
        return float((process.memory_info().rss - start) / 1e6)

    with SqliteStore(folder, FakeClock()) as store:
        library = store.library()
        known = over()
        catalogue = Catalogue(Stock().lay_out(library.tracks, {}, {}))
        laid_out = most = over()
        for number, mood in enumerate(moods(50, [AgeGroup.ADULT], 1)):
            assert catalogue.choose(Wish(mood, wall=START), random.Random(number), belief)
            most = max(most, over())
    return Memory(round(known, 1), round(laid_out, 1), round(most, 1))


def main(arguments: list[str]) -> None:
    tracks = int(arguments[0]) if arguments else 50_000
    part = arguments[1] if len(arguments) > 1 else ""
    if part == "write":
        write(tracks, Path(arguments[2]))
    elif part == "measure":
        print(msgspec.json.encode(measure(Path(arguments[2]))).decode())
    else:
        found = measured(tracks)
        print(
            f"{tracks:,} tracks: library {found.library:.0f} MB, with the catalogue "
            f"{found.catalogue:.0f} MB, at most while choosing {found.choosing:.0f} MB"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
