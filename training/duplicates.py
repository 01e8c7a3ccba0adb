"""Pictures of two lists that are nearly the same: the same photo, or one of the same moment.

A grey thumbnail is the perceptual hash: two of 16x16 pixels that correlate are candidates, of
which most are but two faces in the same pose. So a candidate is laid over the other (ECC:
Evangelidis and Psarakis, "Parametric Image Alignment Using Enhanced Correlation Coefficient
Maximization", 2008) and compared once more in its details alone, without broad light and shade.

On RAF-DB's train and test parts 757 pairs correlate by `COARSE`; a 64-bit dHash that is to find
as many of the real ones (Hamming distance 10: 111 of 119) names 110,000. On FER+ 1,312 pairs lie
above `FINE` and some 40 in the tenth below. Of 100 pairs between 0.905 and 0.945, looked at, about
eight in ten are the same photo or moment, the others alike in pose and light alone: a few faces
too many are left out. Copies that are moved by more than about 3 % are not found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from training.data import DataError
from training.pictures import read_picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    Floats = npt.NDArray[np.float32]

SIDE = 48
COARSE_SIDE = 16
COARSE = 0.90
"""Correlation of two small thumbnails from which a closer look is worth 2 ms."""
UNREGISTERED = 0.6
"""Correlation of the details as they lie, below which laying them over one another was in vain
for all but 10 of 1,500 pairs."""
FINE = 0.905
"""Correlation of the details, one picture laid over the other, from which they are the same."""
DETAIL = (1.0, 4.0)
"""Standard deviations in pixels of the two blurs whose difference is called detail."""
EDGE = 5
"""Pixels of the thumbnail's border that may have come from outside after laying over."""
ECC = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
ROWS = 2000


class Pair(NamedTuple):
    """Two pictures and how much alike their details are, at most 1."""

    first: Path
    second: Path
    likeness: float


class Thumbnails(NamedTuple):
    """`images` (n, SIDE, SIDE) uint8 grey, of `paths` (n)."""

    paths: list[Path]
    images: npt.NDArray[np.uint8]


def thumbnail(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A grey picture of any size, as it is compared."""
    shrinks = min(grey.shape) > SIDE
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=how), np.uint8)


def read_thumbnails(paths: Sequence[Path]) -> Thumbnails:
    """Thumbnails of the files that are pictures; the others are left out."""
    kept, images = [], []
    for path in tqdm(paths, "thumbnails", mininterval=1, leave=False):
        try:
            grey = read_picture(path, cv2.IMREAD_GRAYSCALE)
        except DataError:
            continue
        kept.append(path)
        images.append(thumbnail(grey))
    return Thumbnails(kept, np.array(images, np.uint8).reshape(-1, SIDE, SIDE))


def near_duplicates(first: Sequence[Path], second: Sequence[Path]) -> list[Pair]:
    """Pairs of one file of each list that show the same photo or moment, also if mirrored."""
    return near_pairs(read_thumbnails(first), read_thumbnails(second))


def near_pairs(first: Thumbnails, second: Thumbnails, coarse: float = COARSE) -> list[Pair]:
    """`near_duplicates` of thumbnails, the most alike first."""
    found: dict[tuple[int, int], float] = {}
    for mirrored in (False, True):
        images = first.images[:, :, ::-1] if mirrored else first.images
        likely = list(_candidates(images, second.images, coarse))
        for one, other in tqdm(likely, "near-duplicates", mininterval=1, leave=False):
            alike = likeness(images[one], second.images[other])
            if alike >= FINE:
                found[one, other] = max(alike, found.get((one, other), 0.0))
    pairs = [Pair(first.paths[i], second.paths[j], alike) for (i, j), alike in found.items()]
    return sorted(pairs, key=lambda pair: (-pair.likeness, pair.first, pair.second))


def likeness(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> float:
    """Correlation of two thumbnails' details, the second laid over the first; 0 where they are
    too different to try."""
    one, other = first.astype(np.float32), second.astype(np.float32)
    detail = _details(one)
    unregistered = _correlation(detail, _details(other))
    if unregistered < UNREGISTERED:
        return 0.0
    matrix = np.eye(2, 3, dtype=np.float32)
    try:
        matrix = np.asarray(
            cv2.findTransformECC(one, other, matrix, cv2.MOTION_AFFINE, ECC)[1], np.float32
        )
    except cv2.error:  # it did not converge: they do not fit
        return unregistered
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(other, matrix, (SIDE, SIDE), flags=how, borderMode=cv2.BORDER_REPLICATE)
    inner = slice(EDGE, -EDGE)
    laid_over = _correlation(
        detail[inner, inner], _details(np.asarray(laid, np.float32))[inner, inner]
    )
    return max(unregistered, laid_over)


def _candidates(
    first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8], coarse: float
) -> Iterator[tuple[int, int]]:
    """Rows of the two whose small thumbnails correlate."""
    if not len(first) or not len(second):
        return
    ones, others = _small(first), _small(second)
    for start in range(0, len(ones), ROWS):
        rows, columns = np.nonzero(ones[start : start + ROWS] @ others.T >= coarse)
        yield from zip((rows + start).tolist(), columns.tolist(), strict=True)


def _small(images: npt.NDArray[np.uint8]) -> Floats:
    """Rows of zero mean and length 1, whose products are correlations; flat ones are zero."""
    step = SIDE // COARSE_SIDE
    blocks = images.reshape(-1, COARSE_SIDE, step, COARSE_SIDE, step)
    rows = blocks.mean((2, 4), dtype=np.float32).reshape(len(images), -1)
    rows -= rows.mean(1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-3))


def _details(image: Floats) -> Floats:
    fine, broad = (cv2.GaussianBlur(image, (0, 0), sigma) for sigma in DETAIL)
    return np.asarray(fine - broad, np.float32)


def _correlation(one: Floats, other: Floats) -> float:
    one, other = one - one.mean(), other - other.mean()
    length = float(np.sqrt((one * one).sum() * (other * other).sum()))
    return float((one * other).sum()) / length if length > 1e-3 else 0.0
