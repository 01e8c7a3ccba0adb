from __future__ import annotations

import numpy as np
import pytest

from training.detector.labels import COLUMNS
from training.detector.measure import average_precision, figures, match, score_for

SIDE = 1000


def rows(*faces: tuple[float, float, float]) -> np.ndarray:
    """Faces of score, left edge and width; all at the same height, with eyes at 0.3 and 0.7."""
    table = np.zeros((len(faces), COLUMNS), np.float32)
    for row, (score, left, width) in zip(table, faces, strict=True):
        row[:5] = score, left, 100, left + width, 100 + width
        row[5:9] = left + 0.3 * width, 140, left + 0.7 * width, 140
    return table


TRUTH = rows((0.9, 0, 50), (0.9, 200, 100), (0.9, 400, 200), (0.5, 700, 100), (0.9, 900, 20))


def matched(*found: tuple[float, float, float]):  # noqa: ANN201 - Matches
    return match([rows(*found)], [TRUTH], [SIDE])


@pytest.mark.parametrize(
    ("found", "false"),
    [
        ((0.8, 600, 60), 1),
        ((0.8, 700, 100), 0),
        ((0.8, 720, 50), 0),
        ((0.8, 600, 30), 0),
    ],
    ids=["nobody there", "the teacher is unsure", "within the unsure", "too small to be asked"],
)
def test_what_counts_as_false(found: tuple[float, float, float], false: int) -> None:
    assert len(matched(found).false) == false


def test_a_face_found_twice_is_once_false() -> None:
    got = matched((0.9, 200, 100), (0.6, 205, 100))
    assert got.false == pytest.approx([0.6])
    assert got.score[1] == pytest.approx(0.9)


def test_recall_goes_by_width_and_score() -> None:
    got = figures(matched((0.9, 0, 50), (0.4, 200, 100), (0.8, 404, 200)), 0.5)
    recalls = {name: part["recall"] for name, part in got["by_width"].items()}
    assert recalls == {
        "below 4 %": 0.0,
        "4-6 %": 1.0,
        "6-12 %": 0.0,
        "above 12 %": 1.0,
    }
    assert got["faces"] == 3
    assert got["recall"] == pytest.approx(2 / 3, abs=1e-4)
    # 4 pixels off where the eyes are 80 apart.
    assert got["by_width"]["above 12 %"]["eyes"] == pytest.approx(0.05)
    assert got["eye_error"] == pytest.approx(0.025)


def test_average_precision_is_one_for_a_perfect_list_and_less_below_a_false_face() -> None:
    right = [(0.9, 0, 50), (0.8, 200, 100), (0.7, 400, 200)]
    assert average_precision(matched(*right)) == pytest.approx(1)
    assert average_precision(matched(*right, (0.6, 600, 60))) == pytest.approx(1)
    assert average_precision(matched(*right, (0.95, 600, 60))) == pytest.approx(3 / 4)


def test_the_score_for_a_recall() -> None:
    got = matched((0.9, 0, 50), (0.8, 200, 100), (0.7, 400, 200))
    assert score_for(got, 2 / 3) == pytest.approx(0.8)
    assert score_for(got, 1) == pytest.approx(0.7)
    assert score_for(matched((0.9, 0, 50)), 1) == 0


def test_photos_without_faces_are_no_trouble() -> None:
    got = match([rows()], [rows()], [SIDE])
    assert figures(got, 0.5)["recall"] == 0
    assert figures(got, 0.5)["eye_error"] is None
