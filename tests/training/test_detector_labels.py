from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data import DataError
from training.detector import teacher
from training.detector.labels import COLUMNS, merge, mirrored, overlap
from training.detector.photos import photos
from training.detector.teacher import load_labels


def face(score: float, left: float = 10, top: float = 20, width: float = 50) -> np.ndarray:
    """A face whose points lie where they usually are."""
    box = [left, top, left + width, top + 1.2 * width]
    points = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
    places = [v for x, y in points for v in (left + x * width, top + y * width)]
    return np.array([score, *box, *places], np.float32)


def look(*faces: np.ndarray) -> np.ndarray:
    return np.array(faces, np.float32).reshape(-1, COLUMNS)


def test_a_face_seen_at_two_sizes_scores_their_mean() -> None:
    (merged,) = merge([[look(face(0.9))], [look(face(0.7))], [look()]], [1, 1, 1])
    assert merged[0] == pytest.approx(0.8)
    np.testing.assert_allclose(merged[1:], face(1)[1:])


def test_one_look_alone_is_not_believed() -> None:
    (merged,) = merge([[look(face(0.9))], [look()]], [1, 1])
    assert merged[0] == pytest.approx(0.45)


def test_both_ways_must_see_it() -> None:
    (merged,) = merge([[look(face(0.9)), look()], [look(face(0.9)), look(face(0.9))]], [1, 1])
    assert merged[0] == pytest.approx((0.45 + 0.9) / 2)


def test_larger_looks_place_better_but_for_the_too_large() -> None:
    near = merge([[look(face(0.8))], [look(face(0.8, left=14))]], [1, 4])[0]
    far = merge([[look(face(0.8))], [look(face(0.8, left=14))]], [1, 40])[0]
    assert near[1] > 13
    assert far[1] < 11


def test_best_first_and_nobody_is_an_empty_list() -> None:
    rows = merge([[look(face(0.5), face(0.9, left=200))]] * 2, [1, 1])
    assert rows[:, 0].tolist() == pytest.approx([0.9, 0.5])
    assert merge([[look()]], [1]).shape == (0, COLUMNS)


@given(st.floats(0, 200), st.floats(1, 100), st.integers(1, 400))
def test_mirroring_twice_changes_nothing(left: float, width: float, image: int) -> None:
    rows = look(face(0.8, left=left, width=width))
    once = mirrored(rows, image)
    np.testing.assert_allclose(mirrored(once, image), rows, atol=1e-3)
    assert (once[:, 3] > once[:, 1]).all()
    assert once[0, 5] < once[0, 7]  # the eye on the left stays the one on the left


def test_overlap_is_shared_area_by_whole_area() -> None:
    boxes = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [1, 1, 1, 1]], np.float32)
    expected = [[1, 1 / 3, 0, 0]]
    np.testing.assert_allclose(overlap(boxes[:1], boxes), expected, atol=1e-6)


class Counting:
    """A teacher that sees one face in everything and counts its looks."""

    looks = 0

    def __init__(self, file: Path) -> None:
        self.file = file

    def label(self, image: np.ndarray) -> np.ndarray:
        Counting.looks += 1
        return look(face(0.9, left=image.shape[1]))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Counting.looks = 0
    monkeypatch.setattr(teacher, "Teacher", Counting)
    (tmp_path / "teacher.onnx").write_bytes(b"weights")
    for n in range(3):
        cv2.imwrite(str(tmp_path / f"{n}.png"), np.full((20, 30 + n, 3), n, np.uint8))
    return tmp_path


def test_labels_are_made_once(data: Path) -> None:
    found = load_labels(photos(data), data / "teacher.onnx", data / "cache")
    again = load_labels(photos(data), data / "teacher.onnx", data / "cache")
    assert Counting.looks == 3
    assert [rows[0, 1] for rows in found] == [30, 31, 32]
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_photos_or_another_teacher_are_labelled_anew(data: Path) -> None:
    chosen, weights = photos(data), data / "teacher.onnx"
    load_labels(chosen, weights, data / "cache")
    load_labels(chosen[:2], weights, data / "cache")
    weights.write_bytes(b"other weights")
    load_labels(chosen, weights, data / "cache")
    assert Counting.looks == 3 + 2 + 3


def test_a_missing_teacher_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"yunet\.onnx is missing: name YuNet's ONNX file"):
        load_labels([], tmp_path / "yunet.onnx", tmp_path)


@pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="the train extra is not installed"
)
def test_a_teacher_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "yunet.onnx"
    file.write_bytes(b"no model")
    with pytest.raises(DataError, match=r"yunet\.onnx is no model that ONNX Runtime reads"):
        teacher.Teacher(file)


POINTS = np.array([[30, 42], [46, 40], [38, 50], [33, 58], [45, 57]], np.float32)
"""Eyes, nose and corners of the mouth of the face in `dotted`."""

COLOURS = [(255, 40, 40), (40, 255, 40), (40, 40, 255), (255, 255, 40), (40, 255, 255)]


def dotted() -> tuple[np.ndarray, np.ndarray]:
    """A grey square on black with a dot of another colour for each point, and a row that has
    them all wrong."""
    image = np.zeros((90, 120, 3), np.uint8)
    image[28:68, 20:56] = 40
    for n, (x, y) in enumerate(POINTS.astype(int)):
        image[y - 1 : y + 2, x - 1 : x + 2] = COLOURS[n]
    row = np.array([0.9, 20, 28, 56, 68, *[38, 48] * 5], np.float32)
    return image, row


class SeesDots(teacher.Teacher):
    """A teacher that finds those dots, but sees nothing in every so manieth look."""

    def __init__(self, blind: int) -> None:
        self.looks, self.blind = 0, blind

    def look(self, image: np.ndarray, longer_side: int) -> np.ndarray:
        assert image.shape == (longer_side, longer_side, 3)
        self.looks += 1
        rows, columns = np.nonzero(image.max(2) > 20)
        if self.looks % self.blind == 0 or not len(rows):
            return look()
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        masks = [(abs(image.astype(int) - colour) < 60).all(2) for colour in COLOURS]
        if not all(mask.any() for mask in masks):
            return look()
        points = np.array([np.argwhere(mask)[:, ::-1].mean(0) + 0.5 for mask in masks])
        if points[0, 0] > points[1, 0]:  # the eye on the left is whichever is there
            points = points[[1, 0, 2, 4, 3]]
        return look(np.array([0.9, *box, *points.ravel()], np.float32))


def test_points_are_placed_by_looks_at_the_face_alone() -> None:
    image, row = dotted()
    placed = SeesDots(blind=3).place(image, row)
    np.testing.assert_allclose(placed.reshape(5, 2), POINTS + 0.5, atol=0.6)


def test_points_stay_where_most_looks_miss_the_face() -> None:
    image, row = dotted()
    assert SeesDots(blind=1).place(image, row).tolist() == row[5:].tolist()
    elsewhere = row.copy()
    elsewhere[[1, 3]] += 60  # nobody is there; the square is in sight of some of the looks
    assert SeesDots(blind=100).place(image, elsewhere).tolist() == elsewhere[5:].tolist()
