from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.types import Box, Detection
from device.vision.align import LEFT_EYE, RIGHT_EYE, align
from device.vision.detect import open_detector
from tests.vision.faces import MODELS, portrait
from training.corruptions import CORRUPTIONS, SEVERITIES, corrupt

WHOLE = Detection(
    box=Box(x=0, y=0, width=1, height=1), score=1.0, left_eye=LEFT_EYE, right_eye=RIGHT_EYE
)


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    image = portrait("hopper")
    return align(image, open_detector(MODELS).detect(image)[0], 100)


def test_there_are_fifteen_kinds_in_three_strengths() -> None:
    assert (len(CORRUPTIONS), len(SEVERITIES)) == (15, 3)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_dice_give_the_same_harm_and_the_picture_is_left_alone(
    name: str, face: np.ndarray
) -> None:
    before = face.copy()
    for severity in SEVERITIES:
        harmed = corrupt(face, WHOLE, name, severity, 7)
        assert (harmed.shape, harmed.dtype) == (face.shape, np.uint8)
        assert np.array_equal(harmed, corrupt(face, WHOLE, name, severity, 7))
    assert np.array_equal(face, before)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_harm_grows_with_its_strength(name: str, face: np.ndarray) -> None:
    distance = [
        np.mean(
            [
                np.abs(corrupt(face, WHOLE, name, severity, seed).astype(float) - face).mean()
                for seed in range(8)
            ]
        )
        for severity in SEVERITIES
    ]
    assert 0.5 < distance[0] < distance[1] < distance[2]


@pytest.mark.parametrize("name", ["gaussian noise", "occlusion", "rotation", "coloured light"])
def test_other_dice_give_another_harm(name: str, face: np.ndarray) -> None:
    harmed = {corrupt(face, WHOLE, name, 2, seed).tobytes() for seed in range(8)}
    assert len(harmed) > 1


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(sorted(CORRUPTIONS)),
    st.sampled_from(SEVERITIES),
    st.integers(24, 130),
    st.integers(24, 130),
    st.integers(0, 255),
)
def test_any_size_and_plain_colour_will_do(
    name: str, severity: int, height: int, width: int, level: int
) -> None:
    image = np.full((height, width, 3), level, np.uint8)
    harmed = corrupt(image, WHOLE, name, severity, 0)
    assert (harmed.shape, harmed.dtype) == (image.shape, np.uint8)


def test_masks_hide_the_mouth_and_glasses_the_eyes(face: np.ndarray) -> None:
    grey = np.full_like(face, 128)
    mouth, eye = (slice(85, 95), slice(40, 60)), (slice(30, 36), slice(24, 32))
    masked, shaded = (corrupt(grey, WHOLE, name, 3, 0) for name in ("mask", "sunglasses"))
    assert (masked[mouth] != 128).all()
    assert (masked[eye] == 128).all()
    assert (shaded[eye] < 20).all()
    assert (shaded[mouth] == 128).all()


def test_an_unknown_strength_is_refused(face: np.ndarray) -> None:
    with pytest.raises(ValueError, match="severity"):
        corrupt(face, WHOLE, "fog", 4, 0)
