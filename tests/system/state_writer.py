"""Writes to a state folder until it is killed, and says on stdout what was acknowledged."""

from __future__ import annotations

import sys
from pathlib import Path

from device.ports import Play, Resume
from device.system.store import SqliteStore
from device.types import Affect, Choice, Goal, LibraryScanned, Mood, Track, TrackId
from tests.fakes import FakeClock


def library(generation: int) -> list[Track]:
    affect = Affect(0.1, 0.2, 0.3, "genre")
    return [
        Track(TrackId(f"{generation}-{n}"), f"/m/{n}.ogg", f"{generation}", "", affect, 60.0)
        for n in range(50)
    ]


def tell(kind: str, count: int) -> None:
    sys.stdout.write(f"{kind} {count}\n")
    sys.stdout.flush()


def main(folder: Path) -> None:
    with SqliteStore(folder, FakeClock()) as store:
        tell("open", 0)
        count = len(store.last_plays(1_000_000))
        while True:
            count += 1
            track = TrackId(str(count))
            store.save_resume(Resume(track, float(count), True, False, 60, Goal.LIFT, False))
            tell("resume", count)
            choice = Choice(library(0)[0], 0.5, "why")
            store.add_play(Play(track, float(count), Goal.LIFT, Mood(), choice))
            tell("play", count)
            store.replace_library(LibraryScanned(tuple(library(count))))
            tell("tracks", count)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
