"""The demonstration: what it shows, and that nothing of it is left however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
import pytest
import soundfile

from device import config
from device.demo import write_settings
from device.music.library import scan
from device.music.walk import roots
from device.settings import HOME

Samples = npt.NDArray[np.float64]

PORTRAITS = HOME / "config" / "portraits"


@contextmanager
def demo(folder: Path, *options: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`attune demo` with its own folder for temporary files, where no sound card is heard."""
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "device.cli", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(HOME),
            "TMPDIR": str(folder),
            "SDL_AUDIODRIVER": "disk",
            **environment,
        },
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def parts(folder: Path) -> list[str]:
    """Command lines of the broker and the daemon that a demonstration in `folder` started."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if f"{folder}/attune-demo-" in line:
            found.append(line)
    return found


def wait_until(so: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def heard(wav: Path) -> list[str]:
    """Titles of the starter tracks in a capture, in order, told by correlation with the files."""
    sound, rate = soundfile.read(wav)
    library = {
        track.title: dull(soundfile.read(track.path, stop=30 * rate)[0])
        for track in scan(roots([HOME / "music"])).tracks
    }
    titles: list[str] = []
    for start in range(0, len(sound) - 2 * rate, rate):
        part = dull(sound[start : start + 2 * rate])
        if np.sqrt(np.mean(part**2)) < 1e-3:
            continue
        likeness = {title: correlation(part, whole) for title, whole in library.items()}
        best = max(likeness, key=lambda title: likeness[title])
        if likeness[best] > 0.9 and best not in titles[-1:]:
            titles.append(best)
    return titles


def dull(sound: Samples) -> Samples:
    """One channel, means of 16 samples: what is left hardly minds a shift by less than that."""
    mono = sound.mean(axis=1)
    return mono[: len(mono) // 16 * 16].reshape(-1, 16).mean(axis=1)


def correlation(part: Samples, whole: Samples) -> float:
    """The largest normalized correlation of a part with any place in a whole."""
    size = len(whole) + len(part)
    products = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)[
        : len(whole) - len(part)
    ]
    energy = np.concatenate([[0.0], np.cumsum(whole**2)])
    energies = energy[len(part) :] - energy[: -len(part)]
    norms = np.sqrt(np.maximum(energies[: len(products)], 1e-9) * np.sum(part**2))
    return float(np.max(products / norms))


def test_it_shows_two_moods_two_ages_and_the_music_that_follows_them(tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    with demo(tmp_path, "--seconds", "24", "--summary", str(summary)) as process:
        told, _ = process.communicate(timeout=90)
    assert process.returncode == 0, told
    shown = json.loads(summary.read_text())
    assert len(shown["moods"]) >= 2
    assert "happiness" in shown["moods"]
    assert len(shown["age_groups"]) >= 2
    assert len(shown["tracks"]) >= 2
    assert shown["mqtt_messages"] >= 10
    assert "homeassistant/device/attune_demo/config" in told
    sound, _ = soundfile.read(shown["sound_file"])
    assert np.sqrt(np.mean(sound**2)) > 0.003
    assert np.abs(sound).max() < 1.0
    assert heard(Path(shown["sound_file"])) == shown["tracks"]


@pytest.mark.slow
def test_two_at_once_show_something_and_leave_only_their_sound(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    options = ("--seconds", "10", "--summary", "summary.json")
    with demo(folders[0], *options) as one, demo(folders[1], *options) as two:
        for process, folder in ((one, folders[0]), (two, folders[1])):
            told = process.communicate(timeout=60)[0]
            assert process.returncode == 0, told
            summary = json.loads((folder / "summary.json").read_text())
            assert summary["moods"], told
            assert summary["mqtt_messages"] > 5
            left = {path.name for path in folder.iterdir()} - {"summary.json"}
            assert left == {Path(summary["sound_file"]).name}
            assert parts(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ended_while_it_starts_it_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as process:
        wait_until(lambda: bool(parts(tmp_path)))
        process.send_signal(number)
        asked = time.monotonic()
        told = process.communicate(timeout=30)[0]
        assert process.returncode == 0, told
        assert time.monotonic() - asked < 5.0
    assert "Traceback" not in told
    assert parts(tmp_path) == []
    assert list(tmp_path.glob("attune-demo-*/")) == []


def test_killed_it_takes_broker_and_daemon_along(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        wait_until(lambda: len(parts(tmp_path)) == 2)
        process.kill()
        process.wait()
        wait_until(lambda: not parts(tmp_path))


def test_a_camera_is_found_from_where_one_is(tmp_path: Path) -> None:
    (tmp_path / "pictures").symlink_to(PORTRAITS)
    secrets = {"ATTUNE_MQTT_PASSWORD": "of another speaker"}
    options = ("--camera", "pictures", "--seconds", "6")
    with demo(tmp_path, *options, **secrets) as process:
        told = process.communicate(timeout=60)[0]
    assert process.returncode == 0, told
    assert "moods          none" not in told


def test_a_camera_may_have_any_name(tmp_path: Path) -> None:
    camera = str(tmp_path / 'Müllers "📷".mp4')
    assert config.load(write_settings(tmp_path, 1883, 8088, camera)).camera.source == camera
