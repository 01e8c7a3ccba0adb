"""How fast the library is known: `pytest -m benchmark tests/benchmarks/test_library.py -s`."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from pathlib import Path

import pytest

from device.music.library import scan
from device.system.store import SqliteStore
from tests.fakes import FakeClock
from tests.music.audio import tone

pytestmark = pytest.mark.benchmark

KINDS = ("mp3", "flac", "ogg", "opus", "m4a", "wma", "wav", "aiff")
TAGS = {"title": "A title", "artist": "Somebody", "album": "x", "genre": "Rock", "date": "1999"}


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """160 files of half a minute, of every format."""
    folder = tmp_path_factory.mktemp("music")
    for kind in KINDS:
        first = tone(folder / f"0.{kind}", 30.0, tags=TAGS)
        for number in range(1, 20):
            shutil.copy(first, folder / f"{number}.{kind}")
    return folder


def test_a_first_scan_reads_200_tracks_a_second(music: Path) -> None:
    walls, processors = [], []
    for _ in range(5):
        wall, processor = time.perf_counter(), time.process_time()
        result = scan([music])
        walls.append(160 / (time.perf_counter() - wall))
        processors.append(160 / (time.process_time() - processor))
        assert result is not None
        assert len(result.tracks) == 160
    rate = statistics.median(processors)
    print(
        f"\nfirst scan: {statistics.median(walls):.0f} tracks/s, {rate:.0f} a second of processor "
        f"time (medians of 5; load {os.getloadavg()[0]:.1f})"
    )
    assert rate >= 200  # of processor time: others may be busy on this machine, too


@pytest.mark.timeout(600)
def test_10000_unchanged_tracks_take_2_s_after_a_restart(music: Path, tmp_path: Path) -> None:
    source = music / "0.flac"
    for album in range(1000):
        folder = tmp_path / "m" / f"Artist {album // 10}" / f"Album {album % 10}"
        folder.mkdir(parents=True)
        for number in range(10):
            shutil.copy(source, folder / f"{number}.flac")
    first = scan([tmp_path / "m"])
    assert first is not None
    with SqliteStore(tmp_path / "state", FakeClock()) as store:
        store.replace_library(first.library)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        with SqliteStore(tmp_path / "state", FakeClock()) as store:
            again = scan([tmp_path / "m"], store.library())
            assert again is not None
            store.replace_library(again.library)
        times.append(time.perf_counter() - began)
        assert len(again.tracks) == 10_000
    print(
        f"\n10,000 unchanged, from opening the database: {statistics.median(times):.2f} s "
        f"(median of 5; load {os.getloadavg()[0]:.1f})"
    )
    assert statistics.median(times) <= 2.0
