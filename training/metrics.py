"""What a model is worth, with 95 % bootstrap intervals (Efron, 1979).

A figure with an interval is `{"value", "low", "high"}`; everything returned here is JSON.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    Floats = npt.NDArray[np.floating[Any]]
    Ints = npt.NDArray[np.integer[Any]]
    Bools = npt.NDArray[np.bool_]

Figure = dict[str, float]

RESAMPLES = 1000
SEED = 0
BINS = 15
"""Of the top guess's probability, for the calibration error (Guo et al., 2017)."""

FEW = 30
"""Fewer faces than this say too little of a group to set it against others."""


def emotion_metrics(probabilities: Floats, labels: Ints, names: list[str]) -> dict[str, Any]:
    """Scores of probabilities (n, classes) against class numbers (n)."""
    classes = len(names)
    guess = probabilities.argmax(1)
    table = confusion(guess, labels, classes)
    drawn = np.stack([confusion(guess[r], labels[r], classes) for r in _resamples(len(labels))])
    sure = probabilities[np.arange(len(labels)), labels]
    scores = {"recall": recall, "precision": precision, "f1": f1}
    return {
        "count": len(labels),
        "accuracy": mean_figure(guess == labels),
        "macro_f1": figure(f1(table).mean(), f1(drawn).mean(1)),
        "calibration_error": _round(calibration_error(probabilities, labels)),
        "negative_log_likelihood": _round(float(-np.log(np.maximum(sure, 1e-9)).mean())),
        "per_class": {
            name: {
                "count": int(table[row].sum()),
                **{
                    key: figure(score(table)[row], score(drawn)[:, row])
                    for key, score in scores.items()
                },
            }
            for row, name in enumerate(names)
        },
        "confusion": table.tolist(),
        "reliability": [
            {key: round(value, 4) for key, value in row.items()}
            for row in reliability(probabilities, labels)
        ],
    }


