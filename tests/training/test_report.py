"""The report: measured on two faces in every layout, written again without data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from device.vision.runtime import ModelError, read_sidecar
from tests.training.tiny import lay_out
from tests.vision.faces import MODELS
from training.__main__ import main
from training.data import Sample
from training.report import measure_report, report_text
from training.report.ablation import ablation
from training.report.card import card
from training.report.emotion import scenes
from training.report.measure import OURS, SECTIONS, Bench
from training.report.rest import cost
from training.report.robustness import pick
from training.report.runs import runs
from training.report.stored import is_current, load_report, save_report
from training.report.summary import summary
from training.report.text import bullets

NAMES = ("face", "face-closer", "face-doubt", "emotion", "age")


def place_models(folder: Path) -> Path:
    folder.mkdir()
    for name in NAMES:
        for suffix in (".json", ".tflite"):
            shutil.copy(MODELS / f"{name}{suffix}", folder)
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models with the report of two faces beside them."""
    models = place_models(tmp_path_factory.mktemp("report") / "models")
    with pytest.MonkeyPatch.context() as patch:
        data = lay_out(tmp_path_factory.mktemp("data"), patch)
        skipped = measure_report(models, data)
    assert set(skipped) == {"fer", "faceres"}
    return models


def text_of(models: Path) -> str:
    sidecars = {name: read_sidecar(models / f"{name}.json") for name in NAMES}
    return report_text(models, load_report(models), sidecars)


def test_every_section_is_measured_and_told(measured: Path) -> None:
    report = load_report(measured)
    assert set(report["measured"]) == set(SECTIONS)
    for section in report["measured"].values():
        assert section["seconds"] >= 0
        assert section["models"]["face"] == read_sidecar(measured / "face.json").sha256[:12]
    text = text_of(measured)
    for head in (
        "## Emotion",
        "### Through the whole chain",
        "### On another data set: FER+",
        "## Age",
        "### By group of people",
        "### On another data set: FairFace",
        "## Robustness",
        "## Face detector",
        "## Float, int8 and the runtimes",
        "## Cost",
        "## Not measured in the last run",
    ):
        assert f"\n{head}\n" in text
    assert "other model files" not in text
    assert "{" not in text
    assert "nan" not in text


def learned_otherwise(models: Path, **sets: int) -> None:
    """As if the models in a folder had learned from these data sets alone."""
    for name in ("emotion", "age"):
        sidecar = json.loads((models / f"{name}.json").read_text())
        run = {key: sidecar["data"]["run"][key] for key in ("task", "others")}
        first, *others = sets
        trained_on = {
            "train": {first: sets[first]},
            "beside": {each: sets[each] for each in others},
        }
        sidecar["data"]["run"] = {**run, "faces": {"train": 9}, "sets": trained_on}
        (models / f"{name}.json").write_text(json.dumps(sidecar))


