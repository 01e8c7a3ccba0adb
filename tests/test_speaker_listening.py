"""What the appliance has listened to, and what comes of it."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from device.music.heard import USUAL_ONSETS
from device.music.listen import VERSION
from device.types import (
    Affect,
    Health,
    Heard,
    LibraryScanned,
    Listened,
    Part,
    PartChanged,
    Play,
)
from tests.fakes import FakeClock
from tests.house import House, library


def heard(majorness: float) -> Heard:
    return Heard(-9.0, 5.0, -0.2, 0.0, 1.0, 110.0, USUAL_ONSETS, 1500.0, "C major", majorness)


def test_what_is_not_yet_heard_is_offered_to_the_listener(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    two = library(1)[:2]
    house.speaker.handle(LibraryScanned(two))
    house.speaker.handle(Listened("happy-0", VERSION, heard(0.3)))
    house.speaker.handle(Listened("angry-0", VERSION, error="damaged"))
    house.speaker.handle(LibraryScanned(library(1)[:3]))
    assert house.offered[-2:] == [(["happy-0", "angry-0"], 2), (["sad-0"], 3)]
    house.close()


def test_what_was_heard_is_remembered_and_counts_in_a_while(tmp_path: Path) -> None:
    clock = FakeClock()
    house = House(tmp_path, clock)
    unknown = replace(library(1)[0], affect=Affect(0.0, 0.0, 0.5, "unknown"))
    house.speaker.handle(LibraryScanned((unknown,)))
    house.speaker.handle(Listened("happy-0", VERSION, heard(1.0)))
    house.wait(31.0)
    house.speaker.command(Play())
    assert house.player.current is not None
    assert house.player.current.affect == Affect(0.4, 0.0, 0.42, "listening")
    assert house.player.current.loudness_lufs == -9.0
    assert house.store.tracks() == [unknown]  # the library itself stays as it was scanned
    house.close()

    again = House(tmp_path, clock)
    assert again.offered == [([], 1)]
    again.speaker.command(Play())
    assert again.player.current is not None
    assert again.player.current.affect.source == "listening"
    again.close()


def test_in_a_large_library_what_was_heard_counts_later(tmp_path: Path) -> None:
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library(500)))  # 2,000 tracks
    house.speaker.handle(Listened("happy-0", VERSION, heard(1.0)))

    def counts() -> bool:
        return house.speaker.holdings.library.tracks[0].loudness_lufs is not None

    house.wait(50.0)
    assert not counts()
    house.wait(15.0)
    assert counts()
    house.close()


def test_the_library_tells_how_far_it_was_listened_to(house: House) -> None:
    house.speaker.handle(PartChanged("library", Part(Health.UP, "16 tracks")))
    house.speaker.handle(PartChanged("listener", Part(Health.UP, "listened to 3 of 16")))
    assert house.speaker.status().library.detail == "16 tracks; listened to 3 of 16"
    # A scan tells its own progress, whoever waits for its end.
    scanning = Part(Health.UP, "scanning 3 of 9", progress=0.3)
    house.speaker.handle(PartChanged("library", scanning))
    assert house.speaker.status().library == scanning
    house.speaker.handle(PartChanged("library", Part(Health.DOWN, "no music")))
    assert house.speaker.status().library == Part(Health.DOWN, "no music")
