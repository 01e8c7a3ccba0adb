from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.ports import PartUnavailable, WorkerContext
from device.system.supervise import STALL_SECONDS, Backoff, Supervisor, WorkerFailed
from device.types import Health, Part, PartChanged
from tests.fakes import FakeClock


class Hasty(random.Random):
    """Shrinks every delay to a thousandth, so that real threads retry at once."""

    def uniform(self, a: float, b: float) -> float:
        return super().uniform(a, b) / 1000.0


class Stage:
    """A supervisor, its clock, and what it posted."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.posted: queue.Queue[PartChanged | WorkerFailed] = queue.Queue()
        self.supervisor = Supervisor(self.posted.put, self.clock, Hasty(1))

    def news(self) -> PartChanged | WorkerFailed:
        return self.posted.get(timeout=5)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.supervisor.stop(5)


def idle(context: WorkerContext) -> None:
    while not context.wait(60):
        pass


def until(condition: object, seconds: float = 5) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.002)


@given(seed=st.integers(), tries=st.integers(1, 30))
def test_backoff_doubles_with_jitter_up_to_a_minute(seed: int, tries: int) -> None:
    backoff = Backoff(random.Random(seed))
    delays = [backoff.next() for _ in range(tries)]
    for number, delay in enumerate(delays):
        base = min(2.0**number, 60.0)
        assert 0.8 * base <= delay <= min(1.2 * base, 60.0)
    backoff.reset()
    assert 0.8 <= backoff.next() <= 1.2


def test_a_missing_part_is_retried_and_told_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    tries: list[None] = []

    def body(context: WorkerContext) -> None:
        tries.append(None)
        if len(tries) <= 3:
            raise PartUnavailable("unplugged; plug it in")
        context.up("Camera 0")
        idle(context)

    stage.supervisor.start("camera", body)
    assert stage.news() == PartChanged("camera", Part(Health.DOWN, "unplugged; plug it in"))
    assert stage.news() == PartChanged("camera", Part(Health.UP, "Camera 0"))
    assert stage.posted.empty()
    assert [record.getMessage() for record in caplog.records] == [
        "camera is down: unplugged; plug it in",
        "camera is up again: Camera 0",
    ]
    assert vars(caplog.records[0])["PART"] == "camera"


def test_up_resets_the_backoff_and_further_reasons_are_posted_but_not_logged(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reasons = iter(["no broker", "wrong password"])

    def body(context: WorkerContext) -> None:
        for reason in reasons:
            raise PartUnavailable(reason)
        context.up()
        context.up()
        idle(context)

    worker = stage.supervisor.start("broker", body)
    details = [stage.news() for _ in range(3)]
    assert details == [
        PartChanged("broker", Part(Health.DOWN, "no broker")),
        PartChanged("broker", Part(Health.DOWN, "wrong password")),
        PartChanged("broker", Part(Health.UP, "")),
    ]
    assert worker._backoff._seconds == 1.0
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_bug_is_posted_with_its_traceback(stage: Stage) -> None:
    def body(_: WorkerContext) -> None:
        raise ValueError("here")

    stage.supervisor.start("camera", body)
    failed = stage.news()
    assert isinstance(failed, WorkerFailed)
    assert failed.name == "camera"
    assert 'raise ValueError("here")' in failed.trace


@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt()])
def test_an_exit_in_a_thread_is_not_lost(stage: Stage, error: BaseException) -> None:
    def body(_: WorkerContext) -> None:
        raise error

    stage.supervisor.start("camera", body)
    assert isinstance(stage.news(), WorkerFailed)


def test_returning_unasked_is_a_bug(stage: Stage) -> None:
    stage.supervisor.start("camera", lambda _: None)
    failed = stage.news()
    assert isinstance(failed, WorkerFailed)
    assert "returned without being asked" in failed.trace


def test_a_hanging_worker_is_named_until_it_goes_on(stage: Stage) -> None:
    go_on = threading.Event()
    idling = threading.Event()

    def body(context: WorkerContext) -> None:
        context.up()
        go_on.wait(5)
        idling.set()
        idle(context)

    stage.supervisor.start("idle", idle)
    stage.supervisor.start("camera", body)
    stage.news()
    stage.clock.now += STALL_SECONDS
    assert stage.supervisor.stalled(stage.clock.now) is None
    stage.clock.now += 0.1
    assert stage.supervisor.stalled(stage.clock.now) == "camera"
    go_on.set()
    assert idling.wait(5)
    until(lambda: stage.supervisor.stalled(stage.clock.now) is None)


def test_how_a_part_is_can_be_waited_for(stage: Stage) -> None:
    let = threading.Event()

    def late(context: WorkerContext) -> None:
        let.wait(5)
        context.up()
        idle(context)

    worker = stage.supervisor.start("api", late)
    assert not worker.settle(0.05)
    let.set()
    assert worker.settle(5)
    assert stage.news() == PartChanged("api", Part(Health.UP))


def test_a_beat_feeds(stage: Stage) -> None:
    turns: queue.Queue[str] = queue.Queue()
    done = threading.Semaphore(0)

    def body(context: WorkerContext) -> None:
        for turn in iter(turns.get, "end"):
            assert turn == "beat"
            context.beat()
            done.release()
        idle(context)

    stage.supervisor.start("camera", body)
    for _ in range(5):
        stage.clock.now += 25
        turns.put("beat")
        assert done.acquire(timeout=5)
        assert stage.supervisor.stalled(stage.clock.now + 25) is None
    assert stage.supervisor.stalled(stage.clock.now + 31) == "camera"
    turns.put("end")


def test_backing_off_and_being_off_are_idle(stage: Stage) -> None:
    release = threading.Event()

    def down(_: WorkerContext) -> None:
        raise PartUnavailable("gone")

    def off(context: WorkerContext) -> None:
        context.off("privacy")
        release.wait(5)
        idle(context)

    supervisor = Supervisor(stage.posted.put, stage.clock, random.Random(1))
    supervisor.start("broker", down)
    supervisor.start("camera", off)
    parts = {stage.news().name for _ in range(2)}
    assert parts == {"broker", "camera"}
    until(lambda: supervisor.stalled(stage.clock.now + 1000) is None)
    release.set()
    assert supervisor.stop(5) == ()


def test_wake_ends_a_wait_early_even_when_it_comes_first(stage: Stage) -> None:
    woken: queue.Queue[bool] = queue.Queue()

    def body(context: WorkerContext) -> None:
        stopping = False
        while not stopping:
            stopping = context.wait(60)
            woken.put(stopping)

    worker = stage.supervisor.start("camera", body)
    for _ in range(3):
        worker.wake()
        assert woken.get(timeout=5) is False
    assert stage.supervisor.stop(5) == ()
    assert woken.get(timeout=5) is True


def test_a_body_that_ignores_one_end_of_wait_still_stops(stage: Stage) -> None:
    def body(context: WorkerContext) -> None:
        context.wait(60)
        context.wait(60)
        context.wait(60)

    stage.supervisor.start("camera", body)
    assert stage.supervisor.stop(5) == ()
    assert stage.posted.empty()


def test_stop_has_one_deadline_for_all_and_names_the_late(stage: Stage) -> None:
    release = threading.Event()

    def stubborn(_: WorkerContext) -> None:
        release.wait(5)

    for name in ("camera", "broker"):
        stage.supervisor.start(name, stubborn)
    stage.supervisor.start("web", idle)
    started = time.monotonic()
    assert stage.supervisor.stop(0.2) == ("camera", "broker")
    assert time.monotonic() - started < 2
    release.set()


def test_a_part_that_fails_while_stopping_is_not_told(stage: Stage) -> None:
    def body(context: WorkerContext) -> None:
        context.wait(60)
        raise PartUnavailable("closed under our hands")

    stage.supervisor.start("camera", body)
    assert stage.supervisor.stop(5) == ()
    assert stage.posted.empty()
