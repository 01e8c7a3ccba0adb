"""Ridge, folds and scores against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from training.music.fit import cross_validated, one_hot, ridge, score

RANDOM = np.random.default_rng(3)


def test_a_line_is_found() -> None:
    features = RANDOM.normal(size=(200, 3))
    weights = np.array([[1.0, 0.0], [-2.0, 0.5], [0.0, 3.0]])
    line = ridge(features, 4 + features @ weights)
    assert line.weights == pytest.approx(weights, abs=1e-3)
    assert line.offset == pytest.approx([4, 4], abs=1e-3)


def test_noise_is_not_learned() -> None:
    features, targets = RANDOM.normal(size=(100, 60)), RANDOM.normal(size=(100, 1))
    assert np.abs(ridge(features, targets).weights).max() < 0.05


def test_songs_of_one_artist_do_not_tell_of_each_other() -> None:
    artists = [str(number // 4) for number in range(200)]
    targets = np.repeat(RANDOM.normal(size=(50, 1)), 4, axis=0)
    features = one_hot(artists)
    alone = score(targets[:, 0], cross_validated(features, targets, artists)[:, 0], artists)
    assert alone.r2["value"] < 0.05
    songs = [str(number) for number in range(200)]
    mixed = score(targets[:, 0], cross_validated(features, targets, songs)[:, 0], songs)
    assert mixed.r2["value"] > 0.9


def test_scores_are_those_of_the_books() -> None:
    true = RANDOM.normal(size=300)
    predicted = 0.5 * true + RANDOM.normal(size=300) + 0.2
    found = score(true, predicted, [str(number) for number in range(300)])
    error = true - predicted
    spread = true - true.mean()
    assert found.r2["value"] == pytest.approx(1 - (error @ error) / (spread @ spread), abs=1e-4)
    assert found.r["value"] == pytest.approx(np.corrcoef(true, predicted)[0, 1], abs=1e-4)
    assert found.rmse["value"] == pytest.approx(np.sqrt(np.square(error).mean()), abs=1e-4)
    for figure in found:
        assert figure["low"] < figure["value"] < figure["high"]
        assert figure["high"] - figure["low"] < 0.8


def test_songs_of_few_groups_leave_more_open() -> None:
    true = np.repeat(RANDOM.normal(size=10), 20)
    predicted = true + np.repeat(RANDOM.normal(size=10), 20)
    single = score(true, predicted, [str(number) for number in range(200)]).rmse
    grouped = score(true, predicted, [str(number // 20) for number in range(200)]).rmse
    assert grouped["high"] - grouped["low"] > 2 * (single["high"] - single["low"])
