from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from device.types import Emotion
from training import data
from training.data import DataError, samples


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((20, 20, 3), 90, np.uint8))


@pytest.fixture
def rafdb(tmp_path: Path) -> Path:
    for number in range(70):
        label = number % 7 + 1
        picture(tmp_path / f"DATASET/train/{label}/train_{number:05}_aligned.jpg")
        picture(tmp_path / f"DATASET/test/{label}/test_{number:04}_aligned.jpg")
    return tmp_path


def test_classes_are_the_devices_emotions() -> None:
    assert [emotion.value for emotion in Emotion] == list(data.EMOTIONS)


def test_rafdb_parts_do_not_overlap(rafdb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "SPLITS", rafdb)
    held_out = data.split_rafdb(rafdb)
    assert held_out == data.split_rafdb(rafdb)
    (rafdb / "rafdb.csv").write_text("file\n" + "\n".join(held_out))
    parts = {part: samples("emotion", rafdb, part) for part in data.PARTS}
    assert {part: len(found) for part, found in parts.items()} == {
        "train": 63,
        "valid": 7,
        "test": 70,
    }
    assert Counter(s.label for s in parts["valid"]) == dict.fromkeys(range(7), 1)
    assert not set(parts["train"]) & set(parts["valid"])
    assert all(int(s.path.parent.name) == s.label + 1 for s in parts["test"])


def test_utkface_goes_by_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"26_1_0_1.jpg.chip.jpg": "train", "3_0_2_2.jpg.chip.jpg": "test"}
    dropped = "40_0_1_3.jpg.chip.jpg"
    for name in (*names, dropped):
        picture(tmp_path / "UTKFace" / name)
    rows = [f"{name},{part}" for name, part in {**names, dropped: "drop"}.items()]
    (tmp_path / "utkface.csv").write_text("file,split\n" + "\n".join(rows))
    monkeypatch.setattr(data, "SPLITS", tmp_path)
    assert [s.label for s in samples("age", tmp_path, "train")] == [26]
    assert [s.label for s in samples("age", tmp_path / "UTKFace", "test")] == [3]


def test_ferplus_keeps_the_votes_and_leaves_doubtful_faces_out(tmp_path: Path) -> None:
    folder = tmp_path / "FER2013Train"
    picture(folder / "fer0000001.png")
    (folder / "label.csv").write_text(
        # neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, no face
        'fer0000001.png,"(0, 0, 48, 48)",4,5,1,0,0,0,0,0,0,0\n'
        'fer0000002.png,"(0, 0, 48, 48)",1,0,0,0,0,0,0,9,0,0\n'
    )
    (sample,) = data.ferplus(tmp_path)
    assert dict(zip(data.EMOTIONS, sample.label, strict=True)) == {
        **dict.fromkeys(data.EMOTIONS, 0),
        "neutral": 4,
        "happiness": 5,
        "surprise": 1,
    }
    with pytest.raises(DataError, match=r"FER2013Train/label\.csv"):
        data.ferplus(folder)


@pytest.mark.parametrize(("task", "hint"), [("emotion", "RAF-DB"), ("age", r"UTKFace\.tar\.gz")])
def test_a_missing_data_set_is_named_with_the_mend(task: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=hint):
        samples(task, tmp_path, "train")


def test_the_committed_splits_are_whole() -> None:
    with (data.SPLITS / "utkface.csv").open() as file:
        parts = Counter(row["split"] for row in csv.DictReader(file))
    assert parts == {"train": 18671, "valid": 2303, "test": 2314, "drop": 419}
    with (data.SPLITS / "rafdb.csv").open() as file:
        names = [row["file"] for row in csv.DictReader(file)]
    assert len(names) == len(set(names)) == 1226
    assert all(name.startswith("train_") for name in names)
