from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device.vision.runtime import (
    Model,
    ModelError,
    available_runtimes,
    default_runtime,
)
from tests.vision.faces import MODELS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for suffix in (".tflite", ".json"):
        shutil.copy(MODELS / f"face{suffix}", tmp_path)
    return tmp_path


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "face.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_there_is_a_runtime() -> None:
    assert default_runtime() == available_runtimes()[0]


def test_the_default_runtime_takes_no_other_along() -> None:
    program = (
        "import sys; from device.inference import RUNTIMES, default_runtime;"
        "print(default_runtime(), *(name for name in RUNTIMES if RUNTIMES[name] in sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert told == [default_runtime(), default_runtime()]


@pytest.mark.parametrize("name", ["face", "emotion", "age"])
@pytest.mark.parametrize("runtime", available_runtimes())
def test_every_model_loads_on_every_runtime(name: str, runtime: str) -> None:
    model = Model(MODELS, name, runtime=runtime, threads=2)
    outputs = model.run(np.full(model.sidecar.input.shape[1:], 127, np.uint8))
    assert all(np.isfinite(out).all() and out.dtype == np.float32 for out in outputs)
    if name != "face":
        assert outputs[0].shape == (len(model.sidecar.labels),)


def test_loading_says_nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    Model(MODELS, "face")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", [".tflite", ".json"])
def test_a_missing_file_is_named(folder: Path, suffix: str) -> None:
    (folder / f"face{suffix}").unlink()
    with pytest.raises(ModelError, match=rf"face\{suffix}.*restore"):
        Model(folder, "face")


def test_a_changed_model_is_refused(folder: Path) -> None:
    path = folder / "face.tflite"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match=r"face\.tflite.*sha256.*restore"):
        Model(folder, "face")


@pytest.mark.parametrize("runtime", available_runtimes())
@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 5000], ids=["empty", "text", "zeros"])
def test_garbage_is_refused_even_with_its_own_sha256(
    folder: Path, content: bytes, runtime: str
) -> None:
    (folder / "face.tflite").write_bytes(content)
    edit(folder, sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelError, match=r"face\.tflite is refused by"):
        Model(folder, "face", runtime=runtime)


@pytest.mark.parametrize(
    "sidecar",
    ["", "{}", "[1, 2", '{"task": 3}', "\x00\x01"],
    ids=["empty", "bare", "cut", "type", "nul"],
)
def test_a_malformed_sidecar_is_refused(folder: Path, sidecar: str) -> None:
    (folder / "face.json").write_text(sidecar)
    with pytest.raises(ModelError, match=r"face\.json is no valid sidecar"):
        Model(folder, "face")


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b"[" * 100_000], ids=["no UTF-8", "deep"])
def test_a_sidecar_that_is_no_text_or_too_deep_is_refused(folder: Path, content: bytes) -> None:
    (folder / "face.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"face\.json is no valid sidecar"):
        Model(folder, "face")


@pytest.mark.parametrize(
    "changes",
    [
        {"calibration": {"temperature": 0.0}},
        {"calibration": {"temperature": -1.0}},
        {"calibration": {"temperature": 1e300}},
        {"crop": {"zoom": 0.0}},
        {"crop": {"zoom": 1e9}},
        {"input": {"shape": [1, 352, 448, 3], "multiplier": 1e300}},
    ],
    ids=str,
)
def test_numbers_that_no_model_has_are_refused(folder: Path, changes: dict[str, Any]) -> None:
    edit(folder, **changes)
    with pytest.raises(ModelError, match=r"face\.json is no valid sidecar"):
        Model(folder, "face")


def test_another_shape_is_refused(folder: Path) -> None:
    edit(folder, input={"shape": [1, 128, 128, 3]})
    with pytest.raises(ModelError, match=r"takes \(1, 352, 448, 3\)"):
        Model(folder, "face")


def test_another_crop_template_is_refused(folder: Path) -> None:
    edit(folder, crop={"zoom": 1.0, "left_eye": [0.1, 0.1], "right_eye": [0.9, 0.1]})
    with pytest.raises(ModelError, match="template"):
        Model(folder, "face")


def test_an_unknown_runtime_is_refused() -> None:
    with pytest.raises(ModelError, match="does not import"):
        Model(MODELS, "face", runtime="onnx")


def test_int8_pixels_are_shifted_not_scaled() -> None:
    for name in ("emotion", "age"):
        model = Model(MODELS, name)
        assert model._input["quantization"] == (1.0, -128)