def test_the_words_follow_what_the_models_learned_from(measured: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(measured, models)
    text = text_of(models)
    assert "Ours learned from the train part beside RAF-DB, by its votes and what teachers" in text
    assert "Ours learned from the rest beside UTKFace, so this is no test" in text
    learned_otherwise(models, own=9, ferplus=3)
    text = text_of(models)
    assert "Ours learned from the train part beside faces of one's own, by its votes, so" in text
    assert text.count("Ours learned nothing from it") == 3  # RAF-DB, UTKFace, FairFace
    learned_otherwise(models, ferplus=9)
    assert "Ours learned from the train part, by its votes, so this is no test" in text_of(models)
    sidecar = json.loads((models / "age.json").read_text())
    del sidecar["data"]["run"]
    (models / "age.json").write_text(json.dumps(sidecar))
    with pytest.raises(ModelError, match="convert it again"):
        text_of(models)


def test_sets_are_found_where_training_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = lay_out(tmp_path, monkeypatch)
    (data / "rafdb" / "DATASET").rename(data / "DATASET")
    (data / "ferplus" / "FER2013Test").rename(data / "FER2013Test")
    bench = Bench(MODELS, data)
    for name in ("emotion", "ferplus"):
        assert SECTIONS[name](bench)["readers"][OURS]["count"] == 2
    assert SECTIONS["scenes"](bench)["count"] == 2


def test_groups_and_corruptions_are_all_there(measured: Path) -> None:
    figures = load_report(measured)["measured"]
    assert figures["age"]["readers"][OURS]["count"] == 2
    assert set(figures["age"]["groups"]["gender"]["groups"]) == {"female", "male"}
    assert figures["fairface"]["groups"]["race"]["groups"]["white"]["count"] == 2
    harmed = figures["robust emotion"]["harmed"]
    assert len(harmed) == 15
    assert all(len(strengths) == 3 for strengths in harmed.values())
    own = figures["cost"]["models measured"]["emotion"]
    assert own["multiply_adds"] == read_sidecar(measured / "emotion.json").metrics["multiply_adds"]


def test_what_is_not_measured_again_is_kept_and_a_changed_model_is_told(
    measured: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    shutil.copytree(measured, models)
    report = load_report(models)
    report["measured"]["emotion"]["readers"]["fer"] = report["measured"]["emotion"]["readers"][OURS]
    report["measured"]["emotion"]["models"]["emotion"] = "0" * 12
    (models / "report.json").write_text(json.dumps(report))
    assert "other model files" in text_of(models)
    skipped = measure_report(models, tmp_path / "nowhere")
    assert set(SECTIONS) - {"cost"} <= set(skipped)
    again = load_report(models)["measured"]
    assert set(again) == set(SECTIONS)
    assert set(again["emotion"]["readers"]) == {OURS, "fer"}
    text = text_of(models)
    assert "`fer`" in text
    assert "Figures of an earlier run stand above" in text


def test_a_stopped_measuring_keeps_the_sections_that_were_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = place_models(tmp_path / "models")
    data = lay_out(tmp_path / "data", monkeypatch)

    def stop(_: Bench) -> dict[str, Any]:
        raise KeyboardInterrupt

    monkeypatch.setitem(SECTIONS, "age", stop)
    assert main(["report", "--models", str(models), "--data", str(data)]) == 1
    assert "goes on" not in (told := capsys.readouterr().err)
    assert "report.json keeps the sections" in told
    report = load_report(models)
    assert set(report["measured"]) == {"cost", "emotion"}
    assert report["skipped"]["age"] == "the measuring was stopped before it was done"


def test_single_sections_are_measured_anew_and_the_rest_stays(
    measured: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    models = tmp_path / "models"
    shutil.copytree(measured, models)
    report = load_report(models)
    for name in ("emotion", "age"):
        report["measured"][name] |= {"seconds": -1, "found": {"value": 0, "low": 0, "high": 0}}
    report["skipped"] = {"emotion": "an old reason", "scenes": "another", "fer": "gone"}
    (models / "report.json").write_text(json.dumps(report))
    data = lay_out(tmp_path / "data", monkeypatch)
    words = ["report", "--models", str(models), "--only", "emotion", "--only", "cost"]
    assert main([*words, "--data", str(data)]) == 0
    again = load_report(models)
    taken = {name: section["seconds"] for name, section in again["measured"].items()}
    assert set(taken) == set(SECTIONS)
    assert taken["emotion"] >= 0 > taken["age"]
    assert set(again["skipped"]) == {"scenes", "fer", "faceres"}
    assert "emotion, 2 of 2: measured in" in capsys.readouterr().out
    assert main(words) == 1
    assert "--data" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["report", "--only", "mood", "--data", str(data)])
    assert "'robust age'" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["every", "detector", "faces"])
def test_a_baseline_of_other_faces_or_another_detector_is_dropped(
    measured: Path, tmp_path: Path, change: str
) -> None:
    models = tmp_path / "models"
    shutil.copytree(measured, models)
    report = load_report(models)
    now = report["measured"]["emotion"]
    before = json.loads(json.dumps(now))
    before["readers"]["fer"] = before["readers"][OURS]
    if change == "every":
        before["every"] = 10
    elif change == "detector":
        before["models"]["face"] = "0" * 12
    else:
        before["readers"] = {n: {**r, "count": 1} for n, r in before["readers"].items()}
    report["measured"]["emotion"] = before
    (models / "report.json").write_text(json.dumps(report))
    save_report(models, {"emotion": now}, {})
    assert set(load_report(models)["measured"]["emotion"]["readers"]) == {OURS}


def test_the_whole_chain_is_judged_by_all_faces(measured: Path) -> None:
    section = load_report(measured)["measured"]["scenes"]
    section |= {"loss": {"value": 0.0, "low": -0.006, "high": 0.006}}
    section |= {"accuracy": {"value": 0.85, "low": 0.84, "high": 0.86}}
    section |= {"crop_accuracy": {"value": 0.868, "low": 0.85, "high": 0.88}}
    section |= {"loss_of_all": {"value": 0.018, "low": 0.012, "high": 0.024}}
    found = "+0.0 (-0.6 to +0.6)"
    assert "**+1.8 (+1.2 to +2.4)** of all faces, one that is not found" in scenes(section)
    assert f"{found} of those found" in scenes(section)
    assert "At most 1.5 of all were aimed at: that is missed" in scenes(section)
    assert f"| +1.8 (+1.2 to +2.4) | where found: {found} |" in summary({"scenes": section})
    del section["loss_of_all"]
    assert "**+1.8** of all faces" in scenes(section)
    assert f"| +1.8 | where found: {found} |" in summary({"scenes": section})
    near = {**section, "accuracy": {"value": 0.86, "low": 0.85, "high": 0.87}}
    assert "that is kept" in scenes(near)
    blind = {**section, "loss": None}
    assert "of those found" not in scenes(blind)


def test_a_pi_4_is_told_for_one_thread_and_for_two() -> None:
    model = {"multiply_adds": 23.7e6 * 8, "bytes": 1000, "arithmetic": "int8"}
    text = cost({"models measured": {"face": model, "emotion": model}})
    assert "| face | 189.6 M | 1 kB | 32.0 | 16.0 |" in text
    assert "**48 ms with two threads, 96 ms with one, of the 125 ms**" in text


def test_a_trial_on_some_faces_says_so(measured: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(measured, models)
    report = load_report(models)
    report["measured"]["age"]["every"] = 50
    (models / "report.json").write_text(json.dumps(report))
    assert "A trial on one face in 50" in text_of(models)


def test_the_command_writes_everything_without_data(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    models = tmp_path / "models"
    shutil.copytree(measured, models)
    assert main(["report", "--models", str(models)]) == 0
    assert "REPORT.md" in capsys.readouterr().out
    report = (models / "REPORT.md").read_text()
    pictures = {path.name for path in models.glob("*.png")}
    assert len(pictures) == 5
    for name in pictures:
        assert f"({name})" in report
        assert (models / name).stat().st_size > 5000
    card = (models / "MODEL_CARD.md").read_text()
    assert "of the detector that there was then" in report
    for word in ("Article 5(1)(f)", "proof of age", "non-commercial research", "How to repeat"):
        assert word in card
    for name in NAMES:
        assert f"`{name}`" in card


@pytest.mark.parametrize("content", [None, "", "[]", '{"measured": {}}', "{"])
def test_no_report_names_the_mend(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    with pytest.raises(ModelError, match="--data"):
        load_report(tmp_path)


RUNS: list[dict[str, Any]] = [
    {"task": "age", "name": "base", "what": "all", "valid": {"mean_absolute_error": 5.0}},
    {"task": "emotion", "name": "base", "what": "all", "valid": {"accuracy": 0.84}, "seed": 1},
    {"task": "emotion", "name": "base", "what": "all", "valid": {"accuracy": 0.86}, "seed": 2},
    {"task": "emotion", "name": "plain", "what": "no tricks", "valid": {"macro_f1": 0.7}},
]


def test_ablation_and_seeds(tmp_path: Path) -> None:
    assert ablation(tmp_path) is None
    (tmp_path / "ablation.json").write_text(json.dumps([{**run, "minutes": 3} for run in RUNS]))
    text = ablation(tmp_path)
    assert text is not None
    assert "| base | all | 2 | 85.00 ± 1.41 % |  | 3 |" in text
    assert "| plain | no tricks | 1 |  | 70.00 % | 3 |" in text
    assert "| base | all | 1 | 5.00 | 3 |" in text
    assert "nothing was learned from" not in text
    stranger = {**RUNS[1], "elsewhere": {"FER+": {"accuracy": 0.651, "macro_f1": 0.5}}}
    (tmp_path / "ablation.json").write_text(json.dumps([stranger]))
    text = ablation(tmp_path)
    assert text is not None
    assert "| emotion | base | FER+ | accuracy 65.10 %, macro f1 50.00 % |" in text
    (tmp_path / "ablation.json").write_text('[{"task": "age"}]')
    with pytest.raises(ModelError, match=r"ablation\.json"):
        ablation(tmp_path)


def test_runs_that_say_what_they_took_are_listed() -> None:
    sidecars = {name: read_sidecar(MODELS / f"{name}.json") for name in NAMES}
    took = {"minutes": 31.2, "memory_mib": 4012, "processor": "A Chip", "cores": 2}
    run = {"faces": {"train": 10921, "beside": 44787}, "start": "faceres", "side": 96, "epochs": 24}
    teacher = {**run, "faces": {"train": 5}, "took": took}
    data = {"run": {**run, "took": took, "taught_by": {"large": teacher, "old": run}}}
    sidecars["emotion"] = msgspec.structs.replace(sidecars["emotion"], data=data)
    text = runs({"emotion": sidecars["emotion"]})
    assert text is not None
    row = "faceres | A Chip, 2 cores | 96 | 10,921 + 44,787 | 24 | 31 | 4,012 |"
    assert f"| **emotion** | {row}" in text
    assert "| large | faceres" in text
    assert "| old |" not in text
    look = {"sets": {"photos": 2954, "rafdb": 1916}, "batches": [[320, 64], [448, 32]]}
    data = {"run": {**look, "faces": 0.55, "start": None, "epochs": 16, "took": took}}
    text = runs({"face": msgspec.structs.replace(sidecars["emotion"], data=data)})
    assert text is not None
    row = "nothing | A Chip, 2 cores | 320, 448 | 2,954 + 1,916 | 16 | 31 | 4,012 |"
    assert f"| **face** | {row}" in text
    bare = msgspec.structs.replace(sidecars["emotion"], data={})
    assert runs({"emotion": bare}) is None


def test_whatever_a_sidecar_says_is_shown() -> None:
    text = bullets(
        {
            "bytes": 1083984,
            "eye error": {"value": 0.03, "low": 0.02, "high": 0.04},
            "recall": {"4-6 %": {"faces": 3, "recall": 0.8}, "6-12 %": {"recall": 0.93}},
        }
    )
    assert "- bytes: 1,083,984" in text
    assert "- eye error: 0.03 (0.02 to 0.04)" in text
    assert "| 4-6 % | 3 | 0.8 |" in text
    assert "| 6-12 % |  | 0.93 |" in text


def test_a_subset_keeps_every_label_in_its_share() -> None:
    chosen = [Sample(Path(f"{n:04}"), int(n % 10 == 0)) for n in range(1000)]
    picked = pick(chosen, 100)
    assert len({sample.path for sample in picked}) == 100
    assert sum(sample.label == 1 for sample in picked) == 10
    assert picked == pick(chosen, 100) == sorted(picked)
    assert pick(chosen[:7], 100) == chosen[:7]


def test_a_detectors_deep_figures_are_shown_whole() -> None:
    row = {"faces": 5, "recall": 0.95123, "eyes": None}
    test = {"part": "test", "by_width": {"4-6 %": row, "6-12 %": row}, "milliseconds": {"ours": 3}}
    text = bullets({"test": {**test, "teacher": {"YuNet": {"at 0.5": test, "faces": 3}}}})
    assert "**test**" in text
    assert "- part: test" in text
    assert "- milliseconds: ours 3" in text
    assert "**test, by_width**" in text
    assert text.count("| 4-6 % | 5 | 0.9512 |  |") == 2
    assert "**test, teacher, YuNet, at 0.5, by_width**" in text
    assert "{" not in text


def test_the_committed_report_is_of_the_committed_models() -> None:
    measured = load_report(MODELS)["measured"]
    assert {name: is_current(MODELS, section) for name, section in measured.items()} == (
        dict.fromkeys(SECTIONS, True)
    )
    assert {section["every"] for section in measured.values()} == {1}
    for name, score in (("emotion", "accuracy"), ("age", "mean_absolute_error")):
        test = read_sidecar(MODELS / f"{name}.json").metrics["test"]
        assert measured[name]["readers"][OURS][score] == test[score]


def test_the_committed_words_are_those_of_the_committed_figures() -> None:
    assert (MODELS / "REPORT.md").read_text() == text_of(MODELS)
    sidecars = {name: read_sidecar(MODELS / f"{name}.json") for name in NAMES}
    told = card(sidecars, load_report(MODELS)["measured"])
    assert (MODELS / "MODEL_CARD.md").read_text() == told + "\n"
