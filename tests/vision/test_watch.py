from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from device.ports import PartUnavailable
from device.settings import CameraSettings, Settings, VisionSettings
from device.system.supervise import Supervisor
from device.types import Board, Detection, Health, Part, PartChanged, Sighting
from device.vision.watch import Watcher, load_models
from tests.fakes import FakeClock
from tests.vision.fakes import FakeCamera, FakeContext, FakeDetector, FakeReader, detection

if TYPE_CHECKING:
    from device.ports import Image

EMPTY = np.full((120, 160, 3), 90, np.uint8)
SETTINGS = Settings(camera=CameraSettings(source="test"))


def busy(seed: float) -> Image:
    """A view that changes with `seed`."""
    rng = np.random.default_rng(int(seed * 1000))
    return np.kron(rng.integers(0, 255, (12, 16, 1)), np.ones((10, 10, 3))).astype(np.uint8)


class Room:
    """A watcher with everything around it."""

    def __init__(
        self,
        show: Callable[[float], Image | None] = busy,
        faces: Callable[[Image], Sequence[Detection]] = lambda _: [detection(0.4, 0.4, 0.2)],
        *,
        settings: Settings = SETTINGS,
        reader: FakeReader | None = None,
        waits: int = 40,
    ) -> None:
        self.clock = FakeClock()
        self.context = FakeContext(self.clock, waits)
        self.camera = FakeCamera(self.clock, show)
        self.detector = FakeDetector(faces)
        self.reader = reader or FakeReader()
        self.posted: list[Sighting] = []
        self.watcher = Watcher(
            settings,
            self.posted.append,
            self.clock,
            open_camera=lambda *_: self.camera,
            load_models=lambda _: (self.detector, self.reader),
        )

    def run(self) -> Room:
        self.watcher.run(self.context)
        return self


def pixels(value: object) -> list[object]:
    """Whatever in a value, however deep, could hold a picture."""
    if isinstance(value, msgspec.Struct):
        return [found for name in value.__struct_fields__ for found in pixels(getattr(value, name))]
    if isinstance(value, dict):
        return [found for pair in value.items() for part in pair for found in pixels(part)]
    if isinstance(value, (tuple, list, set, frozenset)):
        return [found for part in value for found in pixels(part)]
    return [] if value is None or isinstance(value, (int, float, str)) else [value]


def test_no_pixels_are_posted() -> None:
    room = Room(faces=lambda _: [detection(0.1, 0.1, 0.2), detection(0.6, 0.6, 0.2)]).run()
    assert len(room.posted) == 40
    assert all(type(sighting) is Sighting for sighting in room.posted)
    assert pixels(tuple(room.posted)) == []
    assert pixels((EMPTY, {"a": b"jpeg"})) == [EMPTY, b"jpeg"], "the check itself sees pixels"
    assert msgspec.json.decode(msgspec.json.encode(room.posted[-1]), type=Sighting)


def test_a_face_is_followed_and_read() -> None:
    room = Room().run()
    faces = [sighting.faces[0] for sighting in room.posted]
    assert {face.track for face in faces} == {1}
    assert all(0.0 < face.sharpness < 1.0 for face in faces)
    assert faces[0].reading.age_years == 40.0
    assert room.context.told == ["up test, 160 x 120"]
    assert room.watcher.frames_seen == 40
    assert room.watcher.inference_milliseconds > 0
    assert room.camera.open == 0


def test_age_settles_on_the_median_of_the_track() -> None:
    room = Room(reader=FakeReader(30.0, 32.0, 75.0)).run()
    assert room.posted[0].faces[0].reading.age_years == 30.0
    last = room.posted[-1].faces[0].reading
    assert last.age_years == 32.0
    assert last.age_interval_years == (27.0, 37.0)


def test_looks_are_rare_while_nobody_is_there() -> None:
    room = Room(faces=lambda _: []).run()
    assert room.context.waited == pytest.approx([1 / 1.5] * 40)
    assert all(sighting.faces == () for sighting in room.posted)


def test_looks_are_frequent_with_a_face_and_for_a_while_after() -> None:
    room = Room(faces=lambda _: [detection(0.4, 0.4, 0.2)] if room.clock.now < 1002 else [])
    room.run()
    assert room.context.waited[:30] == pytest.approx([1 / 8] * 30)
    assert room.context.waited[-1] == pytest.approx(1 / 1.5)


def test_a_hot_board_looks_half_as_often() -> None:
    room = Room()
    room.watcher.set_board(Board(85.0))
    room.run()
    assert room.context.waited == pytest.approx([1 / 4] * 40)


