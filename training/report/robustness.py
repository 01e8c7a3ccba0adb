"""What is left of a model's figures when pictures are harmed before the face is found in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from training.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from training.crops import read_image
from training.metrics import mean_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from device.vision.look import CropDetector
    from training.data import Sample
    from training.evaluate import Read

    Values = npt.NDArray[np.float64]

FACES = 1000
SEED = 0


def robustness(
    task: str, chosen: Sequence[Sample], detector: CropDetector, read: Read
) -> dict[str, Any]:
    """Share of emotions read right, or mean absolute error of ages, on at most `FACES` samples.

    `score` is that figure and `found` the share of faces that were detected, both of the clean
    pictures and of each kind of harm's strengths in order; `cost` is by how much the score of the
    same faces is worse than clean (emotion: share, age: years).
    """
    picked = pick(chosen, FACES)
    shape = (len(CORRUPTIONS), len(SEVERITIES), len(picked))
    score, found = np.zeros(shape), np.zeros(shape)
    clean, seen = np.zeros(len(picked)), np.zeros(len(picked))
    for number, sample in enumerate(tqdm(picked, f"harmed faces, {task}", mininterval=1)):
        image = read_image(sample.path)
        face = detector.detect_in_crop(image)
        clean[number] = _score(task, read(image, face), sample)
        seen[number] = face.score > 0
        for row, name in enumerate(CORRUPTIONS):
            for column, severity in enumerate(SEVERITIES):
                harmed = corrupt(image, face, name, severity, SEED + number)
                again = detector.detect_in_crop(harmed)
                score[row, column, number] = _score(task, read(harmed, again), sample)
                found[row, column, number] = again.score > 0
    worse = clean - score if task == "emotion" else score - clean
    return {
        "count": len(picked),
        "clean": {"score": mean_figure(clean), "found": round(float(seen.mean()), 4)},
        "harmed": {
            name: [
                {
                    "score": mean_figure(score[row, column]),
                    "cost": mean_figure(worse[row, column]),
                    "found": round(float(found[row, column].mean()), 4),
                }
                for column in range(len(SEVERITIES))
            ]
            for row, name in enumerate(CORRUPTIONS)
        },
        "mean": {
            "score": mean_figure(score.mean((0, 1))),
            "found": round(float(found.mean()), 4),
        },
    }


def pick(chosen: Sequence[Sample], count: int) -> list[Sample]:
    """`count` seeded samples with each label in its natural share, all where there are fewer."""
    if len(chosen) <= count:
        return list(chosen)
    labels = np.array([sample.label for sample in chosen])
    order = np.random.default_rng(SEED).permutation(len(chosen))
    order = order[np.argsort(labels[order], kind="stable")]
    places = np.linspace(0, len(order), count, endpoint=False).astype(int)
    return [chosen[index] for index in sorted(order[places])]


def _score(task: str, row: Sequence[float], sample: Sample) -> float:
    if task == "emotion":
        return float(np.argmax(row) == sample.label)
    return abs(row[0] - float(sample.label))  # type: ignore[arg-type] # years, not votes
