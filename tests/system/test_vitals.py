from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from device.system.vitals import LONGEST_ERROR, LastError, VitalsMeter, resident_mebibytes
from device.types import Vitals
from tests.fakes import FakeClock


class Looking:
    frames_seen = 0
    inference_milliseconds = 0.0


@pytest.fixture
def log() -> logging.Logger:
    return logging.Logger("a log of the test's own")  # noqa: LOG001 - it must touch no other


def test_frames_count_as_the_mean_since_the_last_reading() -> None:
    clock, looking = FakeClock(), Looking()
    meter = VitalsMeter(clock, looking, LastError())
    first = meter.read()
    assert (first.looks_per_second, first.inference_milliseconds) == (None, None)
    clock.now += 10
    looking.frames_seen, looking.inference_milliseconds = 79, 9.876
    second = meter.read()
    assert (second.looks_per_second, second.inference_milliseconds) == (7.9, 9.9)
    clock.now += 10
    assert meter.read().looks_per_second == 0.0
    assert meter.read().looks_per_second is None  # no time has passed


def test_memory_is_what_the_kernel_says(tmp_path: Path) -> None:
    statm = tmp_path / "statm"
    statm.write_text("80000 25600 5000 1 0 9000 0\n")
    assert resident_mebibytes(statm) == round(25600 * os.sysconf("SC_PAGE_SIZE") / 2**20)
    own = resident_mebibytes()
    assert own is not None
    assert 10 < own < 20_000


@pytest.mark.parametrize("text", ["", "80000", "x y z"])
def test_memory_that_is_not_told_is_not_known(tmp_path: Path, text: str) -> None:
    statm = tmp_path / "statm"
    assert resident_mebibytes(statm) is None
    statm.write_text(text)
    assert resident_mebibytes(statm) is None


def test_the_newest_warning_or_error_is_kept(log: logging.Logger) -> None:
    last = LastError()
    log.addHandler(last)
    meter = VitalsMeter(FakeClock(), Looking(), last)
    assert meter.read().last_error == Vitals().last_error == ""
    log.info("all is well")
    assert last.at is None
    log.warning("%s is down: %s", "camera", "unplugged\nand gone")
    assert meter.read().last_error == "camera is down: unplugged"
    log.error("x" * 1000)
    read = meter.read()
    assert read.last_error == "x" * LONGEST_ERROR
    assert read.last_error_at is not None
    assert read.last_error_at > 1.7e9


def test_a_record_that_cannot_be_formatted_changes_nothing(log: logging.Logger) -> None:
    last = LastError()
    log.addHandler(last)
    log.warning("%d", "no number")
    log.warning("")
    assert last.text == ""


def test_a_name_that_is_no_utf_8_is_escaped(log: logging.Logger) -> None:
    last = LastError()
    log.addHandler(last)
    log.warning("%s is no picture", Path(os.fsdecode(b"/m/b\xe4d.jpg")))
    assert last.text == r"/m/b\udce4d.jpg is no picture"
