"""The third network's lessons: whether there is a face in the middle, from faceres' weights on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from device.vision.detect import CERTAIN, DOUBT_ROOM, _around, _view, pooled  # noqa: E402
from tests.training.faceres import write_faceres  # noqa: E402
from tests.training.interrupted import cut_after_an_epoch  # noqa: E402
from tests.vision.looks import Says  # noqa: E402
from training.backbone import Backbone  # noqa: E402
from training.data import DataError  # noqa: E402
from training.detector import closer, doubt, loop  # noqa: E402
from training.detector.closer import CloserMaker  # noqa: E402
from training.detector.labels import COLUMNS, Source  # noqa: E402
from training.detector.loop import NOWHERE, Labelled  # noqa: E402
from training.detector.loss import pad  # noqa: E402
from training.detector.network import DetectorNetwork  # noqa: E402
from training.detector.plan import CloserPlan, DoubtPlan, read_doubt_plan  # noqa: E402
from training.loop import save  # noqa: E402

TINY = DoubtPlan(side=32, layers=2, frozen=1, batch=4, epochs=1, steps=2)
TINY_LOOK = dataclasses.replace(
    CloserPlan(),
    stem=(4, 4),
    stages=(4, 8, 8),
    depths=(1, 1, 1),
    necks=(4, 8, 8),
    longer_side=64,
)
MOVED = ("card", "crop", "room", "aside", "turn", "stretch")
"""Figures of how a place is moved."""
SQUARE = np.array([60, 80, 100, 120], np.float32)


def row(left: float, top: float, side: float, score: float = 0.9) -> np.ndarray:
    middle = left + side / 2, top + side / 2
    return np.array([score, left, top, left + side, top + side, *middle * 5], np.float32)


def photo() -> Labelled:
    """A black photo with a bright square that is a face, and another that is none."""
    image = np.zeros((200, 300, 3), np.uint8)
    image[80:120, 60:100] = 220
    image[40:80, 200:240] = 120
    none = np.array([[200, 40, 240, 80]], np.float32)
    return Labelled([image], [row(60, 80, 40)[None]], [none])


def look(folder: Path) -> Path:
    """A run of one of the first two networks."""
    torch.manual_seed(0)
    folder.mkdir()
    (folder / "experiment.json").write_text(json.dumps(dataclasses.asdict(TINY_LOOK)))
    save(folder / "best.pt", {"network": DetectorNetwork(TINY_LOOK).state_dict()})
    return folder / "best.pt"


@pytest.mark.parametrize(
    ("face", "left_out", "is_face", "is_known"),
    [
        (row(30, 30, 40), False, True, True),
        (row(40, 22, 40), False, True, True),
        (row(45, 30, 40), False, False, True),  # beside what is shown
        (row(30, 30, 40), True, False, False),
        (row(60, 30, 40), True, False, True),  # that nobody knows it does not matter
        (np.zeros(COLUMNS, np.float32), False, False, True),
    ],
    ids=["middle", "nearly", "beside", "unsure", "unsure beside", "none"],
)
def test_a_picture_is_one_of_the_face_in_its_middle(
    face: np.ndarray, left_out: bool, is_face: bool, is_known: bool
) -> None:
    rows = torch.from_numpy(face[None]) if face.any() else torch.empty(0, COLUMNS)
    truth = pad([rows], [torch.full((len(rows),), left_out)])
    assert [bool(v) for v in doubt.in_the_middle(truth, 100)] == [is_face, is_known]


def test_what_nobody_knows_costs_nothing() -> None:
    network = Backbone(TINY)
    rows = torch.from_numpy(row(8, 8, 16)[None])
    pictures = torch.zeros(1, 3, 32, 32)
    unsure = doubt.cost(
        network, pictures, pad([rows], [torch.tensor([True])]), label_smoothing=0.02
    )
    assert unsure["doubt"].item() == 0
    sure = doubt.cost(network, pictures, pad([rows], [torch.tensor([False])]), label_smoothing=0.02)
    assert sure["doubt"].item() > 0


def test_only_what_is_in_doubt_is_asked_about() -> None:
    faces = np.stack([row(60, 80, 40, score) for score in (0.95, CERTAIN, 0.6, 0.3)])
    says = Says(0.2, 32)
    settled = doubt.settled(says, photo().images[0], faces)
    assert settled[:, 0] == pytest.approx([0.95, CERTAIN, pooled(0.6, 0.2), pooled(0.3, 0.2)])
    assert [image.shape for image in says.seen] == [(32, 32, 3)] * 2
    assert faces[2, 0] == np.float32(0.6)


Train = Callable[[DoubtPlan, str], Path]
"""Trains by a plan, into a folder of that name beside faceres.json, which it starts from."""


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    monkeypatch.setattr(doubt, "load", lambda *_: photo())
    start = write_faceres(tmp_path / "faceres.json", TINY.layers)
    first, second = look(tmp_path / "face"), look(tmp_path / "closer")
    source = Source(tmp_path, tmp_path / "yunet.onnx", tmp_path)

    def run(plan: DoubtPlan, name: str) -> Path:
        return doubt.train_doubt(
            plan, source, tmp_path / name, first=first, closer=second, start=start
        )

    return run


def test_a_run_starts_from_faceres_and_is_chosen_on_validation(
    train: Train, tmp_path: Path
) -> None:
    best = train(TINY, "run")
    assert read_doubt_plan(best.parent / "experiment.json") == TINY
    record = json.loads((best.parent / "experiment.json").read_text())
    assert record["start"] == "faceres"
    assert record["sets"] == {"photos": 1}
    network = doubt.load_doubt(best)
    (chance,) = doubt.FloatDoubt(network, TINY.side).run(np.zeros((32, 32, 3), np.uint8))
    assert chance.shape == (1,)
    assert 0 < chance[0] < 1
    with pytest.raises(DataError, match="other seed"):
        train(dataclasses.replace(TINY, seed=2), "run")
    write_faceres(
        tmp_path / "faceres.json", TINY.layers, seed=1
    )  # its weights lie in the file beside it
    with pytest.raises(DataError, match="other start"):
        train(TINY, "run")


def test_an_interrupted_run_comes_to_the_same_end(train: Train) -> None:
    """Also what dropout leaves out."""
    plan = dataclasses.replace(TINY, epochs=2)
    whole = train(plan, "whole")
    cut_after_an_epoch(lambda: train(plan, "cut"))
    ends = [torch.load(best.parent / "last.pt")["average"] for best in (whole, train(plan, "cut"))]
    for name, value in ends[0].items():
        assert torch.equal(value, ends[1][name]), name


def test_frozen_layers_stay_and_the_others_learn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubt, "load", lambda *_: photo())
    start = write_faceres(tmp_path / "faceres.json", TINY.layers)
    begun = {}

    def learn(plan: Any, lesson: Any, folder: Path, learner: loop.Learner, **more: Any) -> Path:
        begun.update({k: v.clone() for k, v in learner.network.state_dict().items()})
        return loop.learn(plan, lesson, folder, learner, **more)

    monkeypatch.setattr(doubt, "learn", learn)
    best = doubt.train_doubt(
        TINY,
        Source(tmp_path, tmp_path / "yunet.onnx", tmp_path),
        tmp_path / "run",
        first=look(tmp_path / "face"),
        closer=look(tmp_path / "closer"),
        start=start,
    )
    after = doubt.load_doubt(best).state_dict()
    given = np.frombuffer(start.with_suffix(".bin").read_bytes(), np.float32)[: 27 * 32]
    stem = given.reshape(3, 3, 3, 32).transpose(3, 2, 0, 1)[:, ::-1] * 127.5  # RGB, -1..1
    assert after["stem.conv.weight"].numpy() == pytest.approx(stem)
    assert torch.equal(after["stem.conv.weight"], begun["stem.conv.weight"])
    assert not torch.equal(after["layers.3.conv.weight"], begun["layers.3.conv.weight"])


@pytest.mark.parametrize(("chance", "better"), [(0.05, True), (0.95, False)])
def test_a_network_is_the_better_the_less_it_takes_for_faces_that_are_none(
    monkeypatch: pytest.MonkeyPatch, chance: float, better: bool
) -> None:
    """Of two places in doubt, the face scores less and is said to be one; the other so or so."""

    class SaysOf(Says):
        def run(self, image: np.ndarray) -> list[np.ndarray]:
            bright = int(image[16, 16].max())
            return [np.array([0.6 if bright == 220 else chance], np.float32)]

    shown = photo()
    found = np.stack([row(200, 40, 40, 0.6), row(60, 80, 40, 0.5)])
    monkeypatch.setattr(doubt, "found_by", lambda *_: [found])
    monkeypatch.setattr(doubt, "FloatDoubt", lambda *_: SaysOf(0.0, 32))
    score = doubt.judge(None, None, shown, TINY)(None)
    assert score == pytest.approx(1.0 if better else 0.5)


def test_places_are_learned_as_the_device_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also at the photo's edge."""
    monkeypatch.setattr(closer, "wear", lambda image, *_: image)
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    image = cv2.resize(image, (600, 400), interpolation=cv2.INTER_CUBIC)
    plan = dataclasses.replace(CloserPlan(), faces=1.0, **dict.fromkeys(MOVED, 0.0))
    for left, top in ((250, 150), (0, 150), (420, 280)):
        face = row(left, top, 120)
        learned = Labelled([image], [face[None]], [NOWHERE])
        maker = CloserMaker(plan, learned, np.empty((0, 6), np.float32), DOUBT_ROOM)
        made = maker.make(144, np.random.default_rng(3)).image
        # Mirrored or not, by chance.
        assert min(_away(each, image, face) for each in (made, made[:, ::-1])) < 6


def _away(made: np.ndarray, image: np.ndarray, face: np.ndarray) -> float:
    """Mean difference from what the device shows of a face in a BGR photo."""
    rgb = np.ascontiguousarray(image[:, :, ::-1])
    sides = np.tile([image.shape[1], image.shape[0]], 2)
    candidate = np.array([0.5, *face[1:5] / sides, 0, 0, 0, 0], np.float32)
    shown = _around(rgb, candidate, DOUBT_ROOM, 144)
    assert shown is not None
    return float(np.abs(_view(rgb, shown, (144, 144)).astype(int) - made).mean())


def test_weights_of_another_plan_are_refused(tmp_path: Path) -> None:
    (tmp_path / "experiment.json").write_text(json.dumps(dataclasses.asdict(TINY)))
    other = dataclasses.replace(TINY, layers=3)
    save(tmp_path / "best.pt", {"network": Backbone(other).state_dict()})
    with pytest.raises(DataError, match="another network than its plan"):
        doubt.load_doubt(tmp_path / "best.pt")
