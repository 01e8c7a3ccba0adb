"""Ridge regression and what it is worth on songs that it did not see.

Ridge: A. E. Hoerl & R. W. Kennard, Technometrics 12, 1970; its strength by the closed form of
leaving each song out (D. M. Allen's PRESS, Technometrics 16, 1974).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from training.metrics import RESAMPLES, SEED, Figure, figure

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FOLDS = 10
STRENGTHS = np.logspace(-3, 5, 33)
"""Of the penalty, on features as they are: scale them first where their units differ."""


class Line(NamedTuple):
    """`offset` (axes) + features @ `weights` (features, axes)."""

    offset: Floats
    weights: Floats

    def __call__(self, features: Floats) -> Floats:
        """Predictions (songs, axes) for features (songs, features)."""
        return np.asarray(self.offset + features @ self.weights)


class Score(NamedTuple):
    """Of one axis: R² against the mean of all, Pearson's r, root mean squared error."""

    r2: Figure
    r: Figure
    rmse: Figure


def ridge(features: Floats, targets: Floats) -> Line:
    """The line that errs least when each of the songs (features, axes) is left out in turn."""
    mean, middle = features.mean(axis=0), targets.mean(axis=0)
    left, values, right = np.linalg.svd(features - mean, full_matrices=False)
    turned = left.T @ (targets - middle)

    def left_out_error(strength: float) -> float:
        kept = values**2 / (values**2 + strength)
        error = targets - middle - left @ (kept[:, None] * turned)
        leverage = 1 / len(features) + np.square(left) @ kept
        return float(np.square(error / np.maximum(1 - leverage, 1e-9)[:, None]).mean())

    strength = min(STRENGTHS, key=left_out_error)
    weights = right.T @ ((values / (values**2 + strength))[:, None] * turned)
    return Line(middle - mean @ weights, weights)


def cross_validated(features: Floats, targets: Floats, groups: Sequence[str]) -> Floats:
    """Predictions (songs, axes), each by a line that saw nothing of the song's group."""
    names, numbers = np.unique(groups, return_inverse=True)
    fold = np.random.default_rng(SEED).permutation(len(names))[numbers] % FOLDS
    predicted = np.empty_like(targets)
    for number in np.unique(fold):
        held_out = fold == number
        predicted[held_out] = ridge(features[~held_out], targets[~held_out])(features[held_out])
    return predicted


def score(true: Floats, predicted: Floats, groups: Sequence[str]) -> Score:
    """How near predictions (songs) are, with 95 % intervals by bootstrap over whole groups."""
    names, numbers = np.unique(groups, return_inverse=True)
    terms = (np.ones_like(true), true, predicted, true**2, predicted**2, true * predicted)
    sums = np.zeros((len(names), len(terms)))
    for column, term in enumerate(terms):
        np.add.at(sums[:, column], numbers, term)
    drawn = np.random.default_rng(SEED).multinomial(
        len(names), np.full(len(names), 1 / len(names)), RESAMPLES
    )
    everything, resampled = _of_sums(sums.sum(axis=0)), _of_sums(drawn @ sums)
    return Score(
        *(figure(one.item(), many) for one, many in zip(everything, resampled, strict=True))
    )


def _of_sums(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """R², r and root mean squared error from sums (..., 6) of 1, t, p, t², p², tp."""
    count, t, p, tt, pp, tp = np.moveaxis(sums, -1, 0)
    squared = np.maximum(tt - 2 * tp + pp, 0)
    spread, own = tt - t * t / count, pp - p * p / count
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (tp - t * p / count) / np.sqrt(np.maximum(spread * own, 0))
        error = np.sqrt(squared / count)
    return np.asarray(1 - squared / spread), np.asarray(r), np.asarray(error)


def one_hot(names: Sequence[str]) -> Floats:
    """A column (songs, names) for each name, in their order."""
    found = np.unique(names)
    return np.asarray(np.asarray(names)[:, None] == found, float)
