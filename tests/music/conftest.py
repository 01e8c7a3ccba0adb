"""What the tests of the real player share: two tracks, which no test changes."""

from __future__ import annotations

import pytest

from device.types import Track
from tests.music.real_player import make_track


@pytest.fixture(scope="module")
def low(tmp_path_factory: pytest.TempPathFactory) -> Track:
    return make_track(tmp_path_factory.mktemp("low") / "low.flac", 440.0, 12.0)


@pytest.fixture(scope="module")
def high(tmp_path_factory: pytest.TempPathFactory) -> Track:
    return make_track(tmp_path_factory.mktemp("high") / "high.flac", 880.0, 12.0)
