from __future__ import annotations

import dataclasses
import importlib.util
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conversion.convert import ConversionError, put
from conversion.detector import (
    FLOORS,
    SHAPE,
    Converted,
    Trained,
    _quantized,
    _view,
    check_floors,
    check_parity,
    describe,
)
from device.vision.detect import decode
from device.vision.runtime import Model, available_runtimes
from training.detector.labels import COLUMNS
from training.detector.plan import DetectorPlan, DoubtPlan

TRAIN_EXTRA = all(importlib.util.find_spec(name) for name in ("tensorflow", "torch"))
TINY = dataclasses.replace(
    DetectorPlan(), stem=(4, 4), stages=(4, 8, 8), depths=(1, 1, 1), necks=(4, 8, 8)
)
DOUBT = DoubtPlan(side=32, layers=2)
COUNTS = {"train": 3, "valid": 1}
RECORD = {"start": None}


def _save(path: Path, pictures: np.ndarray) -> None:
    """A network that learned nothing, but whose answers depend on what it sees."""
    import torch  # noqa: PLC0415 - needs the train extra

    from training.detector.network import DetectorNetwork  # noqa: PLC0415

    torch.manual_seed(0)
    network = DetectorNetwork(TINY).train()
    for level in network.levels:
        torch.nn.init.normal_(level.score.weight, std=0.5)
        torch.nn.init.zeros_(level.score.bias)
        torch.nn.init.normal_(level.places.weight, std=0.3)
    with torch.no_grad():
        for _ in range(30):  # until the statistics are those of what the layers see
            network(torch.from_numpy(pictures).permute(0, 3, 1, 2).float())
    _write(path, TINY, network.state_dict())


def _save_doubt(path: Path, pictures: np.ndarray) -> list[float]:
    """Likewise; returns its chances of a face."""
    import torch  # noqa: PLC0415

    from training.backbone import Backbone  # noqa: PLC0415

    torch.manual_seed(0)
    network = Backbone(DOUBT).train()
    torch.nn.init.normal_(network.head.weight, std=20.0)
    shown = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        for _ in range(30):
            network(shown)
        chances: list[float] = network.eval()(shown)[:, 0].sigmoid().tolist()
    _write(path, DOUBT, network.state_dict())
    return chances


def _write(path: Path, plan: Any, weights: Any) -> None:
    import torch  # noqa: PLC0415

    path.parent.mkdir()
    (path.parent / "experiment.json").write_text(json.dumps(dataclasses.asdict(plan)))
    torch.save({"network": weights}, path)


def _say(path: Path, view: np.ndarray) -> np.ndarray:
    """What the float network says of one picture: rows of score and fourteen places."""
    import torch  # noqa: PLC0415

    from training.detector.network import DetectorNetwork  # noqa: PLC0415

    network = DetectorNetwork(TINY).eval()
    network.load_state_dict(torch.load(path)["network"])
    with torch.no_grad():
        logits, places = network(torch.from_numpy(view).permute(2, 0, 1)[None].float())
    return torch.cat([logits.sigmoid()[..., None], places], 2)[0].numpy()