def test_an_unchanged_view_is_not_analysed_again_but_still_told() -> None:
    room = Room(lambda _: EMPTY, waits=8).run()  # a second at 8 Hz
    assert room.detector.calls == 1
    assert room.watcher.frames_analysed == 1
    assert len(room.posted) == 8
    assert {sighting.faces[0].track for sighting in room.posted} == {1}
    times = [sighting.at for sighting in room.posted]
    assert times == sorted(set(times))


def test_a_still_face_keeps_its_track() -> None:
    room = Room(lambda _: EMPTY, waits=200).run()
    assert 24 <= room.detector.calls <= 26
    assert {sighting.faces[0].track for sighting in room.posted} == {1}


def test_the_largest_faces_that_score_are_read() -> None:
    found = [
        detection(0.0, 0.0, 0.1),
        detection(0.2, 0.2, 0.3),
        detection(0.6, 0.6, 0.2),
        detection(0.0, 0.5, 0.4, score=0.3),
    ]
    settings = Settings(
        camera=SETTINGS.camera, vision=VisionSettings(maximum_faces=2, minimum_score=0.6)
    )
    room = Room(faces=lambda _: found, settings=settings, waits=1).run()
    assert [face.box.width for face in room.posted[0].faces] == [0.3, 0.2]


@pytest.mark.parametrize(
    "wild",
    [
        detection(float("nan"), 0.1, 0.2),
        detection(0.1, 0.1, 0.0),
        detection(0.1, 0.1, -0.2),
        detection(0.1, 0.1, float("inf")),
    ],
)
def test_wild_detections_are_passed_over(wild: Detection) -> None:
    room = Room(faces=lambda _: [wild, detection(0.5, 0.5, 0.1)], waits=2).run()
    assert [len(sighting.faces) for sighting in room.posted] == [1, 1]


def test_a_face_half_out_of_view_is_still_a_face() -> None:
    room = Room(faces=lambda _: [detection(-0.2, -0.2, 0.3), detection(0.9, 0.9, 0.3)]).run()
    assert len(room.posted[-1].faces) == 2


def test_privacy_closes_the_camera() -> None:
    room = Room(waits=30)
    open_at_wait: list[int] = []

    def on_wait() -> None:
        open_at_wait.append(room.camera.open)
        room.watcher.set_privacy(10 <= len(open_at_wait) < 15)

    room.context.on_wait = on_wait
    room.run()
    assert room.context.told == ["up test, 160 x 120", "off privacy", "up test, 160 x 120"]
    assert open_at_wait == [1] * 10 + [0] * 5 + [1] * 15
    assert room.camera.opened == 2
    assert len(room.posted) == 25
    assert room.context.woken.is_set()
    assert room.posted[0].faces[0].track != room.posted[-1].faces[0].track


def test_a_source_that_ends_rests() -> None:
    room = Room(lambda now: busy(now) if now < 1001 else None, waits=20).run()
    assert room.context.told == ["up test, 160 x 120", "off source ended"]
    assert room.camera.open == 0
    assert room.camera.opened == 1


def test_a_missing_camera_is_said_and_released() -> None:
    room = Room()
    room.camera.fails = "no such device"
    with pytest.raises(PartUnavailable, match="no such device"):
        room.run()
    assert room.posted == []
    room.camera.fails = ""
    room.run()
    assert len(room.posted) == 40


def test_missing_models_are_a_missing_part(tmp_path: Path) -> None:
    settings = Settings(vision=VisionSettings(models=str(tmp_path)))
    with pytest.raises(PartUnavailable, match=r"face"):
        load_models(settings)


def test_privacy_under_the_real_supervisor() -> None:
    """At once, from another thread, although the watcher waits between two looks."""

    class RealClock(FakeClock):
        def monotonic(self) -> float:
            return time.monotonic()

    clock = RealClock()
    room = Room(lambda _: EMPTY, faces=lambda _: [])
    news: list[object] = []
    changed = threading.Event()

    def post(change: object) -> None:
        news.append(change)
        changed.set()

    settings = Settings(camera=CameraSettings(source="test", idle_hertz=0.2))
    watcher = Watcher(
        settings,
        room.posted.append,
        clock,
        open_camera=lambda *_: room.camera,
        load_models=lambda _: (room.detector, room.reader),
    )
    supervisor = Supervisor(post, clock, random.Random(1))
    supervisor.start("camera", watcher.run)
    try:
        assert changed.wait(5)
        for on, health in ((True, Health.OFF), (False, Health.UP)):
            changed.clear()
            time.sleep(0.05)  # into the five seconds between two looks
            watcher.set_privacy(on)
            assert changed.wait(3.0)
            last = news[-1]
            assert isinstance(last, PartChanged)
            assert last.part.health is health
            assert room.camera.open == (0 if on else 1)
    finally:
        assert supervisor.stop(2.0) == ()
    assert room.camera.open == 0
    assert news[1] == PartChanged("camera", Part(Health.OFF, "privacy"))
