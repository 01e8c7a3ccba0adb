"""Crops for training, made by the device's own detection and alignment, kept in one file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from device.vision.align import align
from device.vision.detect import BlazeDetector
from device.vision.runtime import Model
from training.data import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from training.data import Sample
    from training.experiment import Experiment

    Labels = npt.NDArray[Any]


class Crops(NamedTuple):
    """`images` (n, side, side, 3) uint8 RGB; `labels` (n) classes or years, or (n, classes)
    votes; `found` (n): eyes were detected."""

    images: npt.NDArray[np.uint8]
    labels: Labels
    found: npt.NDArray[np.bool_]


def load_crops(
    plan: Experiment, chosen: list[Sample], models: Path, cache: Path, name: str
) -> Crops:
    """Crops of samples, from the cache where it is of the same files, canvas and detector.

    They are `plan.canvas` wide: the model's input with a margin to move it in.
    """
    model = Model(models, "face")
    path = cache / f"{plan.task}-{name}-{_key(chosen, plan, model.sidecar.sha256)}.npz"
    if not path.exists():
        images, found = _cut(chosen, plan, BlazeDetector(model), name)
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part.npz")
        np.savez(unfinished, images=images, found=found)
        unfinished.rename(path)
    with np.load(path) as stored:
        labels = np.array([sample.label for sample in chosen])
        return Crops(stored["images"], labels, stored["found"])


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """An image file as RGB; DataError where it is none."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f"{path} is no image that OpenCV reads: unpack the data set again")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def _cut(
    chosen: list[Sample], plan: Experiment, detector: BlazeDetector, name: str
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    images = np.empty((len(chosen), plan.canvas, plan.canvas, 3), np.uint8)
    found = np.empty(len(chosen), np.bool_)
    for row, sample in enumerate(tqdm(chosen, f"crops of {name}", mininterval=1)):
        image = read_image(sample.path)
        face = detector.detect_in_crop(image)
        images[row] = align(image, face, plan.canvas, zoom=plan.canvas_zoom)
        found[row] = face.score > 0
    return images, found


def _key(chosen: list[Sample], plan: Experiment, detector: str) -> str:
    digest = hashlib.sha256(f"{plan.canvas} {plan.canvas_zoom} {detector}".encode())
    for sample in chosen:
        digest.update(f"{sample.path.name} {sample.path.stat().st_size}".encode())
    return digest.hexdigest()[:12]
