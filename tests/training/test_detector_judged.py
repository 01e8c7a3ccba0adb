from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from training.detector.augment import Maker  # noqa: E402
from training.detector.judged import Places, corrected, read_judged  # noqa: E402
from training.detector.labels import COLUMNS, SURE  # noqa: E402
from training.detector.photos import _listed  # noqa: E402
from training.detector.plan import DetectorPlan  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

BOX = [10.0, 10.0, 30.0, 30.0]
NEAR = [11.0, 10.0, 31.0, 30.0]


def row(score: float, box: list[float]) -> np.ndarray:
    return np.array([[score, *box, *[0.0] * 10]], np.float32)


def places(**said: list[list[float]]) -> Places:
    return Places(*(np.array(said.get(f, []), np.float32).reshape(-1, 4) for f in Places._fields))


def test_what_is_no_face_goes_whatever_the_teacher_said() -> None:
    faces = np.concatenate([row(0.9, BOX), row(0.9, [60, 60, 80, 80])])
    assert corrected(faces, places(none=[NEAR]))[:, 1].tolist() == [60]


@pytest.mark.parametrize(
    ("said", "score", "after"),
    [("face", 0.45, SURE), ("face", 0.9, 0.9), ("unclear", 0.9, 0.5), ("unclear", 0.4, 0.5)],
)
def test_scores_follow_the_verdict(said: str, score: float, after: float) -> None:
    (found,) = corrected(row(score, BOX), places(**{said: [NEAR]}))
    assert found[0] == np.float32(after)
    assert found[1:5].tolist() == BOX


@pytest.mark.parametrize(("said", "score"), [("face", SURE), ("unclear", 0.5)])
def test_what_the_teacher_did_not_see_is_added(said: str, score: float) -> None:
    (found,) = corrected(np.empty((0, COLUMNS), np.float32), places(**{said: [BOX]}))
    assert found.tolist() == np.float32([score, *BOX, *[20.0] * 10]).tolist()


def test_a_photo_that_nobody_judged_stays() -> None:
    faces = row(0.5, BOX)
    assert corrected(faces, None) is faces


def test_verdicts_are_read_by_photo(tmp_path: Path) -> None:
    file = tmp_path / "judged.csv"
    file.write_text("photo,left,top,right,bottom,verdict\na,1,2,3,4,none\na,5,6,7,8,face\n")
    read = read_judged(file)
    assert read["a"].none.tolist() == [[1, 2, 3, 4]]
    assert read["a"].face.tolist() == [[5, 6, 7, 8]]
    assert read["a"].unclear.shape == (0, 4)


def test_faces_are_confirmed_in_photos_held_out_alone() -> None:
    held_out = {photo for photo, part in _listed().items() if part == "test"}
    judged = read_judged()
    assert {photo for photo, said in judged.items() if len(said.face)} <= held_out
    assert sum(len(said.face) for said in judged.values()) == 849
    assert all((said.none[:, 2:] > said.none[:, :2]).all() for said in judged.values())


def test_a_decoy_is_shown_and_is_no_face() -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    image[150:170, 250:270] = 255
    blank = np.empty((0, COLUMNS), np.float32)
    box = np.array([[250, 150, 270, 170]], np.float32)
    plan = DetectorPlan(whole=0, decoy=1, mosaic=(1, 0, 0, 0), scribble=0, dark=0, coarse=0, blur=0)
    maker = Maker(plan, [image], [blank], [box])
    seen = []
    for seed in range(20):
        made = maker.make(96, np.random.default_rng(seed))
        assert len(made.faces) == 0
        seen.append(made.image.max() - made.image.min())
    assert np.mean(np.array(seen) > 60) > 0.8
