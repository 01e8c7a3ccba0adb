"""`attune doctor`: each part is tried, or asked for, and what is wrong comes with its mend."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from device import config, doctor, installed
from device.client import Client
from device.doctor import Check, Verdict, examine, line
from device.doctor import _disk as check_disk
from device.doctor import _models as check_models
from device.doctor import _music as check_music
from device.doctor import _private as check_private
from device.doctor import _tried as tried
from device.ports import Camera, Clock
from device.settings import HOME, CameraSettings, MusicSettings, Settings, StateSettings
from device.system import switch
from device.system.database import FILE
from device.types import Health, Part
from device.vision import sources
from device.watch import Paint
from tests.home.broker import Broker, password_file, running
from tests.local_api import TinySpeaker, serve
from tests.music.drives import Share

NOBODY = Client((Path("/nonexistent/api.sock"),))
MODELS = HOME / "models_tflite"
SECRET = """pa"ss 'word"""


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


def test_a_drive_that_went_away_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ASLEEP_SECONDS", 0.3)
    share = Share(folder / "music", monkeypatch)
    share.goes()
    try:
        found = checks(folder)
    finally:
        share.comes_back()
    assert found["music"].verdict is Verdict.FAIL
    assert f"{folder / 'music'}: its drive did not answer" in found["music"].detail
    assert "disk" in found


def test_a_changed_model_is_told(folder: Path) -> None:
    shutil.copytree(MODELS, folder / "models")
    with (folder / "models" / "face.tflite").open("ab") as model:
        model.write(b"x")
    found = checks(folder, 'vision.models = "models"\n')["models"]
    assert found.verdict is Verdict.FAIL
    assert "sha256" in found.detail


@pytest.mark.parametrize(
    ("model", "settings", "advised"),
    [
        ("Raspberry Pi 4 Model B Rev 1.5", "", True),
        ("Raspberry Pi Compute Module 4 Rev 1.0", "[vision]\nthreads = 1\n", True),
        ("Raspberry Pi 400 Rev 1.0", "", True),
        ("Raspberry Pi 4 Model B Rev 1.5", "[vision]\nthreads = 2\n", False),
        ("Raspberry Pi 4 Model B Rev 1.5", "[camera]\nface_hertz = 4.0\n", False),
        ("Raspberry Pi 5 Model B Rev 1.0", "", False),
        ("", "", False),
    ],
)
def test_a_pi_4_is_advised_to_use_two_threads(
    tmp_path: Path, model: str, settings: str, *, advised: bool
) -> None:
    board = tmp_path / "proc/device-tree/model"
    if model:
        board.parent.mkdir(parents=True)
        board.write_text(f"{model}\0")
    path = tmp_path / "attune.toml"
    path.write_text(settings)
    verdict, detail, mend = check_models(config.load(path), path, tmp_path)
    assert verdict is (Verdict.WARN if advised else Verdict.OK)
    assert detail.startswith("face, emotion and age in")
    assert bool(mend) is advised


@pytest.fixture
def pi_4(tmp_path: Path) -> Path:
    """The root of one."""
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text("Raspberry Pi 4 Model B Rev 1.1\0")
    return tmp_path


@pytest.mark.parametrize("before", [None, "[vision]\nthreads = 1\n"])
def test_the_command_that_is_told_to_a_pi_4_mends_it(
    tmp_path: Path, pi_4: Path, before: str | None
) -> None:
    path = tmp_path / "attune.toml"
    path.write_text((HOME / "config/attune.toml").read_text() if before is None else before)
    settings = config.load(path)
    _, _, mend = check_models(settings, path, pi_4)
    (command,) = re.findall("`(sudo sed .*?)`", mend)
    subprocess.run(["sh", "-c", command.removeprefix("sudo ")], check=True)
    vision = msgspec.structs.replace(settings.vision, threads=2)
    assert config.load(path) == msgspec.structs.replace(settings, vision=vision)
    assert "sudo systemctl restart attune" in mend


@pytest.mark.parametrize("text", ["vision.threads = 1\n#threads = 1\n", "", None])
def test_where_no_command_mends_it_a_pi_4_is_told_the_setting(
    tmp_path: Path, pi_4: Path, text: str | None
) -> None:
    path = tmp_path / "attune.toml"
    if text is not None:
        path.write_text(text)
    _, _, mend = check_models(Settings(), path, pi_4)
    assert mend.startswith(f"set [vision] threads = 2 in {path}, then")


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


PASSWORDS = r"""
# what systemd hands the service
ATTUNE_MQTT_PASSWORD="pa\"ss 'word"
ATTUNE_NOTHING
"""


