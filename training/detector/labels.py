"""What a teacher (YuNet, Wu et al., 2023) sees in photos, at several sizes, kept in a file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from training.data import DataError
from training.detector.photos import read_photo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.detector.photos import Photo

    Faces = npt.NDArray[np.float32]
    """Rows (n, 15): score, left, top, right, bottom, then x and y of the eye on the left, the eye
    on the right, the nose, the left and the right corner of the mouth, all in pixels."""

COLUMNS = 15
SIZES = (320, 448, 640, 960)
"""Longer sides that a photo is looked at: each finds faces that the others overlook."""
LOWEST = 0.3
"""Score from which the teacher is listened to at all."""
SURE = 0.7
"""Score from which a face counts; below, nobody can say, and the place is left out."""
NO_FACE = 0.4
"""Score below which there is none: most of what YuNet gives less are hands and fists, as a contact
sheet shows."""
SAME_FACE_IOU = 0.4
BEST_WIDTH = 300.0
"""Width in pixels of the faces whose eyes YuNet places best: both ways of looking at a face of 20
to 100 pixels differ by a tenth of the eyes' distance, at 200 to 400 by half of that, above by
more again (124 photos of the validation part)."""
MIRRORED = [1, 0, 2, 4, 3]
"""Points of a mirrored face in their order."""
STRIDES = (8, 16, 32)
YUNET_NMS = 0.3


class Source(NamedTuple):
    """Where photos come from, who labels them, and where the labels are kept."""

    data: Path
    teacher: Path
    cache: Path


class Teacher:
    """YuNet (the ONNX file whose height and width are free), decoded as OpenCV's
    `FaceDetectorYN` does it."""

    def __init__(self, file: Path) -> None:
        from onnxruntime import InferenceSession, SessionOptions  # noqa: PLC0415 - not at hand

        if not file.is_file():
            raise DataError(f"{file} is missing: name YuNet's ONNX file with --teacher")
        options = SessionOptions()
        options.intra_op_num_threads = 1
        try:
            self._session = InferenceSession(str(file), options)
        except Exception as error:  # onnxruntime has no one class of its own
            raise DataError(f"{file} is no model that ONNX Runtime reads: {error}") from error
        self._names = [output.name for output in self._session.get_outputs()]
        if not {f"kps_{stride}" for stride in STRIDES} <= set(self._names):
            raise DataError(f"{file} is no YuNet: its outputs are {self._names}")

    def look(self, image: npt.NDArray[np.uint8], longer_side: int) -> Faces:
        """Faces in a BGR image that is first scaled to `longer_side`, best first."""
        height, width = image.shape[:2]
        scale = longer_side / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        tensor = np.zeros((1, 3, *(-(-side // 32) * 32 for side in size[::-1])), np.float32)
        scaled = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        tensor[0, :, : size[1], : size[0]] = scaled.transpose(2, 0, 1)
        outputs = dict(zip(self._names, self._session.run(None, {"input": tensor}), strict=True))
        rows = np.concatenate([_decode(outputs, s, tensor.shape[3] // s) for s in STRIDES])
        grow = np.array([1.0] + [width / size[0], height / size[1]] * 7, np.float32)
        return distinct(rows, YUNET_NMS) * grow

    def label(self, image: npt.NDArray[np.uint8]) -> Faces:
        """Faces as all sizes together see them, in the photo and its mirror image; see `merge`."""
        width = image.shape[1]
        mirror = np.ascontiguousarray(image[:, ::-1])
        looks = [
            [self.look(image, size), mirrored(self.look(mirror, size), width)] for size in SIZES
        ]
        return merge(looks, [size / max(image.shape[:2]) for size in SIZES])


def _decode(outputs: dict[str, Any], stride: int, columns: int) -> Faces:
    """One level's faces from `LOWEST` on, unsorted."""
    cls, obj, box, points = (outputs[f"{n}_{stride}"][0] for n in ("cls", "obj", "bbox", "kps"))
    score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
    keep = np.flatnonzero(score >= LOWEST)
    cell = np.stack([keep % columns, keep // columns], 1)
    centre, half = cell + box[keep, :2], np.exp(box[keep, 2:]) / 2
    points = points[keep] + np.tile(cell, 5)
    places = np.hstack([centre - half, centre + half, points]) * stride
    return np.hstack([score[keep, None], places]).astype(np.float32)


def distinct(rows: Faces, most: float) -> Faces:
    """The best faces, best first, without those that overlap a better one by more than `most`."""
    rows = rows[np.argsort(-rows[:, 0], kind="stable")]
    kept = []
    while len(rows):
        kept.append(rows[0])
        rows = rows[1:][overlap(rows[:1, 1:5], rows[1:, 1:5])[0] <= most]
    return np.array(kept, np.float32).reshape(-1, COLUMNS)


def mirrored(rows: Faces, width: int) -> Faces:
    """Faces of the mirrored image, which is `width` pixels wide."""
    points = rows[:, 5:].reshape(-1, 5, 2)[:, MIRRORED]
    turned = np.concatenate([rows[:, None, [3, 2, 1, 4]].reshape(-1, 2, 2), points], axis=1)
    turned[:, :, 0] = width - turned[:, :, 0]
    return np.hstack([rows[:, :1], turned.reshape(-1, 14)]).astype(np.float32)


def merge(looks: Sequence[Sequence[Faces]], scales: Sequence[float]) -> Faces:
    """Faces of looks at some sizes, each of one way or both, as one list, best first.

    A face's place is the mean of all looks that saw it, weighted by score and by how well YuNet
    places points in faces of the size seen: the larger the better, up to `BEST_WIDTH`. Its score
    is the mean over both ways and over the two sizes that are surest of it, 0 where it was not
    seen: one look alone is not believed.
    """
    ways = len(looks[0])
    flat = [look for size in looks for look in size]
    rows = np.concatenate(flat)
    source = np.repeat(np.arange(len(flat)), [len(look) for look in flat])
    order = np.argsort(-rows[:, 0], kind="stable")
    rows, source = rows[order], source[order]
    seen_width = (rows[:, 3] - rows[:, 1]) * np.repeat(scales, ways)[source]
    trust = np.minimum(seen_width, BEST_WIDTH * (BEST_WIDTH / np.maximum(seen_width, 1)) ** 4)
    merged = []
    while len(rows):
        same = overlap(rows[:1, 1:5], rows[:, 1:5])[0] > SAME_FACE_IOU
        same[0] = True
        face = np.average(rows[same], axis=0, weights=rows[same, 0] * (trust[same] + 1e-3))
        scores = [rows[same & (source == look), 0].max(initial=0) for look in range(len(flat))]
        face[0] = np.sort(np.reshape(scores, (-1, ways)).mean(1))[-2:].mean()
        merged.append(face)
        rows, source, trust = rows[~same], source[~same], trust[~same]
    faces = np.array(merged, np.float32).reshape(-1, COLUMNS)
    return faces[np.argsort(-faces[:, 0], kind="stable")]


def overlap(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> Faces:
    """Intersection over union (n, m) of boxes (n, 4) and (m, 4): left, top, right, bottom."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(np.maximum(b[:, 2:] - b[:, :2], 0), axis=1) for b in (one, other)]
    whole = areas[0][:, None] + areas[1][None] - shared
    return np.asarray(shared / np.maximum(whole, 1e-9), np.float32)


def load_labels(chosen: list[Photo], teacher: Path, cache: Path) -> list[Faces]:
    """The teacher's faces in each photo, from the cache where photos and teacher are the same."""
    path = cache / f"labels-{_key(chosen, teacher)}.npz"
    if not path.exists():
        judge = Teacher(teacher)
        bar = tqdm(chosen, "labelling", mininterval=1)
        found = [judge.label(read_photo(photo.path)) for photo in bar]
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part.npz")
        np.savez(unfinished, faces=np.concatenate(found), counts=[len(f) for f in found])
        unfinished.rename(path)
    with np.load(path) as stored:
        return np.split(stored["faces"], np.cumsum(stored["counts"])[:-1])


def _key(chosen: list[Photo], teacher: Path) -> str:
    if not teacher.is_file():
        raise DataError(f"{teacher} is missing: name YuNet's ONNX file with --teacher")
    digest = hashlib.sha256(teacher.read_bytes())
    digest.update(f"{SIZES} {LOWEST} {SAME_FACE_IOU} {BEST_WIDTH} both ways".encode())
    for photo in chosen:
        digest.update(photo.key.encode())
    return digest.hexdigest()[:12]
