"""What a teacher (YuNet, Wu et al., 2023) sees in photos, at several sizes, kept in a file."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from training.data import DataError
from training.detector.augment import move, warp
from training.detector.labels import (
    BEST_WIDTH,
    MIRRORED,
    NO_FACE,
    SAME_FACE_IOU,
    distinct,
    merge,
    mirrored,
    overlap,
)
from training.detector.photos import read_photo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from training.detector.labels import Faces
    from training.detector.photos import Photo

SIZES = (320, 448, 640, 960)
"""Longer sides that a photo is looked at: each finds faces that the others overlook."""
CROP_SIZES = (256, 384)
"""The same of a face cut out, on a grey ground twice as wide."""
CROP_GROUND = 127
LOWEST = 0.3
"""Score from which the teacher is listened to at all."""
STRIDES = (8, 16, 32)
YUNET_NMS = 0.3
CLOSE_WIDTHS = (100, 112, 125, 140, 156, 174, 194, 216, 240)
"""Widths in pixels that each face is shown at, alone, to place its points."""
CLOSE_TURNS = (-8.0, 0.0, 8.0)
"""Degrees that it is turned by, in turn."""
CLOSE_ROOM = 1.9
"""How many times wider than the face such a picture is."""


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
        """Faces as all sizes together see them, in the photo and its mirror image (see `merge`),
        their points placed by looks at each alone."""
        return self._label(image, SIZES)

    def _label(self, image: npt.NDArray[np.uint8], sizes: Sequence[int]) -> Faces:
        width = image.shape[1]
        mirror = np.ascontiguousarray(image[:, ::-1])
        looks = [
            [self.look(image, size), mirrored(self.look(mirror, size), width)] for size in sizes
        ]
        faces = merge(looks, [size / max(image.shape[:2]) for size in sizes])
        for face in faces:
            if face[0] >= NO_FACE:
                face[5:] = self.place(image, face)
        return faces

    def label_crop(self, image: npt.NDArray[np.uint8]) -> Faces:
        """The same of an image that one face fills, and which YuNet needs room around."""
        height, width = image.shape[:2]
        ground = np.full((2 * height, 2 * width, 3), CROP_GROUND, np.uint8)
        left, top = width // 2, height // 2
        ground[top : top + height, left : left + width] = image
        faces = self._label(ground, CROP_SIZES)
        faces[:, 1:] -= np.tile([left, top], 7).astype(np.float32)
        return faces

    def place(self, image: npt.NDArray[np.uint8], face: npt.NDArray[np.float32]) -> Faces:
        """Points (10) of a face: medians of what the teacher says of it alone, enlarged to
        `CLOSE_WIDTHS`, turned, and mirrored or not; as they are where most such looks miss it.

        In looks at the whole photo a small face is small, and half of what such looks differ by
        is 3.1 % of the eyes' distance in the median, the least that chance leaves in their mean;
        of these it is 1.5 % (faces of the validation part).
        """
        looks = [
            self._close_look(image, face, width, CLOSE_TURNS[n % len(CLOSE_TURNS)], mirror)
            for n, width in enumerate(CLOSE_WIDTHS)
            for mirror in (1, -1)
        ]
        seen = [points for points in looks if points is not None]
        if 2 * len(seen) < len(looks):
            return face[5:]
        return np.asarray(np.median(seen, axis=0), np.float32)

    def _close_look(
        self,
        image: npt.NDArray[np.uint8],
        face: npt.NDArray[np.float32],
        width: int,
        turn: float,
        mirror: int,
    ) -> Faces | None:
        """Points (10) of the face as one such look places them, if it sees it."""
        size = float((face[3:5] - face[1:3]).max())
        side = -(-int(width * CLOSE_ROOM) // 32) * 32
        scale, angle = width / size, math.radians(turn)
        rotation = np.array(
            [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        )
        linear = rotation @ np.diag([scale * mirror, scale])
        shift = side / 2 - linear @ ((face[1:3] + face[3:5]) / 2)
        matrix = np.hstack([linear, shift[:, None]])
        view = warp(image, matrix, np.zeros((side, side, 3), np.uint8))
        rows = self.look(view, side)
        shared = overlap(move(face[None], matrix)[:, 1:5], rows[:, 1:5])[0]
        if shared.max(initial=0) <= SAME_FACE_IOU:
            return None
        points = (rows[shared.argmax(), 5:].reshape(-1, 2) - shift) @ np.linalg.inv(linear).T
        return np.asarray(points[MIRRORED] if mirror < 0 else points, np.float32).reshape(-1)


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


def load_labels(
    chosen: list[Photo],
    teacher: Path,
    cache: Path,
    label: Callable[[Teacher, npt.NDArray[np.uint8]], Faces] | None = None,
) -> list[Faces]:
    """The teacher's faces in each photo, or as it labels them by `label`; from the cache where
    photos and teacher are the same."""
    label = label or Teacher.label
    path = cache / f"{label.__name__}s-{_key(chosen, teacher)}.npz"
    if not path.exists():
        judge = Teacher(teacher)
        bar = tqdm(chosen, "labelling", mininterval=1)
        found = [label(judge, read_photo(photo.path)) for photo in bar]
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
    digest.update(f"{NO_FACE} {CLOSE_WIDTHS} {CLOSE_TURNS} {CLOSE_ROOM}".encode())
    for photo in chosen:
        digest.update(photo.key.encode())
    return digest.hexdigest()[:12]
