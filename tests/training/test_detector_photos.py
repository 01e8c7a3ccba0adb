from __future__ import annotations

import csv
import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data import DataError
from training.detector import photos as module
from training.detector.photos import SPLIT, Photo, photos, split_photos


def write(path: Path, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    picture = cv2.resize(rng.integers(0, 256, (6, 6, 3), np.uint8), (60, 40))
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)
    return path


def test_photos_are_found_below_a_folder_by_name(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/c.png", "a/d.JPG"):
        write(tmp_path / name, len(name))
    (tmp_path / "notes.txt").write_text("no photo")
    assert [p.path.name for p in photos(tmp_path)] == ["c.png", "d.JPG", "b.jpg"]


def test_own_photos_are_divided_by_content(tmp_path: Path) -> None:
    for seed in range(60):
        write(tmp_path / f"{seed}.png", seed)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "empty.jpg").touch()
    parts = {part: photos(tmp_path, part) for part in ("train", "valid", "test")}
    assert sorted(itertools.chain(*parts.values())) == photos(tmp_path)
    assert all(len(parts[part]) in range(1, 15) for part in ("valid", "test"))
    for number, photo in enumerate(parts["test"]):
        photo.path.rename(tmp_path / f"renamed{number}.png")
    assert {p.key for p in photos(tmp_path, "test")} == {p.key for p in parts["test"]}


def test_a_part_that_would_be_empty_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.jpg", 1)
    (own,) = split_photos(photos(tmp_path)).values()
    for part in {"train", "valid", "test"} - {own}:
        with pytest.raises(DataError, match=rf"none of the 1 photos in .* is {part}: a tenth"):
            photos(tmp_path, part)


def test_a_listed_photo_stays_in_its_part_among_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(40):
        write(tmp_path / f"{seed}.png", seed)
    listed = {photo.key: "test" for photo in photos(tmp_path, "train")[:3]}
    (tmp_path / "list.csv").write_text(
        "photo,split\n" + "".join(f"{key},{part}\n" for key, part in listed.items())
    )
    monkeypatch.setattr(module, "SPLIT", tmp_path / "list.csv")
    assert set(listed) <= {photo.key for photo in photos(tmp_path, "test")}


def test_a_folder_named_photos_is_looked_into(tmp_path: Path) -> None:
    write(tmp_path / "photos" / "a.jpg", 1)
    assert [p.path.name for p in photos(tmp_path)] == ["a.jpg"]


def test_a_data_set_of_faces_is_no_folder_of_photos(tmp_path: Path) -> None:
    write(tmp_path / "rafdb/DATASET/test/1/test_0001_aligned.jpg", 1)
    with pytest.raises(DataError, match=r"holds RAF-DB.*no photos: put those into"):
        photos(tmp_path)
    write(tmp_path / "photos" / "a.jpg", 1)
    assert [p.path.name for p in photos(tmp_path)] == ["a.jpg"]


def test_a_folder_without_photos_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{tmp_path} holds no photos: expected"):
        photos(tmp_path)


def test_a_part_goes_by_content_not_by_name(tmp_path: Path) -> None:
    first = photos(write(tmp_path / "one" / "a.jpg", 1).parent)
    again = photos(write(tmp_path / "two" / "z.jpg", 1).parent)
    assert first[0].key == again[0].key


def test_copies_of_a_motif_fall_into_one_part(tmp_path: Path) -> None:
    found = []
    for seed in range(30):
        path = write(tmp_path / f"{seed:02}.png", seed)
        copy = path.with_suffix(".jpg")
        cv2.imwrite(str(copy), cv2.imread(str(path)))
        found += [Photo(path, f"{seed * 2654435761 % 2**32:08x}"), Photo(copy, f"{seed:08x}")]
    parts = split_photos(found)
    assert set(parts.values()) == {"train", "test", "valid"}
    for one, copy in zip(found[::2], found[1::2], strict=True):
        assert parts[one.key] == parts[copy.key]


def test_the_list_holds_out_a_tenth_and_another_once() -> None:
    with SPLIT.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["photo"] for row in rows}) == len(rows)
    assert {row["split"] for row in rows} == {"train", "test", "valid"}
    for part in ("test", "valid"):
        assert sum(row["split"] == part for row in rows) == pytest.approx(370, abs=40)
