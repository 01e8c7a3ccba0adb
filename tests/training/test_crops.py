"""The eyes that are found once and kept."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("tqdm", reason="the train extra is not installed")

from device.vision.align import align
from device.vision.detect import GridDetector, open_detector
from tests.vision.faces import MODELS, portrait
from training.crops import Places, find_eyes
from training.data import Sample


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One more for each picture that the detector looks at."""
    seen: list[int] = []
    real = GridDetector.detect_in_crop

    def look(self: GridDetector, image: np.ndarray) -> object:
        seen.append(1)
        return real(self, image)

    monkeypatch.setattr(GridDetector, "detect_in_crop", look)
    return seen


def own(folder: Path, shift: int) -> list[Sample]:
    """A person in a folder of one's own, by the same name and as large as another's."""
    path = folder / "happiness" / "me.bmp"
    path.parent.mkdir(parents=True)
    image = portrait("collins")
    crop = align(image, open_detector(MODELS).detect(image)[0], 100)
    cv2.imwrite(str(path), np.roll(crop, shift, axis=1)[:, :, ::-1])
    return [Sample(path, 3)]


def test_pictures_of_one_name_and_size_have_eyes_of_their_own(
    tmp_path: Path, looks: list[int]
) -> None:
    places = Places(MODELS, tmp_path / "cache")
    one, _ = find_eyes(own(tmp_path / "one", 0), places, "rafdb")
    other, _ = find_eyes(own(tmp_path / "two", 8), places, "rafdb")
    assert len(looks) == 2
    assert (other[0, :, 0] - one[0, :, 0] > 0.02).all()


def test_a_picture_is_looked_at_once_wherever_it_lies(tmp_path: Path, looks: list[int]) -> None:
    places = Places(MODELS, tmp_path / "cache")
    (sample,) = own(tmp_path / "one", 0)
    one, found = find_eyes([sample], places, "rafdb")
    moved = sample.path.rename(tmp_path / "renamed.bmp")
    again, _ = find_eyes([sample._replace(path=moved)] * 2, places, "rafdb")
    assert found.all()
    assert len(looks) == 1
    np.testing.assert_array_equal(again, np.concatenate([one, one]))
