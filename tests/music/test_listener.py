"""The worker that listens: with its real process, on real files, in a real supervisor."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from device import inference
from device.music import listener as listening
from device.music.listen import VERSION
from device.music.listened import Work
from device.music.listener import Listener, ListeningProcess
from device.system.supervise import Supervisor, WorkerFailed
from device.types import Board, Health, Listened, PartChanged
from tests.fakes import FakeClock
from tests.music.audio import tone
from tests.music.drives import Share, held_up

COOL = Board(temperature_celsius=50.0, throttled=False, under_voltage=False)


class House:
    """A listener at work, and what it posted."""

    def __init__(self, models: Path, *, wanted: bool = True) -> None:
        self.posted: list[Listened | PartChanged | WorkerFailed] = []
        self.listener = Listener(models, self.posted.append, wanted=wanted)
        self.listener.set_board(COOL)
        self.supervisor = Supervisor(self.posted.append, FakeClock(), random.Random(1))

    def start(self) -> None:
        self.supervisor.start("listener", self.listener.run)

    @property
    def heard(self) -> list[Listened]:
        return [event for event in self.posted if isinstance(event, Listened)]

    @property
    def said(self) -> list[str]:
        return [e.part.detail for e in self.posted if isinstance(e, PartChanged)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)  # without models: no tags, but quick
    yield house
    assert house.supervisor.stop(5.0) == ()
    assert not [event for event in house.posted if isinstance(event, WorkerFailed)]
    assert not psutil.Process().children()


def until(holds: Callable[[], bool], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def is_at_work() -> bool:
    """Whether the child runs our program: held or killed before, it would hold up its start."""
    return [child.nice() for child in psutil.Process().children()] == [19]


def work(folder: Path, name: str, seconds: float = 1.0) -> Work:
    return Work(name, str(tone(folder / f"{name}.wav", seconds)), seconds)


def test_it_listens_to_all_and_tells_how_far_it_is(house: House, tmp_path: Path) -> None:
    house.listener.offer([work(tmp_path, "a"), work(tmp_path, "b")], 5)
    house.start()
    until(lambda: len(house.heard) == 2)
    assert [event.key for event in house.heard] == ["a", "b"]
    for event in house.heard:
        assert event.version == VERSION
        assert event.heard is not None
        assert event.heard.peak_dbfs == pytest.approx(-12.04, abs=0.1)
    until(lambda: "listened to 5 of 5" in house.said)
    assert house.said[0] == "listened to 3 of 5"


def test_what_cannot_be_decoded_is_noted_and_the_rest_goes_on(house: House, tmp_path: Path) -> None:
    (tmp_path / "bad.ogg").write_bytes(b"no sound" * 100)
    house.listener.offer([Work("bad", str(tmp_path / "bad.ogg"), 3.0), work(tmp_path, "good")], 2)
    house.start()
    until(lambda: len(house.heard) == 2)
    bad, good = house.heard
    assert bad.heard is None
    assert bad.error
    assert good.error is None


def test_what_is_gone_is_neither_noted_nor_counted(house: House, tmp_path: Path) -> None:
    house.listener.offer([Work("gone", str(tmp_path / "x.ogg"), 3.0), work(tmp_path, "here")], 2)
    house.start()
    until(lambda: len(house.heard) == 1)
    assert house.heard[0].key == "here"
    until(lambda: house.said[-1] == "listened to 1 of 2")


def test_new_work_wakes_it(house: House, tmp_path: Path) -> None:
    house.start()
    time.sleep(0.2)
    house.listener.offer([work(tmp_path, "late")], 1)
    until(lambda: len(house.heard) == 1)


@pytest.mark.parametrize(
    "board",
    [
        Board(temperature_celsius=76.0),
        Board(temperature_celsius=50.0, throttled=True),
        Board(under_voltage=True),
    ],
)
def test_a_hot_board_pauses_it_and_a_cool_one_lets_it_go_on(
    house: House, tmp_path: Path, board: Board
) -> None:
    house.listener.set_board(board)
    house.listener.offer([work(tmp_path, "a")], 1)
    house.start()
    until(
        lambda: "listened to 0 of 1, paused while the board is hot or short of power" in house.said
    )
    until(lambda: [c.status() for c in psutil.Process().children()] == ["stopped"])
    time.sleep(1.5)
    assert not house.heard
    house.listener.set_board(COOL)
    until(lambda: len(house.heard) == 1)


def test_one_held_after_its_answer_goes_on_with_the_next_track(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "SILENT_SECONDS", 20.0)
    answered = ListeningProcess.line

    def held(process: ListeningProcess, timeout_seconds: float) -> bytes | None:
        line = answered(process, timeout_seconds)
        if line is not None and line.strip() and not house.heard:
            process.pause(True)  # it grew hot just as the answer came, and cool right after
        return line

    monkeypatch.setattr(ListeningProcess, "line", held)
    house.listener.offer([work(tmp_path, "a"), work(tmp_path, "b")], 2)
    house.start()
    until(lambda: len(house.heard) == 2)
    assert [event.error for event in house.heard] == [None, None]


def test_it_goes_on_only_when_it_is_clearly_cooler(house: House) -> None:
    for celsius, hot in ((74.0, False), (75.0, True), (71.0, True), (69.0, False), (74.0, False)):
        house.listener.set_board(Board(temperature_celsius=celsius))
        assert house.listener._hot is hot
    house.start()


def test_what_goes_while_it_is_listened_to_is_not_noted(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ListeningProcess.ask

    def too_late(process: ListeningProcess, work: Work) -> None:
        if work.key == "gone":
            Path(work.path).unlink()  # its drive is unplugged just now
        asked(process, work)

    monkeypatch.setattr(ListeningProcess, "ask", too_late)
    house.listener.offer([work(tmp_path, "gone"), work(tmp_path, "here")], 2)
    house.start()
    until(lambda: len(house.heard) == 1)
    assert house.heard[0].key == "here"
    until(lambda: house.said[-1] == "listened to 1 of 2")


def test_what_cannot_be_read_is_not_noted(house: House, tmp_path: Path) -> None:
    # It opens, and answers EIO to whoever reads where no memory is.
    (tmp_path / "broken.ogg").symlink_to("/proc/self/mem")
    broken = Work("broken", str(tmp_path / "broken.ogg"), 3.0)
    house.listener.offer([broken, work(tmp_path, "here")], 2)
    house.start()
    until(lambda: len(house.heard) == 1)
    assert house.heard[0].key == "here"


def test_a_process_that_dies_costs_its_track_alone(house: House, tmp_path: Path) -> None:
    both = [work(tmp_path, "deadly", 600.0), work(tmp_path, "fine")]
    house.listener.offer(both, 2)
    house.start()
    until(is_at_work)
    psutil.Process().children()[0].kill()
    until(lambda: len(house.heard) == 1)
    assert house.heard[0].key == "fine"
    assert house.heard[0].heard is not None


def test_what_it_dies_of_twice_is_noted(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    deadly = work(tmp_path, "deadly", 600.0)
    house.listener.offer([deadly], 1)
    house.start()
    until(is_at_work)
    psutil.Process().children()[0].kill()
    until(lambda: "died of it" in caplog.text and not is_at_work())
    house.listener.offer([deadly], 1)
    until(is_at_work)
    psutil.Process().children()[0].kill()
    until(lambda: len(house.heard) == 1)
    assert house.heard[0].error == "the listening process died of it"


@pytest.mark.slow
def test_a_process_that_hangs_is_replaced(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "SILENT_SECONDS", 5.0)
    monkeypatch.setattr(listening, "LOOK_SECONDS", 0.2)
    slow = work(tmp_path, "slow", 600.0)
    house.listener.offer([slow, work(tmp_path, "fine")], 2)
    house.start()
    until(is_at_work)
    psutil.Process().children()[0].suspend()
    until(lambda: len(house.heard) == 1 and not psutil.Process().children())
    house.listener.offer([slow], 2)
    until(is_at_work)
    psutil.Process().children()[0].suspend()
    until(lambda: len(house.heard) == 2)
    fine, hanging = house.heard
    assert fine.heard is not None
    assert hanging.error == "there is no end to it"


def test_a_share_that_falls_silent_keeps_nothing_else_waiting(
    house: House,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(listening, "SILENT_SECONDS", 3.0)
    far = work(tmp_path / "share", "far")
    share = Share(tmp_path / "share", monkeypatch)
    share.goes()
    with held_up(Path(far.path)):
        house.listener.offer([far, work(tmp_path, "here")], 2)
        house.start()
        until(lambda: "there is no end to it" in caplog.text)
        monkeypatch.setattr(listening, "SILENT_SECONDS", 60.0)  # the next one is given its time
        until(lambda: len(house.heard) == 1)
    assert house.heard[0].key == "here"
    assert share.asked == 0
    share.comes_back()


def test_a_process_that_a_dead_drive_holds_fast_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening, "ENDING_SECONDS", 0.3)
    with ListeningProcess(tmp_path) as process, monkeypatch.context() as patch:
        child = psutil.Process(process.pid)
        child.suspend()
        patch.setattr(subprocess.Popen, "kill", lambda _: None)
        process.restart()
    assert "does not end" in caplog.text
    child.kill()
    child.wait(5.0)


def test_switched_off_it_rests(tmp_path: Path) -> None:
    house = House(tmp_path, wanted=False)
    house.listener.offer([work(tmp_path, "a")], 1)
    house.start()
    until(lambda: bool(house.posted))
    time.sleep(0.3)
    (event,) = house.posted
    assert isinstance(event, PartChanged)
    assert event.part.health is Health.OFF
    assert house.supervisor.stop(5.0) == ()


def test_the_process_gives_way_and_is_gone_when_left(tmp_path: Path) -> None:
    path = tone(tmp_path / "a.wav", 30.0)
    with ListeningProcess(tmp_path) as process:
        child = psutil.Process(process.pid)
        process.ask(Work("a", str(path), 30.0))
        until(lambda: bool(process.line(0.1)))
        assert child.nice() == 19
        assert os.sched_getscheduler(process.pid) == os.SCHED_IDLE
    assert not child.is_running()


def test_its_errors_reach_the_journal_though_a_model_is_loading(tmp_path: Path) -> None:
    loading, loaded = threading.Event(), threading.Event()

    def load() -> None:
        with inference._without_greetings():
            loading.set()
            loaded.wait(1.0)

    thread = threading.Thread(target=load)
    thread.start()
    assert loading.wait(10.0)
    with ListeningProcess(tmp_path) as process:
        loaded.set()
        thread.join()
        assert os.path.samestat(Path(f"/proc/{process.pid}/fd/2").stat(), os.fstat(2))


def test_the_process_dies_with_the_daemon_even_when_it_is_held(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from device.music.listener import ListeningProcess\n"
        "with ListeningProcess(Path(sys.argv[1])) as process:\n"
        "    print(process.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as daemon:
        assert daemon.stdout is not None
        child = psutil.Process(int(daemon.stdout.readline()))
        until(lambda: child.nice() == 19)
        child.suspend()
        daemon.kill()
        until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
