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

import psutil
import pytest

from device.settings import HOME

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
