from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.settings import VisionSettings
from device.types import Box
from tests.training.tiny import lay_out
from tests.vision.faces import MODELS
from training import evaluate as evaluation
from training.evaluate import evaluate_scenes, overlap
from training.scenes import FACE_WIDTHS, HEIGHT, WIDTH, scene


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 150))
def test_a_crop_lies_whole_within_the_frame(seed: int, side: int) -> None:
    crop = np.zeros((side, side, 3), np.uint8)
    crop[..., 0] = 255
    frame, box = scene(crop, np.random.default_rng(seed))
    assert (frame.shape, frame.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
    assert FACE_WIDTHS[0] - 0.002 < box.width < FACE_WIDTHS[1] + 0.002
    rows, columns = np.nonzero((frame == (255, 0, 0)).all(2))
    assert (columns.min() / WIDTH, rows.min() / HEIGHT) == (box.x, box.y)
    assert (columns.max() + 1) / WIDTH == pytest.approx(box.x + box.width)
    assert (rows.max() + 1) / HEIGHT == pytest.approx(box.y + box.height)


def test_the_same_seed_gives_the_same_scene() -> None:
    crop = np.full((50, 50, 3), 9, np.uint8)
    one, other = (scene(crop, np.random.default_rng(4))[0] for _ in range(2))
    assert np.array_equal(one, other)


def test_overlap_of_boxes() -> None:
    one = Box(x=0, y=0, width=0.5, height=0.5)
    assert overlap(one, one) == 1
    assert overlap(one, Box(x=0.5, y=0, width=0.5, height=0.5)) == 0
    assert overlap(one, Box(x=0.25, y=0, width=0.5, height=0.5)) == pytest.approx(1 / 3)


def test_faces_are_found_and_read_through_the_whole_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = evaluate_scenes(MODELS, lay_out(tmp_path, monkeypatch) / "rafdb")
    assert figures["count"] == 2
    assert figures["min_score"] == VisionSettings().minimum_score
    assert figures["found"]["value"] == 1
    assert figures["accuracy"]["value"] >= 0.5
    assert figures["loss"]["value"] <= 0.5
    lost = figures["crop_accuracy"]["value"] - figures["accuracy"]["value"]
    assert figures["loss_of_all"]["value"] == pytest.approx(lost, abs=1e-4)


def test_a_face_that_is_not_found_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unseen = msgspec.structs.replace(VisionSettings(), minimum_score=1.0)
    monkeypatch.setattr(evaluation, "VisionSettings", lambda: unseen)
    figures = evaluate_scenes(MODELS, lay_out(tmp_path, monkeypatch) / "rafdb")
    assert figures["found"]["value"] == 0
    assert figures["loss"] is None
    assert figures["loss_of_all"]["value"] == figures["crop_accuracy"]["value"]
