from __future__ import annotations

import csv
import dataclasses
import hashlib
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
from training.data import DataError  # noqa: E402
from training.experiment import EXPERIMENTS, Experiment, read_plan  # noqa: E402
from training.lessons import complete, lesson  # noqa: E402
from training.publishers import sets_of  # noqa: E402

TINY = dataclasses.replace(
    EXPERIMENTS["emotion-small"],
    side=16,
    margin=2,
    stem=8,
    stages=((8, 1), (16, 1)),
    epochs=3,
    batch=16,
    beside_batch=8,
    patience=9,
)
TINY_AGE = dataclasses.replace(TINY, task="age")
TINY_TEACHER = dataclasses.replace(TINY, trunk="mobilenet", side=32, margin=4, frozen=3, epochs=1)


def crops(plan: Experiment, count: int) -> Crops:
    """Pictures whose brightness tells the label."""
    rng = np.random.default_rng(count)
    labels = rng.integers(0, 7, count)
    noise = rng.integers(0, 30, (count, plan.canvas, plan.canvas, 3))
    images = (labels[:, None, None, None] * 30 + noise).astype(np.uint8)
    return Crops(images, labels, np.ones(count, bool))


def parts(plan: Experiment, count: int = 160) -> loop.Parts:
    return loop.Parts(lesson(plan, crops(plan, count)), crops(plan, 64))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("plan", [TINY, TINY_AGE], ids=["emotion", "age"])
def test_a_run_learns_logs_and_writes_keras(plan: Experiment, tmp_path: Path) -> None:
    assert loop.train(plan, parts(plan, 320), tmp_path, fresh=True) == tmp_path / "best.pt"
    path = loop.export(tmp_path)
    assert path == tmp_path / f"{plan.task}.keras"
    assert path.stat().st_size > 0
    weights = (tmp_path / "best.pt").read_bytes()
    assert path.with_suffix(".sha256").read_text() == hashlib.sha256(weights).hexdigest()
    log = rows(tmp_path)
    assert [row["epoch"] for row in log] == ["1", "2", "3"]
    assert float(log[-1]["loss"]) < float(log[0]["loss"])


def test_fewer_faces_than_a_batch_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="15 faces to learn from are less than a batch of 16"):
        loop.train(TINY, parts(TINY, 15), tmp_path)


def test_a_run_says_who_taught_it_and_what_it_took(tmp_path: Path) -> None:
    teachers = {"emotion-teacher": {"task": "emotion", "weight": 1.0}}
    loop.train(TINY, parts(TINY), tmp_path, taught_by=teachers)
    record = json.loads((tmp_path / "experiment.json").read_text())
    assert record["taught_by"] == teachers
    assert record["faces"] == {"train": 160, "emotion valid": 64}
    assert set(record["took"]) == {"minutes", "memory_mib", "processor", "cores"}
    assert record["took"]["memory_mib"] > 50
    assert read_plan(tmp_path) == TINY


def test_a_run_says_which_sets_it_really_learned_from(tmp_path: Path) -> None:
    sets = {"train": {"own": 160}, "beside": {"ferplus": 200}}
    votes = crops(TINY, 200)._replace(labels=np.eye(7)[crops(TINY, 200).labels] * 10)
    given = parts(TINY)._replace(beside=lesson(TINY, votes), sets=sets)
    loop.train(dataclasses.replace(TINY, epochs=1), given, tmp_path)
    record = json.loads((tmp_path / "experiment.json").read_text())
    assert (record["sets"], record["others"]) == (sets, ["ferplus"])
    again = {"train": {"utkface": 160}, "beside": {}}
    start = tmp_path / "best.pt"
    loop.train(TINY_AGE, parts(TINY_AGE)._replace(sets=again), tmp_path / "age", start=start)
    record = json.loads((tmp_path / "age" / "experiment.json").read_text())
    assert (record["start_sets"], sets_of(record)) == (
        ["own", "ferplus"],
        ["utkface", "own", "ferplus"],
    )


def test_votes_are_learned_beside_and_weights_taken_over(tmp_path: Path) -> None:
    votes = crops(TINY, 200)
    votes = votes._replace(labels=np.eye(7)[votes.labels] * 10)
    loop.train(TINY, parts(TINY)._replace(beside=lesson(TINY, votes)), tmp_path / "first")
    start = tmp_path / "first" / "best.pt"
    loop.train(TINY_AGE, parts(TINY_AGE), tmp_path / "second", start=start)
    assert len(rows(tmp_path / "second")) == TINY_AGE.epochs


def test_a_head_goes_on_where_it_answers_the_same_question(tmp_path: Path) -> None:
    path = loop.train(TINY, parts(TINY), tmp_path / "first")
    learned = torch.load(path)["network"]["head.weight"]
    run = loop._Run(TINY, parts(TINY), tmp_path / "second")
    run.start_from(path)
    assert torch.equal(run.network.head.weight, learned)


