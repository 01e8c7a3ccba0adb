"""Measures a TFLite file as the device uses it: its detection, its crop, its runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from device.settings import VisionSettings
from device.types import Emotion
from device.vision.detect import open_detector
from device.vision.reader import AgeModel, EmotionModel
from device.vision.runtime import Model
from training.crops import read_image
from training.data import EMOTIONS, TASKS, DataError, Years, samples
from training.metrics import age_metrics, emotion_metrics, interval_metrics, mean_figure
from training.scenes import FACE_WIDTHS, HEIGHT, WIDTH, scene

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from device.types import Box, Detection
    from device.vision.look import CropDetector
    from training.data import Sample

    Image = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float64]
    Read = Callable[[Image, Detection], Sequence[float]]
    """What a model says of one face, as a row of numbers."""

SAME_FACE_IOU = 0.3
SCENE_SEED = 0


class Readings(NamedTuple):
    """`rows` (n, k) of each reader, by name; `found` (n): eyes were detected."""

    rows: dict[str, Floats]
    found: npt.NDArray[np.bool_]


def evaluate(
    models: Path, name: str, data: Path, part: str = "test", *, runtime: str | None = None
) -> dict[str, Any]:
    """Figures of `models`/`name`.tflite on a part of its task's data set; DataError where there is
    none for such a model, or its labels are votes."""
    model = Model(models, name, runtime=runtime)
    detector = open_detector(models, runtime=runtime)
    task = model.sidecar.task
    if task not in TASKS:
        raise DataError(
            f"{name} is measured otherwise: face-closer and face-doubt with face.tflite, music by "
            "`python -m training music`"
        )
    chosen = judged(task, data, part)
    labels = [sample.label for sample in chosen]
    in_groups = any(isinstance(label, Years) for label in labels)
    rows = read_faces(chosen, detector, {name: reader(model)}).rows[name]
    figures = (
        interval_metrics(rows[:, 0], *grouped([years_of(sample) for sample in chosen]))
        if in_groups
        else score(task, rows, np.array(labels, np.int64))
    )
    return {"part": part, "runtime": model.runtime, **figures}


def judged(task: str, data: Path, part: str) -> list[Sample]:
    """A part of the task's data set to judge a model on; DataError where that is labelled by
    votes, as FER+'s train part."""
    chosen = samples(task, data, part)
    labels = [sample.label for sample in chosen]
    if any(isinstance(label, tuple) and not isinstance(label, Years) for label in labels):
        raise DataError(f"{data} has votes in its {part} part, no classes: measure another part")
    return chosen


def evaluate_scenes(
    models: Path,
    data: Path,
    part: str = "test",
    *,
    runtime: str | None = None,
    every: int = 1,
) -> dict[str, Any]:
    """Emotion through the whole chain: RAF-DB's faces in frames, where the device finds them, with
    the least score that it asks of a face.

    A face that is not found counts as wrongly read in `accuracy`. `loss_of_all` is what finding
    and cutting a face in a frame costs against the publisher's crop; `loss` is that of the faces
    that are found. `every` takes each n-th face only.
    """
    score = VisionSettings().minimum_score
    detector = open_detector(models, runtime=runtime, min_score=score)
    read = reader(Model(models, "emotion", runtime=runtime))
    chosen = judged("emotion", data, part)[::every]
    rows = np.zeros((len(chosen), 4))  # found, right in the scene, right in the crop, false faces
    for number, sample in enumerate(tqdm(chosen, "scenes", mininterval=1)):
        image = read_image(sample.path)
        frame, box = scene(image, np.random.default_rng([SCENE_SEED, number]))
        faces = detector.detect(frame)
        best = max(faces, key=lambda face: overlap(face.box, box), default=None)
        found = best is not None and overlap(best.box, box) > SAME_FACE_IOU
        rows[number] = (
            found,
            best is not None and found and np.argmax(read(frame, best)) == sample.label,
            np.argmax(read(image, detector.detect_in_crop(image))) == sample.label,
            len(faces) - found,
        )
    seen = rows[:, 0] > 0
    return {
        "part": part,
        "count": len(chosen),
        "frame": [WIDTH, HEIGHT],
        "face_widths": list(FACE_WIDTHS),
        "min_score": score,
        "found": mean_figure(rows[:, 0]),
        "accuracy": mean_figure(rows[:, 1]),
        "crop_accuracy": mean_figure(rows[:, 2]),
        "loss_of_all": mean_figure(rows[:, 2] - rows[:, 1]),
        "loss": mean_figure(rows[seen, 2] - rows[seen, 1]) if seen.any() else None,
        "false_faces_per_frame": round(float(rows[:, 3].mean()), 4),
    }


def reader(model: Model) -> Read:
    """Rows of one of Attune's models: probabilities in the order of `EMOTIONS`, or the age and
    the ends of its interval in years."""
    if model.sidecar.task == "emotion":
        emotions = EmotionModel(model)

        def read(image: Image, face: Detection) -> Sequence[float]:
            found = emotions.read(image, face)
            return [found[Emotion(label)] for label in EMOTIONS]

        return read
    ages = AgeModel(model)

    def read_age(image: Image, face: Detection) -> Sequence[float]:
        age, interval = ages.read(image, face)
        return age, *interval

    return read_age


def read_faces(
    chosen: Sequence[Sample], detector: CropDetector, readers: dict[str, Read]
) -> Readings:
    """What readers say of each sample, every one a picture of one face; one detection serves
    all of them."""
    if not chosen:
        raise DataError("there is no face to evaluate: check the data set's folder")
    rows: dict[str, list[Sequence[float]]] = {name: [] for name in readers}
    found = []
    for sample in tqdm(chosen, "evaluating", mininterval=1):
        image = read_image(sample.path)
        face = detector.detect_in_crop(image)
        found.append(face.score > 0)
        for name, read in readers.items():
            rows[name].append(read(image, face))
    return Readings({name: np.array(each) for name, each in rows.items()}, np.array(found))


def score(task: str, rows: Floats, labels: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Figures of a reader's rows against class numbers or years (n)."""
    if task == "emotion":
        return emotion_metrics(rows, labels, list(EMOTIONS))
    return age_metrics(rows[:, 0], rows[:, 1:], labels)


def years_of(sample: Sample) -> Years:
    """The group of ages that a sample is labelled with; DataError where it is not."""
    if not isinstance(sample.label, Years):
        raise DataError(
            f"{sample.path} is not labelled by a group of ages, as FairFace's faces are"
        )
    return sample.label


def grouped(known: Sequence[Years]) -> tuple[list[tuple[int, int]], npt.NDArray[np.int64]]:
    """The groups of ages that faces are of, and which of them each is of (n)."""
    groups = sorted(set(known))
    return [(low, high) for low, high in groups], np.array([groups.index(each) for each in known])


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes of one picture."""
    wide = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    high = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    inner = max(0.0, wide) * max(0.0, high)
    return inner / (one.width * one.height + other.width * other.height - inner)
