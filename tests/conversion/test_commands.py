"""`python -m conversion`, and the face's way from photos to a measured file, on made photos."""

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

if not all(importlib.util.find_spec(name) for name in ("tensorflow", "torch", "onnxruntime")):
    pytest.skip("the train extra is not installed", allow_module_level=True)

from conversion import convert, detector
from conversion.__main__ import main
from conversion.convert import ConversionError
from conversion.detector import Runs, convert_detector
from device.vision.detect import CLOSE_SIDE, open_detector
from device.vision.runtime import Model, Sidecar, read_sidecar
from tests.training.faceres import write_faceres
from tests.vision.faces import MODELS, portrait
from training.__main__ import main as training
from training.detector import evaluate as judging
from training.detector import photos, teacher
from training.detector.closer import train_closer
from training.detector.doubt import train_doubt
from training.detector.evaluate import as_faces
from training.detector.labels import Source
from training.detector.loop import train_detector
from training.detector.plan import CloserPlan, DetectorPlan, DoubtPlan

PARTS = {"train": 6, "valid": 3, "test": 4}
SMALL: dict[str, Any] = {
    "stem": (4, 4),
    "stages": (4, 8, 8),
    "depths": (1, 1, 1),
    "necks": (4, 8, 8),
    "epochs": 1,
    "steps": 2,
}
TINY = dataclasses.replace(DetectorPlan(), batches=((64, 2),), **SMALL)
TINY_CLOSER = dataclasses.replace(CloserPlan(), batches=((160, 2),), **SMALL)
TINY_DOUBT = DoubtPlan(side=32, layers=2, frozen=1, batch=4, epochs=1, steps=2)


class Ours:
    """Stands in for YuNet, which is not part of the project: it sees what our own file sees."""

    def __init__(self, _: Path) -> None:
        self._detector = open_detector(MODELS)

    def look(self, image: np.ndarray, longer_side: int) -> np.ndarray:
        assert longer_side > 0
        return self.label(image)

    def label(self, image: np.ndarray) -> np.ndarray:
        rows = as_faces(self._detector, image)
        rows[:, 0] = 0.9
        return rows


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """Portraits on noise, near and far, listed in parts, the last of each part without anybody."""
    listed = ["photo,split"]
    rng = np.random.default_rng(0)
    for part, count in PARTS.items():
        for number in range(count):
            image = rng.integers(60, 120, (240, 320, 3), np.uint8)
            if number + 1 < count:
                person = portrait("collins" if number % 2 else "hopper")[:, :, ::-1]
                height = 90 + 28 * number
                size = round(person.shape[1] / person.shape[0] * height), height
                image[8 : 8 + height, 20 : 20 + size[0]] = cv2.resize(person, size)
            path = tmp_path / "photos" / f"{part}{number}.png"
            path.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(path), image)
            listed.append(f"{photos.keyed(path).key},{part}")
    (tmp_path / "split.csv").write_text("\n".join(listed))
    monkeypatch.setattr(photos, "SPLIT", tmp_path / "split.csv")
    monkeypatch.setattr(teacher, "Teacher", Ours)
    monkeypatch.setattr(judging, "Teacher", Ours)
    monkeypatch.setattr(judging, "ROUNDS", 2)
    (tmp_path / "yunet.onnx").write_bytes(b"weights")
    return Source(tmp_path, tmp_path / "yunet.onnx", tmp_path / "cache")


def words(source: Source) -> list[str]:
    names = {"--data": source.data, "--teacher": source.teacher, "--cache": source.cache}
    return [str(word) for pair in names.items() for word in pair]


def everything(source: Source, closer: Path, doubt: Path) -> list[str]:
    runs = {"--model": source.teacher, "--closer": closer, "--doubt": doubt}
    return [*(str(word) for pair in runs.items() for word in pair), *words(source)]


