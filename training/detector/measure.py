"""How well faces are found: recall by size, false faces, precision over recall, eyes' error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from training.detector.labels import SURE, overlap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.detector.labels import Faces

    Floats = npt.NDArray[np.float64]

FOUND_IOU = 0.3
BUCKETS = ((0.0, 0.04), (0.04, 0.06), (0.06, 0.12), (0.12, 10.0))
"""Widths of faces as shares of the photo's longer side; the first is not asked for."""
NAMES = ("below 4 %", "4-6 %", "6-12 %", "above 12 %")
ASKED = 0.04


class Matches(NamedTuple):
    """All photos' faces together. Of the true ones: `width` (share of the longer side), `score`
    they were found with (0: not at all), `eyes` their error as a share of the eyes' distance
    (NaN where not found). `false`: scores of faces found where there is none."""

    width: Floats
    score: Floats
    eyes: Floats
    false: Floats


def match(found: Sequence[Faces], truth: Sequence[Faces], longer: Sequence[int]) -> Matches:
    """Pair what was found in each photo with the teacher's faces, best first, from an IoU of
    `FOUND_IOU` on. Both are rows (n, 15) for each photo, `longer` is its longer side, in pixels.

    A face found where the teacher is unsure (below `SURE`), or of a width below the asked, is
    neither right nor wrong.
    """
    rows, false = [], []
    for faces, theirs, side in zip(found, truth, longer, strict=True):
        ours = faces[np.argsort(-faces[:, 0], kind="stable")]
        shared = overlap(ours[:, 1:5], theirs[:, 1:5])
        sure = theirs[:, 0] >= SURE
        partner = np.full(len(theirs), -1)
        for n, face in enumerate(ours):
            free = np.where(sure & (partner < 0), shared[n], 0)
            if len(free) and free.max() >= FOUND_IOU:
                partner[free.argmax()] = n
            elif not _excused(face, theirs, shared[n], side):
                false.append(float(face[0]))
        for row in np.flatnonzero(sure):
            face, n = theirs[row], partner[row]
            width = (face[3] - face[1]) / side
            if n < 0:
                rows.append((width, 0.0, np.nan))
            else:
                rows.append((width, ours[n, 0], eye_error(ours[n], face)))
    table = np.array(rows, np.float64).reshape(-1, 3)
    return Matches(table[:, 0], table[:, 1], table[:, 2], np.array(false))


def _excused(face: npt.NDArray[np.float32], theirs: Faces, shared: Floats, side: int) -> bool:
    if (face[3] - face[1]) / side < ASKED:
        return True
    unsure = theirs[:, 0] < SURE
    if bool((shared[unsure] > 0.2).any()):
        return True
    middle = (face[1:3] + face[3:5]) / 2
    inside = (theirs[:, 1:3] <= middle) & (middle <= theirs[:, 3:5])
    return bool((inside.all(1) & unsure).any())


def eye_error(ours: npt.NDArray[np.float32], theirs: npt.NDArray[np.float32]) -> float:
    """Mean distance of the two eyes from the teacher's, in distances between those."""
    away = np.hypot(*(ours[5:9] - theirs[5:9]).reshape(2, 2).T).mean()
    return float(away / max(np.hypot(*(theirs[5:7] - theirs[7:9])), 1e-6))


def average_precision(matches: Matches) -> float:
    """Area under precision over recall, of faces of the asked widths."""
    right = matches.score[matches.width >= ASKED]
    scores = np.concatenate([right[right > 0], matches.false])
    is_right = np.concatenate([np.ones((right > 0).sum()), np.zeros(len(matches.false))])
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(is_right[order])
    precision = hits / np.arange(1, len(order) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((envelope * is_right[order]).sum() / max(len(right), 1))


def figures(matches: Matches, min_score: float) -> dict[str, Any]:
    """Recall by width, false faces and the eyes' median error at a least score."""
    by_width: dict[str, Any] = {}
    for name, (low, high) in zip(NAMES, BUCKETS, strict=True):
        inside = (low <= matches.width) & (matches.width < high)
        got = inside & (matches.score >= min_score)
        by_width[name] = {
            "faces": int(inside.sum()),
            "recall": round(float(got.sum() / max(inside.sum(), 1)), 4),
            "eyes": _median(matches.eyes[got]),
        }
    asked = matches.width >= ASKED
    got = asked & (matches.score >= min_score)
    return {
        "min_score": round(min_score, 4),
        "by_width": by_width,
        "faces": int(asked.sum()),
        "recall": round(float(got.sum() / max(asked.sum(), 1)), 4),
        "false_faces": int((matches.false >= min_score).sum()),
        "eye_error": _median(matches.eyes[got]),
        "average_precision": round(average_precision(matches), 4),
    }


def score_for(matches: Matches, recall: float) -> float:
    """The least score at which a detector finds this share of the faces asked for; 0: never."""
    scores = np.sort(matches.score[matches.width >= ASKED])[::-1]
    needed = int(np.ceil(recall * len(scores) - 1e-9))
    return float(scores[max(needed, 1) - 1]) if len(scores) else 0.0


def _median(values: Floats) -> float | None:
    return round(float(np.median(values)), 4) if len(values) else None
