from __future__ import annotations

import numpy as np
import pytest

from training.metrics import (
    age_metrics,
    calibration_error,
    confusion,
    emotion_metrics,
    f1,
    fit_temperature,
)

NAMES = ["joy", "rage", "calm"]


def test_confusion_has_the_truth_in_rows() -> None:
    table = confusion(np.array([0, 1, 1, 2]), np.array([0, 0, 1, 2]), 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert f1(table) == pytest.approx([2 / 3, 2 / 3, 1])


def test_f1_of_a_class_that_never_occurs_is_zero() -> None:
    assert f1(np.diag([3, 0, 1])).tolist() == [1, 0, 1]


def test_emotion_metrics_of_a_known_case() -> None:
    labels = np.array([0, 0, 1, 2] * 25)
    guess = np.array([0, 1, 1, 2] * 25)
    figures = emotion_metrics(np.eye(3)[guess] * 0.97 + 0.01, labels, NAMES)
    assert figures["accuracy"]["value"] == 0.75
    assert 0.6 < figures["accuracy"]["low"] < 0.75 < figures["accuracy"]["high"] < 0.9
    assert figures["macro_f1"]["value"] == pytest.approx(7 / 9, abs=1e-3)
    assert figures["per_class"]["joy"] == {
        "count": 50,
        "recall": 0.5,
        "precision": 1.0,
        "f1": 0.6667,
    }
    assert figures["calibration_error"] == pytest.approx(0.23, abs=0.01)


def test_age_metrics_of_a_known_case() -> None:
    labels = np.array([5, 25, 95, 110] * 10)
    ages = labels + np.array([1.0, -3, 5, -5] * 10)
    figures = age_metrics(ages, np.stack([ages - 4, ages + 4], 1), labels)
    assert figures["mean_absolute_error"]["value"] == 3.5
    assert figures["interval_coverage"]["value"] == 0.5
    assert figures["interval_width"] == 8
    assert list(figures["by_decade"]) == ["0-9", "20-29", "90+"]
    assert figures["by_decade"]["90+"]["count"] == 20


def test_a_calibrated_model_has_no_calibration_error() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 200_000)
    labels = (rng.random(len(sure)) > sure).astype(int)
    assert calibration_error(np.stack([sure, 1 - sure], 1), labels) < 0.01


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_is_found(temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 7))
    powers = np.exp(logits)
    drawn = rng.random((len(logits), 1)) < np.cumsum(powers / powers.sum(1, keepdims=True), 1)
    assert fit_temperature(logits * temperature, drawn.argmax(1)) == pytest.approx(
        temperature, rel=0.05
    )
