"""Hand-written stand-ins for what a test machine lacks: cameras, models, a supervisor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from device.ports import Frame, PartUnavailable
from device.types import Box, Detection, Emotion, FaceReading, Point
from tests.fakes import FakeClock

if TYPE_CHECKING:
    from typing_extensions import Self

    from device.ports import Image


class FakeContext:
    """A supervisor's context: waiting moves the clock, and after `waits` waits it is stopping."""

    def __init__(self, clock: FakeClock, waits: int = 100) -> None:
        self.clock = clock
        self.waits_left = waits
        self.told: list[str] = []
        self.waited: list[float] = []
        self.on_wait: Callable[[], None] = lambda: None
        self.woken = threading.Event()

    def beat(self) -> None:
        pass

    def up(self, detail: str = "") -> None:
        if not self.told or self.told[-1] != f"up {detail}":
            self.told.append(f"up {detail}")

    def off(self, detail: str) -> None:
        if not self.told or self.told[-1] != f"off {detail}":
            self.told.append(f"off {detail}")

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        self.waits_left -= 1
        self.clock.now += seconds
        self.on_wait()
        return self.stopping

    def wake(self) -> None:
        self.woken.set()

    @property
    def stopping(self) -> bool:
        return self.waits_left <= 0


class FakeCamera:
    """A camera whose view is whatever `show` returns for the time; counts its users."""

    def __init__(self, clock: FakeClock, show: Callable[[float], Image | None]) -> None:
        self.clock = clock
        self.show = show
        self.open = 0
        self.opened = 0
        self.fails = ""

    def __enter__(self) -> Self:
        if self.fails:
            raise PartUnavailable(self.fails)
        self.open += 1
        self.opened += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.open -= 1

    def read(self, timeout_seconds: float) -> Frame | None:  # noqa: ARG002
        if self.fails:
            raise PartUnavailable(self.fails)
        image = self.show(self.clock.now)
        return None if image is None else Frame(image, image, self.clock.now)


class FakeDetector:
    """Finds what a test says is there."""

    def __init__(self, faces: Callable[[Image], Sequence[Detection]]) -> None:
        self.faces = faces
        self.calls = 0

    def detect(self, image: Image) -> Sequence[Detection]:
        self.calls += 1
        return self.faces(image)

    def detect_in_crop(self, image: Image) -> Detection:
        self.calls += 1
        assert image.size
        return detection(0.0, 0.0, 1.0)


class FakeReader:
    """Reads the ages that a test wants, in turn, and always the same mood."""

    def __init__(self, *ages: float) -> None:
        self.ages = ages or (40.0,)
        self.calls = 0

    def read(self, image: Image, face: Detection) -> FaceReading:
        assert image.dtype == np.uint8
        assert face.box.width > 0
        age = self.ages[self.calls % len(self.ages)]
        self.calls += 1
        emotions = dict.fromkeys(Emotion, 0.05) | {Emotion.HAPPINESS: 0.7}
        return FaceReading(
            emotions=emotions, age_years=age, age_interval_years=(age - 5.0, age + 5.0)
        )


class FakePicamera2:
    """The part of picamera2 0.3 that is used, with its padding and its way of hanging.

    A test makes a subclass with lists of its own.
    """

    listed: ClassVar[list[dict[str, Any]]] = []
    instances: ClassVar[list[FakePicamera2]] = []
    stalled = False
    stride = 384

    @classmethod
    def global_camera_info(cls) -> list[dict[str, Any]]:
        return cls.listed

    def __init__(self, camera_num: int = 0) -> None:
        self.camera_num = camera_num
        self.log: list[str] = []
        self.config: dict[str, Any] = {}
        self.instances.append(self)

    def create_video_configuration(self, **config: Any) -> dict[str, Any]:
        return config

    def configure(self, config: dict[str, Any]) -> None:
        self.log.append("configure")
        self.config = config

    def camera_configuration(self) -> dict[str, Any]:
        return self.config

    def start(self) -> None:
        self.log.append("start")

    def capture_arrays(
        self, names: list[str], wait: float | None = None
    ) -> tuple[list[Any], dict[str, Any]]:
        assert wait is not None, "without a time-out a loose cable hangs the capture"
        if type(self).stalled:
            raise TimeoutError
        return [self._array(name) for name in names], {}

    def _array(self, name: str) -> Any:
        width, height = self.config[name]["size"]
        if name == "main":
            return np.full((height, width, 3), (200, 100, 50), np.uint8)
        # A red view in BT.601: Y 82, U 90, V 240.
        planes = np.empty((height * 3 // 2, self.stride), np.uint8)
        planes[:height] = 82
        planes[height : height + height // 4] = 90
        planes[height + height // 4 :] = 240
        return planes

    def cancel_all_and_flush(self) -> None:
        self.log.append("cancel")

    def close(self) -> None:
        self.log.append("close")


def detection(x: float, y: float, size: float, score: float = 0.9) -> Detection:
    """A square face with eyes."""
    return Detection(
        box=Box(x=x, y=y, width=size, height=size),
        score=score,
        left_eye=Point(x=x + 0.3 * size, y=y + 0.4 * size),
        right_eye=Point(x=x + 0.7 * size, y=y + 0.4 * size),
    )
