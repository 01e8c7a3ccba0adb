"""Crops for training, made by the device's own detection and alignment."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from device.types import Box, Detection, Point
from device.vision.align import align, eyes
from device.vision.detect import BlazeDetector
from device.vision.runtime import Model
from training.data import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from training.data import Sample
    from training.experiment import Experiment

    Labels = npt.NDArray[Any]


class Places(NamedTuple):
    """Where the models are whose detector cuts faces, and where the eyes it found are kept."""

    models: Path
    cache: Path


class Crops(NamedTuple):
    """`images` (n, side, side, 3) uint8 RGB; `labels` (n) classes or years, or (n, classes)
    votes; `found` (n): eyes were detected."""

    images: npt.NDArray[np.uint8]
    labels: Labels
    found: npt.NDArray[np.bool_]


def load_crops(plan: Experiment, chosen: list[Sample], places: Places, name: str) -> Crops:
    """Crops of samples as the experiment wants them: the model's input with a margin to move it in.

    The eyes are found once for each set of files and each detector, and kept.
    """
    points, found = find_eyes(chosen, places, name)
    images = np.empty((len(chosen), plan.canvas, plan.canvas, 3), np.uint8)
    for row, sample in enumerate(tqdm(chosen, f"crops of {name}", mininterval=1)):
        face = _face(points[row])
        images[row] = align(read_image(sample.path), face, plan.canvas, zoom=plan.canvas_zoom)
    return Crops(images, np.array([sample.label for sample in chosen]), found)


def find_eyes(
    chosen: list[Sample], places: Places, name: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Eyes (n, 2, 2), left one first, x before y, as fractions of each picture, and (n) whether
    they were seen there or are where they usually are."""
    model = Model(places.models, "face")
    path = places.cache / f"eyes-{name}-{_key(chosen, model.sidecar.sha256)}.npz"
    if not path.exists():
        points, found = _look(chosen, BlazeDetector(model), name)
        places.cache.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part.npz")
        np.savez(unfinished, eyes=points, found=found)
        unfinished.rename(path)
    with np.load(path) as stored:
        return stored["eyes"], stored["found"]


def _face(points: npt.NDArray[np.float32]) -> Detection:
    (left, top), (right, bottom) = points.astype(float)
    return Detection(
        box=Box(x=0.0, y=0.0, width=1.0, height=1.0),
        score=1.0,
        left_eye=Point(x=left, y=top),
        right_eye=Point(x=right, y=bottom),
    )


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """An image file as RGB; DataError where it is none."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f"{path} is no image that OpenCV reads: unpack the data set again")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def _look(
    chosen: list[Sample], detector: BlazeDetector, name: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    points = np.empty((len(chosen), 2, 2), np.float32)
    found = np.empty(len(chosen), np.bool_)
    for row, sample in enumerate(tqdm(chosen, f"eyes of {name}", mininterval=1)):
        face = detector.detect_in_crop(read_image(sample.path))
        points[row] = [(eye.x, eye.y) for eye in eyes(face)]
        found[row] = face.score > 0
    return points, found


def _key(chosen: list[Sample], detector: str) -> str:
    digest = hashlib.sha256(detector.encode())
    for sample in chosen:
        digest.update(f"{sample.path.name} {sample.path.stat().st_size}".encode())
    return digest.hexdigest()[:12]
