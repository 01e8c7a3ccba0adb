"""Broken pictures and empty classes, in every layout of a data set: told with their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training.layouts import (
    hold_nothing_out,
    make_age_folders,
    make_emotion_folders,
    make_fairface,
    make_ferplus,
    make_kaggle,
    make_official,
    make_photos,
    make_utkface,
)
from tests.vision.faces import MODELS
from training.__main__ import main
from training.crops import Places, find_eyes
from training.data import DataError, samples
from training.detector import teacher
from training.detector.photos import photos

BROKEN = (b"", b"no picture", b"\x89PNG\r\n\x1a\n and no more", b"\xff\xd8 no more")


@pytest.fixture(autouse=True)
def splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return hold_nothing_out(tmp_path / "splits", monkeypatch)


def make_whole_ferplus(root: Path) -> None:
    for part in ("Train", "Valid", "Test"):
        make_ferplus(root, part=part)


LAYOUTS: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "RAF-DB, Kaggle's": ("emotion", make_kaggle, "DATASET/train/1/train_00000_aligned.jpg"),
    "RAF-DB, official": ("emotion", make_official, "basic/Image/aligned/train_00000_aligned.jpg"),
    "FER+": ("emotion", make_whole_ferplus, "FER2013Train/fer0000001.png"),
    "UTKFace": ("age", make_utkface, "UTKFace/26_1_0_1.jpg.chip.jpg"),
    "FairFace": ("age", make_fairface, "train/0.jpg"),
    "emotions' folders": ("emotion", make_emotion_folders, "train/anger/1.jpg"),
    "years' folders": ("age", make_age_folders, "train/3/1.jpg"),
    "photos": ("face", make_photos, "photos/0.jpg"),
}
"""What each is for, how it is made, and a picture of it to learn from."""


@pytest.mark.parametrize("content", BROKEN)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_broken_picture_is_named(
    layout: str,
    content: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    task, make, name = LAYOUTS[layout]
    root = tmp_path / "data"
    make(root)
    words = ["data", task, "--data", str(root), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    assert "cannot be read" not in capsys.readouterr().out
    broken = root / name
    assert broken.is_file()
    broken.write_bytes(content)
    assert main(words) == 1
    said = capsys.readouterr()
    assert f"  1 cannot be read: {broken}\n" in said.out
    assert f"1 files are no pictures that OpenCV reads: {broken};" in said.err
    learn = read_photos if task == "face" else read_faces
    with pytest.raises(DataError, match="is no image that OpenCV reads") as caught:
        learn(root, task, tmp_path, monkeypatch)
    assert str(caught.value).startswith(str(broken))


def read_faces(root: Path, task: str, folder: Path, _: pytest.MonkeyPatch) -> None:
    """What training on labels begins with."""
    find_eyes(samples(task, root, "train"), Places(MODELS, folder / "cache"), task)


def read_photos(root: Path, _: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What training a detector begins with: a broken photo's part goes by its content, too."""
    monkeypatch.setattr(teacher, "Teacher", lambda _: None)
    (folder / "teacher.onnx").write_bytes(b"weights")
    found = photos(root)
    teacher.load_labels(found, folder / "teacher.onnx", folder / "cache", looked_at)


def looked_at(*_: object) -> None:
    """A label, of a photo that could be read."""