def test_a_detector_is_measured_by_its_teacher(
    source: Source, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ["--model", str(MODELS / "face.tflite")]
    assert training(["evaluate", *model, *words(source), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["photos"] == PARTS["test"]
    assert figures["faces"] == 3
    assert (figures["recall"], figures["false_faces"]) == (1.0, 0)
    assert set(figures["by_score"]) == {"0.4", "0.5", "0.6", "0.7"}
    for row in figures["by_score"].values():
        assert set(row) == {"recall", "4-6 %", "6-12 %", "above 12 %", "false_faces"}
    assert figures["by_score"]["0.5"]["above 12 %"] == 1.0
    assert set(figures["milliseconds"]) >= {"ours, median", "YuNet 640, least"}
    assert training(["evaluate", *model, *words(source)]) == 0
    assert "recall: 1.0" in capsys.readouterr().out
    assert training(["evaluate", *model, "--data", str(source.data)]) == 1
    assert "give --teacher" in capsys.readouterr().err


def test_a_detector_is_trained_converted_refused_or_written(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = train_detector(TINY, source, tmp_path / "run")
    closer = train_closer(TINY_CLOSER, source, tmp_path / "closer", first=weights)
    doubt = train_doubt(
        TINY_DOUBT,
        source,
        tmp_path / "doubt",
        first=weights,
        closer=closer,
        start=write_faceres(tmp_path / "faceres.json", TINY_DOUBT.layers),
    )
    runs = Runs(weights, closer, doubt)
    models = tmp_path / "models"
    shutil.copytree(MODELS, models)

    def lying() -> list[bytes]:
        return [path.read_bytes() for path in sorted(models.glob("face*"))]

    before = lying()
    assert len(before) == 6
    with pytest.raises(ConversionError, match=r"face finds 0\.000 of faces"):
        convert_detector(runs, source, models)
    assert lying() == before
    monkeypatch.setattr(detector, "check_floors", lambda _: None)  # four pictures teach nothing

    encoded, written = convert._encoded, []

    def killed(sidecar: Sidecar) -> bytes:
        """At the last file: the first three are a draft's."""
        written.append(sidecar)
        if len(written) == 6:
            raise KeyboardInterrupt
        return encoded(sidecar)

    with monkeypatch.context() as patch:
        patch.setattr(convert, "_encoded", killed)
        with pytest.raises(KeyboardInterrupt):
            convert_detector(runs, source, models)
    assert lying() == before
    sidecar = convert_detector(runs, source, models)
    assert read_sidecar(models / "face.json") == sidecar
    assert sidecar.data["photos"] == {"train": 6, "valid": 3}
    assert sidecar.data["run"]["epochs"] == TINY.epochs
    assert sidecar.metrics["test"]["photos"] == PARTS["test"]
    assert Model(models, "face").sidecar.sha256 == sidecar.sha256
    near = Model(models, "face-closer")
    assert near.sides == (CLOSE_SIDE, CLOSE_SIDE)
    assert near.sidecar.data["start"] == "the weights of the run run, on the same photos"
    asked = Model(models, "face-doubt")
    assert asked.sides == (TINY_DOUBT.side, TINY_DOUBT.side)
    assert "VGGFace2, through `faceres`" in asked.sidecar.data["learned_from"]


def test_commands_say_what_is_missing(
    source: Source,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def run(*given: str) -> int:
        monkeypatch.setattr("sys.argv", ["conversion", *given])
        return main()

    data = ["--data", str(tmp_path)]
    model = tmp_path / "emotion.keras"
    for given, said in (
        (["emotion", *data, "--model", str(model)], "training train emotion` first"),
        (["face", *data, "--model", str(source.teacher)], "give --teacher"),
        (
            ["face", "--model", str(source.teacher), "--closer", str(model), *words(source)],
            "training train face-closer` first",
        ),
        (
            ["face", *everything(source, closer=source.teacher, doubt=model)],
            "training train face-doubt` first",
        ),
    ):
        with pytest.raises(SystemExit, match="2"):
            run(*given)
        assert said in capfd.readouterr().err
    model.write_bytes(b"no model")
    for given, said in (
        (["emotion", *data, "--model", str(model)], "experiment.json describes no run"),
        (
            ["face", *everything(source, closer=model, doubt=model)],
            "does not say how the weights",
        ),
        (["music", *data], "pip download --no-deps musicnn"),
    ):
        assert run(*given) == 1
        told = capfd.readouterr().err.splitlines()
        assert told[-1].startswith("conversion: ")
        assert said in told[-1]
