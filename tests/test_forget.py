"""`attune forget`, with the daemon running and stopped."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from device import cli_forget
from device.cli_taste import day
from device.settings import HOME
from device.types import Emotion, Goal, OverrideMood, Pause, Play, SetGoal, SetPrivacy, SetVolume
from tests.daemon import Daemon, make_music, running

NOBODY = 65_534


def attune(daemon: Daemon, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "device.cli", "--config", str(daemon.config), *words],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def raw(daemon: Daemon) -> bytes:
    folder = daemon.folder / "state"
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def lived(daemon: Daemon) -> None:
    """Something is played in a mood, liked, left; volume and goal are set by hand."""
    ask = daemon.client.command
    daemon.wait_for(lambda s: s.tracks == 6)
    ask(SetPrivacy(on=True))
    ask(OverrideMood(Emotion.HAPPINESS))
    ask(SetVolume(41))
    ask(SetGoal(Goal.LIFT))
    ask(Play())
    daemon.wait_for(lambda s: s.playing and s.track is not None)
    time.sleep(0.5)
    assert attune(daemon, "like").returncode == 0
    ask(Pause())
    assert b"happiness" in raw(daemon)
    assert b"lift" in raw(daemon)


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    make_music(tmp_path / "music", 8.0)
    return Daemon(tmp_path / "d", music={"folders": [str(tmp_path / "music")]})


def test_the_running_daemon_forgets_and_goes_on(tmp_path: Path) -> None:
    music = make_music(tmp_path / "music", 8.0)
    with running(tmp_path / "d", music={"folders": [str(music)]}) as daemon:
        lived(daemon)
        refused = attune(daemon, "forget", "--all")
        assert refused.returncode == 2
        assert "--yes" in refused.stderr
        assert b"happiness" in raw(daemon)
        told = attune(daemon, "forget", "--all", "--yes")
        assert told.returncode == 0, told.stderr
        assert "(1 plays)" in told.stdout
        assert b"happiness" not in raw(daemon)
        assert b"lift" not in raw(daemon)
        now = daemon.wait_for(lambda s: s.volume == 60 and not s.mood.overridden)
        assert now.goal is Goal.MATCH
        assert now.privacy, "a camera is never opened by forgetting"
        assert now.tracks == 6
        assert "Traceback" not in daemon.told()


def test_where_no_daemon_runs_it_is_forgotten_all_the_same(daemon: Daemon) -> None:
    try:
        daemon.started()
        lived(daemon)
    finally:
        daemon.kill()
    told = attune(daemon, "forget", "--all", "--yes")
    assert told.returncode == 0, told.stderr
    assert "(1 plays)" in told.stdout
    assert b"happiness" not in raw(daemon)
    assert b"lift" not in raw(daemon)
    try:
        now = daemon.started()
        assert now.privacy
        assert now.volume == 60
    finally:
        daemon.kill()


def test_nothing_to_forget_and_a_wrong_day_are_told(daemon: Daemon) -> None:
    assert "nothing to forget" in attune(daemon, "forget", "--all", "--yes").stdout
    assert attune(daemon, "forget", "--since", "soon", "--yes").returncode == 2
    assert attune(daemon, "forget").returncode == 2


def midnight(ago: int) -> float:
    year, month, day_of_month, *_ = time.localtime()
    return time.mktime((year, month, day_of_month - ago, 0, 0, 0, 0, 0, -1))


def test_a_day_may_be_named() -> None:
    assert day("today") == day("TODAY") == midnight(0)
    assert day("Yesterday") == midnight(1)


def test_the_help_says_where_privacy_is_told() -> None:
    assert (HOME / "PRIVACY.md").is_file()
    assert str(HOME / "PRIVACY.md") in cli_forget.EPILOG
    install = (HOME / "systemd" / "install.sh").read_text(encoding="utf-8")
    (shipped,) = re.findall(r"SHIPPED=\(([^)]*)\)", install)
    assert "PRIVACY.md" in shipped.split()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")
def test_as_root_what_it_writes_stays_the_services(tmp_path: Path) -> None:
    # Not below pytest's folder, which is root's alone.
    with (
        tempfile.TemporaryDirectory() as folder,
        running(tmp_path / "d", state={"folder": folder}) as daemon,
    ):
        daemon.kill()
        state = Path(folder)
        (state / "attune.lock").unlink()
        for path in (state, *state.iterdir()):
            shutil.chown(path, NOBODY, NOBODY)
        told = attune(daemon, "forget", "--all", "--yes")
        assert told.returncode == 0, told.stderr
        assert (state / "attune.lock").exists()
        assert {path.stat().st_uid for path in state.iterdir()} == {NOBODY}
