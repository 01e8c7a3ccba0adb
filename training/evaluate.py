"""Measures a TFLite file as the device uses it: its detection, its crop, its runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from device.types import Emotion
from device.vision.detect import BlazeDetector
from device.vision.reader import AgeModel, EmotionModel
from device.vision.runtime import Model
from training.crops import read_image
from training.data import EMOTIONS, samples
from training.metrics import age_metrics, emotion_metrics

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from training.data import Sample

    Floats = npt.NDArray[np.float64]


def evaluate(
    models: Path, name: str, data: Path, part: str = "test", *, runtime: str | None = None
) -> dict[str, Any]:
    """Figures of `models`/`name`.tflite on a part of its task's data set."""
    model = Model(models, name, runtime=runtime)
    detector = BlazeDetector(Model(models, "face", runtime=runtime))
    chosen = samples(model.sidecar.task, data, part)
    labels = np.array([sample.label for sample in chosen], np.int64)
    if model.sidecar.task == "emotion":
        probabilities = _emotions(EmotionModel(model), detector, chosen)
        figures = emotion_metrics(probabilities, labels, list(EMOTIONS))
    else:
        ages = _ages(AgeModel(model), detector, chosen)
        figures = age_metrics(ages[:, 0], ages[:, 1:], labels)
    return {"part": part, "runtime": model.runtime, **figures}


def _emotions(model: EmotionModel, detector: BlazeDetector, chosen: list[Sample]) -> Floats:
    """Probabilities (n, classes) in the order of EMOTIONS."""
    rows = np.zeros((len(chosen), len(EMOTIONS)))
    for row, sample in zip(rows, tqdm(chosen, "evaluating", mininterval=1), strict=True):
        image = read_image(sample.path)
        read = model.read(image, detector.detect_in_crop(image))
        row[:] = [read[Emotion(label)] for label in EMOTIONS]
    return rows


def _ages(model: AgeModel, detector: BlazeDetector, chosen: list[Sample]) -> Floats:
    """Rows of age and the interval's ends in years."""
    rows = np.zeros((len(chosen), 3))
    for row, sample in zip(rows, tqdm(chosen, "evaluating", mininterval=1), strict=True):
        image = read_image(sample.path)
        age, interval = model.read(image, detector.detect_in_crop(image))
        row[:] = age, *interval
    return rows
