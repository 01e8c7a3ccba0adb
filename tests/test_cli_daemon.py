"""The command line against the real daemon, each a program of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from device.music.playlists import read_playlist
from tests.music.audio import tone

ATTUNE = (sys.executable, "-m", "device.cli")
READY_SECONDS = 30.0


class Home:
    """A daemon with a few tracks, a picture as camera and a log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "attune.toml"
        self.log = folder / "log"
        self.environment = {
            **os.environ,
            "ATTUNE_CONFIG": str(self.config),
            "SDL_AUDIODRIVER": "dummy",
        }
        for name in ("one", "two", "three"):
            tone(folder / "music" / f"{name}.ogg", 30.0, tags={"title": name, "artist": "Tone"})
        self.write("")

    def write(self, text: str) -> None:
        self.config.write_text(
            'state.folder = "state"\nmusic.folders = ["music"]\nmusic.listen = false\n'
            f'camera.source = "music"\n{text}'
        )

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen([*ATTUNE, "run"], env=self.environment, stderr=log)
        self.until(lambda: self.attune("status").returncode == 0)
        return process

    def attune(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*ATTUNE, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.attune("status", "--json").stdout)
        return status

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not holds():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)


def stop(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(15)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "music").mkdir()
    return Home(tmp_path)


@pytest.fixture
def daemon(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    process = home.start()
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(30)


def test_every_command_has_its_effect(home: Home, daemon: subprocess.Popen[bytes]) -> None:
    home.until(lambda: home.status()["tracks"] == 3)
    assert home.attune("volume", "33").returncode == 0
    assert home.attune("goal", "calm").returncode == 0
    assert "privacy on" in home.attune("privacy", "on").stdout
    assert "happiness" in home.attune("mood", "happiness").stdout
    assert home.attune("play").returncode == 0
    home.until(lambda: home.status()["playing"])
    now = home.status()
    assert now["volume"] == 33
    assert now["goal"] == "calm"
    assert now["privacy"] is True
    assert now["mood"]["label"] == "happiness"
    assert now["mood"]["overridden"] is True
    assert now["track"]["artist"] == "Tone"
    assert now["track"]["because"]
    home.until(lambda: home.status()["camera"]["health"] == "off")
    assert home.attune("like").returncode == 0
    assert home.attune("next").returncode == 0
    home.until(lambda: home.status()["track"]["title"] != now["track"]["title"])
    assert home.attune("pause").returncode == 0
    home.until(lambda: not home.status()["playing"])
    assert home.attune("mood", "auto").returncode == 0
    assert home.status()["mood"]["overridden"] is False
    assert stop(daemon) == 0
    assert home.attune("status").returncode == 69
    assert not (home.folder / "state" / "api.sock").exists()


def test_the_library_is_scanned_told_and_exported(
    home: Home, daemon: subprocess.Popen[bytes]
) -> None:
    home.until(lambda: home.status()["tracks"] == 3)
    tone(home.folder / "music" / "calm" / "four.flac", 1.0, tags={"title": "vier", "date": "1984"})
    (home.folder / "music" / "broken.mp3").write_text("no sound")
    done = home.attune("scan")
    assert (done.returncode, done.stdout) == (0, "4 tracks, 1 skipped (see `attune library`)\n")
    told = home.attune("library").stdout
    assert "4 tracks, 1 min; 1 artists, 0 albums" in told
    assert "unknown 3, folder 1" in told
    assert "broken.mp3: not sound, or damaged" in told
    assert len(json.loads(home.attune("library", "--json").stdout)["tracks"]) == 4
    shown = home.attune("library", "show", "VIER").stdout
    assert "valence +0.45, arousal -0.70 (± 0.25), says: folder" in shown
    assert "1984" in shown
    assert (
        home.attune("library", "show", str(home.folder / "music/one.ogg")).stdout.count("id") == 1
    )
    assert "no track is called 'fünf'" in home.attune("library", "show", "fünf").stderr
    for name, wishes, count in (
        ("a.m3u8", ("--mood", "calm"), 1),
        ("b.xspf", ("--artist", "tone"), 3),
        ("c.m3u", (), 4),
    ):
        done = home.attune("library", "export", str(home.folder / name), *wishes)
        assert done.stdout.endswith(f"{name}: {count} tracks\n"), done.stderr
        assert len(read_playlist(home.folder / name)) == count
    assert (home.folder / "a.m3u8").read_text().splitlines()[-1] == "music/calm/four.flac"
    for wrong in (("x.txt",), ("x.m3u8", "--mood", "xyzzy"), ("x.m3u8", "--genre", "polka")):
        done = home.attune("library", "export", *wrong)
        assert (done.returncode, done.stdout, "attune: " in done.stderr) == (1, "", True)
    (home.folder / "music" / "one.ogg").rename(home.folder / "one.ogg")
    home.until(lambda: home.status()["tracks"] == 3)  # it is seen by itself
    assert "1 missing, not forgotten" in home.status()["library"]["detail"]
    (home.folder / "music").rename(home.folder / "away")
    home.until(lambda: home.status()["library"]["health"] == "down")
    assert home.status()["tracks"] == 0
    (home.folder / "away").rename(home.folder / "music")
    home.until(lambda: home.status()["tracks"] == 3)
    assert stop(daemon) == 0


def test_what_was_set_by_hand_survives_a_kill(home: Home, daemon: subprocess.Popen[bytes]) -> None:
    assert home.attune("volume", "21").returncode == 0
    assert home.attune("goal", "focus").returncode == 0
    daemon.kill()
    daemon.wait(30)
    assert home.attune("status").returncode == 69
    again = home.start()
    assert (home.status()["volume"], home.status()["goal"]) == (21, "focus")
    assert stop(again) == 0


def test_a_second_daemon_on_the_same_state_is_refused(
    home: Home, daemon: subprocess.Popen[bytes]
) -> None:
    second = home.attune("run")
    assert second.returncode == 1
    assert "is in use by another Attune" in second.stderr
    assert "Traceback" not in second.stderr
    assert home.attune("status").returncode == 0
    assert stop(daemon) == 0


def test_a_reload_says_what_changed_or_why_not(home: Home, daemon: subprocess.Popen[bytes]) -> None:
    home.write("music.fade_seconds = 3.0\nmqtt.host = 'nas'\n")
    daemon.send_signal(signal.SIGHUP)
    home.until(lambda: "music.fade_seconds: 1.5 -> 3.0" in home.log.read_text())
    assert 'mqtt.host: "localhost" -> "nas" (after a restart)' in home.log.read_text()
    home.write("music.fade_second = 2.0\n")
    daemon.send_signal(signal.SIGHUP)
    home.until(lambda: 'did you mean "fade_seconds"?' in home.log.read_text())
    assert home.attune("status").returncode == 0
    assert stop(daemon) == 0


def test_doctor_asks_the_running_daemon(home: Home, daemon: subprocess.Popen[bytes]) -> None:
    home.until(lambda: home.status()["tracks"] == 3)
    told = [json.loads(line) for line in home.attune("doctor", "--json").stdout.splitlines()]
    found = {check["name"]: check for check in told}
    assert found["daemon"]["verdict"] == "ok"
    assert found["music"]["detail"].startswith("3 tracks")
    assert found["broker"]["verdict"] == "ok"
    assert daemon.poll() is None


def test_taste_is_told_given_out_and_forgotten(
    home: Home, daemon: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    home.until(lambda: home.status()["tracks"] == 3)
    home.attune("play")
    home.until(lambda: home.status()["playing"])
    time.sleep(0.5)
    assert home.attune("like").returncode == 0
    assert home.attune("next").returncode == 0
    plot, file = tmp_path / "taste.svg", tmp_path / "taste.json"
    told = home.attune("taste", "--plot", str(plot))
    assert "Learned from 1 plays" in told.stdout, told.stderr
    assert plot.read_text().startswith("<svg")

    def given_out() -> list[dict[str, Any]]:
        assert home.attune("taste", "export", str(file)).returncode == 0
        lessons: list[dict[str, Any]] = json.loads(file.read_text())["lessons"]
        return lessons

    # The track after `next` is noted once it sounds.
    home.until(lambda: len(given_out()) == 2)
    assert given_out()[0]["liked"] is True
    refused = home.attune("taste", "forget", "--all")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert "forgot 2 plays" in home.attune("taste", "forget", "--all", "--yes").stdout
    assert "Learned from 0 plays" in home.attune("taste").stdout
    assert "learned from 2 plays" in home.attune("taste", "import", str(file)).stdout
    file.write_text(file.read_text().replace('"probability"', '"chance"'))
    hostile = home.attune("taste", "import", str(file))
    assert hostile.returncode == 1
    assert "chance" in hostile.stderr
    assert home.attune("taste", "forget", "--since", "soon").returncode == 2
    assert daemon.poll() is None
