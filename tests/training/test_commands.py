"""`python -m training` on a data set of two public-domain faces, in RAF-DB's layout."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from device.vision.align import align
from device.vision.detect import GridDetector
from device.vision.runtime import Model
from tests.vision.faces import MODELS, portrait
from training.__main__ import main


def run(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr("sys.argv", ["training", *map(str, words)])
    return main()


@pytest.fixture
def rafdb(tmp_path: Path) -> Path:
    detector = GridDetector(Model(MODELS, "face"))
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
