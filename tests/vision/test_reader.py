from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from device.settings import VisionSettings
from device.types import Box, Detection, Emotion
from device.vision.detect import GridDetector, open_detector
from device.vision.reader import ModelReader, age_interval, softmax
from device.vision.runtime import ModelError, available_runtimes
from tests.vision.faces import MODELS, portrait

Seeing = tuple[GridDetector, ModelReader]


@pytest.fixture(scope="module", params=available_runtimes())
def eyes_and_reader(request: pytest.FixtureRequest) -> Seeing:
    detector = open_detector(
        MODELS, runtime=request.param, min_score=VisionSettings().minimum_score
    )
    return detector, ModelReader(MODELS, runtime=request.param)


@pytest.mark.parametrize(
    ("name", "happy", "ages"), [("collins", True, (25, 50)), ("hopper", False, (55, 90))]
)
def test_reads_the_portraits(
    eyes_and_reader: Seeing, name: str, happy: bool, ages: tuple[int, int]
) -> None:
    detector, reader = eyes_and_reader
    image = portrait(name)
    (face,) = detector.detect(image)
    reading = reader.read(image, face)
    assert set(reading.emotions) == set(Emotion)
    assert sum(reading.emotions.values()) == pytest.approx(1, abs=1e-5)
    top = max(reading.emotions, key=lambda emotion: reading.emotions[emotion])
    assert (top is Emotion.HAPPINESS) == happy
    assert ages[0] <= reading.age_years <= ages[1]
    low, high = reading.age_interval_years
    assert low <= reading.age_years <= high
    assert high - low > 2


def test_reads_a_face_without_eyes(eyes_and_reader: Seeing) -> None:
    detector, reader = eyes_and_reader
    image = portrait("collins")
    (face,) = detector.detect(image)
    reading = reader.read(image, Detection(box=face.box, score=face.score))
    assert max(reading.emotions, key=lambda e: reading.emotions[e]) is Emotion.HAPPINESS


def test_a_face_at_the_border_is_read(eyes_and_reader: Seeing) -> None:
    _, reader = eyes_and_reader
    face = Detection(box=Box(x=-0.1, y=-0.2, width=0.4, height=0.4), score=0.6)
    reading = reader.read(portrait("hopper"), face)
    assert 0 <= reading.age_years <= 100


def test_models_that_know_other_emotions_are_refused(tmp_path: Path) -> None:
    for file in MODELS.glob("*.tflite"):
        shutil.copy(file, tmp_path)
    for file in MODELS.glob("*.json"):
        text = file.read_text().replace('"sadness"', '"boredom"')
        (tmp_path / file.name).write_text(text)
    with pytest.raises(ModelError, match="boredom"):
        ModelReader(tmp_path)


@pytest.mark.parametrize(
    "labels",
    [
        [str(age) for age in range(100)],
        [str(age) for age in range(100, -1, -1)],
        [*(str(age) for age in range(100)), "old"],
        [*(str(age) for age in range(100)), "1e300"],
        [*(str(age) for age in range(100)), "nan"],
    ],
    ids=["one too few", "downwards", "a word", "no age", "no number"],
)
def test_ages_that_the_model_cannot_mean_are_refused(tmp_path: Path, labels: list[str]) -> None:
    shutil.copytree(MODELS, tmp_path, dirs_exist_ok=True)
    sidecar = json.loads((tmp_path / "age.json").read_text())
    (tmp_path / "age.json").write_text(json.dumps({**sidecar, "labels": labels}))
    with pytest.raises(ModelError, match=r"age\.tflite.*ages.*restore"):
        ModelReader(tmp_path)


def test_the_interval_holds_the_middle_of_the_distribution() -> None:
    ages = np.arange(101, dtype=np.float32)
    logits = -((ages - 40) ** 2) / (2 * 5.0**2)  # a normal distribution, 40 ± 5
    low, high = age_interval(logits, ages, 1.0)
    # 1.2816 standard deviations hold 80 % of a normal distribution.
    assert (low, high) == pytest.approx((40 - 6.41, 40 + 6.41), abs=0.1)
    wider = age_interval(logits, ages, 4.0)
    assert wider == pytest.approx((40 - 12.8, 40 + 12.8), abs=0.2)


def test_an_interval_does_not_start_before_birth() -> None:
    ages = np.arange(101, dtype=np.float32)
    assert age_interval(-ages * 10, ages, 1.0)[0] == 0.0


def test_softmax_survives_large_logits() -> None:
    assert softmax(np.array([1e4, 0, -1e4], np.float32)) == pytest.approx([1, 0, 0])
