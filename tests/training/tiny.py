"""Two public-domain faces in every data set's layout, with lists of parts to match."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from device.vision.align import align
from device.vision.detect import open_detector
from tests.vision.faces import MODELS, portrait
from training.data import base

PEOPLE = {
    "collins": (4, "38_0_0_20170101000000000", 3),
    "hopper": (5, "77_1_0_20170101000000001", 5),
}
"""RAF-DB's class, UTKFace's name, the column of FER+'s votes."""


def lay_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds rafdb, UTKFace, ferplus and fairface."""
    detector = open_detector(MODELS)
    rows, votes = [], []
    for name, (emotion, years, column) in PEOPLE.items():
        image = portrait(name)
        crop = cv2.cvtColor(align(image, detector.detect(image)[0], 100), cv2.COLOR_RGB2BGR)
        grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), (48, 48))
        for path, picture in (
            (f"rafdb/DATASET/test/{emotion}/test_{emotion}_aligned.jpg", crop),
            (f"UTKFace/{years}.jpg.chip.jpg", crop),
            (f"fairface/train/{name}.jpg", crop),
            (f"ferplus/FER2013Test/{name}.png", grey),
        ):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(folder / path), picture)
        age = f"{int(years[0])}0-{int(years[0])}9" if years[0] == "3" else "more than 70"
        rows.append(f"train/{name}.jpg,{age},Male,White,")
        counts = ["8" if place == column else "0" for place in range(10)]
        votes.append(f'{name}.png,"(0, 0, 48, 48)",' + ",".join(counts))
    _write(folder / "fairface/fairface_label_train.csv", "file,age,gender,race,service_test", rows)
    _write(folder / "ferplus/FER2013Test/label.csv", "", votes)
    splits = folder / "splits"
    splits.mkdir()
    for name in ("rafdb", "utkface", "ferplus", "fairface"):
        for part in ("valid", "test"):
            _write(splits / f"{name}_near_{part}.csv", "file,near", [])
    _write(splits / "rafdb.csv", "file", [])
    _write(splits / "fairface.csv", "file", [f"train/{name}.jpg" for name in PEOPLE])
    listed = [f"{years}.jpg.chip.jpg,test" for _, years, _ in PEOPLE.values()]
    _write(splits / "utkface.csv", "file,split", listed)
    monkeypatch.setattr(base, "SPLITS", splits)
    return folder


def _write(path: Path, head: str, rows: list[str]) -> None:
    path.write_text("\n".join([head, *rows] if head else rows) + "\n")
