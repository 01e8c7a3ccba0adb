"""Crops for training, made by the device's own detection and alignment, kept in one file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from device.vision.align import align
from device.vision.detect import BlazeDetector
from device.vision.runtime import Model
from training.data import DataError, samples

if TYPE_CHECKING:
    from pathlib import Path

    from training.data import Sample
    from training.experiment import Experiment


class Crops(NamedTuple):
    """`images` (n, side, side, 3) uint8 RGB, `labels` (n) int64, `found`: eyes were detected."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    found: npt.NDArray[np.bool_]


def load_crops(experiment: Experiment, data: Path, models: Path, cache: Path, part: str) -> Crops:
    """Crops of a part, from the cache where it is of the same files, canvas and detector.

    They are `experiment.canvas` wide: the model's input with a margin to move it in.
    """
    chosen = samples(experiment.task, data, part)
    model = Model(models, "face")
    key = _key(chosen, experiment, model.sidecar.sha256)
    path = cache / f"{experiment.task}-{part}-{key}.npz"
    if path.exists():
        with np.load(path) as stored:
            return Crops(stored["images"], stored["labels"], stored["found"])
    crops = _cut(chosen, experiment, BlazeDetector(model), part)
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part.npz")
    np.savez(unfinished, images=crops.images, labels=crops.labels, found=crops.found)
    unfinished.rename(path)
    return crops


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """An image file as RGB; DataError where it is none."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f"{path} is no image that OpenCV reads: unpack the data set again")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def _cut(chosen: list[Sample], experiment: Experiment, detector: BlazeDetector, part: str) -> Crops:
    side = experiment.canvas
    images = np.empty((len(chosen), side, side, 3), np.uint8)
    found = np.empty(len(chosen), np.bool_)
    for row, sample in enumerate(tqdm(chosen, f"crops of {part}", mininterval=1)):
        image = read_image(sample.path)
        face = detector.detect_in_crop(image)
        images[row] = align(image, face, side, zoom=experiment.canvas_zoom)
        found[row] = face.score > 0
    return Crops(images, np.array([sample.label for sample in chosen], np.int64), found)


def _key(chosen: list[Sample], experiment: Experiment, detector: str) -> str:
    digest = hashlib.sha256(f"{experiment.canvas} {experiment.canvas_zoom} {detector}".encode())
    for sample in chosen:
        digest.update(f"{sample.path.name} {sample.path.stat().st_size}".encode())
    return digest.hexdigest()[:12]
