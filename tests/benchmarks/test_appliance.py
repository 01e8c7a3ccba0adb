"""What the whole appliance may cost: `./setup.sh test -m benchmark -s` on a quiet machine.

Each figure is printed, and bounded by what Attune promises.
"""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path

import psutil
import pytest

from device.bench import measure
from device.mood.circumplex import COORDINATES
from device.music.catalogue import Catalogue, Wish
from device.settings import HOME
from device.types import Affect, Emotion, Goal, Health, Mood, MoodLabel, Play, Track, TrackId
from tests.daemon import Daemon, make_music, notify_socket, running
from tests.home import broker as mosquitto

pytestmark = pytest.mark.benchmark

PORTRAITS = f"slideshow:{HOME / 'config' / 'portraits'}"


def busy_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@pytest.fixture(scope="module")
def stages() -> dict[str, float]:
    """Median milliseconds of each stage of seeing, LiteRT on one thread."""
    runs = {(run.runtime, run.threads): run for run in measure(HOME / "models_tflite").runs}
    return runs["litert", 1].milliseconds


@pytest.mark.parametrize(("stage", "limit_ms"), [("detect", 4.0), ("chain", 12.0)])
def test_seeing_one_face_is_quick_on_one_thread(
    stages: dict[str, float], stage: str, limit_ms: float
) -> None:
    print(f"\n{stage}, 640x480, one face, LiteRT, 1 thread: {stages[stage]:.2f} ms (median)")
    assert stages[stage] <= limit_ms


def test_it_is_ready_within_2_s(tmp_path: Path) -> None:
    music = make_music(tmp_path / "music", seconds=2.0)
    times = []
    for attempt in range(5):
        daemon = Daemon(tmp_path / str(attempt), music={"folders": [str(music)]})
        with notify_socket(tmp_path / f"notify{attempt}") as listener:
            began = time.monotonic()
            daemon.start(NOTIFY_SOCKET=str(tmp_path / f"notify{attempt}"))
            try:
                while not listener.recv(4096).startswith(b"READY=1"):
                    pass
                times.append(time.monotonic() - began)
            finally:
                daemon.kill()
    print(f"\nREADY after {statistics.median(times):.2f} s (median of {len(times)})")
    assert statistics.median(times) <= 2.0


def test_it_fits_in_180_mb_with_everything_on(tmp_path: Path) -> None:
    with (
        mosquitto.running(tmp_path, "allow_anonymous true") as broker,
        running(
            tmp_path / "d",
            camera={"source": PORTRAITS},
            music={"folders": [str(HOME / "music")]},
            mqtt={"enabled": True, "host": "127.0.0.1", "port": broker.port},
        ) as daemon,
    ):
        daemon.client.command(Play())
        daemon.wait_for(lambda s: s.playing and s.people > 0 and s.broker.health is Health.UP)
        process = psutil.Process(daemon.pid)
        most, began = 0.0, busy_seconds(process)
        for _ in range(60):
            time.sleep(1)
            most = max(most, process.memory_info().rss / 1e6)
        share = (busy_seconds(process) - began) / 60
    print(f"\nresident memory, at most: {most:.0f} MB; processor: {share:.1%} of one core")
    assert most <= 180


def test_an_empty_room_costs_5_percent_of_a_core(tmp_path: Path) -> None:
    music = make_music(tmp_path / "music", seconds=2.0)
    empty = tmp_path / "empty.mp4"
    _film_an_empty_room(empty)
    with running(
        tmp_path / "d", camera={"source": str(empty)}, music={"folders": [str(music)]}
    ) as daemon:
        daemon.wait_for(lambda s: s.mood.label is MoodLabel.NOBODY)
        time.sleep(5)
        process = psutil.Process(daemon.pid)
        began = busy_seconds(process)
        time.sleep(30)
        share = (busy_seconds(process) - began) / 30
    print(f"\nnobody there: {share:.1%} of one core")
    assert share <= 0.05


def _film_an_empty_room(path: Path) -> None:
    """A wall with a sensor's noise, half a minute at 10 Hz."""
    import cv2  # noqa: PLC0415 - a camera's stand-in, here alone
    import numpy as np  # noqa: PLC0415

    noise = np.random.default_rng(1)
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (640, 480))
    wall = np.full((480, 640, 3), (150, 170, 180), np.int16)
    for _ in range(300):
        film.write(np.clip(wall + noise.integers(-4, 5, wall.shape), 0, 255).astype(np.uint8))
    film.release()


@pytest.mark.parametrize(("count", "limit_ms"), [(10_000, 5.0), (50_000, 20.0)])
def test_a_choice_is_quick(count: int, limit_ms: float) -> None:
    dice = random.Random(1)
    catalogue = Catalogue(
        tuple(
            Track(
                TrackId(f"{number}"),
                f"/music/{number}.ogg",
                f"Track {number}",
                f"Artist {number % 700}",
                Affect(dice.uniform(-1, 1), dice.uniform(-1, 1), 0.2, "genre"),
                180.0,
                year=dice.randint(1950, 2025),
            )
            for number in range(count)
        )
    )
    recent = tuple((TrackId(str(dice.randrange(count))), 1.8e9 - 60 * n) for n in range(1000))
    times = []
    for turn in range(60):
        emotion = list(Emotion)[turn % 7]
        valence, arousal = COORDINATES[emotion]
        mood = Mood(MoodLabel(emotion.value), valence, arousal, 0.9, 0.0, 1, 40.0, (34.0, 46.0))
        wish = Wish(mood=mood, goal=Goal.MATCH, wall=1.8e9, steps=turn, recent=recent)
        began = time.perf_counter()
        assert catalogue.choose(wish, dice) is not None
        times.append((time.perf_counter() - began) * 1000)
    print(f"\na choice among {count}: {statistics.median(times):.2f} ms (median)")
    assert statistics.median(times) <= limit_ms
