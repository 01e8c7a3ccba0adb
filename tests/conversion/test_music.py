"""The music tagger's conversion: what is measured, what is refused, what was committed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from conversion.convert import ConversionError
from conversion.music import (
    FLOORS,
    LABELS,
    MOST_DIFFERENCE,
    OTHER_MOMENTS,
    UNSEEN,
    _names,
    _pieces,
    compare_music,
    convert_music,
    parity,
    refuse,
)
from device.music.listen.spectrum import MELS
from device.music.listen.tagger import PATCH, MusicSidecar
from device.settings import HOME
from tests.music.audio import tone


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


def test_the_committed_file_reached_its_floors_on_the_starter_pieces_and_on_recordings() -> None:
    content = (HOME / "models_tflite/music.json").read_bytes()
    sidecar = msgspec.json.decode(content, type=MusicSidecar)
    assert sidecar.labels == LABELS
    assert len(set(LABELS)) == 50
    assert sidecar.data["ranges and parity"].endswith(OTHER_MOMENTS)
    assert sidecar.data["recordings"].endswith(UNSEEN)
    for runtime in ("litert", "tflite-runtime"):
        for parity_, patches in (("parity", 50), ("parity on recordings", 300)):
            figures = sidecar.metrics[f"{parity_}, {runtime}"]
            assert figures["patches"] >= patches
            assert all(figures[name] >= floor for name, floor in FLOORS.items())
            assert figures["mean_absolute_difference"] <= MOST_DIFFERENCE
        assert figures["correlation_of_a_mood_tag_least"] >= 0.95


def test_pieces_are_those_of_linked_folders_too_and_what_cannot_be_decoded_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tone(tmp_path / "elsewhere" / "b.flac", 7.0)
    tone(tmp_path / "music" / "some" / "a.flac", 7.0)
    (tmp_path / "music" / "some" / "torn.ogg").write_bytes(b"OggS")
    (tmp_path / "music" / "other").symlink_to(tmp_path / "elsewhere")
    pieces = _pieces(tmp_path / "music")
    assert [path.name for path in pieces] == ["b.flac", "a.flac"]
    assert {patches.shape for patches in pieces.values()} == {(2, PATCH, MELS)}
    assert "torn.ogg" in capsys.readouterr().err
    assert _names(tmp_path / "music", pieces) == "2 pieces in music/other, music/some"


@pytest.mark.parametrize("convert", [convert_music, compare_music])
def test_without_the_weights_it_says_where_they_are_to_be_had(
    convert: Callable[[Path, Path, Path], MusicSidecar], tmp_path: Path
) -> None:
    with pytest.raises(ConversionError, match="pip download --no-deps musicnn"):
        convert(tmp_path, HOME / "music/starter", tmp_path)
