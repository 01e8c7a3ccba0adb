"""Emotion and age of one face, by Attune's own models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from device.types import Emotion, FaceReading
from device.vision.align import align
from device.vision.runtime import Model, ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from device.ports import Image
    from device.types import Detection
    from device.vision.runtime import Output

INTERVAL = (0.1, 0.9)
"""Quantiles that an age's interval ends at: it claims to hold 80 %."""
OLDEST_YEARS = 130.0
"""Nobody grew older than 122 (Robine and Allard, 1998)."""


class EmotionModel:
    """Calibrated probabilities of the seven emotions. Not to be shared between threads."""

    def __init__(self, model: Model) -> None:
        labels = [emotion.value for emotion in Emotion]
        if sorted(model.sidecar.labels) != sorted(labels):
            raise ModelError(
                f"{model.path} knows {model.sidecar.labels}, not the emotions {labels}: "
                "restore it from the release"
            )
        if model.answers != len(labels):
            raise ModelError(
                f"{model.path} gives {model.answers} numbers, its sidecar names {len(labels)} "
                "emotions: restore both files of one release"
            )
        self.labels = tuple(Emotion(label) for label in model.sidecar.labels)
        self._crops = _Crops(model)
        self._temperature = model.sidecar.calibration.get("temperature", 1.0)

    def read(self, image: Image, face: Detection) -> dict[Emotion, float]:
        """One probability for each emotion, summing to 1."""
        probabilities = softmax(self._crops.logits(image, face) / self._temperature)
        return {
            label: float(value) for label, value in zip(self.labels, probabilities, strict=True)
        }


class AgeModel:
    """Age with an interval. Not to be shared between threads."""

    def __init__(self, model: Model) -> None:
        self._crops = _Crops(model)
        self._ages = _ages(model)
        calibration = model.sidecar.calibration
        self._temperature = calibration.get("temperature", 1.0)
        self._interval_temperature = calibration.get("interval_temperature", 1.0)

    def read(self, image: Image, face: Detection) -> tuple[float, tuple[float, float]]:
        """Years, and the ends of the interval that holds the true age with 80 %."""
        logits = self._crops.logits(image, face)
        age = float(softmax(logits / self._temperature) @ self._ages)
        low, high = age_interval(logits, self._ages, self._interval_temperature)
        return age, (min(low, age), max(high, age))


def _ages(model: Model) -> Output:
    """The ages in years that a model tells apart. Raises ModelError."""
    try:
        ages = np.array([float(label) for label in model.sidecar.labels])
    except ValueError:
        ages = np.empty(0)
    if len(ages) != model.answers or not (
        ages[0] >= 0 and ages[-1] <= OLDEST_YEARS and (np.diff(ages) > 0).all()
    ):
        raise ModelError(
            f"{model.path} gives {model.answers} numbers, for which its sidecar's labels are no "
            "ages in years, in order: restore both files of one release"
        )
    return ages.astype(np.float32)


class ModelReader:
    """A `FaceReader` of the models in a folder. Not to be shared between threads.

    Raises ModelError where one of them is missing or not what its sidecar says.
    """

    def __init__(self, models: Path, threads: int = 1, *, runtime: str | None = None) -> None:
        self._emotion = EmotionModel(Model(models, "emotion", threads=threads, runtime=runtime))
        self._age = AgeModel(Model(models, "age", threads=threads, runtime=runtime))

    def read(self, image: Image, face: Detection) -> FaceReading:
        """Crop `face` out of an RGB image, align it, run the models."""
        age, interval = self._age.read(image, face)
        return FaceReading(
            emotions=self._emotion.read(image, face), age_years=age, age_interval_years=interval
        )


class _Crops:
    """A model and the crop it was trained on."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._zoom = model.sidecar.crop.zoom

    def logits(self, image: Image, face: Detection) -> Output:
        return both_ways(self._model, align(image, face, self._model.size, zoom=self._zoom))


def both_ways(model: Model, crop: Image) -> Output:
    """Logits averaged over a crop and its mirror image.

    The second look costs a third of a millisecond and lifts emotion by half a point or more.
    """
    return np.asarray((model.run(crop)[0] + model.run(crop[:, ::-1])[0]) / 2, np.float32)


def softmax(logits: Output) -> Output:
    """Probabilities along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def age_interval(logits: Output, ages: Output, temperature: float) -> tuple[float, float]:
    """Ages between which the middle 80 % of the tempered distribution lie.

    Each age is taken as spread evenly over its year, -0.5 to +0.5.
    """
    cumulated = np.concatenate([[0.0], np.cumsum(softmax(logits / temperature))])
    edges = np.append(ages - 0.5, ages[-1] + 0.5)
    low, high = np.interp(INTERVAL, cumulated, edges)
    return max(0.0, float(low)), float(high)
