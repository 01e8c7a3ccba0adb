from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.types import Box, Detection, Point
from device.vision.align import align
from device.vision.eyes import FARTHEST, EyeFinder, places
from device.vision.runtime import CropSpec, InputSpec, Model, Sidecar

SIDE, ZOOM = 64, 0.8
IMAGE = np.full((120, 200, 3), 90, np.uint8)


class Saying:
    """A model that says the same of every crop, mirrored where the crop is its mirror image."""

    size = SIDE

    def __init__(self, away: list[float], mirrored: list[float] | None = None) -> None:
        self.answers = [away, mirrored or [-away[2], away[3], -away[0], away[1]]]
        self.sidecar = Sidecar(
            task="eyes",
            labels=[],
            input=InputSpec(shape=(1, SIDE, SIDE, 3)),
            quantization="",
            sha256="",
            licence="",
            crop=CropSpec(zoom=ZOOM),
        )
        self.crops: list[np.ndarray] = []

    def run(self, image: np.ndarray) -> list[np.ndarray]:
        self.crops.append(image)
        return [np.array(self.answers[(len(self.crops) - 1) % 2], np.float32)]


def finder(model: Saying) -> EyeFinder:
    return EyeFinder(cast("Model", model))


def face(left: tuple[float, float], right: tuple[float, float]) -> Detection:
    """Eyes in pixels of `IMAGE`."""
    (left_x, left_y), (right_x, right_y) = left, right
    return Detection(
        box=Box(x=0.1, y=0.2, width=0.3, height=0.5),
        score=0.9,
        left_eye=Point(x=left_x / 200, y=left_y / 120),
        right_eye=Point(x=right_x / 200, y=right_y / 120),
    )


def eyes_of(found: Detection) -> list[float]:
    """In pixels of `IMAGE`."""
    left, right = found.left_eye, found.right_eye
    assert left is not None
    assert right is not None
    return [left.x * 200, left.y * 120, right.x * 200, right.y * 120]


@pytest.mark.parametrize(
    ("away", "expected"),
    [
        ([0, 0, 0, 0], [60, 50, 100, 50]),
        ([0.1, 0, 0.1, 0], [64, 50, 104, 50]),
        ([0, -0.2, 0, 0], [60, 42, 100, 50]),
    ],
    ids=["right already", "both to the right", "one too low"],
)
def test_eyes_move_by_shares_of_their_distance(away: list[float], expected: list[float]) -> None:
    found = finder(Saying(away)).refine(IMAGE, face((60, 50), (100, 50)))
    assert eyes_of(found) == pytest.approx(expected, abs=1e-3)
    assert (found.box, found.score) == (Box(x=0.1, y=0.2, width=0.3, height=0.5), 0.9)


def test_a_tilted_face_is_corrected_along_its_own_axes() -> None:
    found = finder(Saying([0.1, 0, 0.1, 0])).refine(IMAGE, face((80, 30), (80, 70)))
    assert eyes_of(found) == pytest.approx([80, 34, 80, 74], abs=1e-3)


def test_the_mean_of_the_crop_and_its_mirror_image_counts() -> None:
    model = Saying([0.1, 0, 0.1, 0], [0.1, 0, 0.1, 0])
    found = finder(model).refine(IMAGE, face((60, 50), (100, 50)))
    assert eyes_of(found) == pytest.approx([60, 50, 100, 50], abs=1e-3)
    np.testing.assert_array_equal(model.crops[0][:, ::-1], model.crops[1])


@given(*[st.floats(0, 119)] * 4, st.lists(st.floats(-0.4, 0.4), min_size=4, max_size=4))
def test_cut_by_the_corrected_eyes_the_crop_shows_what_was_said(
    x: float, y: float, further_x: float, further_y: float, away: list[float]
) -> None:
    """Where the eyes are placed is where the network saw them in its crop."""
    before = face((x, y), (further_x, further_y))
    after = finder(Saying(away)).refine(IMAGE, before)
    span = complex(further_x - x, further_y - y)
    if abs(span) < 1e-3:
        assert after == before
        return
    # A similarity is a multiplication: the crop's eye distance becomes the picture's.
    moved = [complex(*away[:2]) * span, complex(*away[2:]) * span]
    expected = [x + moved[0].real, y + moved[0].imag]
    expected += [further_x + moved[1].real, further_y + moved[1].imag]
    assert eyes_of(after) == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize("away", [[FARTHEST + 0.1, 0, 0, 0], [0, 0, 0, float("nan")]])
def test_what_cannot_be_is_not_believed(away: list[float]) -> None:
    before = face((60, 50), (100, 50))
    assert finder(Saying(away)).refine(IMAGE, before) == before


def test_eyes_that_coincide_stay() -> None:
    before = face((60, 50), (60, 50))
    assert finder(Saying([0, 0, 0, 0])).refine(IMAGE, before) == before


def test_the_network_sees_what_align_cuts() -> None:
    image = np.random.default_rng(0).integers(0, 256, IMAGE.shape, np.uint8)
    model, seen = Saying([0, 0, 0, 0]), face((60, 50), (100, 55))
    finder(model).refine(image, seen)
    np.testing.assert_array_equal(model.crops[0], align(image, seen, SIDE, zoom=ZOOM))


def test_places_of_many_crops_at_once() -> None:
    assert places(np.zeros((3, 2, 2)), 1.0).shape == (3, 2, 2)
    np.testing.assert_allclose(places(np.zeros((2, 2)), 1.0), [[0.279, 0.331], [0.721, 0.331]])
