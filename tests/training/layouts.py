"""Made-up data sets in the layouts their publishers give them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data import EMOTIONS, base

SETS = ("rafdb", "utkface", "ferplus", "fairface")
FERPLUS_BOX = '"(0, 0, 48, 48)"'
FERPLUS_ROWS = "".join(
    f"fer000000{number}.png,{FERPLUS_BOX},{','.join(votes)}\n"
    for number, votes in enumerate(
        # neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, no face
        ("4510000000", "9000000000", "0090000000", "0009000000", "0000900000", "0000090000",
         "0000009000", "1000000900"), start=1,
    )
)  # fmt: skip
"""A face of each emotion, and one that shows none of the seven."""


def hold_nothing_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lists that hold nothing out and leave nothing out, in the place of the committed ones."""
    folder.mkdir()
    for name in SETS:
        for part in ("valid", "test"):
            (folder / f"{name}_near_{part}.csv").write_text("file,near\n")
    (folder / "rafdb.csv").write_text("file\n")
    (folder / "fairface.csv").write_text("file\n")
    (folder / "utkface.csv").write_text("file,split\n")
    monkeypatch.setattr(base, "SPLITS", folder)
    return folder


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shade = sum(path.name.encode()) % 200
    cv2.imwrite(str(path), np.full((20, 20, 3), shade, np.uint8))


def blobs(path: Path, seed: int, side: int = 60) -> None:
    """A picture that is like none of another seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rough = np.random.default_rng(seed).integers(0, 255, (6, 6), np.uint8)
    cv2.imwrite(str(path), cv2.resize(rough, (side, side), interpolation=cv2.INTER_CUBIC))


def make_kaggle(root: Path) -> None:
    for number in range(70):
        label = number % 7 + 1
        picture(root / f"DATASET/train/{label}/train_{number:05}_aligned.jpg")
        picture(root / f"DATASET/test/{label}/test_{number:04}_aligned.jpg")


def make_official(root: Path) -> None:
    lines = []
    for number in range(70):
        for half in ("train", "test"):
            picture(root / f"basic/Image/aligned/{half}_{number:05}_aligned.jpg")
            lines.append(f"{half}_{number:05}.jpg {number % 7 + 1}\n")
    labels = root / "basic/EmoLabel/list_patition_label.txt"
    labels.parent.mkdir()
    labels.write_text("".join(lines))


def make_ferplus(root: Path, rows: str = FERPLUS_ROWS, part: str = "Train") -> None:
    folder = root / f"FER2013{part}"
    for number in range(1, 8):
        picture(folder / f"fer000000{number}.png")
    (folder / "label.csv").write_text(rows)


def make_utkface(root: Path) -> None:
    """With its parts in the list that `hold_nothing_out` made."""
    parts = {"26_1_0_1.jpg.chip.jpg": "train", "3_0_2.jpg.chip.jpg": "test"}
    parts |= {"40_0_1_3.jpg.chip.jpg": "drop", "41_0_1_4.jpg.chip.jpg": "valid"}
    parts["50_1_2_5.jpg.chip.jpg"] = "train"
    for name in parts:
        picture(root / "UTKFace" / name)
    rows = [f"{name},{part}\n" for name, part in parts.items()]
    (base.SPLITS / "utkface.csv").write_text("file,split\n" + "".join(rows))


def make_fairface(root: Path, age: str = "more than 70") -> None:
    rows = ["file,age,gender,race,service_test\n"]
    for number in range(40):
        picture(root / f"train/{number}.jpg")
        group = age if number % 2 else "20-29"
        rows.append(f"train/{number}.jpg,{group},Male,Latino_Hispanic,\n")
    (root / "fairface_label_train.csv").write_text("".join(rows))


def make_emotion_folders(root: Path) -> None:
    for emotion in EMOTIONS:
        for part in ("train", "valid", "test"):
            picture(root / part / emotion / "1.jpg")


def make_age_folders(root: Path) -> None:
    for years in ("3", "34"):
        for part in ("train", "valid", "test"):
            picture(root / part / years / "1.jpg")


def make_photos(root: Path) -> None:
    """Enough for some of each part."""
    for number in range(60):
        blobs(root / "photos" / f"{number}.jpg", number)
