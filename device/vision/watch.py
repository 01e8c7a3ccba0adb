"""Looks at the room: frames in, `Sighting`s out. The only worker that ever holds pixels."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from device.config_keys import redacted
from device.ports import PartUnavailable
from device.types import Board, Face, FaceReading, Sighting
from device.vision import sources
from device.vision.detect import open_detector
from device.vision.motion import MotionGate
from device.vision.quality import is_sound, sharpness
from device.vision.rate import look_hertz
from device.vision.reader import ModelReader
from device.vision.runtime import ModelError
from device.vision.track import FORGET_SECONDS, Track, Tracks, age, follow, learn_age, stay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from device.ports import Camera, Clock, FaceDetector, FaceReader, Frame, WorkerContext
    from device.settings import CameraSettings, Settings
    from device.types import Detection

    OpenCamera = Callable[[CameraSettings, Clock], Camera]
    LoadModels = Callable[[Settings], tuple[FaceDetector, FaceReader]]

log = logging.getLogger(__name__)

REST_SECONDS = 10.0


def load_models(settings: Settings) -> tuple[FaceDetector, FaceReader]:
    """The models as configured. Raises PartUnavailable where one is missing or refused."""
    folder, vision = settings.models_folder, settings.vision
    try:
        detector = open_detector(folder, threads=vision.threads, min_score=vision.minimum_score)
        reader = ModelReader(folder, vision.threads)
    except ModelError as error:
        raise PartUnavailable(str(error)) from error
    return detector, reader


class Watcher:
    """The body of the worker `camera`. `set_…` may be called from any thread.

    `post` gets a `Sighting` for each look, with no faces while nobody is in view; nothing is
    posted while the camera is off.
    """

    def __init__(
        self,
        settings: Settings,
        post: Callable[[Sighting], None],
        clock: Clock,
        *,
        open_camera: OpenCamera = sources.open_camera,
        load_models: LoadModels = load_models,
    ) -> None:
        self._settings = settings
        self._post = post
        self._clock = clock
        self._open_camera = open_camera
        self._load_models = load_models
        self._models: tuple[FaceDetector, FaceReader] | None = None
        self._context: WorkerContext | None = None
        self._privacy = False
        self._ended = False
        self._board = Board()
        self._gate = MotionGate()
        self._tracks = Tracks()
        self._last = Sighting(at=0.0)
        self.frames_seen = 0
        """Frames taken from the camera."""
        self.frames_analysed = 0
        """Frames that showed something new, in which faces were searched."""
        self.inference_milliseconds = 0.0
        """What searching and reading faces took, the last time."""

    def set_privacy(self, on: bool) -> None:
        """True stops the camera's sensor, False lets it look again; at once."""
        self._privacy = on
        if self._context is not None:
            self._context.wake()

    def set_board(self, board: Board) -> None:
        """How the board is: a hot or weak one looks less often."""
        self._board = board

    def run(self, context: WorkerContext) -> None:
        """Watch until the context stops. Raises PartUnavailable when the camera is missing."""
        self._context = context
        while not context.stopping:
            if self._privacy:
                context.off("privacy")
                context.wait(REST_SECONDS)
            elif self._ended:
                context.off("source ended")
                context.wait(REST_SECONDS)
            else:
                self._watch(context)

    def _watch(self, context: WorkerContext) -> None:
        """Look until privacy is asked for, or the source ends."""
        if self._models is None:
            self._models = self._load_models(self._settings)
            context.beat()
        settings = self._settings.camera
        self._forget()
        with self._open_camera(settings, self._clock) as camera:
            context.beat()
            while not (context.stopping or self._privacy):
                began = self._clock.monotonic()
                frame = camera.read(settings.timeout_seconds)
                if frame is None:
                    self._ended = True
                    return
                context.up(_describe(settings, frame))
                self._post(self._look(frame))
                context.wait(max(0.0, began + 1 / self._hertz() - self._clock.monotonic()))

    def _forget(self) -> None:
        """Whoever was in view before is nobody known when the camera opens again."""
        self._gate = MotionGate()
        self._tracks = Tracks(next_id=self._tracks.next_id)
        self._last = Sighting(at=self._clock.monotonic())

    def _hertz(self) -> float:
        # Tracks outlive their faces for a while, and so does the higher rate.
        somebody = bool(self._tracks.tracks)
        return look_hertz(self._settings.camera, self._board, somebody=somebody)

    def _look(self, frame: Frame) -> Sighting:
        """What is in a frame; what was in the last one when nothing moved."""
        self.frames_seen += 1
        if self._gate.passes(frame.detect, frame.at, somebody=bool(self._last.faces)):
            began = time.perf_counter()
            faces = self._analyse(frame)
            self.inference_milliseconds = (time.perf_counter() - began) * 1000
            self.frames_analysed += 1
        else:
            faces = self._last.faces
            self._tracks = stay(self._tracks, frame.at, since=self._last.at)
        self._last = Sighting(at=frame.at, faces=faces)
        return self._last

    def _analyse(self, frame: Frame) -> tuple[Face, ...]:
        assert self._models is not None, "looked before the models were loaded"  # noqa: S101
        detector, reader = self._models
        detections = self._believed(detector.detect(frame.detect))
        # Slow looks must not make a stranger of everybody.
        forget = max(FORGET_SECONDS, 2.5 / self._hertz())
        self._tracks, found = follow(
            self._tracks, [face.box for face in detections], frame.at, forget=forget
        )
        return tuple(
            self._face(frame, track, detection, reader.read(frame.full, detection))
            for track, detection in zip(found, detections, strict=True)
        )

    def _believed(self, detections: Sequence[Detection]) -> list[Detection]:
        """The largest faces among those that score high enough."""
        vision = self._settings.vision
        good = [
            face for face in detections if face.score >= vision.minimum_score and is_sound(face)
        ]
        good.sort(key=lambda face: face.box.width * face.box.height, reverse=True)
        return good[: vision.maximum_faces]

    def _face(self, frame: Frame, track: Track, detection: Detection, reading: FaceReading) -> Face:
        """A face whose age is that of its whole track."""
        sharp = sharpness(frame.full, detection.box)
        self._tracks = learn_age(
            self._tracks, track.id, reading, weight=detection.box.width * sharp
        )
        known = age(self._tracks, track.id)
        if known is not None:
            reading = FaceReading(
                emotions=reading.emotions,
                age_years=known.years,
                age_interval_years=known.interval,
            )
        return Face(
            track=track.id, box=track.box, score=detection.score, sharpness=sharp, reading=reading
        )


def _describe(settings: CameraSettings, frame: Frame) -> str:
    height, width = frame.full.shape[:2]
    return f"{redacted(settings.source)}, {width} x {height}"
