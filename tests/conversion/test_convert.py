from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
from pathlib import Path

import msgspec
import numpy as np
import pytest

from conversion.convert import (
    ConversionError,
    calibrate,
    check_floor,
    check_parity,
    describe,
)
from conversion.quantize import quantize_file
from device.vision.reader import both_ways
from device.vision.runtime import Model, available_runtimes
from training.experiment import EXPERIMENTS

TRAIN_EXTRA = all(importlib.util.find_spec(name) for name in ("tensorflow", "torch"))
TINY = dataclasses.replace(EXPERIMENTS["emotion"], side=32, stem=8, stages=((8, 1), (16, 1)))


RECORD = {
    "faces": {"train": 9, "extra": 4},
    "start": "age",
    "teachers": ["one", "two"],
    "extra_share": 0.65,
}


@pytest.mark.skipif(not TRAIN_EXTRA, reason="the train extra is not installed")
def test_the_file_runs_everywhere_and_says_what_keras_says(tmp_path: Path) -> None:
    from training.network import Network, save_keras  # noqa: PLC0415 - needs the train extra

    keras_file = tmp_path / "emotion.keras"
    save_keras(Network(TINY).eval(), TINY, keras_file)
    pictures = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), np.uint8)
    made = quantize_file(keras_file, pictures, pictures)
    assert (
        made.multiply_adds
        == 3 * 9 * 8 * 256 + 2 * 8 * 9 * 8 * 256 + (8 * 9 * 16 + 16 * 9 * 16 + 8 * 16) * 64 + 16 * 7
    )
    (tmp_path / "emotion.tflite").write_bytes(made.content)
    sidecar = describe(TINY, made.content, made.multiply_adds, RECORD)
    assert sidecar.data["faces"] == RECORD["faces"]
    assert "FER+" in sidecar.data["beside"]
    assert "age" in sidecar.data["start"]
    assert "one and two" in sidecar.data["teachers"]
    assert sidecar.sha256 == hashlib.sha256(made.content).hexdigest()
    (tmp_path / "emotion.json").write_bytes(msgspec.json.encode(sidecar))
    for runtime in available_runtimes():
        model = Model(tmp_path, "emotion", runtime=runtime)
        said = np.stack([both_ways(model, picture) for picture in pictures])
        assert np.abs(said - made.logits).max() < 0.1 * np.abs(made.logits).max()


def logits(guess: list[int]) -> np.ndarray:
    return np.eye(7, dtype=np.float32)[guess] * 9


def test_a_costly_quantization_is_refused() -> None:
    labels = np.zeros(10, int)
    good, bad = logits([0] * 10), logits([0] * 9 + [1])
    assert check_parity(TINY, good, {"litert": good}, labels) == {"float": 1.0, "int8": 1.0}
    with pytest.raises(ConversionError, match="int8 costs emotion"):
        check_parity(TINY, good, {"litert": bad}, labels)


def test_runtimes_that_disagree_are_refused() -> None:
    good, bad = logits([0] * 10), logits([0] * 9 + [1])
    with pytest.raises(ConversionError, match="agree on 90"):
        check_parity(TINY, good, {"litert": good, "tflite-runtime": bad}, np.zeros(10, int))


@pytest.mark.parametrize(
    ("task", "figure", "value", "good"),
    [
        ("emotion", "accuracy", 0.84, True),
        ("emotion", "accuracy", 0.8399, False),
        ("age", "mean_absolute_error", 5.5, True),
        ("age", "mean_absolute_error", 5.51, False),
    ],
)
def test_the_floor_decides(task: str, figure: str, value: float, good: bool) -> None:
    figures = {figure: {"value": value}}
    if good:
        check_floor(EXPERIMENTS[task], figures)
    else:
        with pytest.raises(ConversionError, match="not written"):
            check_floor(EXPERIMENTS[task], figures)


def test_the_age_interval_is_calibrated_to_80_percent() -> None:
    rng = np.random.default_rng(0)
    ages = np.arange(101)
    centre = rng.uniform(20, 70, 1500)
    said = -((ages - centre[:, None]) ** 2) / (2 * 2.0**2)  # claims to be 2 years wide
    truth = np.rint(centre + rng.normal(0, 6, len(centre))).astype(int)  # is 6
    found = calibrate(EXPERIMENTS["age"], said.astype(np.float32), truth)
    assert found["interval_temperature"] == pytest.approx(9, rel=0.15)
