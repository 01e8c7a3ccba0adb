from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.types import Box, Detection, Point
from device.vision.align import LEFT_EYE, RIGHT_EYE, align, eyes

Spot = tuple[float, float]
BOX = Box(x=0.2, y=0.2, width=0.5, height=0.5)


def face(left: tuple[float, float], right: tuple[float, float]) -> Detection:
    return Detection(
        box=BOX,
        score=1.0,
        left_eye=Point(x=left[0], y=left[1]),
        right_eye=Point(x=right[0], y=right[1]),
    )


def dotted(width: int, height: int, *spots: tuple[float, float]) -> np.ndarray:
    """A black picture with a soft dot at each spot (fractions)."""
    y, x = np.mgrid[:height, :width]
    radius = 0.02 * width
    total = sum(
        np.exp(-((x + 0.5 - sx * width) ** 2 + (y + 0.5 - sy * height) ** 2) / (2 * radius**2))
        for sx, sy in spots
    )
    return np.repeat((np.clip(total, 0, 1) * 255).astype(np.uint8)[..., None], 3, 2)


def centroid(half: np.ndarray) -> tuple[float, float]:
    weight = half[..., 0].astype(float)
    y, x = np.mgrid[: half.shape[0], : half.shape[1]]
    return (x + 0.5).ravel() @ weight.ravel() / weight.sum(), (
        y + 0.5
    ).ravel() @ weight.ravel() / weight.sum()


@pytest.mark.parametrize("size", [64, 72, 100])
@pytest.mark.parametrize(("width", "height"), [(640, 480), (120, 200), (1920, 1080)])
@pytest.mark.parametrize(("left", "right"), [((0.4, 0.5), (0.6, 0.5)), ((0.42, 0.45), (0.6, 0.55))])
def test_eyes_land_on_the_template(
    size: int, width: int, height: int, left: Spot, right: Spot
) -> None:
    crop = align(dotted(width, height, left, right), face(left, right), size)
    assert crop.shape == (size, size, 3)
    assert crop.dtype == np.uint8
    middle = size // 2
    x, y = centroid(crop[:, :middle])
    assert (x / size, y / size) == pytest.approx((LEFT_EYE.x, LEFT_EYE.y), abs=0.012)
    x, y = centroid(crop[:, middle:])
    assert ((x + middle) / size, y / size) == pytest.approx((RIGHT_EYE.x, RIGHT_EYE.y), abs=0.012)


def test_a_picture_whose_eyes_are_the_templates_stays_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    whole = face((LEFT_EYE.x, LEFT_EYE.y), (RIGHT_EYE.x, RIGHT_EYE.y))
    np.testing.assert_allclose(align(image, whole, 100), image, atol=1)


def test_zoom_is_the_middle_of_a_larger_crop() -> None:
    image = np.random.default_rng(1).integers(0, 256, (90, 120, 3), np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 2)
    someone = face((0.35, 0.42), (0.66, 0.47))
    large = align(image, someone, 72)
    np.testing.assert_allclose(align(image, someone, 64, zoom=72 / 64), large[4:68, 4:68], atol=3)


def test_without_eyes_the_box_says_where_they_are() -> None:
    left, right = eyes(Detection(box=BOX, score=1.0))
    assert BOX.x < left.x < right.x < BOX.x + BOX.width
    assert left.y == right.y == pytest.approx(BOX.y + 0.338 * BOX.height)


def test_shrinking_averages() -> None:
    fine = np.zeros((1200, 1200, 3), np.uint8)
    fine[:, ::2] = 255  # stripes that picking single pixels would turn into black or white
    crop = align(fine, face((0.3, 0.4), (0.7, 0.4)), 64)
    assert np.abs(crop.astype(int) - 127).max() < 30


spots = st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5))


@given(spots, spots, st.integers(1, 50), st.integers(1, 50))
def test_any_eyes_give_a_crop_or_a_reason(left: Spot, right: Spot, width: int, height: int) -> None:
    image = np.full((height, width, 3), 99, np.uint8)
    if np.hypot((right[0] - left[0]) * width, (right[1] - left[1]) * height) < 1e-3:
        with pytest.raises(ValueError, match="eyes coincide"):
            align(image, face(left, right), 64)
    else:
        assert (align(image, face(left, right), 64) == 99).all()


def test_eyes_that_are_nowhere_are_refused() -> None:
    with pytest.raises(ValueError, match="no face to align"):
        align(np.zeros((9, 9, 3), np.uint8), face((float("nan"), 0.5), (0.7, 0.5)), 64)
