"""`attune doctor`: each part is tried, or asked for, and what is wrong comes with its mend."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from device.client import Client
from device.doctor import Check, Verdict, examine, line
from device.settings import HOME
from device.types import Health, Part
from device.watch import Paint
from tests.home.broker import Broker
from tests.local_api import TinySpeaker, serve

NOBODY = Client((Path("/nonexistent/api.sock"),))
MODELS = HOME / "models_tflite"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small home: a picture as camera, a track as music, no sound card needed."""
    (tmp_path / "pictures").mkdir()
    shutil.copy(HOME / "config" / "portraits" / "collins.jpg", tmp_path / "pictures")
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.ogg").touch()
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    return tmp_path


def checks(folder: Path, text: str = "", client: Client = NOBODY) -> dict[str, Check]:
    path = folder / "attune.toml"
    path.write_text(
        f'state.folder = "{folder}"\ncamera.source = "pictures"\nmusic.folders = ["music"]\n{text}'
    )
    return {check.name: check for check in examine(path, client)}


def test_every_part_is_checked_without_a_daemon(folder: Path) -> None:
    found = checks(folder)
    assert list(found) == [
        "config",
        "daemon",
        "camera",
        "sound",
        "broker",
        "models",
        "music",
        "clock",
        "disk",
        "power",
    ]
    assert found["daemon"].verdict is Verdict.WARN
    assert found["camera"].verdict is Verdict.OK
    assert "480x480" in found["camera"].detail
    assert found["sound"].verdict is Verdict.OK
    assert found["broker"].detail.startswith("switched off")
    assert found["music"].detail.startswith("1 files in")
    assert found["disk"].verdict is Verdict.OK


def test_a_wrong_configuration_is_told_and_the_rest_is_checked(folder: Path) -> None:
    found = checks(folder, "music.volum = 3\n")
    assert found["config"].verdict is Verdict.FAIL
    assert 'did you mean "volume"?' in found["config"].detail
    assert "power" in found


def test_what_is_missing_is_told_with_the_mend(folder: Path) -> None:
    shutil.rmtree(folder / "pictures")
    shutil.rmtree(folder / "music")
    (folder / "models").mkdir()
    found = checks(folder, 'sound.device = "Gramophone"\nvision.models = "models"\n')
    for name, mend in (
        ("camera", "set [camera] source"),
        ("sound", "set [sound] device to one of: System audio output device"),
        ("models", "restore it from the release"),
        ("music", "correct [music] folders"),
    ):
        assert found[name].verdict is Verdict.FAIL
        assert mend in found[name].detail + found[name].mend


def test_an_empty_music_folder_is_told(folder: Path) -> None:
    (folder / "music" / "song.ogg").rename(folder / "music" / "song.txt")
    assert checks(folder)["music"].detail.startswith("no music in")


def test_a_changed_model_is_told(folder: Path) -> None:
    shutil.copytree(MODELS, folder / "models")
    with (folder / "models" / "face.tflite").open("ab") as model:
        model.write(b"x")
    found = checks(folder, 'vision.models = "models"\n')["models"]
    assert found.verdict is Verdict.FAIL
    assert "sha256" in found.detail


def test_the_broker_is_really_asked(folder: Path) -> None:
    broker = Broker(folder, "allow_anonymous true")
    broker.start()
    try:
        settings = f'mqtt.enabled = true\nmqtt.host = "127.0.0.1"\nmqtt.port = {broker.port}\n'
        assert checks(folder, settings)["broker"].verdict is Verdict.OK
    finally:
        broker.stop()
    found = checks(folder, settings)["broker"]
    assert found.verdict is Verdict.FAIL
    assert "start the broker" in found.detail


def test_a_listener_that_is_no_broker_is_told(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        code = f"import socket\ns = socket.socket(fileno={other.fileno()})\n"
        code += "while True: s.accept()[0].close()"
        rude = subprocess.Popen([sys.executable, "-c", code], pass_fds=[other.fileno()])
        port = other.getsockname()[1]
        text = f'mqtt.enabled = true\nmqtt.host = "127.0.0.1"\nmqtt.port = {port}\n'
        try:
            assert checks(folder, text)["broker"].verdict is Verdict.FAIL
        finally:
            rude.kill()
            rude.wait(30)


def test_a_running_daemon_is_asked_instead(folder: Path) -> None:
    speaker = TinySpeaker()
    gone = Part(Health.DOWN, "no camera was found; plug one in")
    speaker.now = msgspec.structs.replace(speaker.now, camera=gone)
    with serve(speaker, folder / "api.sock"):
        found = checks(folder, client=Client((folder / "api.sock",)))
    assert found["daemon"] == Check("daemon", Verdict.OK, "running for 1 h 2 min")
    assert found["camera"] == Check(
        "camera", Verdict.FAIL, "down, no camera was found; plug one in"
    )
    assert found["broker"].verdict is Verdict.FAIL
    assert found["music"].detail.startswith("16 tracks in")


def test_as_a_program_it_is_1_when_something_fails(folder: Path) -> None:
    path = folder / "attune.toml"
    path.write_text('[camera]\nsource = "none.mp4"\n[state]\nfolder = "state"\n')
    environment = {**os.environ, "ATTUNE_CONFIG": str(path)}
    done = subprocess.run(
        [sys.executable, "-m", "device.cli", "doctor", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    told = [json.loads(each) for each in done.stdout.splitlines()]
    assert {"name": "camera", "verdict": "fail"}.items() <= told[2].items()
    assert not (folder / "state").exists()


def test_a_line_for_people() -> None:
    check = Check("sound", Verdict.FAIL, "no sound card was found", "plug one in")
    assert line(check, Paint(on=False)) == (
        "fail  sound     no sound card was found\n                plug one in"
    )
