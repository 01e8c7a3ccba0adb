"""The music tagger's conversion: what is measured, what is refused, what was committed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from conversion.convert import ConversionError
from conversion.music import FLOORS, LABELS, convert_music, parity, refuse
from device.music.listen.tagger import MusicSidecar
from device.settings import HOME


def test_a_network_is_on_a_par_with_itself_and_not_with_another() -> None:
    dice = np.random.default_rng(1)
    one = dice.normal(-3, 1.5, (20, 50)).astype(np.float32)
    same = parity(one, one)
    assert (same["correlation"], same["top5_overlap"]) == (1.0, 1.0)
    assert same["greatest_difference"] == 0.0
    refuse("litert", same)
    other = parity(one, dice.normal(-3, 1.5, (20, 50)).astype(np.float32))
    with pytest.raises(ConversionError, match=r"correlation .* top5_overlap .* difference"):
        refuse("litert", other)


def test_the_committed_file_reached_its_floors_on_real_music() -> None:
    content = (HOME / "models_tflite/music.json").read_bytes()
    sidecar = msgspec.json.decode(content, type=MusicSidecar)
    assert sidecar.labels == LABELS
    assert len(set(LABELS)) == 50
    for runtime in ("litert", "tflite-runtime"):
        figures = sidecar.metrics[f"parity, {runtime}"]
        assert figures["patches"] >= 50
        assert all(figures[name] >= floor for name, floor in FLOORS.items())


def test_without_the_weights_it_says_where_they_are_to_be_had(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="pip download --no-deps musicnn"):
        convert_music(tmp_path, HOME / "music/starter", tmp_path)
