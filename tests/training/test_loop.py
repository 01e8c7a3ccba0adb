from __future__ import annotations

import csv
import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("the train extra is not installed", allow_module_level=True)

from training import loop  # noqa: E402
from training.augment import augment, centre  # noqa: E402
from training.crops import Crops  # noqa: E402
from training.experiment import EXPERIMENTS, Experiment  # noqa: E402

TINY = dataclasses.replace(
    EXPERIMENTS["emotion"], side=16, margin=2, widths=(8, 8, 16), epochs=3, batch=16, patience=9
)
TINY_AGE = dataclasses.replace(TINY, task="age", outputs=101)


def crops(plan: Experiment, count: int) -> Crops:
    """Pictures whose brightness tells the label."""
    rng = np.random.default_rng(count)
    labels = rng.integers(0, 7, count)
    noise = rng.integers(0, 30, (count, plan.canvas, plan.canvas, 3))
    images = (labels[:, None, None, None] * 30 + noise).astype(np.uint8)
    return Crops(images, labels, np.ones(count, bool))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("plan", [TINY, TINY_AGE], ids=["emotion", "age"])
def test_a_run_learns_logs_and_writes_keras(plan: Experiment, tmp_path: Path) -> None:
    parts = loop.Parts(crops(plan, 320), crops(plan, 64))
    path = loop.train(plan, parts, tmp_path, fresh=True)
    assert path == tmp_path / f"{plan.task}.keras"
    assert path.stat().st_size > 0
    log = rows(tmp_path)
    assert [row["epoch"] for row in log] == ["1", "2", "3"]
    assert float(log[-1]["loss"]) < float(log[0]["loss"])


def test_votes_are_learned_beside_and_weights_taken_over(tmp_path: Path) -> None:
    votes = crops(TINY, 200)
    votes = votes._replace(labels=np.eye(7)[votes.labels] * 10)
    parts = loop.Parts(crops(TINY, 160), crops(TINY, 64), votes)
    loop.train(TINY, parts, tmp_path / "first")
    aged = loop.Parts(crops(TINY_AGE, 160), crops(TINY_AGE, 64))
    loop.train(TINY_AGE, aged, tmp_path / "second", start=tmp_path / "first" / "best.pt")
    assert len(rows(tmp_path / "second")) == TINY_AGE.epochs


def test_a_teacher_is_learned_from_beside_the_labels(tmp_path: Path) -> None:
    parts = loop.Parts(crops(TINY, 320), crops(TINY, 64))
    loop.train(TINY, parts, tmp_path / "teacher")
    teacher = [tmp_path / "teacher" / "best.pt"]
    loop.train(TINY, parts, tmp_path / "pupil", teachers=teacher)
    record = json.loads((tmp_path / "pupil" / "experiment.json").read_text())
    assert record["teachers"] == ["teacher"]
    run = loop._Run(TINY, parts, tmp_path / "other")
    labels = loop._targets(TINY, torch.tensor([3, 5]))
    pictures = torch.rand(2, 3, TINY.side, TINY.side) * 255
    assert torch.equal(run._taught(pictures, labels), labels)
    run.learn_from(teacher)
    said = (run._taught(pictures, labels) - (1 - TINY.teacher_share) * labels) / TINY.teacher_share
    assert said.sum(1).tolist() == pytest.approx([1, 1], abs=1e-3)
    assert (said >= -1e-5).all()


def test_targets_are_distributions_around_the_truth() -> None:
    classes = loop._targets(TINY, torch.tensor([3]))
    votes = loop._targets(TINY, torch.tensor([[0.0, 0, 0, 10, 0, 0, 0]]))
    assert torch.allclose(classes, votes)
    assert classes[0, 3].item() == pytest.approx(0.9 + 0.1 / 7)
    ages = loop._targets(TINY_AGE, torch.tensor([30, 116]))
    assert ages.argmax(1).tolist() == [30, 100]
    assert ages.sum(1).tolist() == pytest.approx([1, 1])


def test_an_interrupted_run_goes_on_to_the_same_end(tmp_path: Path) -> None:
    parts = loop.Parts(crops(TINY, 160), crops(TINY, 64))
    loop.train(TINY, parts, tmp_path / "whole", fresh=True)

    class StoppedError(Exception):
        pass

    original = loop._Run._train_epoch

    def stop_at_third(run: loop._Run) -> float:
        if run.epoch == 2:
            raise StoppedError
        return float(original(run))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop._Run, "_train_epoch", stop_at_third)
        with pytest.raises(StoppedError):
            loop.train(TINY, parts, tmp_path / "cut", fresh=True)
    loop.train(TINY, parts, tmp_path / "cut", fresh=False)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


def test_augmented_pictures_stay_pictures() -> None:
    plan = EXPERIMENTS["emotion"]
    images = torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (32, plan.canvas, plan.canvas, 3), np.uint8)
    )
    made = augment(images, plan, torch.Generator().manual_seed(0))
    assert made.shape == (32, 3, plan.side, plan.side)
    assert made.min() >= 0
    assert made.max() <= 255
    assert torch.equal(made, augment(images, plan, torch.Generator().manual_seed(0)))


def test_without_strength_augmentation_is_the_devices_crop_or_its_mirror() -> None:
    still = dataclasses.replace(
        EXPERIMENTS["age"], turn=0, shift=0, scale=0, brightness=0, contrast=0, grey=0, erase=0
    )
    images = torch.from_numpy(
        np.random.default_rng(1).integers(0, 256, (16, still.canvas, still.canvas, 3), np.uint8)
    )
    plain = centre(images, still)
    made = augment(images, still, torch.Generator().manual_seed(0))
    for one, device in zip(made, plain, strict=True):
        same, mirrored = ((one - x).abs().max() for x in (device, device.flip(-1)))
        assert min(same, mirrored) < 0.1
