from __future__ import annotations

import csv
import dataclasses
import math
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from training.data import DataError  # noqa: E402
from training.detector.labels import COLUMNS, Source, Teacher  # noqa: E402
from training.detector.network import DetectorNetwork  # noqa: E402
from training.detector.plan import DetectorPlan  # noqa: E402
from training.eyes.faces import (  # noqa: E402
    EYES_OF_USUAL,
    Face,
    Maker,
    faces_in_crops,
    faces_in_photos,
    label_crop,
    usual,
)
from training.eyes.loop import Seen, _Run  # noqa: E402
from training.eyes.network import EyeNetwork  # noqa: E402
from training.eyes.plan import EyePlan  # noqa: E402

TINY = dataclasses.replace(
    EyePlan(), side=32, stem=(4, 4), stages=(4, 8), depths=(1, 1), batch=4, epochs=2, steps=2
)
POINTS = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]


def face(side: int = 90, left: float = 0.0) -> Face:
    """A grey picture, each point a light spot."""
    points = np.array(POINTS) * side + (left, 0)
    image = np.full((side, side + round(left), 3), 60, np.uint8)
    for x, y in points:
        cv2.circle(image, (int(x), int(y)), 2, (255, 255, 255), -1)
    return Face(image, points)


def row(score: float, left: float, top: float, width: float) -> np.ndarray:
    box = [left, top, left + width, top + 1.2 * width]
    places = [v for x, y in POINTS for v in (left + x * width, top + y * width)]
    return np.array([score, *box, *places], np.float32)


def test_faces_of_photos_are_cut_out_with_their_points() -> None:
    photo = np.zeros((300, 400, 3), np.uint8)
    photo[132, 126] = 255  # the left eye of the first face
    rows = np.stack([row(0.9, 96, 92, 100), row(0.6, 10, 10, 100), row(0.9, 300, 20, 5)])
    (found,) = faces_in_photos([photo], [rows])
    assert found.distance == pytest.approx(40)
    x, y = found.points[0].astype(int)
    assert found.image[y, x].tolist() == [255, 255, 255]
    assert found.image.shape[1] < 400


@pytest.mark.parametrize("seed", range(8))
def test_the_crop_shows_the_eyes_where_it_is_said(seed: int) -> None:
    plan = dataclasses.replace(EyePlan(), worn=0.0, shrunk=(0.0, 0.0))
    crop, away = Maker(plan, [face(160)], []).make(np.random.default_rng(seed))
    assert crop.shape == (64, 64, 3)
    places = (away * EYES_OF_USUAL * plan.zoom + usual(plan.zoom)) * plan.side
    for x, y in places[:2]:
        near = crop[max(0, int(y) - 4) : int(y) + 5, max(0, int(x) - 4) : int(x) + 5, 0]
        weight = np.clip(near.astype(float) - 80, 0, None)
        assert weight.max() > 50
        rows, columns = np.mgrid[: near.shape[0], : near.shape[1]]
        middle = [(weight * each).sum() / weight.sum() + 0.5 for each in (columns, rows)]
        found = np.array(middle) + (max(0, int(x) - 4), max(0, int(y) - 4))
        assert found == pytest.approx((x, y), abs=0.8)


def test_what_is_drawn_for_learning_is_off_as_the_detector_is() -> None:
    maker, rng = Maker(EyePlan(), [face(160)], [face()]), np.random.default_rng(0)
    away = np.stack([maker.make(rng)[1][:2] for _ in range(300)])
    error = np.hypot(*away.transpose(2, 0, 1)).mean(1)
    assert 0.05 < np.median(error) < 0.12
    assert abs(away.mean()) < 0.02


def test_a_seed_gives_the_same_pictures() -> None:
    def made() -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(3)
        cv2.setRNGSeed(1)
        return Maker(EyePlan(), [face()], []).make(rng)

    for one, other in zip(made(), made(), strict=True):
        np.testing.assert_array_equal(one, other)


class Looking:
    """A teacher that sees one face, where the lightest spot is."""

    def look(self, image: np.ndarray, longer_side: int) -> np.ndarray:
        assert longer_side > 0
        y, x = np.unravel_index(image[..., 0].argmax(), image.shape[:2])
        return row(0.9, float(x), float(y), 40)[None] if image.any() else np.zeros((0, COLUMNS))


def test_a_crop_is_labelled_in_its_own_pixels() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[20:24, 30:70] = 200
    # The mirror image is looked at as well: a spot as wide as the face has the same left edge.
    found = label_crop(cast("Teacher", Looking()), image)
    assert found[0] == pytest.approx(0.9)
    assert found[1:3] == pytest.approx([30, 20], abs=1.5)
    nobody = label_crop(cast("Teacher", Looking()), np.zeros((50, 50, 3), np.uint8))
    assert nobody.tolist() == [0] * COLUMNS


def test_a_data_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    source = Source(tmp_path, tmp_path / "yunet.onnx", tmp_path)
    with pytest.raises(DataError, match="rafdb is missing: the eye network learns from its faces"):
        faces_in_crops(EyePlan(), source)


def run(folder: Path, plan: EyePlan = TINY) -> _Run:
    photo = face(90)
    truth = row(0.9, 0, 0, 90)[None]
    found = truth.copy()
    found[:, 5:9] += 2
    made = _Run(plan, [photo], [face(80)], Seen([photo.image], [found], [truth]), folder)
    torch.set_num_threads(1)
    return made


def test_a_step_learns(tmp_path: Path) -> None:
    training = run(tmp_path, dataclasses.replace(TINY, steps=40))
    rng = np.random.default_rng(0)
    made = [training.maker.make(rng) for _ in range(8)]
    crops, away = (torch.from_numpy(np.stack(each)) for each in zip(*made, strict=True))
    training.network.train()
    costs = [float(training._step(crops, away)) for _ in range(40)]
    assert all(math.isfinite(cost) for cost in costs)
    assert np.mean(costs[-5:]) < np.mean(costs[:5])


def test_a_training_writes_what_it_found_and_goes_on_to_the_same(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    whole.train()
    first = run(tmp_path / "parts")
    first.plan = dataclasses.replace(TINY, epochs=1)  # stopped after an epoch of the same cycle
    first.train()
    state = torch.load(tmp_path / "parts" / "last.pt")
    torch.save({**state, "plan": dataclasses.asdict(TINY)}, tmp_path / "parts" / "last.pt")
    second = run(tmp_path / "parts")
    second.resume()
    assert second.epoch == 1
    second.train()
    for one, other in zip(
        whole.average.state_dict().values(), second.average.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(one, other)
    with (tmp_path / "whole" / "log.csv").open() as file:
        assert [entry["epoch"] for entry in csv.DictReader(file)] == ["1", "2"]


def test_the_detectors_first_layers_are_a_start(tmp_path: Path) -> None:
    torch.manual_seed(0)
    detector = DetectorNetwork(DetectorPlan())
    torch.save({"network": detector.state_dict()}, tmp_path / "best.pt")
    network = EyeNetwork(EyePlan())
    network.start_from(tmp_path / "best.pt")
    for name, value in network.state_dict().items():
        if not name.startswith("head"):
            torch.testing.assert_close(value, detector.state_dict()[name])
