from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("the train extra is not installed", allow_module_level=True)

from training.balance import PARTS, balance, choose  # noqa: E402
from training.crops import Crops  # noqa: E402
from training.experiment import EXPERIMENTS  # noqa: E402
from training.loop import load_run  # noqa: E402
from training.network import build  # noqa: E402

TINY = dataclasses.replace(
    EXPERIMENTS["emotion-small"], side=16, margin=2, stem=4, stages=((4, 1),)
)
RARE = torch.tensor([0] * 90 + [1] * 10)


def test_a_rare_class_that_is_always_just_missed_is_found() -> None:
    logits = torch.zeros(100, 7)
    logits[:90, 0] = 3.0
    logits[90:, 0] = 0.2
    assert 0 < choose(logits, RARE) < PARTS[-1]


def test_nothing_is_taken_out_where_nothing_is_gained() -> None:
    logits = torch.nn.functional.one_hot(RARE, 7) * 9.0
    assert choose(logits, RARE) == 0


def test_a_balanced_run_says_so_and_answers_so_however_often_it_is_balanced(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    (tmp_path / "experiment.json").write_text(json.dumps(dataclasses.asdict(TINY)))
    torch.save({"network": build(TINY).state_dict()}, tmp_path / "best.pt")
    plain = load_run(tmp_path)[1].head.bias.clone()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (70, TINY.canvas, TINY.canvas, 3), np.uint8)
    valid = Crops(images, np.repeat(np.arange(7), [40, 10, 8, 6, 3, 2, 1]), np.ones(70, bool))
    part = balance(tmp_path, valid)
    shift = json.loads((tmp_path / "experiment.json").read_text())["class_shift"]
    assert shift[0] == pytest.approx(-part * np.log(40 / 70), abs=1e-3)
    assert torch.allclose(load_run(tmp_path)[1].head.bias, plain + torch.tensor(shift))
    assert balance(tmp_path, valid) == part
    assert json.loads((tmp_path / "experiment.json").read_text())["class_shift"] == shift
