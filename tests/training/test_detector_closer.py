"""The second look's lessons: what the first look proposed, shown as the device shows it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from device.vision.detect import CLOSE_SIDE, CLOSER_ROOM  # noqa: E402
from training.data import DataError  # noqa: E402
from training.detector import closer  # noqa: E402
from training.detector.augment import Example, show  # noqa: E402
from training.detector.batches import batches  # noqa: E402
from training.detector.labels import COLUMNS  # noqa: E402
from training.detector.loop import NOWHERE, Labelled, Lesson, train  # noqa: E402
from training.detector.network import DetectorNetwork  # noqa: E402
from training.detector.plan import CloserPlan, read_plan  # noqa: E402

TINY = dataclasses.replace(
    CloserPlan(),
    stem=(4, 4),
    stages=(4, 8, 8),
    depths=(1, 1, 1),
    necks=(4, 8, 8),
    longer_side=64,
    batches=((64, 4),),  # see test_detector_learning
    epochs=1,
    steps=2,
)
STILL = dataclasses.replace(
    CloserPlan(), room=0, aside=0, turn=0, upset=0, stretch=0, dark=0, coarse=0, blur=0, noise=0
)
SQUARE = np.array([60, 80, 100, 120], np.float32)
NONE = np.empty((0, 6), np.float32)


def photo(score: float = 0.9) -> Labelled:
    """A black photo with one bright square, which the teacher is so sure is a face."""
    image = np.zeros((200, 300, 3), np.uint8)
    image[80:120, 60:100] = 220
    points = np.tile((SQUARE[:2] + SQUARE[2:]) / 2, 5)
    return Labelled([image], [np.array([[score, *SQUARE, *points]], np.float32)], [NOWHERE])


def bright(image: np.ndarray) -> list[float]:
    """Left, top, right and bottom of what is bright, as shares of the picture."""
    rows, columns = np.nonzero(image.min(2) > 110)
    return [
        float(v) / image.shape[0]
        for v in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    ]


def breadth(made: Example) -> float:
    left, _, right, _ = bright(made.image)
    return right - left


MIDDLE = pytest.approx([0.5 - 0.5 / CLOSER_ROOM] * 2 + [0.5 + 0.5 / CLOSER_ROOM] * 2, abs=0.02)


def test_a_place_is_shown_as_the_device_shows_it() -> None:
    seen = show(photo().images[0], SQUARE)
    assert seen.shape == (CLOSE_SIDE, CLOSE_SIDE, 3)
    assert bright(seen) == MIDDLE


def test_a_face_is_in_the_middle_with_its_box_around_it() -> None:
    maker = closer.CloserMaker(dataclasses.replace(STILL, faces=1.0), photo(), NONE)
    for seed in range(5):
        made = maker.make(CLOSE_SIDE, np.random.default_rng(seed))
        assert bright(made.image) == MIDDLE
        assert made.faces[0, 1:5] / CLOSE_SIDE == MIDDLE
        assert not made.left_out.any()


def test_what_was_proposed_is_shown_and_is_no_face() -> None:
    doubtful = photo(0.3)
    sure = photo()
    both = Labelled(
        [*doubtful.images, *sure.images], [*doubtful.faces, *sure.faces], [NOWHERE, NOWHERE]
    )
    proposed = np.array([[0, 0.5, *SQUARE]], np.float32)
    plan = dataclasses.replace(STILL, faces=0.0, proposed=1.0)
    made = closer.CloserMaker(plan, both, proposed).make(CLOSE_SIDE, np.random.default_rng(1))
    assert bright(made.image) == MIDDLE
    assert len(made.faces) == 0


def test_a_face_beside_what_was_judged_to_be_none_is_one_still() -> None:
    near = photo()._replace(decoys=[np.array([[100, 80, 140, 120]], np.float32)])
    plan = dataclasses.replace(STILL, faces=0.0, proposed=0.0)
    made = closer.CloserMaker(plan, near, NONE).make(CLOSE_SIDE, np.random.default_rng(1))
    assert len(made.faces) == 1
    assert made.left_out.all()  # hardly half of it is in the picture


def test_what_is_no_face_is_turned_by_any_angle_and_a_face_beside_it_need_not_be_found() -> None:
    beside = photo()._replace(decoys=[np.array([[50, 70, 110, 130]], np.float32)])
    plan = dataclasses.replace(STILL, faces=0.0, proposed=0.0, upset=1.0)
    maker = closer.CloserMaker(plan, beside, NONE)
    made = [maker.make(CLOSE_SIDE, np.random.default_rng(seed)) for seed in range(20)]
    assert all(len(each.faces) == 1 and each.left_out.all() for each in made)
    leaning = [width > 1.2 * 40 / 60 / CLOSER_ROOM for width in map(breadth, made)]
    assert 5 < sum(leaning) < 20  # a square's corners stand out when it is turned
    upright = closer.CloserMaker(dataclasses.replace(plan, upset=0.0), beside, NONE)
    assert not upright.make(CLOSE_SIDE, np.random.default_rng(0)).left_out.any()


def test_where_nothing_else_is_known_every_picture_shows_a_face_to_be_found() -> None:
    maker = closer.CloserMaker(dataclasses.replace(STILL, faces=0.0, upset=1.0), photo(), NONE)
    made = [maker.make(CLOSE_SIDE, np.random.default_rng(seed)) for seed in range(5)]
    assert all(len(each.faces) == 1 and not each.left_out.any() for each in made)


def test_photos_without_a_face_teach_nothing() -> None:
    with pytest.raises(DataError, match="sure of no face"):
        closer.CloserMaker(CloserPlan(), photo(0.5), NONE)


def test_what_overlaps_a_face_is_no_mistake_and_what_the_teacher_doubts_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look(*_: object) -> np.ndarray:
        found = np.zeros((3, COLUMNS), np.float32)
        found[:, 0] = 0.9, 0.3, 0.01
        found[:, 1:5] = [SQUARE, SQUARE + 100, SQUARE + 50]
        return found

    monkeypatch.setattr(closer, "look", look)
    network = DetectorNetwork(TINY)
    proposed = closer.propose(network, photo())
    assert proposed == pytest.approx(
        np.array([[0, 0.3, *(SQUARE + 100)]] * len(closer.LONGER_SIDES), np.float32)
    )
    doubted = closer.propose(network, photo(0.35))
    assert doubted[-1] == pytest.approx([0, closer.DOUBTED, *SQUARE])
    assert pytest.approx(doubted[doubted[:, 1] > 0.5, 1].tolist()) == [0.9, 0.9]


def test_a_run_learns_and_is_judged_as_the_second_look(tmp_path: Path) -> None:
    first = DetectorNetwork(TINY).eval()
    proposed = closer.propose(first, photo())
    maker = closer.CloserMaker(TINY, photo(), proposed)
    lesson = Lesson(
        maker, closer.judge(first, photo(), TINY.longer_side), "made by hand", {"photos": 1}
    )
    best = train(TINY, lesson, tmp_path)
    network = DetectorNetwork(TINY).eval()
    network.load_state_dict(torch.load(best)["network"])
    (found,) = closer.found_by(first, network, photo().images, TINY.longer_side)
    assert found.shape[1] == COLUMNS
    (batch, _) = batches(TINY, maker, 0, gpu=False)
    assert batch.pictures.shape == (4, 64, 64, 3)


def test_a_first_look_whose_plan_is_lost_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"experiment\.json.*training train face"):
        read_plan(tmp_path / "experiment.json")
