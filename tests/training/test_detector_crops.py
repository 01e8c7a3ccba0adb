"""Faces that came cut out: where they come from, and how they are shown."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from training.detector import crops, teacher  # noqa: E402
from training.detector.augment import Crops, Maker  # noqa: E402
from training.detector.closer import CloserMaker  # noqa: E402
from training.detector.crops import load_crops  # noqa: E402
from training.detector.labels import COLUMNS, Source  # noqa: E402
from training.detector.loop import NOWHERE, Labelled  # noqa: E402
from training.detector.plan import CloserPlan, DetectorPlan  # noqa: E402

UNSURE = "train_90002_aligned.jpg"


def square(left: float, top: float, side: float, score: float = 0.9) -> np.ndarray:
    """A face whose points are all in its middle."""
    middle = left + side / 2, top + side / 2
    return np.array([[score, left, top, left + side, top + side, *middle * 5]], np.float32)


class Sees(teacher.Teacher):
    """A teacher who is surer of a face the brighter it is."""

    def __init__(self, _: Path) -> None:
        pass

    def label_crop(self, image: np.ndarray) -> np.ndarray:
        return square(10, 10, 80, image.mean() / 255)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setattr(teacher, "Teacher", Sees)
    monkeypatch.setattr(crops, "Teacher", Sees)
    for label in range(1, 8):
        for part in ("train", "test"):
            folder = tmp_path / "DATASET" / part / str(label)
            folder.mkdir(parents=True)
            bright = 240 if part == "train" else 250
            name = f"{part}_9000{label}_aligned.jpg"
            cv2.imwrite(
                str(folder / name),
                np.full((100, 100, 3), 90 if name == UNSURE else bright - label, np.uint8),
            )
    (tmp_path / "teacher.onnx").write_bytes(b"weights")
    return Source(tmp_path, tmp_path / "teacher.onnx", tmp_path / "cache")


def test_faces_of_the_train_part_that_the_teacher_is_sure_of_are_learned_from(
    source: Source,
) -> None:
    loaded = load_crops(source)
    assert [len(faces) for faces in loaded.faces] == [1] * 6
    assert {round(float(image.mean())) for image in loaded.images} == {
        240 - label for label in range(1, 8) if label != 2
    }
    assert loaded.sets == {"rafdb": 6}


def test_no_more_than_so_many_of_a_set_and_always_the_same(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crops, "EACH", 3)
    one, other = load_crops(source), load_crops(source)
    assert 2 <= len(one.images) <= 3
    assert [image.mean() for image in one.images] == [image.mean() for image in other.images]


def test_photos_alone_are_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loaded = load_crops(Source(tmp_path, tmp_path / "teacher.onnx", tmp_path / "cache"))
    assert loaded.images == ()
    assert "without faces of RAF-DB" in "".join(capsys.readouterr())


def test_the_teacher_sees_a_crop_with_room_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(_: teacher.Teacher, image: np.ndarray, longer_side: int) -> np.ndarray:
        seen.append((image.shape, longer_side))
        rows, columns = np.nonzero(image.min(2) > teacher.CROP_GROUND + 50)
        return square(columns.min(), rows.min(), columns.max() + 1 - columns.min())

    monkeypatch.setattr(Sees, "look", look)
    monkeypatch.setattr(Sees, "place", lambda _, __, face: face[5:])
    image = np.zeros((60, 80, 3), np.uint8)
    image[10:40, 20:50] = 255
    (face,) = teacher.Teacher.label_crop(Sees(Path()), image)
    assert face[1:5] == pytest.approx([20, 10, 50, 40], abs=0.01)
    assert seen == [((120, 160, 3), side) for side in teacher.CROP_SIZES for _ in range(2)]


CROP = Crops([np.full((100, 100, 3), 255, np.uint8)], [square(10, 10, 80)], {"rafdb": 1})
"""A white one."""
STILL = {"dark": 0.0, "coarse": 0.0, "blur": 0.0, "noise": 0.0, "turn": 0.0, "stretch": 0.0}


def photo() -> Labelled:
    """A black photo with a face that is black, too."""
    image = np.zeros((200, 300, 3), np.uint8)
    return Labelled([image], [square(60, 80, 40)], [NOWHERE], CROP)


def is_bright(image: np.ndarray, box: np.ndarray) -> bool:
    left, top, right, bottom = np.clip(box.round().astype(int), 0, image.shape[0])
    return float(image[top:bottom, left:right].min()) > 80


def test_a_crop_is_a_tile_with_its_face() -> None:
    plan = dataclasses.replace(
        DetectorPlan(), whole=0, crop=1, decoy=0, mosaic=(1, 0, 0, 0), scribble=0, **STILL
    )
    for seed in range(10):
        made = Maker(plan, *photo()).make(96, np.random.default_rng(seed))
        (face,) = made.faces
        assert is_bright(made.image, face[1:5])


def test_a_whole_photo_is_no_crop() -> None:
    plan = dataclasses.replace(DetectorPlan(), whole=1, crop=1, scribble=0, **STILL)
    made = Maker(plan, *photo()).make(96, np.random.default_rng(1))
    assert not any(is_bright(made.image, face[1:5]) for face in made.faces)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_second_look_sees_crops_as_often_as_the_plan_says(share: float) -> None:
    plan = dataclasses.replace(CloserPlan(), faces=1.0, crop=share, card=0, **STILL)
    maker = CloserMaker(plan, photo(), np.empty((0, 6), np.float32))
    for seed in range(5):
        made = maker.make(160, np.random.default_rng(seed))
        (face,) = made.faces
        assert is_bright(made.image, face[1:5]) is bool(share)
        assert not made.left_out.any()


def test_places_in_photos_are_shown_cut_out_too_faces_or_none() -> None:
    bright = np.full((200, 300, 3), 255, np.uint8)
    shown = Labelled([bright], [square(60, 80, 40)], [np.float32([[200, 80, 240, 120]])])
    for share in (0.0, 1.0):
        for faces in (0.0, 1.0):
            plan = dataclasses.replace(CloserPlan(), faces=faces, proposed=0.0, card=share, **STILL)
            maker = CloserMaker(plan, shown, np.empty((0, 6), np.float32))
            made = [maker.make(160, np.random.default_rng(seed)) for seed in range(8)]
            assert all(len(each.faces[~each.left_out]) == faces for each in made)
            # Around what is cut out there is ground; a photo goes on.
            spread = np.mean([np.ptp(each.image) > 30 for each in made])
            assert spread > 0.8 if share else spread == 0
    assert shown.faces[0].shape == (1, COLUMNS)
