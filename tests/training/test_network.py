from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
# Not imported here: TensorFlow and tflite-runtime do not share a process.
if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("the train extra is not installed", allow_module_level=True)

from conversion.quantize import quantize_file  # noqa: E402
from training.experiment import EXPERIMENTS, Experiment  # noqa: E402
from training.network import build, save_keras  # noqa: E402

TINY = dataclasses.replace(EXPERIMENTS["emotion-small"], side=32, stem=8, stages=((8, 1), (16, 1)))
MOBILE = dataclasses.replace(TINY, trunk="mobilenet", layers=3)
DEVICE = {name: plan for name, plan in EXPERIMENTS.items() if "teacher" not in name}


@pytest.mark.parametrize("plan", [TINY, MOBILE, *DEVICE.values()], ids=["tiny", "mobile", *DEVICE])
def test_keras_twin_says_the_same_and_is_small(plan: Experiment, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build(plan)
    pictures = np.random.default_rng(0).integers(0, 256, (8, plan.side, plan.side, 3), np.uint8)
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    network.train()
    network(x)  # moves the running statistics
    network.eval()
    with torch.no_grad():
        expected = (network(x) + network(x.flip(-1))).numpy() / 2
    save_keras(network, plan, tmp_path / "twin.keras")
    twin = quantize_file(tmp_path / "twin.keras", pictures, pictures)
    np.testing.assert_allclose(twin.logits, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    assert twin.multiply_adds < 150e6
