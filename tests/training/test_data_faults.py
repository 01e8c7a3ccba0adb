"""Broken pictures and empty classes, in every layout of a data set: told with their names."""

from __future__ import annotations

import re
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


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def remove(folder: Path) -> None:
    empty(folder)
    folder.rmdir()


def drop_lines(table: Path, unwanted: str) -> None:
    lines = table.read_text().splitlines()
    table.write_text("".join(f"{line}\n" for line in lines if not re.search(unwanted, line)))


OFFICIAL_LIST = "basic/EmoLabel/list_patition_label.txt"
EMPTIED: dict[str, tuple[str, str, Callable[[Path], None], str]] = {
    "RAF-DB, Kaggle's, a class's folder": (
        "RAF-DB, Kaggle's",
        "train",
        lambda root: empty(root / "DATASET/train/3"),
        "/DATASET/train/3: no pictures there; unpack",
    ),
    "RAF-DB, Kaggle's, a class": (
        "RAF-DB, Kaggle's",
        "train",
        lambda root: remove(root / "DATASET/train/3"),
        " holds no picture of disgust: unpack",
    ),
    "RAF-DB, official, a class": (
        "RAF-DB, official",
        "train",
        lambda root: drop_lines(root / OFFICIAL_LIST, " 3$"),
        " holds no picture of disgust: unpack",
    ),
    "RAF-DB, official, a part": (
        "RAF-DB, official",
        "test",
        lambda root: drop_lines(root / OFFICIAL_LIST, "^test"),
        "/basic holds no faces of RAF-DB's test part: unpack",
    ),
    "FER+, a class": (
        "FER+",
        "train",
        lambda root: drop_lines(root / "FER2013Train/label.csv", "fer0000006"),
        "/FER2013Train holds no picture of disgust: unpack",
    ),
    "FER+, a part": (
        "FER+",
        "valid",
        lambda root: drop_lines(root / "FER2013Valid/label.csv", "fer"),
        "/FER2013Valid holds no faces of FER+'s valid part: unpack",
    ),
    "FairFace, all": (
        "FairFace",
        "train",
        lambda root: drop_lines(root / "fairface_label_train.csv", "^train"),
        "/fairface_label_train.csv lists no faces: unpack",
    ),
    "emotions' folders, a class's folder": (
        "emotions' folders",
        "train",
        lambda root: empty(root / "train/fear"),
        "/train/fear: no pictures there; fill",
    ),
    "emotions' folders, a class": (
        "emotions' folders",
        "train",
        lambda root: remove(root / "train/fear"),
        "/train holds no picture of fear: unpack",
    ),
    "years' folders, a class's folder": (
        "years' folders",
        "train",
        lambda root: empty(root / "train/34"),
        "/train/34: no pictures there; fill",
    ),
}
"""A layout, a part of it, what becomes of that, and what is said after the root's name."""


@pytest.mark.parametrize("case", EMPTIED)
def test_a_class_or_a_part_without_a_picture_is_named(case: str, tmp_path: Path) -> None:
    layout, part, spoil, said = EMPTIED[case]
    task, make, _ = LAYOUTS[layout]
    make(tmp_path)
    assert samples(task, tmp_path, part)
    spoil(tmp_path)
    with pytest.raises(DataError) as caught:
        samples(task, tmp_path, part)
    assert str(caught.value).startswith(f"{tmp_path}{said}")
