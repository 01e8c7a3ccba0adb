"""Measures the detector as the device uses it, and its teacher beside it, on held-out photos."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from tqdm import tqdm

from device.vision.detect import MIN_SCORE, open_detector
from device.vision.runtime import default_runtime
from training.detector.judged import corrected, read_judged
from training.detector.labels import COLUMNS
from training.detector.measure import NAMES, average_precision, figures, match, score_for
from training.detector.photos import photos, read_photo
from training.detector.teacher import Teacher, load_labels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from device.vision.detect import GridDetector
    from training.detector.labels import Faces, Source
    from training.detector.measure import Matches

    Image = npt.NDArray[np.uint8]

LOWEST_SCORE = 0.25
"""Score from which faces are asked for, to draw precision over recall."""
TEACHER_SIZES = (320, 640)
SCORES = (0.4, MIN_SCORE, 0.6, 0.7)
"""Least scores that one may ask of a face; the appliance's own default is 0.6."""
ROUNDS, FRAMES = 60, 10


def evaluate(
    models: Path, source: Source, part: str = "test", *, runtime: str | None = None
) -> dict[str, Any]:
    """Figures of the detector in `models` on a part of the photos, and of its teacher at two sizes.

    Ours is asked for each least score anew, for it looks closer at what comes near it; precision
    over recall is drawn from one that is asked for the doubtful, too. `judged` counts by what eyes
    said of the places (see `judged`), where the teacher can be wrong as well; its false faces are
    those it gives where its score is chosen so that it finds as many faces as ours does.
    """
    chosen = photos(source.data, part)
    images = [read_photo(photo.path) for photo in chosen]
    longer = [max(image.shape[:2]) for image in images]
    truth = load_labels(chosen, source.teacher, source.cache)
    judged = read_judged()
    seen = [corrected(row, judged.get(p.key)) for row, p in zip(truth, chosen, strict=True)]
    teacher = Teacher(source.teacher)

    def look(see: Callable[[Image], Faces], title: str) -> list[Faces]:
        return [see(image) for image in tqdm(images, title, mininterval=1)]

    def ours(score: float) -> list[Faces]:
        detector = open_detector(models, runtime=runtime, min_score=score)
        return look(lambda image: as_faces(detector, image), f"face from {score}")

    theirs = {
        size: look(lambda image, size=size: teacher.look(image, size), f"YuNet {size}")  # type: ignore[misc]
        for size in TEACHER_SIZES
    }
    found = {score: ours(score) for score in SCORES}
    by_score = {score: figures(match(rows, truth, longer), score) for score, rows in found.items()}
    precision = average_precision(match(ours(LOWEST_SCORE), truth, longer))
    return {
        "part": part,
        "runtime": runtime or default_runtime(),
        "photos": len(images),
        **by_score[MIN_SCORE],
        "average_precision": round(precision, 4),
        "by_score": {str(score): _recalls(each) for score, each in by_score.items()},
        "teacher": {
            f"YuNet, longer side {size}": figures(match(rows, truth, longer), MIN_SCORE)
            for size, rows in theirs.items()
        },
        "judged": _judged(
            {score: match(rows, seen, longer) for score, rows in found.items()},
            {size: match(rows, seen, longer) for size, rows in theirs.items()},
        ),
        "milliseconds": speed(open_detector(models, runtime=runtime), teacher, images, truth),
    }


def _recalls(figures: dict[str, Any]) -> dict[str, Any]:
    """One row: recall of all that is asked for, and of each width of it, and false faces."""
    widths = {name: figures["by_width"][name]["recall"] for name in NAMES[1:]}
    return {"recall": figures["recall"], **widths, "false_faces": figures["false_faces"]}


def _counted(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in ("recall", "false_faces")}


def _judged(ours: dict[float, Matches], theirs: dict[int, Matches]) -> dict[str, Any]:
    """By least score: our recall and false faces, and the teacher's false ones at that recall."""
    rows: dict[str, Any] = {"faces": figures(ours[MIN_SCORE], MIN_SCORE)["faces"]}
    for score, matches in ours.items():
        rows[str(score)] = row = _counted(figures(matches, score))
        for size, others in theirs.items():
            same = figures(others, score_for(others, row["recall"]))
            row[f"false_faces of YuNet {size} at this recall"] = same["false_faces"]
    return rows


def as_faces(detector: GridDetector, image: Image) -> Faces:
    """What a device's detector finds in a BGR photo, in rows as the teacher's, eyes alone."""
    height, width = image.shape[:2]
    found = detector.detect(np.ascontiguousarray(image[:, :, ::-1]))
    rows = np.zeros((len(found), COLUMNS), np.float32)
    for row, face in zip(rows, found, strict=True):
        box, left, right = face.box, face.left_eye, face.right_eye
        row[:5] = face.score, box.x, box.y, box.x + box.width, box.y + box.height
        if left is not None and right is not None:
            row[5:9] = left.x, left.y, right.x, right.y
    rows[:, 1::2] *= width
    rows[:, 2::2] *= height
    return rows


def speed(
    detector: GridDetector, teacher: Teacher, images: list[Image], truth: list[Faces]
) -> dict[str, float]:
    """Median and least milliseconds of a frame of 640x480 pixels with one face, all in, on one
    thread; medians of as many photos as `FRAMES`.

    Ours and the teacher's by turns, so that whatever else the machine does hits both.
    """
    chosen = [image for image, faces in zip(images, truth, strict=True) if len(faces) == 1]
    frames = [np.asarray(cv2.resize(image, (640, 480)), np.uint8) for image in chosen[:FRAMES]]
    if not frames:
        return {}
    seen: dict[str, Callable[[Image], object]] = {
        "ours": detector.detect,
        "YuNet 640": lambda frame: teacher.look(frame, 640),
    }
    times: dict[str, list[list[float]]] = {name: [] for name in seen}
    for frame in frames:
        for name, look in seen.items():
            times[name].append([_milliseconds(look, frame) for _ in range(ROUNDS)])
    kinds: dict[str, Callable[[list[float]], float]] = {"median": statistics.median, "least": min}
    return {
        f"{name}, {title}": round(statistics.median([kind(row) for row in values]), 2)
        for name, values in times.items()
        for title, kind in kinds.items()
    }


def _milliseconds(look: Callable[[Image], object], frame: Image) -> float:
    began = time.perf_counter()
    look(frame)
    return (time.perf_counter() - began) * 1000
