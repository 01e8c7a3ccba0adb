from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.metrics import (
    age_metrics,
    by_group,
    calibration_error,
    confusion,
    emotion_metrics,
    f1,
    fit_temperature,
    interval_metrics,
    mean_figure,
    median_figure,
    precision,
    recall,
    reliability,
)

NAMES = ["joy", "rage", "calm"]


def test_confusion_has_the_truth_in_rows() -> None:
    table = confusion(np.array([0, 1, 1, 2]), np.array([0, 0, 1, 2]), 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert recall(table) == pytest.approx([1 / 2, 1, 1])
    assert precision(table) == pytest.approx([1, 1 / 2, 1])
    assert f1(table) == pytest.approx([2 / 3, 2 / 3, 1])


def test_a_class_that_never_occurs_scores_zero() -> None:
    for score in (recall, precision, f1):
        assert score(np.diag([3, 0, 1])).tolist() == [1, 0, 1]


def test_scores_of_many_tables_are_those_of_each() -> None:
    tables = np.random.default_rng(0).integers(0, 9, (5, 4, 4))
    for score in (recall, precision, f1):
        assert score(tables) == pytest.approx(np.stack([score(table) for table in tables]))


def test_emotion_metrics_of_a_known_case() -> None:
    labels = np.array([0, 0, 1, 2] * 25)
    guess = np.array([0, 1, 1, 2] * 25)
    figures = emotion_metrics(np.eye(3)[guess] * 0.97 + 0.01, labels, NAMES)
    assert figures["accuracy"]["value"] == 0.75
    assert 0.6 < figures["accuracy"]["low"] < 0.75 < figures["accuracy"]["high"] < 0.9
    assert figures["macro_f1"]["value"] == pytest.approx(7 / 9, abs=1e-3)
    joy = figures["per_class"]["joy"]
    assert joy["count"] == 50
    assert {key: joy[key]["value"] for key in ("recall", "precision", "f1")} == {
        "recall": 0.5,
        "precision": 1.0,
        "f1": 0.6667,
    }
    assert 0.3 < joy["recall"]["low"] < 0.5 < joy["recall"]["high"] < 0.7
    assert figures["calibration_error"] == pytest.approx(0.23, abs=0.01)
    json.dumps(figures)


def test_age_metrics_of_a_known_case() -> None:
    labels = np.array([5, 25, 95, 110] * 10)
    ages = labels + np.array([1.0, -3, 5, -12] * 10)
    figures = age_metrics(ages, np.stack([ages - 4, ages + 4], 1), labels)
    assert figures["mean_absolute_error"]["value"] == 5.25
    assert figures["median_absolute_error"]["value"] == 4
    assert figures["within_5_years"]["value"] == 0.75
    assert figures["within_10_years"]["value"] == 0.75
    assert figures["cumulative_score"][:4] == [0, 0.25, 0.25, 0.5]
    assert figures["interval_coverage"]["value"] == 0.5
    assert figures["interval_width"] == 8
    assert list(figures["by_decade"]) == ["0-9", "20-29", "90+"]
    assert figures["by_decade"]["90+"]["count"] == 20
    assert figures["by_decade"]["0-9"]["interval_coverage"]["value"] == 1
    json.dumps(figures)


@pytest.mark.parametrize(
    ("age", "label", "in_group", "near", "edge"),
    [
        (2.9, 0, 1, 1, 0.0),  # somebody who is two until the day of being three
        (3.0, 0, 0, 1, 0.0),
        (12.0, 0, 0, 0, 9.0),
        (12.0, 2, 1, 1, 0.0),
        (8.0, 2, 0, 1, 2.0),
        (-1.0, 0, 1, 1, 1.0),
        (99.0, 2, 1, 1, 0.0),
    ],
)
def test_ages_against_groups(age: float, label: int, in_group: int, near: int, edge: float) -> None:
    groups = [(0, 2), (3, 9), (10, 120)]
    figures = interval_metrics(np.array([age]), groups, np.array([label]))
    assert figures["in_group"]["value"] == in_group
    assert figures["within_one_group"]["value"] == near
    assert figures["edge_error"]["value"] == edge


def test_groups_and_the_widest_gap_between_those_with_faces_enough() -> None:
    names = np.array(["a"] * 40 + ["b"] * 50 + ["few"] * 3)
    values = np.array([1.0] * 40 + [3.0, 5.0] * 25 + [99.0] * 3)
    figures = by_group(values, names)
    assert figures["groups"]["few"] == {
        "count": 3,
        "mean": {"value": 99.0, "low": 99.0, "high": 99.0},
    }
    gap = figures["gap"]
    assert (gap["least"], gap["most"], gap["value"]) == ("a", "b", 3.0)
    assert 2.5 < gap["low"] < 3 < gap["high"] < 3.5
    assert by_group(values[:40], names[:40])["gap"] is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=60))
def test_intervals_hold_their_value_and_lie_within_the_data(values: list[float]) -> None:
    for figure in (mean_figure(np.array(values)), median_figure(np.array(values))):
        assert min(values) - 1e-4 <= figure["low"] <= figure["high"] <= max(values) + 1e-4
    mean = mean_figure(np.array(values))
    if len(values) >= 20:
        spread = (max(values) - min(values)) / 5
        assert mean["low"] - spread <= mean["value"] <= mean["high"] + spread


def test_more_faces_make_a_narrower_interval() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for count in (50, 500, 5000):
        figure = mean_figure(rng.random(count) < 0.8)
        assert figure["low"] < figure["value"] < figure["high"]
        widths.append(figure["high"] - figure["low"])
    assert widths[0] > 2 * widths[1] > 4 * widths[2]


def test_a_calibrated_model_has_no_calibration_error() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 200_000)
    labels = (rng.random(len(sure)) > sure).astype(int)
    probabilities = np.stack([sure, 1 - sure], 1)
    assert calibration_error(probabilities, labels) < 0.01
    rows = reliability(probabilities, labels)
    assert sum(row["count"] for row in rows) == len(labels)
    assert all(abs(row["confidence"] - row["accuracy"]) < 0.02 for row in rows)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.4, 1), st.integers(1, 200), st.integers(0, 200))
def test_the_calibration_error_of_one_certainty_is_its_distance_from_the_truth(
    sure: float, right: int, wrong: int
) -> None:
    other = (1 - sure) / 2
    probabilities = np.tile([sure, other, other], (right + wrong, 1))
    labels = np.array([0] * right + [1] * wrong)
    expected = abs(sure - right / (right + wrong))
    assert calibration_error(probabilities, labels) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_is_found(temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 7))
    powers = np.exp(logits)
    drawn = rng.random((len(logits), 1)) < np.cumsum(powers / powers.sum(1, keepdims=True), 1)
    assert fit_temperature(logits * temperature, drawn.argmax(1)) == pytest.approx(
        temperature, rel=0.05
    )
