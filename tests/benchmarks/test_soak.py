"""What the soak's verdict rests on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from device.client import NotRunning
from device.daemon import SystemClock
from device.demo import free_port
from device.music.taste import REMEMBERED
from device.system.store import SqliteStore
from device.types import Health, SetVolume
from tests.benchmarks.browser import PAGES, Browser
from tests.benchmarks.soak import Sample, held, judged, remember
from tests.daemon import running

WELL = {"exit_code": 0, "tracebacks": 0, "database": "ok"}


def life(memory: float, threads: float = 0.0, descriptors: float = 0.0) -> list[Sample]:
    """An hour, with a warm-up; the arguments say how much is more at its end than after that."""
    return [
        Sample(
            at,
            (100.0 + memory * (at / 3600)) * (0.7 + 0.3 * min(1.0, at / 600)),
            50.0,
            round(14 + threads * at / 3600) + (at % 60 == 0),
            round(17 + descriptors * at / 3600),
        )
        for at in map(float, range(3600))
    ]


@pytest.mark.parametrize(
    ("samples", "well"),
    [
        (life(0.5), True),
        (life(3.0), False),
        (life(-3.0), True),
        (life(0.0, threads=3.0), False),
        (life(0.0, descriptors=3.0), False),
    ],
)
def test_a_leak_is_seen_and_nothing_else(samples: list[Sample], well: bool) -> None:
    assert held({**judged(samples), **WELL}) is well


@pytest.mark.parametrize("wrong", [{"exit_code": 1}, {"tracebacks": 2}, {"database": "torn"}])
def test_a_life_that_went_wrong_did_not_hold(wrong: dict[str, object]) -> None:
    assert not held({**judged(life(0.0)), **WELL, **wrong})


def test_what_is_remembered_is_at_its_bound_from_the_start(tmp_path: Path) -> None:
    remember(tmp_path)
    with SqliteStore(tmp_path, SystemClock()) as store:
        assert sum(map(len, store.lessons(2 * REMEMBERED))) == REMEMBERED


def test_the_browser_hears_the_speaker_and_comes_back(tmp_path: Path) -> None:
    browser = Browser(port := free_port())
    with pytest.raises(NotRunning):
        browser.hear()
    page = {"enabled": True, "port": port}
    for run in ("once", "again"):
        with running(tmp_path / run, page=page, music={"folders": []}) as daemon:
            daemon.wait_told("page is up")
            browser.hear()
            for _ in PAGES:
                browser.show()
            while browser.heard < 2:
                daemon.client.command(SetVolume(30 + browser.heard))
                time.sleep(0.5)
                browser.hear()
            browser.listen()
            assert browser.heard <= 1
            daemon.wait_for(lambda status: status.page.health is Health.UP)
    with pytest.raises(NotRunning):
        browser.hear()
    browser.close()
