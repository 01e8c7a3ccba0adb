"""Crops for training, made by the device's own detection and alignment."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from device.types import Box, Detection, Point
from device.vision.align import align, eyes
from device.vision.detect import CLOSER, FIRST, GridDetector, open_detector
from device.vision.runtime import read_sidecar
from training.data.base import read_content
from training.pictures import read_picture

if TYPE_CHECKING:
    from pathlib import Path

    from training.data import Sample
    from training.experiment import Experiment

    Labels = npt.NDArray[Any]
    Row = npt.NDArray[np.float32]


WAY_OF_LOOKING = "2"
"""Changes where the detector's code makes the same models see eyes elsewhere: what was found before
is not taken then. 2: a face at a crop's edge is looked at in the middle."""


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

    The eyes are found once for each picture and each detector, and kept.
    """
    points, found = find_eyes(chosen, places, name)
    images = np.empty((len(chosen), plan.canvas, plan.canvas, 3), np.uint8)

    def cut(row: int) -> None:
        face, image = _face(points[row]), read_image(chosen[row].path)
        images[row] = align(image, face, plan.canvas, zoom=plan.canvas_zoom)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # OpenCV works without Python's lock
        rows = pool.map(cut, range(len(chosen)))
        for _ in tqdm(rows, f"crops of {name}", len(chosen), mininterval=1):
            pass
    return Crops(images, np.array([sample.label for sample in chosen]), found)


def find_eyes(
    chosen: list[Sample], places: Places, name: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Eyes (n, 2, 2), left one first, x before y, as fractions of each picture, and (n) whether
    they were seen there or are where they usually are."""
    path = places.cache / f"eyes-{name}-{digest_of_detector(places.models)[:12]}.npz"
    known = _read_known(path)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        keys = list(pool.map(content_key, [sample.path for sample in chosen]))
    if new := {key: s.path for key, s in zip(keys, chosen, strict=True) if key not in known}:
        known |= _look(new, open_detector(places.models), name)
        _write_known(path, known)
    rows = np.stack([known[key] for key in keys])
    return rows[:, :4].reshape(-1, 2, 2), rows[:, 4] > 0


def digest_of_detector(models: Path) -> str:
    """Changes with either of the detector's models, and where the same see eyes elsewhere."""
    both = (read_sidecar(models / f"{name}.json").sha256 for name in (FIRST, CLOSER))
    return hashlib.sha256("".join([WAY_OF_LOOKING, *both]).encode()).hexdigest()


def content_key(path: Path) -> str:
    """A picture by its content: one's own may have any other's name."""
    return hashlib.sha256(read_content(path)).hexdigest()[:16]


def _read_known(path: Path) -> dict[str, Row]:
    """Of each picture's key: the eyes' places, and 1 where they were seen."""
    if not path.exists():
        return {}
    with np.load(path) as stored:
        return dict(zip(stored["files"].tolist(), stored["rows"], strict=True))


def _write_known(path: Path, known: dict[str, Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part.npz")
    np.savez_compressed(unfinished, files=np.array(list(known)), rows=np.stack([*known.values()]))
    unfinished.rename(path)


def _face(points: npt.NDArray[np.float32]) -> Detection:
    (left, top), (right, bottom) = points.astype(float)
    return Detection(
        box=Box(x=0.0, y=0.0, width=1.0, height=1.0),
        score=1.0,
        left_eye=Point(x=left, y=top),
        right_eye=Point(x=right, y=bottom),
    )


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """An image file as RGB; DataError where it cannot be read."""
    return np.asarray(cv2.cvtColor(read_picture(path), cv2.COLOR_BGR2RGB), np.uint8)


def _look(new: dict[str, Path], detector: GridDetector, name: str) -> dict[str, Row]:
    found = {}
    for key, path in tqdm(new.items(), f"eyes of {name}", mininterval=1):
        face = detector.detect_in_crop(read_image(path))
        places = [place for eye in eyes(face) for place in (eye.x, eye.y)]
        found[key] = np.array([*places, float(face.score > 0)], np.float32)
    return found