@pytest.mark.skipif(not TRAIN_EXTRA, reason="the train extra is not installed")
def test_the_file_says_on_every_runtime_and_at_any_sides_what_training_did(tmp_path: Path) -> None:
    weights, doubt = tmp_path / "look" / "best.pt", tmp_path / "doubt" / "best.pt"
    pictures = np.random.default_rng(0).integers(0, 256, (4, *SHAPE, 3), np.uint8)
    wide = np.ascontiguousarray(pictures[0, :96])
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(_save, weights, pictures).result()
        light = np.linspace(0.1, 1, len(pictures))[:, None, None, None]
        cut = (pictures[:, :32, :32] * light).astype(np.uint8)
        chances = pool.submit(_save_doubt, doubt, cut).result()
        trained = Trained("face", weights, TINY, RECORD, pictures)
        near = Trained("face-closer", weights, TINY, RECORD, pictures[:, :160, :160])
        asked = Trained("face-doubt", doubt, DOUBT, RECORD, cut)
        (made, close, third), found = pool.submit(_quantized, [trained, near, asked], []).result()
        expected = [pool.submit(_say, weights, view).result() for view in (wide, pictures[1])]
    put(tmp_path, made.content, describe(trained, made, COUNTS))
    put(tmp_path, close.content, describe(near, close, COUNTS))
    put(tmp_path, third.content, describe(asked, third, COUNTS))
    assert found == []
    assert Model(tmp_path, "face-closer").sides == (160, 160)
    for runtime in available_runtimes():
        model = Model(tmp_path, "face", runtime=runtime)
        for view, said in zip((wide, pictures[1]), expected, strict=True):
            model.take(*view.shape[:2])
            outputs = sorted(model.run(view), key=lambda out: (-out.shape[0], out.shape[2]))
            rows = [
                np.concatenate([score, places], 2).reshape(-1, 15)
                for score, places in zip(outputs[::2], outputs[1::2], strict=True)
            ]
            away = np.abs(np.concatenate(rows) - said)
            assert (said.std(0) > 0.1).all()
            assert (np.quantile(away, 0.95, axis=0) < 0.2 * said.std(0)).all()
            assert len(decode(outputs, 0.0)) == len(said)
        told = Model(tmp_path, "face-doubt", runtime=runtime)
        for view, chance in zip(cut, chances, strict=True):
            (said,) = told.run(view)
            assert said == pytest.approx([chance], abs=0.1)
    assert np.ptp(chances) > 0.2


def test_the_sidecar_says_what_the_weights_come_from() -> None:
    pictures = np.zeros((1, *SHAPE, 3), np.uint8)
    record = {"start": "face", "sets": {"photos": 40, "rafdb": 7}}
    trained = Trained("face", Path("runs/face-judged/best.pt"), TINY, record, pictures)
    sidecar = describe(trained, Converted(b"model", 5), COUNTS)
    assert sidecar.task == "face"
    assert sidecar.data["start"] == "the weights of the run face, on the same photos"
    assert sidecar.input.shape == (1, *SHAPE, 3)
    assert sidecar.data["photos"] == COUNTS
    assert "YuNet" in sidecar.data["labels"]
    assert sidecar.data["cut-out faces"] == {"RAF-DB, single-label": 7}
    assert [*sidecar.data["learned_from"]] == ["RAF-DB, single-label", "YuNet, which labels faces"]
    assert sidecar.metrics == {"multiply_adds": 5, "bytes": 5}


@pytest.mark.parametrize("shape", [(300, 448, 3), (448, 300, 3), (40, 30, 3)])
def test_calibration_sees_photos_whole(shape: tuple[int, int, int]) -> None:
    photo = np.full(shape, (10, 20, 30), np.uint8)
    view = _view(photo)
    assert view.shape == (*SHAPE, 3)
    inside = view.any(2)
    assert (view[inside] == (30, 20, 10)).all()
    assert inside.sum() == pytest.approx(
        min(SHAPE[0] / shape[0], SHAPE[1] / shape[1]) ** 2 * shape[0] * shape[1], rel=0.02
    )


def figures(**recall: float) -> dict[str, Any]:
    widths = {name: {"recall": floor} for name, floor in FLOORS.items()}
    widths |= {name: {"recall": value} for name, value in recall.items()}
    return {"by_width": widths, "eye_error": 0.05, "photos": 100, "false_faces": 2}


def test_a_model_at_its_floors_passes() -> None:
    check_floors(figures())


def test_a_model_below_a_floor_is_refused() -> None:
    with pytest.raises(ConversionError, match=r"0\.900 of faces 6-12 % wide, its floor is 0\.93"):
        check_floors(figures(**{"6-12 %": 0.9}))
    with pytest.raises(ConversionError, match=r"eyes 0\.06 of their distance off"):
        check_floors({**figures(), "eye_error": 0.06})
    with pytest.raises(ConversionError, match="3 faces where there are none in 100 photos"):
        check_floors({**figures(), "false_faces": 3})


def test_int8_that_loses_faces_is_refused() -> None:
    row = np.zeros((1, COLUMNS), np.float32)
    row[0, :9] = 0.9, 10, 10, 40, 40, 18, 20, 32, 20
    images = [np.full((48, 64, 3), 90, np.uint8)]
    # The device's model finds nobody in a grey picture where the reference claims a face.
    models = Path(__file__).parents[2] / "models_tflite"
    with pytest.raises(ConversionError, match=r"int8, .* costs 1\.000 of the recall"):
        check_parity(models, images, [row], [row])
