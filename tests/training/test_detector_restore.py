"""A detector's weights, taken from its file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from device.settings import HOME
from device.vision.detect import CLOSE_SIDE, CLOSER, FIRST, GridDetector, open_detector

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from training.data import DataError  # noqa: E402 - needs torch
from training.detector.labels import Source  # noqa: E402
from training.detector.network import DetectorNetwork  # noqa: E402
from training.detector.plan import DetectorPlan  # noqa: E402
from training.detector.restore import PLANS, Kernel, fill, kernels, restore  # noqa: E402
from training.detector.twin import FloatModel  # noqa: E402

MODELS = HOME / "models_tflite"
SIDES = (CLOSE_SIDE, CLOSE_SIDE)


def seen(count: int) -> np.ndarray:
    """Pictures with something in them: (count, height, width, 3)."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (count, 10, 10, 3)).astype(np.uint8)
    return coarse.repeat(16, 1).repeat(16, 2)


def restored(name: str) -> DetectorNetwork:
    shown = torch.from_numpy(seen(8)).permute(0, 3, 1, 2).float()
    return fill(DetectorNetwork(PLANS[name]), kernels(MODELS / f"{name}.tflite"), shown)


def test_the_network_finds_what_the_file_finds() -> None:
    picture = cv2.cvtColor(cv2.imread(str(HOME / "config/portraits/hopper.jpg")), cv2.COLOR_BGR2RGB)
    first, closer = (FloatModel(restored(name), SIDES) for name in (FIRST, CLOSER))
    first.take(448, 448)
    ours, theirs = (
        detector.detect(picture)
        for detector in (GridDetector(first, closer), open_detector(MODELS))
    )
    assert len(ours) == len(theirs) == 1
    assert ours[0].score == pytest.approx(theirs[0].score, abs=0.05)
    for one, other in ((ours[0].left_eye, theirs[0].left_eye), (ours[0].box, theirs[0].box)):
        assert one.x == pytest.approx(other.x, abs=0.01)
        assert one.y == pytest.approx(other.y, abs=0.01)


def test_training_goes_on_from_what_normalization_found() -> None:
    """In training the pictures' own mean and variance count: on those, nothing changes."""
    network = restored(CLOSER)
    shown = torch.from_numpy(seen(8)).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        before, after = network.eval()(shown)[1], network.train()(shown)[1]
    assert torch.allclose(before, after, atol=0.03)


def test_a_file_of_another_network_is_refused() -> None:
    few = kernels(MODELS / f"{FIRST}.tflite")
    shown = torch.from_numpy(seen(1)).permute(0, 3, 1, 2).float()
    with pytest.raises(DataError, match="another network"):
        fill(DetectorNetwork(DetectorPlan()), few[1:], shown)
    more = [*few, Kernel(np.zeros((1, 1, 1, 1), np.float32), np.zeros(1, np.float32))]
    with pytest.raises(DataError, match="another network"):
        fill(DetectorNetwork(DetectorPlan()), more, shown)


@pytest.mark.parametrize(
    ("name", "words"), [("emotion.tflite", "is no face.tflite"), ("face.tflite", "is missing")]
)
def test_what_is_no_file_of_the_detector_is_named(tmp_path: Path, name: str, words: str) -> None:
    source = Source(tmp_path, tmp_path / "yunet.onnx", tmp_path / "cache")
    with pytest.raises(DataError, match=words):
        restore(tmp_path / name, source, tmp_path / "run")
