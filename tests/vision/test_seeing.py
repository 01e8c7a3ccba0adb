"""Real pictures through the real detector; only the reader is a stand-in."""

from __future__ import annotations

import pytest

from device.settings import HOME, CameraSettings, Settings
from device.types import Sighting
from device.vision.detect import open_detector
from device.vision.slideshow import EMPTY_SECONDS, SHOW_SECONDS
from device.vision.watch import Watcher
from tests.fakes import FakeClock
from tests.vision.fakes import FakeContext, FakeReader

MEDIA = HOME.parent / "shared" / "data" / "media"


def watch(source: str, seconds: float) -> tuple[Watcher, list[Sighting]]:
    """What is seen in so many seconds, which pass as fast as they are computed."""
    clock, posted = FakeClock(), list[Sighting]()
    settings = Settings(camera=CameraSettings(source=source, loop=False))
    watcher = Watcher(
        settings,
        posted.append,
        clock,
        load_models=lambda s: (open_detector(s.models_folder), FakeReader()),
    )
    context = FakeContext(clock)
    context.waits_left = 10_000

    def on_wait() -> None:
        if clock.now >= 1000.0 + seconds:
            context.waits_left = 0

    context.on_wait = on_wait
    watcher.run(context)
    return watcher, posted


def test_the_slide_shows_portraits_are_seen_and_their_absence_too() -> None:
    turn = SHOW_SECONDS + EMPTY_SECONDS
    watcher, posted = watch(f"slideshow:{HOME / 'config' / 'portraits'}", 2 * turn)
    with_portrait = [s for s in posted if (s.at - 1000.0) % turn < SHOW_SECONDS]
    wall = [s for s in posted if (s.at - 1000.0) % turn >= SHOW_SECONDS]
    assert [len(s.faces) for s in with_portrait] == [1] * len(with_portrait)
    assert [len(s.faces) for s in wall] == [0] * len(wall)
    tracks = [s.faces[0].track for s in with_portrait]
    assert sorted(set(tracks)) == [1, 2], "one track for each portrait"
    assert tracks == sorted(tracks)
    assert all(s.faces[0].sharpness > 0.4 for s in with_portrait)
    assert watcher.frames_analysed < watcher.frames_seen


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("single_face.mp4", (0.9, 1.0)),
        ("no_face.mp4", (0.0, 0.15)),
        ("face_noface.mov", (0.3, 0.8)),
    ],
)
def test_clips(name: str, share: tuple[float, float]) -> None:
    if not (MEDIA / name).exists():
        pytest.skip("the shared clips are not here")
    _, posted = watch(str(MEDIA / name), 8.0)
    assert len(posted) >= 3
    seen = sum(bool(sighting.faces) for sighting in posted) / len(posted)
    assert share[0] <= seen <= share[1]
