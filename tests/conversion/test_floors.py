from __future__ import annotations

import pytest

from conversion.detector import MAX_LOSS as MAX_RECALL_LOSS
from conversion.detector import check_floors
from conversion.floors import FLOORS, MAX_LOSS, shortfalls
from device.vision.runtime import read_sidecar
from tests.vision.faces import MODELS

GOOD = {
    "emotion": {
        "accuracy": {"value": 0.87},
        "macro_f1": {"value": 0.8},
        "calibration_error": 0.03,
        "multiply_adds": 120_000_000,
        "bytes": 2_500_000,
    },
    "age": {
        "mean_absolute_error": {"value": 4.7},
        "interval_coverage": {"value": 0.83},
        "multiply_adds": 150_000_000,
        "bytes": 3_000_000,
    },
}


@pytest.mark.parametrize("task", GOOD)
def test_what_reaches_every_floor_is_good(task: str) -> None:
    assert shortfalls(task, GOOD[task]) == []


@pytest.mark.parametrize(
    ("task", "figure", "value", "said"),
    [
        ("emotion", "accuracy", {"value": 0.855}, "accuracy 0.855 is 0.015 below 0.87"),
        ("emotion", "macro_f1", {"value": 0.79}, "macro_f1 0.79 is 0.01 below 0.8"),
        ("emotion", "calibration_error", 0.05, "calibration_error 0.05 is 0.02 above 0.03"),
        ("emotion", "bytes", 2_600_000, "bytes 2.6e+06 is 1e+05 above 2.5e+06"),
        ("age", "mean_absolute_error", {"value": 5.04}, "5.04 is 0.34 above 4.7"),
        ("age", "interval_coverage", {"value": 0.76}, "0.76 is 0.01 below 0.77"),
        ("age", "interval_coverage", {"value": 0.85}, "0.85 is 0.02 above 0.83"),
        ("age", "multiply_adds", 151_000_000, "is 1e+06 above 1.5e+08"),
    ],
)
def test_a_miss_is_named_with_its_size(task: str, figure: str, value: object, said: str) -> None:
    (found,) = shortfalls(task, {**GOOD[task], figure: value})
    assert said in found


@pytest.mark.parametrize("task", FLOORS)
def test_the_committed_reader_reaches_its_floors(task: str) -> None:
    metrics = read_sidecar(MODELS / f"{task}.json").metrics
    figures = {**metrics["test"], **metrics}
    assert {bound.figure for bound in FLOORS[task]} <= figures.keys()
    assert shortfalls(task, figures) == []
    assert metrics["parity"]["loss"] <= MAX_LOSS[task]
    assert metrics["bytes"] == (MODELS / f"{task}.tflite").stat().st_size


def test_the_committed_detector_reaches_its_floors() -> None:
    metrics = read_sidecar(MODELS / "face.json").metrics
    check_floors(metrics["test"])
    parity = metrics["parity"]
    for name, recall in parity.items():
        if name.startswith("recall, int8"):
            assert recall >= parity["recall, float"] - MAX_RECALL_LOSS
    for name in ("face", "face-closer", "face-doubt"):
        metrics = read_sidecar(MODELS / f"{name}.json").metrics
        assert metrics["bytes"] == (MODELS / f"{name}.tflite").stat().st_size
