"""The deck: what it does with a drive that takes its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.music import deck
from device.music.deck import Deck
from device.music.decode import RATE, Samples, decode
from tests.music.audio import tone


def test_a_drive_that_slept_through_a_pause_is_given_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallen_asleep, asked, awake = threading.Event(), threading.Event(), threading.Event()

    def sleepy(path: str, start_seconds: float) -> Iterator[Samples]:
        for block in decode(path, start_seconds):
            if fallen_asleep.is_set():
                asked.set()
                awake.wait(10.0)
            yield block

    monkeypatch.setattr(deck, "decode", sleepy)
    monkeypatch.setattr(deck, "PATIENCE_SECONDS", 1.0)
    ahead = Deck(str(tone(tmp_path / "a.wav", 20.0, rate=RATE)), 0.0, lambda: None)
    time.sleep(1.5)  # a pause, longer than its patience
    fallen_asleep.set()
    while not asked.is_set():  # the music goes on, until more is needed
        ahead.read(RATE // 10)
        time.sleep(0.02)
    while len(ahead.read(RATE)):
        pass
    assert not ahead.ready
    assert ahead.error is None
    awake.set()
    deadline = time.monotonic() + 10.0
    while not ahead.ready:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert len(ahead.read(RATE // 10)) == RATE // 10
    ahead.close()
