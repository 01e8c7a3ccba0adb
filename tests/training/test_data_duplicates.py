"""Near-duplicates among public-domain faces, changed as copies on the web are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.vision.faces import portrait
from training.duplicates import FINE, likeness, near_duplicates, thumbnail

Image = np.ndarray
SIZE = 120


def face(name: str) -> Image:
    image = portrait(name)
    side = min(image.shape[:2])
    return cv2.resize(image[:side, :side], (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def moved(image: Image) -> Image:
    matrix = np.array([[1.02, 0.01, -2], [-0.01, 1.02, -1]])
    return cv2.warpAffine(image, matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)


def squeezed(image: Image) -> Image:
    return cv2.imdecode(
        cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR
    )


CHANGES: dict[str, Callable[[Image], Image]] = {
    "same": lambda image: image,
    "darker": lambda image: (image * 0.6).astype(np.uint8),
    "paler": lambda image: (image * 0.5 + 110).astype(np.uint8),
    "grey": lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
    "smaller": lambda image: cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA),
    "mirrored": lambda image: image[:, ::-1],
    "squeezed": squeezed,
    "moved": moved,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_and_another_face_is_not(change: str, tmp_path: Path) -> None:
    originals = []
    for name in ("collins", "hopper"):
        originals.append(tmp_path / f"{name}.png")
        cv2.imwrite(str(originals[-1]), face(name))
    copy = tmp_path / "copy.png"
    cv2.imwrite(str(copy), CHANGES[change](face("hopper")))
    (pair,) = near_duplicates(originals, [copy])
    assert pair[:2] == (originals[1], copy)
    assert FINE <= pair.likeness <= 1.0


def test_what_is_no_picture_or_empty_is_like_nothing(tmp_path: Path) -> None:
    broken, flat = tmp_path / "broken.png", tmp_path / "flat.png"
    broken.write_text("no picture")
    cv2.imwrite(str(flat), np.full((30, 30), 7, np.uint8))
    assert near_duplicates([broken, flat], [flat, broken]) == []
    assert near_duplicates([], [flat]) == []


def test_likeness_does_not_depend_on_the_order_or_the_size() -> None:
    grey = cv2.cvtColor(face("hopper"), cv2.COLOR_RGB2GRAY)
    one, other = thumbnail(grey), thumbnail(np.ascontiguousarray(grey[4:-4, 4:-4]))
    assert likeness(one, other) == pytest.approx(likeness(other, one), abs=0.02)
