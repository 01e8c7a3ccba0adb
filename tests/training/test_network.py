from __future__ import annotations

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("tensorflow", reason="the train extra is not installed")

from conversion.quantize import multiply_adds  # noqa: E402
from training.experiment import EXPERIMENTS, Experiment  # noqa: E402
from training.network import Network, to_keras  # noqa: E402

TINY = dataclasses.replace(
    EXPERIMENTS["emotion"], side=32, margin=2, widths=(8, 8, 16), epochs=2, batch=16
)


@pytest.mark.parametrize("plan", [TINY, *EXPERIMENTS.values()], ids=["tiny", *EXPERIMENTS])
def test_keras_twin_says_the_same(plan: Experiment) -> None:
    torch.manual_seed(0)
    network = Network(plan)
    network.train()
    network(torch.rand(8, 3, plan.side, plan.side) * 255)  # moves the running statistics
    network.eval()
    pictures = torch.rand(4, 3, plan.side, plan.side) * 255
    expected = network(pictures).detach().numpy()
    twin = to_keras(network, plan)
    said = twin.predict(pictures.permute(0, 2, 3, 1).numpy(), verbose=0)
    np.testing.assert_allclose(said, expected, rtol=1e-3, atol=1e-4)


def test_networks_are_small_enough() -> None:
    for plan in EXPERIMENTS.values():
        assert multiply_adds(to_keras(Network(plan), plan)) < 100e6
