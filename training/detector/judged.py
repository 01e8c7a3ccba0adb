"""What eyes said of places where the teacher is unsure or wrong: hands, letters, ears, wheels.

`splits/photos_judged.csv` names a photo by its key, a place (pixels: left, top, right, bottom) and
a verdict: `face`, `none` or `unclear`. Judged was, by looking at cut-out places in random order
without knowing who had found them:

- in the photos to learn from and to choose by, what the teacher gave 0.4 to 0.8, and what an
  earlier detector of ours saw beside the teacher's faces, from 2.5 % of the longer side on;
- in the photos held out for testing, all that the teacher at 320 or 640 pixels, that detector or
  the one that learned from these verdicts gave 0.4 or more, from 4 % on.

There a teacher's face that no line names stands.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from training.detector.labels import COLUMNS, SAME_FACE_IOU, SURE, overlap

if TYPE_CHECKING:
    from training.detector.labels import Faces

JUDGED = Path(__file__).parents[1] / "splits" / "photos_judged.csv"
UNSURE = 0.5
"""Score of a place that nobody can tell about: below `SURE`, so it is neither right nor wrong."""


class Places(NamedTuple):
    """Boxes (n, 4: left, top, right, bottom, pixels) in one photo, by verdict."""

    face: Faces
    none: Faces
    unclear: Faces


def read_judged(path: Path = JUDGED) -> dict[str, Places]:
    """Each judged photo's places, by the photo's key."""
    boxes: dict[str, dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            corners = [float(row[side]) for side in ("left", "top", "right", "bottom")]
            boxes[row["photo"]][row["verdict"]].append(corners)
    return {
        key: Places(
            *(np.array(said[verdict], np.float32).reshape(-1, 4) for verdict in Places._fields)
        )
        for key, said in boxes.items()
    }


def corrected(faces: Faces, places: Places | None) -> Faces:
    """The teacher's faces (n, 15) with what was judged otherwise: `none` is out, `unclear` has
    the score `UNSURE`, `face` at least `SURE`.

    A judged place that the teacher did not see is added, its points in its middle.
    """
    if places is None:
        return faces
    rows = faces[~_among(faces, places.none)].copy()
    rows[_among(rows, places.unclear), 0] = UNSURE
    confirmed = _among(rows, places.face)
    rows[confirmed, 0] = np.maximum(rows[confirmed, 0], SURE)
    return np.concatenate(
        [rows, _added(places.unclear, rows, UNSURE), _added(places.face, rows, SURE)]
    )


def _among(faces: Faces, boxes: Faces) -> npt.NDArray[np.bool_]:
    return np.asarray((overlap(faces[:, 1:5], boxes) > SAME_FACE_IOU).any(1))


def _added(boxes: Faces, rows: Faces, score: float) -> Faces:
    fresh = boxes[~(overlap(boxes, rows[:, 1:5]) > SAME_FACE_IOU).any(1)]
    middle = (fresh[:, :2] + fresh[:, 2:]) / 2
    scores = np.full((len(fresh), 1), score, np.float32)
    return np.hstack([scores, fresh, np.tile(middle, 5)]).reshape(-1, COLUMNS)
