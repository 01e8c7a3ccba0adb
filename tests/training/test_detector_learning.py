from __future__ import annotations

import csv
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from device.vision import detect  # noqa: E402
from tests.training.interrupted import cut_after_an_epoch  # noqa: E402
from training.data import DataError  # noqa: E402
from training.detector import loop  # noqa: E402
from training.detector.augment import Maker, _scribble, move, warp  # noqa: E402
from training.detector.batches import batches  # noqa: E402
from training.detector.labels import COLUMNS  # noqa: E402
from training.detector.loop import NOWHERE, Labelled, deepen, lesson_of, look, train  # noqa: E402
from training.detector.loss import Truth, assign, cells, decode, loss, pad  # noqa: E402
from training.detector.network import DetectorNetwork, depth_to_space  # noqa: E402
from training.detector.plan import DetectorPlan  # noqa: E402

# oneDNN's backward pass in bfloat16 (PyTorch 2.14) crashes now and then where a batch has an odd or
# a small number of pictures, on two threads; trainings have dozens.
TINY = dataclasses.replace(
    DetectorPlan(),
    stem=(4, 4),
    stages=(4, 8, 8),
    depths=(1, 1, 1),
    necks=(4, 8, 8),
    longer_side=64,
    batches=((64, 4), (96, 8)),
    epochs=2,
    steps=2,
)


def face(score: float = 0.9, left: float = 12, top: float = 10, width: float = 24) -> np.ndarray:
    box = [left, top, left + width, top + width]
    points = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
    return np.array(
        [score, *box, *(v for x, y in points for v in (left + x * width, top + y * width))],
        np.float32,
    )


def labelled(count: int = 3) -> Labelled:
    """Grey photos with a bright square for a face, and a corner that is none."""
    images, faces, decoys = [], [], []
    for n in range(count):
        image = np.full((48, 64, 3), 60 + n, np.uint8)
        image[10:34, 12:36] = 200
        images.append(image)
        faces.append(face()[None])
        decoys.append(np.array([[44, 4, 60, 20]], np.float32))
    return Labelled(images, faces, decoys)


def learn(plan: DetectorPlan, folder: Path, count: int = 3, *, fresh: bool = False) -> Path:
    return train(plan, lesson_of(plan, labelled(count), labelled(1)), folder, fresh=fresh)


def truth(*faces: np.ndarray, left_out: bool = False) -> Truth:
    rows = torch.from_numpy(np.stack(faces))
    return pad([rows], [torch.full((len(faces),), left_out)])


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_run_learns_logs_and_keeps_the_best(tmp_path: Path) -> None:
    assert learn(TINY, tmp_path) == tmp_path / "best.pt"
    assert [row["epoch"] for row in rows(tmp_path)] == ["1", "2"]
    assert json.loads((tmp_path / "experiment.json").read_text())["sets"] == {"photos": 3}
    network = DetectorNetwork(TINY).eval()
    network.load_state_dict(torch.load(tmp_path / "best.pt")["network"])
    assert look(network, labelled().images[0], TINY.longer_side).shape[1] == COLUMNS


