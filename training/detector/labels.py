"""Faces in rows, and many looks at the same faces as one list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    Faces = npt.NDArray[np.float32]
    """Rows (n, 15): score, left, top, right, bottom, then x and y of the eye on the left, the eye
    on the right, the nose, the left and the right corner of the mouth, all in pixels."""

COLUMNS = 15
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


class Source(NamedTuple):
    """Where photos come from, who labels them, and where the labels are kept."""

    data: Path
    teacher: Path
    cache: Path


def distinct(rows: Faces, most: float) -> Faces:
    """The best faces of rows (n, 15), best first, without those that overlap a better one by an IoU
    of more than `most`: greedy non-maximum suppression."""
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
    """Faces of looks at some sizes, each of one way or both, as one list (n, 15), best first.

    `looks` has for each size its ways, rows (n, 15) in the photo's pixels each; `scales` by what
    factor each size enlarged the photo. From an IoU above `SAME_FACE_IOU` on it is the same face.

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