@pytest.fixture
def guarded(folder: Path) -> Iterator[str]:
    """A broker that wants a password, as its settings."""
    with running(folder, f"password_file {password_file(folder, 'speaker', SECRET)}") as broker:
        yield (
            f'mqtt = {{ enabled = true, host = "127.0.0.1", port = {broker.port}, '
            'username = "speaker" }\n'
        )


def test_the_broker_is_asked_with_the_services_password(
    folder: Path, guarded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = checks(folder, guarded)["broker"]
    assert (found.verdict, found.mend) == (Verdict.FAIL, "")
    (folder / "environment").write_text(PASSWORDS)
    assert checks(folder, guarded)["broker"].verdict is Verdict.OK
    monkeypatch.setenv("ATTUNE_MQTT_PASSWORD", "another")  # who asks has the last word
    assert checks(folder, guarded)["broker"].verdict is Verdict.FAIL


def test_a_password_that_may_not_be_read_is_named_where_it_is_missed(
    folder: Path, guarded: str
) -> None:
    (folder / "environment").mkdir()  # as root may read any file
    found = checks(folder, guarded)["broker"]
    assert (found.verdict, found.mend) == (
        Verdict.FAIL,
        f"a password in {folder}/environment was not tried: use sudo",
    )


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


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources of all cameras that are opened; each still is."""
    opened: list[str] = []

    def open_camera(settings: CameraSettings, clock: Clock) -> Camera:
        opened.append(settings.source)
        return sources.open_camera(settings, clock)

    monkeypatch.setattr(doctor, "open_camera", open_camera)
    return opened


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder that only its owner may look into, and the rights of somebody else."""
    top = Path(tempfile.mkdtemp())
    top.chmod(0o755)
    (top / "locked" / "music").mkdir(parents=True)
    (top / "locked").chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield top / "locked" / "music"
    if root:
        os.seteuid(0)
    (top / "locked").chmod(0o755)
    shutil.rmtree(top)


def test_a_folder_that_may_not_be_looked_into_is_told(locked: Path) -> None:
    music = Settings(music=MusicSettings(folders=[str(locked)]))
    assert tried(lambda: check_music(music, None)) == (
        Verdict.FAIL,
        f"{locked}: Permission denied",
        "use sudo",
    )
    state = Settings(state=StateSettings(folder=str(locked)))
    assert f"free at {locked.parent}" in tried(lambda: check_disk(state))[1]


def test_the_disk_is_the_services(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "mine"))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setattr(installed, "STATE", folder / "service")
    (folder / "service").mkdir()
    path = folder / "attune.toml"
    path.write_text('camera.source = "pictures"\n')
    (disk,) = [check for check in examine(path, NOBODY) if check.name == "disk"]
    assert disk.detail.endswith(f"{folder}/service")


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


def answer_as_another_version(listener: socket.socket) -> None:
    with listener.accept()[0] as asker:
        asker.recv(4096)
        asker.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def test_a_daemon_that_does_not_tell_keeps_camera_and_sound_card(
    folder: Path, looks: list[str]
) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(folder / "api.sock"))
        other.listen()
        threading.Thread(target=answer_as_another_version, args=(other,), daemon=True).start()
        found = checks(folder, client=Client((folder / "api.sock",)))
    assert found["daemon"].verdict is Verdict.FAIL
    assert "another version" in found["daemon"].detail
    for part in ("camera", "sound"):
        assert found[part].verdict is Verdict.WARN
        assert found[part].detail == "not tried: the daemon has it, and does not tell"
    assert not looks


@pytest.mark.parametrize("explicit", [True, False])
def test_the_privacy_switch_keeps_the_camera_closed(
    folder: Path, looks: list[str], monkeypatch: pytest.MonkeyPatch, *, explicit: bool
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "mine"))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    (folder / "mine" / "attune").mkdir(parents=True)
    (folder / "mine" / "attune" / FILE).touch()  # by hand it ran once, too
    monkeypatch.setattr(installed, "STATE", folder / "service")
    (folder / "service").mkdir()
    switch.keep(folder if explicit else folder / "service", on=True)
    if explicit:
        found = checks(folder)
    else:
        path = folder / "attune.toml"
        path.write_text('camera.source = "pictures"\n')
        found = {check.name: check for check in examine(path, NOBODY)}
    assert found["camera"] == Check("camera", Verdict.OK, "off, privacy")
    assert not looks


def test_where_the_privacy_switch_is_not_to_be_seen_the_camera_stays_closed(locked: Path) -> None:
    assert check_private(Settings(state=StateSettings(folder=str(locked.parent)))) == (
        Verdict.WARN,
        f"not tried: whether the privacy switch is on is not to be seen in {locked.parent}",
        "use sudo",
    )


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