def test_a_teacher_takes_a_step_but_for_its_frozen_layers(tmp_path: Path) -> None:
    run = loop._Run(TINY_TEACHER, parts(TINY_TEACHER, 32), tmp_path)
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    run.train()
    assert (tmp_path / "best.pt").exists()
    after = run.network.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert "layers.25.conv.weight" in moved
    assert not {name for name in moved if name.startswith(("stem.", "layers.0.", "layers.1."))}


def test_a_shallower_network_starts_from_a_deeper_ones_layers_but_not_its_head(
    tmp_path: Path,
) -> None:
    path = loop.train(TINY_TEACHER, parts(TINY_TEACHER, 32), tmp_path / "deep")
    deep = torch.load(path)["network"]
    plan = dataclasses.replace(TINY_TEACHER, layers=12)
    run = loop._Run(plan, parts(plan, 32), tmp_path / "shallow")
    run.start_from(path)
    started = run.network.state_dict()
    assert torch.equal(started["layers.23.conv.weight"], deep["layers.23.conv.weight"])
    assert not torch.equal(started["head.weight"], deep["head.weight"])


def test_a_network_of_another_make_is_no_start(tmp_path: Path) -> None:
    path = loop.train(TINY_TEACHER, parts(TINY_TEACHER, 32), tmp_path / "first")
    wider = dataclasses.replace(TINY, stem=16, stages=((16, 1), (16, 1)))
    small = loop.train(TINY, parts(TINY, 32), tmp_path / "small")
    for plan, start in ((TINY, path), (TINY_TEACHER, small), (wider, small)):
        with pytest.raises(DataError, match=r"best\.pt is of another make than the network"):
            loop.train(plan, parts(plan, 32), tmp_path / "second", start=start)
    with pytest.raises(DataError, match=r"none.experiment\.json"):
        loop.train(TINY, parts(TINY, 32), tmp_path / "second", start=tmp_path / "none" / "best.pt")


def test_a_run_that_was_stopped_in_its_first_epoch_cannot_be_asked(tmp_path: Path) -> None:
    (tmp_path / "experiment.json").write_text(json.dumps(dataclasses.asdict(TINY)))
    with pytest.raises(DataError, match=r"best\.pt is not there"):
        loop.load_run(tmp_path)
    (tmp_path / "best.pt").write_text("no weights")
    with pytest.raises(DataError, match=r"best\.pt holds no weights"):
        loop.load_run(tmp_path)


def test_a_residual_network_cannot_start_from_faceres(tmp_path: Path) -> None:
    run = loop._Run(TINY, parts(TINY, 32), tmp_path)
    with pytest.raises(DataError, match="residual cannot start from it"):
        run.start_from(tmp_path / "faceres.json")


def test_targets_are_distributions_around_the_truth() -> None:
    pictures = np.zeros((1, 20, 20, 3), np.uint8)

    def targets(plan: Experiment, labels: list[object]) -> torch.Tensor:
        found = np.ones(len(labels), bool)
        return lesson(plan, Crops(pictures, np.array(labels), found)).targets

    classes = targets(TINY, [3])
    votes = targets(TINY, [[0.0, 0, 0, 10, 0, 0, 0]])
    assert torch.allclose(classes, votes)
    assert classes[0, 3].item() == pytest.approx(0.9 + 0.1 / 7)
    ages = targets(TINY_AGE, [30, 116])
    assert ages.argmax(1).tolist() == [30, 100]
    assert ages.sum(1).tolist() == pytest.approx([1, 1])
    within = targets(TINY_AGE, [[20, 29]])
    assert within[0, 20:30].tolist() == pytest.approx([1.0] * 10)
    assert 0 < within[0, 33] < within[0, 30] < 1


def test_the_gradient_of_partial_targets_is_that_of_what_they_allow() -> None:
    logits = torch.randn(4, 101, generator=torch.Generator().manual_seed(0), requires_grad=True)
    allowed = torch.rand(4, 101, generator=torch.Generator().manual_seed(1))
    direct = -(allowed * logits.softmax(1)).sum(1).log().mean()
    (expected,) = torch.autograd.grad(direct, logits)
    loss = torch.nn.functional.cross_entropy(logits, complete(allowed, logits))
    (got,) = torch.autograd.grad(loss, logits)
    assert torch.allclose(got, expected, atol=1e-6)


def test_an_interrupted_run_goes_on_to_the_same_end(tmp_path: Path) -> None:
    loop.train(TINY, parts(TINY), tmp_path / "whole", fresh=True)

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
            loop.train(TINY, parts(TINY), tmp_path / "cut", fresh=True)
    loop.train(TINY, parts(TINY), tmp_path / "cut", fresh=False)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
    whole, cut = (
        torch.load(tmp_path / name / "last.pt", weights_only=False) for name in ("whole", "cut")
    )
    for part in ("network", "average"):
        for name, value in whole[part].items():
            assert torch.equal(value, cut[part][name]), f"{part}, {name}"


