"""The lists of held-out faces' copies: made from two faces in every data set's layout."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training.tiny import PEOPLE, lay_out
from tests.vision.faces import MODELS
from training import near
from training.crops import Places
from training.data import base, load, recognise

FOLDERS = {"rafdb": "rafdb", "utkface": "UTKFace", "ferplus": "ferplus", "fairface": "fairface"}
VOTES = "8,0,0,0,0,0,0,0,0,0"
OTHER_VOTES = {
    f"other{place}.png": ",".join("8" if place == column else "0" for column in range(10))
    for place in range(7)
}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test part holds Hopper and Collins, every train part a darker Collins and noise, every
    valid part Hopper; RAF-DB's and FER+'s lack no emotion."""
    monkeypatch.setattr(near, "PLACES", Places(MODELS, tmp_path / "cache"))
    root = lay_out(tmp_path / "data", monkeypatch)
    crops = {
        name: cv2.imread(str(root / f"rafdb/DATASET/test/{label}/test_{label}_aligned.jpg"))
        for name, (label, _, _) in PEOPLE.items()
    }
    darker = (crops["collins"] * 0.8).astype(np.uint8)
    noise = np.random.default_rng(0)
    others = [f"rafdb/DATASET/train/{n}/train_0000{n}_aligned.jpg" for n in range(1, 8)]
    others += ["UTKFace/61_1_0_20170101000000004.jpg.chip.jpg", "fairface/train/other.jpg"]
    others += [f"ferplus/FER2013Train/{name}" for name in OTHER_VOTES]
    for name in others:
        picture(root / name, noise.integers(0, 256, (100, 100, 3), np.uint8))
    picture(root / "rafdb/DATASET/train/5/train_00010_aligned.jpg", darker)
    picture(root / "rafdb/DATASET/train/4/train_00011_aligned.jpg", crops["hopper"])
    picture(root / "UTKFace/60_1_0_20170101000000002.jpg.chip.jpg", darker)
    picture(root / "UTKFace/30_0_0_20170101000000003.jpg.chip.jpg", crops["hopper"])
    picture(root / "fairface/train/new.jpg", darker)
    for part, face in (("Train", darker), ("Valid", crops["hopper"])):
        small = cv2.resize(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), (48, 48))
        picture(root / f"ferplus/FER2013{part}/{part}.png", small)
        table = root / f"ferplus/FER2013{part}/label.csv"
        table.write_text(f'{part}.png,"(0, 0, 48, 48)",{VOTES}\n')
    for name, votes in OTHER_VOTES.items():
        append(root / "ferplus/FER2013Train/label.csv", f'{name},"(0, 0, 48, 48)",{votes}')
    for name in ("new", "other"):
        row = f"train/{name}.jpg,60-69,Female,White,"
        append(root / "fairface/fairface_label_train.csv", row)
    append(base.SPLITS / "utkface.csv", "60_1_0_20170101000000002.jpg.chip.jpg,train")
    append(base.SPLITS / "utkface.csv", "61_1_0_20170101000000004.jpg.chip.jpg,train")
    append(base.SPLITS / "utkface.csv", "30_0_0_20170101000000003.jpg.chip.jpg,valid")
    append(base.SPLITS / "rafdb.csv", "train_00011_aligned.jpg")
    return root


def picture(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def append(path: Path, line: str) -> None:
    path.write_text(f"{path.read_text()}{line}\n")


def run(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.setattr("sys.argv", ["near", str(root)])
    assert near.main() == 0


def rows(name: str, part: str) -> list[dict[str, str]]:
    with (base.SPLITS / f"{name}_near_{part}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_train_part_is_without_copies_of_what_any_set_holds_out(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train() -> dict[str, int]:
        folders = {name: data / folder for name, folder in FOLDERS.items()}
        return {n: len(load(recognise(f), f, "train")) for n, f in folders.items()}

    before = train()
    run(monkeypatch, data)
    for name in near.SETS:
        sets = {row["near"].split("/")[0] for row in rows(name, "test")}
        assert sets == set(near.SETS), name
    assert train() == {name: count - 1 for name, count in before.items()}


def test_what_was_listed_stays(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(base.SPLITS / "ferplus_near_test.csv", "found_before.png,utkface/x.jpg")
    run(monkeypatch, data)
    assert {"file": "found_before.png", "near": "utkface/x.jpg"} in rows("ferplus", "test")
    assert "Train.png" in {row["file"] for row in rows("ferplus", "test")}


def test_sets_that_are_not_there_are_done_without(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "UTKFace").rename(data / "elsewhere")
    (data / "fairface").rename(data / "away")
    (data / "rafdb" / "DATASET").rename(data / "DATASET")
    run(monkeypatch, data)
    assert "without fairface" in capsys.readouterr().out
    assert {row["near"].split("/")[0] for row in rows("ferplus", "test")} == {"rafdb", "ferplus"}


def test_a_folder_without_any_set_is_one_line_on_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["near", str(tmp_path)])
    assert near.main() == 1
    assert "holds none of the data sets" in capsys.readouterr().err


def test_an_interruption_leaves_the_lists_that_were_there(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    append(base.SPLITS / "ferplus_near_test.csv", "Train.png,x")
    (data / "fairface/train/new.jpg").write_text("no picture")  # the last that is cut
    monkeypatch.setattr("sys.argv", ["near", str(data)])
    assert near.main() == 1
    assert "new.jpg is no image" in capsys.readouterr().err
    assert "Train.png,x" in (base.SPLITS / "ferplus_near_test.csv").read_text()
