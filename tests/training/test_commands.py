"""`python -m training` on a data set of two public-domain faces, in RAF-DB's layout."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from device.vision.align import align
from device.vision.detect import open_detector
from tests.training.layouts import make_ferplus
from tests.training.tiny import lay_out
from tests.vision.faces import MODELS, portrait
from training.__main__ import EPILOG, _parser, main
from training.data import EMOTIONS
from training.experiment import EXPERIMENTS


def run(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr("sys.argv", ["training", *map(str, words)])
    return main()


@pytest.fixture
def rafdb(tmp_path: Path) -> Path:
    detector = open_detector(MODELS)
    for name, label in (("collins", 4), ("hopper", 5)):
        image = portrait(name)
        crop = align(image, detector.detect(image)[0], 100)
        path = tmp_path / "DATASET" / "test" / str(label) / f"test_{label}_aligned.jpg"
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), crop[:, :, ::-1])
    return tmp_path


def test_evaluate_measures_the_file_itself(
    rafdb: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = MODELS / "emotion.tflite"
    assert run(monkeypatch, "evaluate", "--model", model, "--data", rafdb, "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["count"] == 2
    assert figures["per_class"]["happiness"]["recall"]["value"] == 1.0
    assert run(monkeypatch, "evaluate", "--model", model, "--data", rafdb) == 0
    assert "accuracy: " in capsys.readouterr().out


def test_evaluate_measures_ages_known_as_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = lay_out(tmp_path, monkeypatch) / "fairface"
    model = MODELS / "age.tflite"
    assert run(monkeypatch, "evaluate", "--model", model, "--data", data, "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["count"] == 2
    assert set(figures) >= {"in_group", "within_one_group", "edge_error"}


def test_evaluate_refuses_votes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_ferplus(tmp_path)
    words = ("--model", MODELS / "emotion.tflite", "--data", tmp_path, "--part", "train")
    assert run(monkeypatch, "evaluate", *words) == 1
    assert "votes in its train part" in capsys.readouterr().err
    assert run(monkeypatch, "evaluate", *words, "--scene") == 1
    assert "votes in its train part" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("face-closer", r"face\.tflite"),
        ("face-doubt", r"face-doubt with face\.tflite"),
        ("music", "training music"),
    ],
)
def test_a_model_that_no_data_set_judges_is_refused(
    rafdb: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    mend: str,
) -> None:
    model = MODELS / f"{name}.tflite"
    assert run(monkeypatch, "evaluate", "--model", model, "--data", rafdb) == 1
    said = capsys.readouterr().err
    assert "expected in it" not in said
    assert re.search(mend, said)


@pytest.mark.parametrize(
    "words",
    [
        ("train", "emotion", "--epochs", "0"),
        ("train", "emotion", "--batch", "0"),
        ("train", "emotion", "--peak-rate", "-1"),
        ("train", "emotion", "--peak-rate", "nan"),
        ("train", "emotion", "--seed", "-1"),
        ("quantize", "runs/emotion", "--epochs", "0"),
        ("report", "--models", "nowhere", "--every", "0"),
    ],
)
def test_figures_that_nothing_can_be_done_with_are_wrong_use(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, *words, "--data", tmp_path)
    assert ended.value.code == 2
    assert f"argument {words[-2]}" in capsys.readouterr().err


def test_a_batch_is_not_silently_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the train extra is not installed")
    words = ("--data", tmp_path, "--teacher", tmp_path / "yunet.onnx", "--batch", "8")
    assert run(monkeypatch, "train", "face", *words) == 1
    assert "leave --batch out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        ((), r"face/best\.pt is missing.*by --first"),
        (("--first", "there"), r"face-closer/best\.pt is missing.*by --closer"),
        (("--first", "there", "--closer", "there"), r"faceres\.json by --start"),
    ],
)
def test_the_third_network_says_what_it_is_asked_after_and_starts_from(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: tuple[str, ...],
    mend: str,
) -> None:
    pytest.importorskip("torch", reason="the train extra is not installed")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").write_bytes(b"weights")
    words = ("--data", tmp_path, "--teacher", tmp_path / "yunet.onnx", *given)
    assert run(monkeypatch, "train", "face-doubt", *words) == 1
    assert re.search(mend, capsys.readouterr().err)


@pytest.mark.parametrize("words", [("emotion",), ("face",), ("face-closer",)])
def test_a_gentle_end_is_that_of_a_training_of_the_second_look(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    pytest.importorskip("torch", reason="the train extra is not installed")
    start = () if words == ("face-closer",) else ("--start", tmp_path / "best.pt")
    assert run(monkeypatch, "train", *words, "--gentle", *start, "--data", tmp_path) == 1
    assert "give its best.pt by --start" in capsys.readouterr().err


def test_all_stops_at_the_step_that_fails_each_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the train extra is not installed")
    monkeypatch.chdir(MODELS.parent)  # where `python -m training` is run from
    words = ("--data", tmp_path, "--faceres", tmp_path / "faceres.json", "--runs", tmp_path)
    assert run(monkeypatch, "all", *words) == 1
    told = capfd.readouterr()
    assert told.out.count("python -m training") == 1
    assert "holds no data set known here" in told.err


def test_a_missing_data_set_is_one_line_on_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "data", "emotion", "--data", tmp_path) == 1
    assert capsys.readouterr().err.startswith("training: ")


def test_help_tells_the_whole_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "--help")
    said = capsys.readouterr().out
    assert all(word in said for word in ("train", "evaluate", "report", "DATASET", "conversion"))


def test_what_help_tells_can_be_typed() -> None:
    commands = EPILOG.replace("\\\n", " ").splitlines()
    words = [shlex.split(line)[3:] for line in commands if line.startswith("  python -m training ")]
    assert [each[0] for each in words] == ["train"] * 4 + ["all", "quantize", "report"]
    for each in words:
        _parser().parse_args(each)


def learn(monkeypatch: pytest.MonkeyPatch, data: Path, *words: str | Path) -> int:
    """Train a tiny network for an epoch, from a folder per emotion."""
    tiny = replace(
        EXPERIMENTS["emotion-small"], side=16, margin=2, stem=8, stages=((8, 1),), epochs=1, batch=8
    )
    monkeypatch.setitem(EXPERIMENTS, "emotion-small", tiny)
    monkeypatch.chdir(MODELS.parent)  # where `python -m training` is run from
    return run(monkeypatch, *words, "--data", data, "--cache", data.parent / "cache")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Noise in a folder per emotion."""
    rng = np.random.default_rng(0)
    for emotion in EMOTIONS:
        for part, count in (("train", 2), ("valid", 1)):
            for number in range(count):
                path = tmp_path / "own" / part / emotion / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), rng.integers(0, 256, (40, 40, 3), np.uint8))
    return tmp_path / "own"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "the same command goes on after the last epoch"),
        (("--fresh",), "the same command without --fresh goes on after the last epoch"),
    ],
)
def test_a_stopped_training_says_how_it_goes_on(
    own: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    told: str,
) -> None:
    loop = pytest.importorskip("training.loop", reason="the train extra is not installed")

    def stop(_: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop._Run, "_train_epoch", stop)
    assert learn(monkeypatch, own, "train", "emotion-small", "--out", own.parent / "r", *words) == 1
    assert told in capsys.readouterr().err


def test_faces_of_one_s_own_are_enough_to_train_and_to_be_taught_by(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="the train extra is not installed")
    runs = [tmp_path / name for name in ("teacher", "student")]
    assert learn(monkeypatch, own, "train", "emotion-small", "--out", runs[0]) == 0
    members = [{"run": str(runs[0]), "flip": True, "weight": 1.0}]
    ensemble = tmp_path / "ensemble.json"
    ensemble.write_text(json.dumps({"members": members}))
    taught = ("distill", "emotion-small", "--emotion", ensemble, "--out", runs[1])
    assert learn(monkeypatch, own, *taught) == 0
    for folder in runs:
        record = json.loads((folder / "experiment.json").read_text())
        assert record["sets"] == {"train": {"own": 14}, "beside": {}}
        assert record["others"] == []
    assert record["taught_by"]["teacher"]["sets"] == record["sets"]
