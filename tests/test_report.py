"""`attune report`: what helps is in it, and nothing that is nobody's business."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from device import installed, report_log
from device.client import Client
from device.config_keys import MASK
from device.installed import state_folder
from device.report import Report, gather, main, write
from device.report_log import Entry, shown, without_names
from device.report_mask import Mask
from device.settings import HOME, MqttSettings, MusicSettings, Settings, SoundSettings
from device.types import Play
from tests.daemon import running
from tests.local_api import TinySpeaker, serve
from tests.music.audio import tone

SECRET = "correct-horse-battery"
CAMERA_SECRET = "pizza1234"
NAMES = ("Wandering Albatross", "The Lanterns", "Harbour Nights")
NOBODY = Client((Path("/nonexistent/api.sock"),))
FILES = {
    "README.txt",
    "versions.txt",
    "board.txt",
    "doctor.txt",
    "status.json",
    "service.txt",
    "state.txt",
    "config.toml",
    "log.txt",
}


def make_music(folder: Path) -> Path:
    title, artist, album = NAMES
    for number in (1, 2):
        tags = {"title": f"{title} {number}", "artist": artist, "album": album}
        tone(folder / album / f"{title} {number}.flac", 30.0, 440.0, tags=tags)
    (folder / f"{artist}.mp3").write_bytes(b"no music")
    return folder


OF_PEOPLE = {"mood", "people", "age", "age_interval", "age_group", "volume_why"}


def unpacked(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {
            entry.name.partition("/")[2]: archive.extractfile(entry).read().decode()  # type: ignore[union-attr]
            for entry in archive
        }


def attune(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "device.cli", *arguments]
    return subprocess.run(command, capture_output=True, cwd=cwd, check=False)


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program is found from whatever folder a report is made in."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")


def test_a_running_daemon_is_told_of_without_secrets_and_music(tmp_path: Path) -> None:
    music = make_music(tmp_path / "music")
    with running(
        tmp_path / "d",
        music={"folders": [str(music)]},
        camera={"source": f"http://viewer:{CAMERA_SECRET}@127.0.0.1:9/v?token={CAMERA_SECRET}"},
        mqtt={"enabled": True, "host": "127.0.0.1", "port": 9, "username": "speaker",
              "password": SECRET},
    ) as daemon:  # fmt: skip
        daemon.client.command(Play())
        daemon.wait_for(lambda status: status.track is not None and status.playing)
        told = attune("--config", str(daemon.config), "report", "r.tar.gz", cwd=tmp_path)
        assert told.returncode == 0, told.stderr
        assert b"log.txt" in told.stdout
        archive = tmp_path / "r.tar.gz"
        assert archive.stat().st_mode & 0o777 == 0o600
        files = unpacked(archive)
        assert set(files) == FILES | {"library.txt"}
        everything = "".join(files.values())
        for word in (SECRET, CAMERA_SECRET, *NAMES):
            assert word not in everything, word
        status = json.loads(files["status.json"])
        assert status["track"]["title"] == MASK
        assert status["playing"] is True
        assert not OF_PEOPLE & status.keys()
        assert "tracks                   2" in files["library.txt"]
        assert 'username = "speaker"' in files["config.toml"]
        assert "numpy" in files["versions.txt"]
        assert "plays " in files["state.txt"]
        assert "ok    models" in files["doctor.txt"]
        assert "cannot be told: " not in everything

        asked = attune("--config", str(daemon.config), "report", "--with-music", "-", cwd=tmp_path)
        (tmp_path / "with.tar.gz").write_bytes(asked.stdout)
        files = unpacked(tmp_path / "with.tar.gz")
        assert NAMES[0] in files["status.json"]
        status = json.loads(files["status.json"])
        assert not OF_PEOPLE & status.keys()
        assert status["track"]["because"] == MASK
        assert "why each track played, which tells of moods" in files["README.txt"]
        assert NAMES[2] in files["library.json"]
        assert SECRET not in "".join(files.values())


def test_without_a_daemon_it_tells_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "attune.toml").write_text(
        f'camera.source = "{HOME / "config/portraits"}"\nmqtt.password = "{SECRET}"\n'
        f'music.volum = 3\nstate.folder = "{tmp_path}"\n'
    )
    told = attune("--config", "attune.toml", "report", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    (archive,) = tmp_path.glob("attune-report-*.tar.gz")
    files = unpacked(archive)
    assert set(files) >= FILES - {"state.txt"}
    assert 'did you mean "volume"?' in files["config-problems.txt"]
    assert "not running" in files["status.json"]
    assert "warn  camera    not tried: a report opens no camera" in files["doctor.txt"]
    assert "cannot be told: " in files["state.txt"]  # there is no database yet
    assert SECRET not in "".join(files.values())


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine"
    mine.write_text("dear")
    config = tmp_path / "attune.toml"
    config.write_text('camera.source = "/dev/video99"\n')
    assert main(mine, config, NOBODY, with_music=False) == 1
    assert "is there already; name another file" in capsys.readouterr().err
    assert mine.read_text() == "dear"
    assert main(tmp_path / "no" / "where", config, NOBODY, with_music=False) == 1
    assert "No such file" in capsys.readouterr().err


def test_music_of_a_daemon_that_is_down_is_masked_by_its_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(tmp_path / "attune.db") as db:
        db.executescript(
            "CREATE TABLE tracks (path, title, artist, album, album_artist);"
            "CREATE TABLE skipped_files (path);"
        )
        db.execute("INSERT INTO tracks VALUES ('/m/x.ogg', ?, ?, NULL, NULL)", NAMES[:2])
        db.execute("INSERT INTO skipped_files VALUES (?)", (f"/m/{NAMES[2]}.mp3",))
    db.close()
    trace = f"Traceback: decoding {NAMES[0]} by {NAMES[1]}, after {NAMES[2]}"
    entry = json.dumps({"MESSAGE": trace, "SYSLOG_IDENTIFIER": "attune"})
    monkeypatch.setattr(report_log, "_ask", lambda *_: entry)
    config = tmp_path / "attune.toml"
    config.write_text(f'state.folder = "{tmp_path}"\ncamera.source = "/dev/video99"\n')
    log = gather(config, NOBODY, with_music=False, wall=0.0).files["log.txt"]
    assert log.endswith(f"Traceback: decoding {MASK} by {MASK}, after {MASK}")
    assert trace in gather(config, NOBODY, with_music=True, wall=0.0).files["log.txt"]


def test_the_services_memory_is_looked_at_by_others_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, service = tmp_path / "mine/attune", tmp_path / "service"
    monkeypatch.setattr(installed, "STATE", service)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "mine"))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    assert state_folder(Settings()) == own
    service.mkdir()
    assert state_folder(Settings()) == service
    own.mkdir(parents=True)
    (own / "attune.db").touch()
    assert state_folder(Settings()) == own


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ('cannot play /m/Say "Süß", AC\\DC.mp3: torn', f"cannot play {MASK}"),
        ('cannot announce /elsewhere/Say "Süß".mp3: torn', f"cannot announce {MASK}"),
        ('/m/Say "Süß", AC\\DC.mp3 ends at 3 s', f"/m/{MASK}"),
        ("camera is down: unplugged", "camera is down: unplugged"),
    ],
)
def test_the_last_error_names_no_music(tmp_path: Path, said: str, masked: str) -> None:
    config = tmp_path / "attune.toml"
    config.write_text('[music]\nfolders = ["/m"]\n')
    speaker = TinySpeaker()
    vitals = replace(speaker.now.vitals, last_error=said)
    speaker.now = replace(speaker.now, vitals=vitals)
    with serve(speaker, tmp_path / "api.sock"):
        client = Client((tmp_path / "api.sock",))
        told = gather(config, client, with_music=False, wall=0.0).files["status.json"]
    assert json.loads(told)["vitals"]["last_error"] == masked


# --- masks -----------------------------------------------------------------------------------

SETTINGS = Settings(
    mqtt=MqttSettings(username="u", password=SECRET),
    music=MusicSettings(folders=["/m", "/srv/my music"]),
    sound=SoundSettings(announcements="/bells"),
)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"it said {SECRET}!", f"it said {MASK}!"),
        ("rtsp://me:pw@cam/1?user=me&password=pw ok", f"rtsp://cam/1?{MASK} ok"),
        ("gst:rtspsrc user-id=me user-pw=abc ! x", f"gst:rtspsrc user-id=me user-pw={MASK} ! x"),
        ("ATTUNE_MQTT_PASSWORD=abc", f"ATTUNE_MQTT_PASSWORD={MASK}"),
        ('password = ""', 'password = ""'),
        ("cannot open /m/A: b/c.mp3: gone\nnext", f"cannot open /m/{MASK}\nnext"),
        ('no "/srv/my music/Say "Hi".ogg": gone', f'no "/srv/my music/{MASK}'),
        ("/bells/ding.wav", f"/bells/{MASK}"),
        ('folders = ["/m", "/bells"]', 'folders = ["/m", "/bells"]'),
        ("Blue Light, Blue", f"{MASK}, {MASK}"),
        ("Bluetooth is off", "Bluetooth is off"),
        ("by U2", "by U2"),
    ],
)
def test_masks(text: str, masked: str) -> None:
    assert Mask(SETTINGS, ["Blue", "Blue Light", "U2", ""])(text) == masked


@pytest.mark.parametrize(
    "name", ['Say "Hello"', "AC\\DC \\u0041", "Süße Größe", "Café\u2028Noir", "One\nTwo", "***F"]
)
def test_texts_are_masked_before_they_are_encoded(name: str) -> None:
    value = {"said": [f"{name}: torn", 1, None], "path": f"/m/{name.splitlines()[0]}"}
    assert Mask(SETTINGS, [name]).within(value) == {
        "said": [f"{MASK}: torn", 1, None],
        "path": f"/m/{MASK}",
    }


def test_with_music_only_secrets_are_masked() -> None:
    assert Mask(SETTINGS, None)(f"/m/x.ogg {SECRET}") == f"/m/x.ogg {MASK}"


@given(st.text(min_size=4).filter(lambda name: "*" not in name), st.text())
def test_a_known_name_does_not_stay(name: str, around: str) -> None:
    assert name not in Mask(Settings(), [name])(f"{around} {name} {around}").split(" ")


# --- the log ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (
            {"MESSAGE": "playing Albatross: bright", "LOGGER": "device.music.session"},
            f"device.music.session: playing {MASK}",
        ),
        (
            {"MESSAGE": "device.music.listener: cannot listen to /x/y.mp3: torn"},
            f"device.music.listener: cannot listen to {MASK}",
        ),
        (
            {"MESSAGE": "the decoder stumbled over /x/y\nTraceback", "LOGGER": "device.music.deck"},
            f"device.music.deck: {MASK}",
        ),
        (
            {"MESSAGE": "sound is down: no card", "LOGGER": "device.music.retries"},
            "device.music.retries: sound is down: no card",
        ),
        ({"MESSAGE": "ready", "LOGGER": "device.daemon"}, "device.daemon: ready"),
        ({"MESSAGE": [255, 65], "SYSLOG_IDENTIFIER": "attune"}, "attune: \ufffdA"),
        ({"MESSAGE": None, "SYSLOG_IDENTIFIER": "systemd"}, "systemd: "),
    ],
)
def test_a_line_of_the_log(entry: dict[str, object], line: str) -> None:
    decoded = msgspec.json.decode(json.dumps({"PRIORITY": "4", **entry}), type=Entry)
    assert shown(decoded, with_music=False).endswith(f"warning {line}")


def test_every_line_that_may_name_music_is_cut() -> None:
    for said in ("playing Up: it fits", "skipped /m/x: torn", "Up ends at 3 s", "cannot play Up"):
        assert "Up" not in without_names(said)
        assert "/m/x" not in without_names(said)


def test_where_there_is_no_journal_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    lines = list(report_log.log_lines(with_music=False))
    assert "journalctl cannot be asked" in lines[0]
    assert "systemctl cannot be asked" in report_log.unit_state()


def test_an_archive_holds_one_folder(tmp_path: Path) -> None:
    report = Report("attune-report-1", {"a.txt": "ä\n", "b.txt": "b"})
    path = write(report, tmp_path / "r.tar.gz", 1e9)
    assert path is not None
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as archive:
        assert archive.getnames() == ["attune-report-1/a.txt", "attune-report-1/b.txt"]
    assert unpacked(path) == {"a.txt": "ä\n", "b.txt": "b\n"}
