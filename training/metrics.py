"""What a model is worth, with 95 % bootstrap intervals (Efron, 1979)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

    Floats = npt.NDArray[np.floating[Any]]
    Ints = npt.NDArray[np.integer[Any]]

RESAMPLES = 1000
SEED = 0


def emotion_metrics(probabilities: Floats, labels: Ints, names: list[str]) -> dict[str, Any]:
    """Scores of probabilities (n, classes) against class numbers (n)."""
    guess = probabilities.argmax(1)
    table = confusion(guess, labels, len(names))
    sure = probabilities[np.arange(len(labels)), labels]
    return {
        "count": len(labels),
        "accuracy": _interval(
            lambda rows: float((guess[rows] == labels[rows]).mean()), len(labels)
        ),
        "macro_f1": _interval(
            lambda rows: float(f1(confusion(guess[rows], labels[rows], len(names))).mean()),
            len(labels),
        ),
        "calibration_error": _round(calibration_error(probabilities, labels)),
        "negative_log_likelihood": _round(float(-np.log(np.maximum(sure, 1e-9)).mean())),
        "per_class": {
            name: {
                "count": int(table[row].sum()),
                "recall": _round(table[row, row] / max(1, table[row].sum())),
                "precision": _round(table[row, row] / max(1, table[:, row].sum())),
                "f1": _round(f1(table)[row]),
            }
            for row, name in enumerate(names)
        },
        "confusion": table.tolist(),
    }


def age_metrics(ages: Floats, intervals: Floats, labels: Ints) -> dict[str, Any]:
    """Scores of ages (n) and intervals (n, 2) against true years (n)."""
    error = np.abs(ages - labels)
    decade = np.minimum(labels // 10, 9)
    inside = (intervals[:, 0] <= labels) & (labels <= intervals[:, 1])
    return {
        "count": len(labels),
        "mean_absolute_error": _interval(lambda rows: float(error[rows].mean()), len(labels)),
        "bias": _round((ages - labels).mean()),
        "interval_coverage": _interval(lambda rows: float(inside[rows].mean()), len(labels)),
        "interval_width": _round((intervals[:, 1] - intervals[:, 0]).mean()),
        "by_decade": {
            f"{10 * d}-{10 * d + 9}" if d < 9 else "90+": {
                "count": int((decade == d).sum()),
                "mean_absolute_error": _round(error[decade == d].mean()),
                "bias": _round((ages - labels)[decade == d].mean()),
            }
            for d in np.unique(decade)
        },
    }


def confusion(guess: Ints, labels: Ints, classes: int) -> npt.NDArray[np.int64]:
    """Counts: rows are the truth, columns the guess."""
    return np.bincount(labels * classes + guess, minlength=classes**2).reshape(classes, classes)


def f1(table: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """F1 of each class; 0 where a class neither occurs nor is guessed."""
    return np.asarray(2 * table.diagonal() / np.maximum(table.sum(0) + table.sum(1), 1))


def calibration_error(probabilities: Floats, labels: Ints, bins: int = 15) -> float:
    """Expected calibration error of the top guess (Guo et al., 2017)."""
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    which = np.minimum((sure * bins).astype(int), bins - 1)
    gap = np.bincount(which, sure - right, minlength=bins)
    return float(np.abs(gap).sum() / len(labels))


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """The divisor of the logits that makes the labels most likely."""

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        top = scaled.max(1, keepdims=True)
        total = np.log(np.exp(scaled - top).sum(1)) + top[:, 0]
        return float((total - scaled[np.arange(len(labels)), labels]).mean())

    return float(min(np.geomspace(0.2, 5, 400), key=loss))


def _interval(score: Callable[[Ints], float], count: int) -> dict[str, float]:
    rng = np.random.default_rng(SEED)
    drawn = [score(rng.integers(0, count, count)) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": _round(score(np.arange(count))), "low": _round(low), "high": _round(high)}


def _round(value: float | np.floating[Any]) -> float:
    return round(float(value), 4)
