"""`attune config`: what the service would say of the file, before it is started."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from device import config, installed
from device.cli import main
from device.config_text import default_toml

NOBODY = 65_534


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration file of whoever asks."""
    monkeypatch.setenv("ATTUNE_CONFIG", str(tmp_path / "a.toml"))
    return tmp_path / "a.toml"


@pytest.fixture
def system_file(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The service's file; the service is a user of its own."""
    # Not below pytest's folder, which is root's alone.
    with tempfile.TemporaryDirectory() as place:
        folder, state = Path(place), Path(place) / "state"
        folder.chmod(0o755)
        state.mkdir()
        shutil.chown(state, NOBODY, NOBODY)
        monkeypatch.setattr(config, "SYSTEM_FILE", folder / "attune.toml")
        monkeypatch.setattr(installed, "STATE", state)
        monkeypatch.delenv("ATTUNE_CONFIG", raising=False)
        (folder / "attune.toml").write_text("[music]\nvolume = 3\n")
        yield folder / "attune.toml"


def test_every_mistake_is_told_and_is_78(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("[music]\nvolum = 3\ngoal = 'lfit'\n")
    for arguments in (
        ["config", "check"],
        ["config", "check", str(file)],
        ["config", "show"],
        ["run"],
        ["--config", str(file), "config", "check"],
    ):
        assert main(arguments) == 78
        told = capsys.readouterr().err
        assert f'{file}:2: music.volum: unknown key; did you mean "volume"?' in told
        assert f"{file}:3: music.goal" in told
    file.write_text("[music]\nvolume = 3\n")
    assert main(["config", "check"]) == 0
    assert capsys.readouterr().out == f"{file}: good\n"


def test_passwords_beside_the_file_are_checked_with_it(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("[mqtt]\nenabled = true\n")
    passwords = file.with_name("environment")
    passwords.write_text("ATTUNE_MQTT_PASSWORD=geheim\n")
    assert main(["config", "check"]) == 78
    assert "mqtt.username: is missing, though there is a password" in capsys.readouterr().err
    passwords.unlink()
    passwords.mkdir()  # as root may read any file
    assert main(["config", "check"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == [f"{file}: good", f"what {passwords} says was not checked: use sudo"]


@pytest.mark.parametrize(
    ("text", "lines"), [("", 1), ("ATTUNE_MQTT_PASSWORD=geheim\n", 2)], ids=["empty", "filled"]
)
def test_sudo_is_asked_for_where_there_is_something_to_read(
    system_file: Path, capsys: pytest.CaptureFixture[str], text: str, lines: int
) -> None:
    passwords = system_file.with_name("environment")
    passwords.write_text(text)
    passwords.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        assert main(["config", "check"]) == 0
    finally:
        if root:
            os.seteuid(0)
    told = [f"{system_file}: good", f"what {passwords} says was not checked: use sudo"]
    assert capsys.readouterr().out.splitlines() == told[:lines]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")
def test_as_root_it_is_checked_as_the_service_reads_it(
    system_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passwords = system_file.with_name("environment")
    passwords.write_text("ATTUNE_MQTT_PASSWORD=geheim\n")
    passwords.chmod(0o600)
    system_file.write_text('[mqtt]\nusername = "u"\n')
    assert main(["config", "check"]) == 0
    assert "use sudo" not in capsys.readouterr().out
    system_file.chmod(0o640)  # and root's group's
    assert main(["config", "check", str(system_file)]) == 78
    assert "cannot be read" in capsys.readouterr().err
    assert (os.geteuid(), os.getegid()) == (0, 0)
    mine = system_file.with_name("mine.toml")
    mine.write_text(system_file.read_text())
    mine.chmod(0o600)
    assert main(["config", "check", str(mine)]) == 0


def test_secrets_are_masked(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text('[mqtt]\nusername = "u"\n')
    monkeypatch.setenv("ATTUNE_MQTT_PASSWORD", "geheim")
    assert main(["config", "show"]) == 0
    shown = capsys.readouterr().out
    assert 'password = "***"' in shown
    assert "geheim" not in shown


def test_defaults_and_schema_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "default"]) == 0
    assert capsys.readouterr().out == default_toml()
    assert main(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$defs"]
