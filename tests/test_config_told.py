"""What is told of settings: without secrets, what a reload changes, what the default file says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from device import config
from device.config import load
from device.config_keys import keys
from device.config_text import default_toml, markdown_table, schema, shown_toml
from device.settings import (
    CameraSettings,
    MqttSettings,
    MusicSettings,
    Settings,
    SoundSettings,
    StateSettings,
)
from tests.config_files import problems, write

ROOT = Path(__file__).parent.parent


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    told = problems(tmp_path, "[mqtt]\npassword = 4711\n")
    assert told == [(2, "mqtt.password", "must be text")]
    assert not problems(tmp_path, "[mqtt]\npassword = geheim\n")[0][2].count("geheim")
    secret = Settings(mqtt=MqttSettings(username="u", password="geheim"))
    assert "geheim" not in shown_toml(secret)
    assert "geheim" not in "".join(config.diff(Settings(), secret))
    camera = Settings(camera=CameraSettings(source="rtsp://me:geheim@camera/1"))
    assert "geheim" not in shown_toml(camera)
    assert "geheim" not in "".join(config.diff(Settings(), camera))
    assert "camera/1" in shown_toml(camera)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("http://cam/1?user=a&pwd=geheim", '"http://cam/1?***"'),
        ("gst:rtspsrc user-pw=geheim ! appsink", '"gst:rtspsrc user-pw=*** ! appsink"'),
        ("gst:rtspsrc user-pw=geheim", '"gst:rtspsrc user-pw=***"'),
        ('gst:rtspsrc user-pw="ge heim" ! x', '"gst:rtspsrc user-pw=*** ! x"'),
    ],
)
def test_logins_of_a_camera_are_shown_nowhere(source: str, shown: str) -> None:
    camera = Settings(camera=CameraSettings(source=source))
    assert f"source = {shown}\n" in shown_toml(camera)
    assert config.diff(Settings(), camera) == [
        f'camera.source: "auto" -> {shown} (after a restart)'
    ]


def test_what_a_reload_cannot_change_is_said() -> None:
    new = Settings(
        music=MusicSettings(folders=["/m"], listen=False, fade_seconds=3.0, volume=10),
        camera=CameraSettings(width=320),
        state=StateSettings(keep_days=30),
        sound=SoundSettings(announcements="/bells"),
    )
    told = config.diff(Settings(), new)
    later = {line.partition(":")[0] for line in told if line.endswith("(after a restart)")}
    assert later == {"music.folders", "music.listen", "music.fade_seconds", "camera.width"}
    assert len(told) == 7


def test_a_reload_is_told_line_by_line(tmp_path: Path) -> None:
    text = '[mqtt]\nhost = "nas"\n[music]\nvolume = 5\ngoal = "calm"\n'
    new = load(write(tmp_path, text), {})
    assert config.diff(Settings(), Settings()) == []
    assert config.diff(Settings(), new) == [
        'music.goal: "match" -> "calm"',
        "music.volume: 60 -> 5",
        'mqtt.host: "localhost" -> "nas" (after a restart)',
    ]


def test_the_shipped_file_is_the_generated_one() -> None:
    shipped = (ROOT / "config/attune.toml").read_text(encoding="utf-8")
    assert shipped == default_toml(), "run `attune config default > config/attune.toml`"


def test_the_default_file_says_the_defaults_commented_or_not(tmp_path: Path) -> None:
    assert load(write(tmp_path, default_toml()), {}) == Settings()
    active = re.sub(r"^#(?=\w+ = )", "", default_toml(), flags=re.MULTILINE)
    active = re.sub(r"^random_seed.*\n", "", active, flags=re.MULTILINE)
    assert load(write(tmp_path, active), {}) == Settings()
    assert all(len(line) <= 100 for line in active.splitlines())


def test_shown_settings_read_back_as_themselves(tmp_path: Path) -> None:
    assert load(write(tmp_path, shown_toml(Settings())), {}) == Settings()


def test_schema_and_table_know_every_key() -> None:
    defs = json.loads(schema())["$defs"]
    table = markdown_table()
    for key in keys():
        assert key.name in defs[f"{key.table.capitalize()}Settings"]["properties"]
        assert f"`{key.label}`" in table
        assert key.description
    assert defs["MqttSettings"]["additionalProperties"] is False