def test_a_fresh_run_leaves_nothing_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.train(TINY, parts(TINY), tmp_path)
    for name in ("emotion.keras", "emotion.sha256", "emotion-rounded.keras", "emotion-rounded.pt"):
        (tmp_path / name).write_text("of the first run")

    def stop(_: loop._Run) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop._Run, "_train_epoch", stop)
    with pytest.raises(DataError, match="--fresh"):
        loop.train(dataclasses.replace(TINY, epochs=4), parts(TINY), tmp_path)
    assert (tmp_path / "emotion.keras").exists()
    with pytest.raises(KeyboardInterrupt):
        loop.train(dataclasses.replace(TINY, epochs=4), parts(TINY), tmp_path, fresh=True)
    assert {path.name for path in tmp_path.iterdir()} == {"experiment.json"}
    assert read_plan(tmp_path).epochs == 4


def test_a_run_of_other_teachers_faces_or_start_is_not_thrown_away_unasked(tmp_path: Path) -> None:
    old, new = ({name: {"weight": 1.0, "took": {"minutes": 1.0}}} for name in ("old", "new"))
    start = loop.train(TINY, parts(TINY), tmp_path / "before")
    folder = tmp_path / "run"

    def weights() -> bytes:
        return (folder / "best.pt").read_bytes()

    loop.train(TINY, parts(TINY), folder, taught_by=old)
    learned = weights()
    later = {"old": {"weight": 1.0, "took": {"minutes": 2.0}}}
    loop.train(TINY, parts(TINY), folder, taught_by=later)
    assert weights() == learned
    before = weights(), rows(folder), (folder / "experiment.json").read_text()
    for plan, given, other in (
        (TINY, {"parts": parts(TINY), "taught_by": new}, "teachers"),
        (TINY, {"parts": parts(TINY, 320), "taught_by": new}, "lesson, teachers"),
        (TINY, {"parts": parts(TINY), "taught_by": old, "start": start}, "start"),
        (dataclasses.replace(TINY, epochs=4), {"parts": parts(TINY), "taught_by": old}, "epochs"),
    ):
        with pytest.raises(DataError, match=f"last.pt is of a run of other {other}: .*--fresh"):
            loop.train(plan, folder=folder, **given)
        assert (weights(), rows(folder), (folder / "experiment.json").read_text()) == before
    loop.train(TINY, parts(TINY, 320), folder, taught_by=new, fresh=True)
    record = json.loads((folder / "experiment.json").read_text())
    assert set(record["taught_by"]) == {"new"}
    assert record["faces"]["train"] == 320


def test_a_checkpoint_of_an_earlier_version_is_gone_on_from(tmp_path: Path) -> None:
    loop.train(TINY, parts(TINY), tmp_path)
    state = torch.load(tmp_path / "last.pt", weights_only=False)
    for name in ("source", "took"):
        del state[name]
    torch.save(state, tmp_path / "last.pt")
    (tmp_path / "best.pt").write_bytes(b"not learned anew")
    loop.train(TINY, parts(TINY), tmp_path)
    assert (tmp_path / "best.pt").read_bytes() == b"not learned anew"


def test_what_a_finished_run_took_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.train(TINY, parts(TINY), tmp_path)
    took = json.loads((tmp_path / "experiment.json").read_text())["took"]
    monkeypatch.setattr(loop, "took", lambda *_: {"minutes": 0.0, "memory_mib": 10**6})
    loop.train(TINY, parts(TINY), tmp_path)
    assert json.loads((tmp_path / "experiment.json").read_text())["took"] == took


@pytest.mark.parametrize("patience", [1, 3])
def test_a_run_stops_where_validation_no_longer_rises(tmp_path: Path, patience: int) -> None:
    plan = dataclasses.replace(TINY, epochs=12, patience=patience)
    misled = parts(plan)
    wrong = misled.valid._replace(labels=(misled.valid.labels + 3) % 7)
    loop.train(plan, misled._replace(valid=wrong), tmp_path)
    reached = [float(row["validation"]) for row in rows(tmp_path)]
    best = max(n for n, each in enumerate(reached) if each == max(reached))
    assert len(reached) == best + 1 + patience < plan.epochs
    # Asked again, it has still come to its end.
    loop.train(plan, misled._replace(valid=wrong), tmp_path)
    assert len(rows(tmp_path)) == len(reached)


def test_augmented_pictures_stay_pictures() -> None:
    plan = EXPERIMENTS["emotion-small"]
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
        EXPERIMENTS["age"],
        turn=0,
        shift=0,
        scale=0,
        brightness=0,
        contrast=0,
        grey=0,
        harm=0,
        erase=0,
    )
    images = torch.from_numpy(
        np.random.default_rng(1).integers(0, 256, (16, still.canvas, still.canvas, 3), np.uint8)
    )
    plain = centre(images, still)
    made = augment(images, still, torch.Generator().manual_seed(0))
    for one, device in zip(made, plain, strict=True):
        same, mirrored = ((one - x).abs().max() for x in (device, device.flip(-1)))
        assert min(same, mirrored) < 0.1