def test_an_interrupted_run_comes_to_the_same_end(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    learn(TINY, whole)
    cut_after_an_epoch(lambda: learn(TINY, cut))
    learn(TINY, cut)
    assert rows(whole) == rows(cut)
    ends = [torch.load(folder / "last.pt")["average"] for folder in (whole, cut)]
    for name, value in ends[0].items():
        assert torch.equal(value, ends[1][name]), name


def test_a_deeper_network_begins_as_the_one_it_starts_from() -> None:
    """Each new block changes nothing at first, and learns."""
    shallow = DetectorNetwork(TINY)
    deep = DetectorNetwork(dataclasses.replace(TINY, depths=(1, 3, 2)))
    with torch.no_grad():  # something to see that differs from a new network's
        for parameter in shallow.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    deepen(deep, shallow.state_dict())
    pictures = torch.rand(4, 3, 64, 64) * 255
    for one, other in zip(shallow.eval()(pictures), deep.eval()(pictures), strict=True):
        assert torch.allclose(one, other, atol=1e-4)
    deep.train()(pictures)[0].sum().backward()
    assert deep.stages[1][1].second.norm.weight.grad.abs().max() > 0
    with pytest.raises(DataError, match="of another make"):
        deepen(shallow, deep.state_dict())


def test_a_run_stops_where_validation_no_longer_rises(tmp_path: Path) -> None:
    plan = dataclasses.replace(TINY, epochs=9, patience=3)
    cut_after_an_epoch(lambda: learn(plan, tmp_path))
    state = torch.load(tmp_path / "last.pt")
    assert state["best_epoch"] == 1
    torch.save({**state, "best": 2.0}, tmp_path / "last.pt")  # as good as none will be
    for _ in range(2):  # asked again, it has still come to its end
        learn(plan, tmp_path)
        assert [row["epoch"] for row in rows(tmp_path)] == ["1", "2", "3", "4"]


def test_a_run_on_other_photos_or_plan_is_not_thrown_away_unasked(tmp_path: Path) -> None:
    learn(TINY, tmp_path)
    log = rows(tmp_path)
    (tmp_path / "best.pt").write_bytes(b"not learned anew")
    learn(TINY, tmp_path)
    assert (tmp_path / "best.pt").read_bytes() == b"not learned anew"
    took = json.loads((tmp_path / "experiment.json").read_text())["took"]
    with pytest.raises(DataError, match=r"last\.pt is of a run of other lesson: .*--fresh"):
        learn(TINY, tmp_path, 4)
    with pytest.raises(DataError, match=r"last\.pt is of a run of other epochs"):
        learn(dataclasses.replace(TINY, epochs=3), tmp_path)
    assert rows(tmp_path) == log
    learn(TINY, tmp_path, 4, fresh=True)
    assert (tmp_path / "best.pt").read_bytes() != b"not learned anew"
    assert rows(tmp_path) != log
    assert set(took) == {"minutes", "memory_mib", "processor", "cores"}


def test_a_fresh_run_leaves_nothing_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn(TINY, tmp_path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop._Run, "_train_epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        learn(TINY, tmp_path, 4, fresh=True)
    assert {path.name for path in tmp_path.iterdir()} == {"experiment.json"}


def test_batches_are_the_same_wherever_one_begins_and_whoever_makes_them() -> None:
    every = list(batches(TINY, Maker(TINY, *labelled()), 0, gpu=False))
    assert [len(batch.pictures) for batch in every] == [4, 8, 4, 8]
    for first, gpu in ((2, False), (1, True)):
        for one, other in zip(
            batches(TINY, Maker(TINY, *labelled()), first, gpu=gpu), every[first:], strict=True
        ):
            assert torch.equal(one.pictures, other.pictures)
            assert torch.equal(one.truth.boxes, other.truth.boxes)


@pytest.mark.parametrize(
    ("score", "is_there", "is_judged"), [(0.9, True, True), (0.5, True, False), (0.3, False, True)]
)
def test_the_unsure_are_left_out_and_what_is_no_face_is_ground(
    score: float, is_there: bool, is_judged: bool
) -> None:
    plan = dataclasses.replace(TINY, whole=1.0)
    image = labelled().images[0]
    maker = Maker(plan, [image], [face(score, width=24)[None]], [NOWHERE])
    for seed in range(5):
        made = maker.make(64, np.random.default_rng(seed))
        assert bool(len(made.faces)) is is_there
        assert all(made.left_out) is (is_there and not is_judged) or not is_there


def test_nothing_is_drawn_over_a_face() -> None:
    rng = np.random.default_rng(1)
    image = np.full((200, 200, 3), 128, np.uint8)
    for _ in range(40):
        _scribble(image, face(left=70, top=60, width=60)[None], rng)
    assert (image[60:120, 70:130] == 128).all()
    assert (image != 128).mean() > 0.3


def test_one_picture_can_be_learned() -> None:
    torch.manual_seed(0)
    network = DetectorNetwork(TINY)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.02)
    image = torch.from_numpy(labelled().images[0])[:32, :64].permute(2, 0, 1)[None].float()
    costs = []
    for _ in range(30):
        cost = sum(loss(*network(image), truth(face()), cells(32, 64)).values())
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        costs.append(cost.item())
    assert costs[-1] < 0.5 * costs[0]


def test_nothing_to_find_is_no_trouble() -> None:
    network = DetectorNetwork(TINY)
    nobody = pad([torch.zeros(0, COLUMNS)], [torch.zeros(0, dtype=torch.bool)])
    costs = loss(*network(torch.zeros(1, 3, 64, 64)), nobody, cells(64, 64))
    assert costs["box"] == costs["points"] == 0
    assert costs["score"].isfinite()


@pytest.mark.parametrize(("width", "level"), [(9.0, 0), (30.0, 0), (80.0, 1), (250.0, 2)])
def test_a_face_is_answered_for_by_the_level_of_its_size(width: float, level: int) -> None:
    grid = cells(320, 320)
    places = torch.full((1, len(grid.stride), 14), 3.0)
    boxes, _ = decode(places, grid)
    face_there = face(left=30, top=30, width=width)
    given_ = assign(torch.zeros(1, len(grid.stride)), boxes, truth(face_there), grid)
    chosen = given_.quality[0] > 0
    assert 1 <= chosen.sum() <= 6
    assert given_.quality.max() == pytest.approx(1)
    assert level in grid.level[chosen]
    reach = max(0.35 * width, 32)
    assert ((grid.centre[chosen] - (30 + width / 2)).abs() <= reach).all()


def test_what_is_left_out_is_neither_found_nor_missed() -> None:
    grid = cells(64, 64)
    boxes, _ = decode(torch.full((1, len(grid.stride), 14), 3.0), grid)
    given_ = assign(torch.zeros(1, len(grid.stride)), boxes, truth(face(), left_out=True), grid)
    assert given_.quality.max() == 0
    low, high = torch.tensor([12, 10]), torch.tensor([36, 34])
    inside = ((grid.centre >= low) & (grid.centre <= high)).all(1)
    assert torch.equal(given_.judged[0], ~inside)


def test_the_device_decodes_what_training_does() -> None:
    torch.manual_seed(1)
    height, width = 64, 96
    grid = cells(height, width)
    scores, places = torch.rand(len(grid.stride)), torch.rand(len(grid.stride), 14) * 6
    boxes, points = decode(places, grid)
    outputs = []
    for level, stride in enumerate(detect.STRIDES):
        mask, shape = grid.level == level, (height // stride, width // stride, -1)
        outputs += [places[mask].reshape(shape).numpy(), scores[mask].reshape(shape).numpy()]
    order = torch.argsort(-scores)
    expected = torch.cat([scores[:, None], boxes, points[:, :4]], 1)[order].numpy()
    np.testing.assert_allclose(detect.decode(outputs, 0.0), expected, rtol=1e-4, atol=1e-3)


def test_depth_to_space_puts_four_channels_side_by_side() -> None:
    x = torch.arange(8.0).reshape(1, 8, 1, 1)  # 2 x 2 neighbours of two channels each
    expected = torch.tensor([[[[0.0, 2], [4, 6]], [[1, 3], [5, 7]]]])
    assert torch.equal(depth_to_space(x), expected)


@given(
    st.floats(-0.5, 0.5), st.floats(0.3, 3), st.booleans(), st.floats(-40, 40), st.floats(-40, 40)
)
def test_faces_move_with_their_photo(
    angle: float, scale: float, mirror: bool, x: float, y: float
) -> None:
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = scale * turn @ np.diag([-1 if mirror else 1, 1])
    before = face()[None]
    after = move(before, np.hstack([linear, [[x], [y]]]))
    assert after[0, 3] - after[0, 1] == pytest.approx(scale * 24, rel=1e-3)
    apart = after[0, 7:9] - after[0, 5:7]
    assert np.hypot(*apart) == pytest.approx(scale * 0.4 * 24, rel=1e-3)
    assert apart[0] > 0  # the eye on the left comes first, mirrored or not
    nose = linear @ before[0, 9:11] + (x, y)
    np.testing.assert_allclose(after[0, 9:11], nose, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("scale", [0.25, 1.0, 2.0])
def test_labels_stay_on_the_pixels_they_name(scale: float) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[24:40, 24:40] = 255  # its middle is at 32, 32
    matrix = np.array([[scale, 0, 5.0], [0, scale, 9.0]])
    moved = warp(image, matrix, np.zeros((150, 150, 3), np.uint8))[:, :, 0].astype(float)
    y, x = np.indices(moved.shape)
    middle = [(moved * (axis + 0.5)).sum() / moved.sum() for axis in (x, y)]
    assert middle == pytest.approx([32 * scale + 5, 32 * scale + 9], abs=0.3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_pictures_are_whole_and_their_faces_in_sight(seed: int) -> None:
    made = Maker(DetectorPlan(), *labelled()).make(96, np.random.default_rng(seed))
    assert made.image.shape == (96, 96, 3)
    assert made.image.dtype == np.uint8
    assert made.faces.shape == (len(made.left_out), COLUMNS)
    kept = made.faces[~made.left_out]
    assert np.isfinite(made.faces).all()
    assert (kept[:, 3] - kept[:, 1] >= DetectorPlan().smallest).all()
    middle = (kept[:, 1:3] + kept[:, 3:5]) / 2
    assert ((middle > -48) & (middle < 144)).all()
