"""`python -m training data`: made folders, looked over."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training.layouts import blobs, make_photos
from training.check import (
    check_data,
    describe,
    refuse_unreadable,
    write_pairs,
    write_sheet,
)
from training.crops import read_image
from training.data import EMOTIONS, DataError
from training.detector.photos import photos, read_photo


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two pictures of each emotion for train and test; one is in both, another nearly so."""
    root = tmp_path / "data"
    for label, emotion in enumerate(EMOTIONS):
        for number in range(2):
            for part, first in (("train", 0), ("valid", 100), ("test", 200)):
                blobs(root / part / emotion / f"{number}.png", first + label * 2 + number)
    blobs(root / "train" / "fear" / "twice.png", 1000)
    blobs(root / "test" / "anger" / "twice.png", 1000)
    blobs(root / "train" / "fear" / "larger.png", 1001, 90)
    blobs(root / "valid" / "fear" / "smaller.png", 1001, 60)
    return root


def test_counts_sizes_and_copies_are_told(root: Path, tmp_path: Path) -> None:
    check = check_data(root, "emotion")
    said = list(describe(check))
    assert said[0] == "layout: a folder per emotion"
    assert "train: 16 pictures, 60x60 to 90x90, median 60x60" in said
    assert "valid: 15 pictures, all 60x60" in said
    assert any("anger 2" in line and "fear 4" in line for line in said)
    assert said[-3:] == [
        "train and valid: 0 equal pairs, 1 nearly equal",
        "train and test: 1 equal pairs, 0 nearly equal",
        "valid and test: 0 equal pairs, 0 nearly equal",
    ]
    write_pairs(check, tmp_path / "runs" / "pairs.csv")
    with (tmp_path / "runs" / "pairs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["other_file"]).name for row in rows] == ["smaller.png", "twice.png"]
    assert [row["likeness"] == "equal" for row in rows] == [False, True]


def test_the_sheet_shows_a_row_for_each_class(root: Path, tmp_path: Path) -> None:
    write_sheet(check_data(root, "emotion"), tmp_path / "runs" / "sheet.png")
    sheet = cv2.imread(str(tmp_path / "runs" / "sheet.png"))
    assert sheet.shape == (7 * 80, 130 + 12 * 80, 3)
    faces = sheet[:, 130:].reshape(7, 80, 12, 80, 3)
    shown = (faces != 255).any((1, 3, 4)).sum(1)
    assert dict(zip(sorted(EMOTIONS), shown.tolist(), strict=True)) == {
        **dict.fromkeys(EMOTIONS, 2),
        "fear": 4,
    }


def test_a_folder_with_a_picture_s_name_is_passed_by(root: Path, tmp_path: Path) -> None:
    (root / "train" / "fear" / "folder.jpg").mkdir()
    refuse_unreadable(check_data(root, "emotion"))
    make_photos(tmp_path)
    (tmp_path / "photos" / "folder.jpg").mkdir()
    assert len(photos(tmp_path)) == 60


READ = """
import sys
from pathlib import Path
from device.vision import MOST_PIXELS  # OpenCV takes the limit when it is loaded
from training.check import check_data, refuse_unreadable
from training.crops import read_image
from training.data import DataError
from training.detector.photos import read_photo

root, path = map(Path, sys.argv[1:])
for read in (read_image, read_photo, lambda _: refuse_unreadable(check_data(root, "emotion"))):
    try:
        read(path)
    except DataError as error:
        print(error)
"""


def test_a_picture_too_large_is_named(root: Path) -> None:
    large = root / "train" / "fear" / "large.png"
    assert cv2.imwrite(str(large), np.zeros((7200, 7000), np.uint8))
    done = subprocess.run(
        [sys.executable, "-c", READ, root, large], capture_output=True, text=True, check=True
    )
    assert [f"{large}" in line for line in done.stdout.splitlines()] == [True] * 3
    assert done.stdout.count("more than 50 million pixels") == 3


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for read in (read_image, read_photo):
        with pytest.raises(DataError, match=r"no\.jpg cannot be read"):
            read(tmp_path / "no.jpg")


def test_ages_are_told_by_decade_in_their_order(tmp_path: Path) -> None:
    for years in (5, 31, 34, 101):
        for part in ("train", "valid", "test"):
            blobs(tmp_path / part / str(years) / f"{part}{years}.png", years)
    said = list(describe(check_data(tmp_path, "age")))
    assert "  groups: 0-9 1, 30-39 2, 100-109 1" in said


def test_photos_need_no_labels(tmp_path: Path) -> None:
    make_photos(tmp_path)
    said = list(describe(check_data(tmp_path, "face")))
    counts = [int(line.split()[1]) for line in said if line.endswith("pictures, all 60x60")]
    assert len(counts) == 3
    assert sum(counts) == 60
    assert counts[0] > 30
    with pytest.raises(DataError, match="holds no photos"):
        check_data(tmp_path / "photos" / "none", "face")