def age_metrics(ages: Floats, intervals: Floats, labels: Ints) -> dict[str, Any]:
    """Scores of ages (n) and intervals (n, 2) against true years (n)."""
    error = np.abs(ages - labels)
    inside = (intervals[:, 0] <= labels) & (labels <= intervals[:, 1])
    decade = np.minimum(labels // 10, 9)
    return {
        "count": len(labels),
        "mean_absolute_error": mean_figure(error),
        "median_absolute_error": median_figure(error),
        "within_5_years": mean_figure(error <= 5),
        "within_10_years": mean_figure(error <= 10),
        "bias": _round((ages - labels).mean()),
        "interval_coverage": mean_figure(inside),
        "interval_width": _round((intervals[:, 1] - intervals[:, 0]).mean()),
        "cumulative_score": [_round((error <= years).mean()) for years in range(21)],
        "by_decade": {
            f"{10 * d}-{10 * d + 9}" if d < 9 else "90+": {
                "count": int((decade == d).sum()),
                "mean_absolute_error": mean_figure(error[decade == d]),
                "bias": _round((ages - labels)[decade == d].mean()),
                "interval_coverage": mean_figure(inside[decade == d]),
            }
            for d in np.unique(decade)
        },
    }


def interval_metrics(ages: Floats, groups: list[tuple[int, int]], labels: Ints) -> dict[str, Any]:
    """Scores of ages (n) against numbers of age groups (n), each of years from..to inclusive.

    `edge_error` is the mean distance in years to the group's nearer end, 0 within.
    """
    ends = np.array(groups, np.float64)
    low, high = ends[labels, 0], ends[labels, 1] + 1
    read = np.searchsorted(ends[1:, 0], ages, side="right")
    return {
        "count": len(labels),
        "in_group": mean_figure(read == labels),
        "within_one_group": mean_figure(np.abs(read - labels) <= 1),
        "edge_error": mean_figure(np.maximum(0, np.maximum(low - ages, ages - high))),
    }


def by_group(
    values: Floats | Bools, groups: npt.NDArray[np.str_], order: Sequence[str] | None = None
) -> dict[str, Any]:
    """The mean of `values` (n) in each group, by name (n), and the widest gap between two.

    Groups come as in `order`, by name without; those that nobody is of are left out. The gap is
    between groups of at least `FEW` faces; its interval takes those two as given, so it is no test
    of whether the groups differ.
    """
    names = [name for name in order or np.unique(groups).tolist() if (groups == name).any()]
    counts = {name: int((groups == name).sum()) for name in names}
    rows = {
        name: {"count": counts[name], "mean": mean_figure(values[groups == name])} for name in names
    }
    many = [name for name in names if counts[name] >= FEW]
    if len(many) < 2:
        return {"groups": rows, "gap": None}
    means = {name: values[groups == name].mean() for name in many}
    least, most = min(many, key=means.__getitem__), max(many, key=means.__getitem__)
    # Two seeds, for the two groups are drawn independently.
    high, low = (
        _resampled_means(values[groups == name], SEED + n) for n, name in enumerate((most, least))
    )
    gap = figure(means[most] - means[least], high - low)
    return {"groups": rows, "gap": {**gap, "least": least, "most": most}}


def confusion(guess: Ints, labels: Ints, classes: int) -> npt.NDArray[np.int64]:
    """Counts: rows are the truth, columns the guess."""
    return np.bincount(labels * classes + guess, minlength=classes**2).reshape(classes, classes)


def recall(table: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Recall of each class, of one confusion or of many (…, classes, classes); 0 where absent."""
    return np.asarray(_diagonal(table) / np.maximum(table.sum(-1), 1))


def precision(table: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Precision of each class, likewise; 0 where a class is never guessed."""
    return np.asarray(_diagonal(table) / np.maximum(table.sum(-2), 1))


def f1(table: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """F1 of each class, likewise; 0 where a class neither occurs nor is guessed."""
    return np.asarray(2 * _diagonal(table) / np.maximum(table.sum(-1) + table.sum(-2), 1))


def reliability(probabilities: Floats, labels: Ints, bins: int = BINS) -> list[dict[str, float]]:
    """Faces whose top guess's probability lies in each bin that holds any: how many, how sure
    the guess is on average, and how often it is right."""
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    which = np.minimum((sure * bins).astype(int), bins - 1)
    return [
        {
            "count": int((which == b).sum()),
            "confidence": float(sure[which == b].mean()),
            "accuracy": float(right[which == b].mean()),
        }
        for b in np.unique(which)
    ]


def calibration_error(probabilities: Floats, labels: Ints, bins: int = BINS) -> float:
    """Expected calibration error of the top guess (Guo et al., 2017)."""
    rows = reliability(probabilities, labels, bins)
    gaps = [row["count"] * abs(row["confidence"] - row["accuracy"]) for row in rows]
    return sum(gaps) / len(labels)


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """The divisor of the logits that makes the labels most likely."""

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        top = scaled.max(1, keepdims=True)
        total = np.log(np.exp(scaled - top).sum(1)) + top[:, 0]
        return float((total - scaled[np.arange(len(labels)), labels]).mean())

    return float(min(np.geomspace(0.2, 5, 400), key=loss))


def mean_figure(values: Floats | Bools) -> Figure:
    """The mean of values (n)."""
    return figure(values.mean(), _resampled_means(values, SEED))


def median_figure(values: Floats) -> Figure:
    """The median of values (n)."""
    return figure(np.median(values), np.median(values[_resamples(len(values))], axis=1))


@lru_cache(maxsize=2)
def _resamples(count: int, seed: int = SEED) -> Ints:
    """Rows (RESAMPLES, count) to draw: the same ones for every figure of one data set."""
    return np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))


def _resampled_means(values: Floats | Bools, seed: int) -> Floats:
    return np.asarray(values[_resamples(len(values), seed)].mean(1))


def figure(value: float | np.floating[Any], drawn: Floats) -> Figure:
    """A value with the middle 95 % of what was drawn (resamples)."""
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": _round(value), "low": _round(low), "high": _round(high)}


def _diagonal(table: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.asarray(np.diagonal(table, axis1=-2, axis2=-1))


def _round(value: float | np.floating[Any]) -> float:
    return round(float(value), 4)
