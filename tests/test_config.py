"""The configuration file: found, read, refused with every reason, overridden."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device import config
from device.config import ConfigError, load
from device.config_keys import keys
from device.config_text import shown_toml
from device.config_toml import locate, parse
from device.settings import PageSettings, Settings
from tests.config_files import problems, write


def test_without_a_file_everything_is_default() -> None:
    assert load(None, {}) == Settings()


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    text = '[music]\ngoal = "calm"\nvolume = 30\n[mood]\nmargin = 1\n'
    loaded = load(write(tmp_path, text), {})
    assert loaded.music.goal == "calm"
    assert loaded.music.volume == 30
    assert loaded.mood.margin == 1.0
    assert loaded.camera == Settings().camera


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "attune.toml"
    path.write_bytes(b"\xef\xbb\xbf[music]\r\nvolume = 7\r\n")
    assert load(path, {}).music.volume == 7


def test_every_problem_is_told_in_one_run_with_its_line(tmp_path: Path) -> None:
    text = """\
[camera]
widht = 640
rotate = 45
idle_hertz = 8
face_hertz = 2

[mqqt]
host = "nas"

[music]
goal = "lfit"
volume = 101
folders = [
  "a",
  7,
]
autoplay = "yes"
device = "USB"

[mqtt]
port = true
base_topic = "a/#"
"""
    assert problems(tmp_path, text) == [
        (2, "camera.widht", 'unknown key; did you mean "width"?'),
        (3, "camera.rotate", "must be one of 0, 90, 180, 270, not 45"),
        (5, "camera.face_hertz", "must not be less than idle_hertz (8)"),
        (7, "mqqt", 'unknown table; did you mean "mqtt"?'),
        (
            11,
            "music.goal",
            'must be one of match, lift, calm, focus, not "lfit"; did you mean "lift"?',
        ),
        (12, "music.volume", "must be a whole number, 0 to 100, not 101"),
        (13, "music.folders", 'must be a list of texts, not ["a", 7]'),
        (17, "music.autoplay", 'must be true or false, not "yes"'),
        (18, "music.device", "belongs under [sound]"),
        (21, "mqtt.port", "must be a whole number, 1 to 65535, not true"),
        (22, "mqtt.base_topic", 'must be a topic without # and +, 1 to 200 characters, not "a/#"'),
    ]


def test_the_message_names_file_line_key_and_mend(tmp_path: Path) -> None:
    path = write(tmp_path, "[mqtt]\n\nprot = 1\n")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert str(caught.value) == f'{path}:3: mqtt.prot: unknown key; did you mean "port"?'


def test_syntax_errors_are_told_together_and_do_not_hide_the_rest(tmp_path: Path) -> None:
    text = "[camera]\nsource = auto\nwidth = = 3\nhieght = 480\n"
    told = problems(tmp_path, text)
    assert told[0] == (2, "", 'text needs quotes: source = "…"')
    assert told[1][0] == 3
    assert told[2] == (4, "camera.hieght", 'unknown key; did you mean "height"?')


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[camera\nwidth = 3\n", 1),
        ("[camera]\nwidth = 640\nwidth = 641\n", 3),
        ("[mood]\n[camera]\n[mood]\n", 3),
        ('[music]\nfolders = ["a",\ngoal = "lift"\n', 3),
        ('[music]\ngoal = """lift\n', 3),
        ("a = " + "[" * 20_000, 1),
        ("a = 1" + "0" * 5_000, 1),
    ],
)
def test_toml_that_cannot_be_read_on_is_told_with_its_line(
    tmp_path: Path, text: str, line: int
) -> None:
    assert [told[0] for told in problems(tmp_path, text)] == [line]


def test_keys_outside_their_table_are_sent_home(tmp_path: Path) -> None:
    assert problems(tmp_path, "volume = 3\ncamera = 2\n[mqtt.tls]\nx = 1") == [
        (1, "volume", "must stand under [music]"),
        (2, "camera", "must be a table: [camera]"),
        (3, "mqtt.tls", 'must be true or false, not {"x": 1}'),
    ]


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e400", "2024-01-01", "0x" + "f" * 6_000])
def test_odd_numbers_are_refused(tmp_path: Path, value: str) -> None:
    (told,) = problems(tmp_path, f"[mood]\nmargin = {value}\n")
    assert told[:2] == (2, "mood.margin")


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    for path, words in [
        (tmp_path / "none.toml", "attune config default"),
        (tmp_path, "cannot be read"),
        (write(tmp_path, "#" * 300_000), "larger than 256 KiB"),
    ]:
        with pytest.raises(ConfigError, match=words):
            load(path, {})
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"[mqtt]\nname = 'K\xfcche'\n")
    with pytest.raises(ConfigError, match=r"latin.toml:2: is not UTF-8"):
        load(latin, {})


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """Files are opened as a user who may not read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_system_file_in_a_closed_folder_is_found_and_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    monkeypatch.setattr(config, "SYSTEM_FILE", write(closed, ""))
    closed.chmod(0)
    with nobody():
        found = config.find(None, {})
        with pytest.raises(ConfigError, match="cannot be read"):
            load(found, {})


def test_relative_paths_count_from_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    text = """\
[camera]
source = "clips/a.mp4"
[music]
folders = ["songs", "/srv/music"]
[mqtt]
tls = true
ca_file = "ca.pem"
"""
    loaded = load(write(tmp_path, text), {})
    assert loaded.camera.source == str(tmp_path / "clips/a.mp4")
    assert loaded.music.folders == [str(tmp_path / "songs"), "/srv/music"]
    assert loaded.mqtt.ca_file == str(tmp_path / "ca.pem")


@pytest.mark.parametrize(
    "source",
    [
        "auto",
        "picamera2",
        "/dev/video0",
        "rtsp://u:p@cam/1",
        "gst:v4l2src ! appsink",
        "slideshow:/srv/portraits",
    ],
)
def test_sources_that_are_no_relative_paths_stay(tmp_path: Path, source: str) -> None:
    loaded = load(write(tmp_path, f'[camera]\nsource = "{source}"\n'), {})
    assert loaded.camera.source == source


def test_models_that_are_not_there_are_told(tmp_path: Path) -> None:
    text = '[vision]\nmodels = "none"\n'
    assert problems(tmp_path, text) == [(2, "vision.models", f"there is no folder {tmp_path}/none")]


def test_files_of_a_part_that_are_not_there_are_that_parts_to_tell(tmp_path: Path) -> None:
    text = """\
[sound]
announcements = "unplugged"
[mqtt]
tls = true
ca_file = "a.pem"
[page]
certificate_file = "b.pem"
key_file = "c.pem"
"""
    loaded = load(write(tmp_path, text), {})
    assert loaded.sound.announcements == str(tmp_path / "unplugged")
    assert loaded.mqtt.ca_file == str(tmp_path / "a.pem")
    assert loaded.page.key_file == str(tmp_path / "c.pem")


def test_keys_that_contradict_each_other_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.pem").touch()
    text = f"""\
[mqtt]
certificate_file = "a.pem"
password = "x"
[api]
socket = "/tmp/{"s" * 108}"
[page]
key_file = "a.pem"
address = "localhost"
names = ["fine.example.org", "not fine"]
"""
    assert {told[1:] for told in problems(tmp_path, text)} == {
        ("mqtt.certificate_file", "needs key_file beside it"),
        ("mqtt.certificate_file", "has no effect without tls = true"),
        ("mqtt.username", "is missing, though there is a password"),
        ("api.socket", "is longer than the 107 bytes a socket may have"),
        ("page.key_file", "needs certificate_file beside it"),
        ("page.address", "is no IP address, such as 127.0.0.1, 192.168.1.20 or ::1"),
        ("page.names", '"not fine" is no host name, such as attune.example.org'),
    }


@pytest.mark.parametrize(
    ("address", "names", "local"),
    [
        ("127.0.0.1", [], True),
        ("127.9.9.9", [], True),
        ("::1", [], True),
        ("0.0.0.0", [], False),  # noqa: S104 - that is the point
        ("::", [], False),
        ("192.168.1.20", [], False),
        ("127.0.0.1", ["speaker.example.org"], False),  # a proxy leads others here
    ],
)
def test_only_what_none_else_reaches_is_local(address: str, names: list[str], local: bool) -> None:
    assert PageSettings(address=address, names=names).local is local


def test_secrets_come_from_the_environment_or_from_credentials(tmp_path: Path) -> None:
    path = write(tmp_path, '[mqtt]\nusername = "u"\npassword = "file"\n')
    (tmp_path / "mqtt_password").write_text("credential\n")
    credentials = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert load(path, {}).mqtt.password == "file"
    assert load(path, credentials).mqtt.password == "credential"
    assert load(path, {**credentials, "ATTUNE_MQTT_PASSWORD": "env"}).mqtt.password == "env"
    assert load(path, {"ATTUNE_MQTT_HOST": "elsewhere"}).mqtt.host == "localhost"


def test_where_the_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "SYSTEM_FILE", tmp_path / "system.toml")
    assert config.find(None, {}) is None
    (tmp_path / "system.toml").touch()
    assert config.find(None, {}) == tmp_path / "system.toml"
    assert config.find(None, {"ATTUNE_CONFIG": "/e"}) == Path("/e")
    assert config.find(Path("/o"), {"ATTUNE_CONFIG": "/e"}) == Path("/o")


def test_where_state_and_socket_lie(tmp_path: Path) -> None:
    plain = Settings()
    service = {"STATE_DIRECTORY": "/var/lib/attune", "RUNTIME_DIRECTORY": "/run/attune"}
    assert config.state_folder(plain, service) == Path("/var/lib/attune")
    assert config.socket_path(plain, service) == Path("/run/attune/api.sock")
    assert config.state_folder(plain, {"XDG_STATE_HOME": "/s"}) == Path("/s/attune")
    assert config.socket_path(plain, {"XDG_STATE_HOME": "/s"}) == Path("/s/attune/api.sock")
    text = '[state]\nfolder = "here"\n[api]\nsocket = "my.sock"\n'
    own = load(write(tmp_path, text), {})
    assert config.state_folder(own, service) == tmp_path / "here"
    assert config.socket_path(own, service) == tmp_path / "my.sock"


def test_lines_are_found_in_every_way_toml_can_be_written() -> None:
    text = """\
top.a = 1
inline = {b = 1, c = {d = 2}}

[table] # comment
"quoted key" = '''
[not.a.header]
x = 1
'''
list = [
  "]", # ]
]
[table.sub]
z = 1
[[many]]
y = 1
"""
    assert not parse(text).problems
    lines = locate(text)
    assert lines["top", "a"] == 1
    assert lines["inline", "c", "d"] == 2
    assert lines["table",] == 4
    assert lines["table", "quoted key"] == 5
    assert lines["table", "list"] == 9
    assert lines["table", "sub", "z"] == 13
    assert lines["many", "y"] == 15
    assert ("not",) not in lines


NAMES = [key.name for key in keys()] + [key.table for key in keys()] + ["x", "password "]
SCALARS = st.one_of(
    st.integers().map(str),
    st.floats().map(str),
    st.booleans().map(lambda value: str(value).lower()),
    st.text(max_size=8).map(json.dumps),
    st.sampled_from(
        [
            "[]",
            "{}",
            "[[1]]",
            '["a"]',
            '"auto"',
            '"~"',
            '"~nobody/x"',
            "07:32:00",
            '"\\u0000"',
            '"slideshow:"',
            '"slideshow:slideshow:x"',
            "[",
            '"""',
            "=",
        ]
    ),
)
STATEMENTS = st.one_of(
    st.tuples(st.sampled_from(NAMES), SCALARS).map(" = ".join),
    st.sampled_from(NAMES).map(lambda name: f"[{name}]"),
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).map(
        lambda two: "[{}.{}]".format(*two)
    ),
    st.text(max_size=12),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(STATEMENTS, max_size=12).map(
            lambda lines: "\n".join(lines).encode("utf-8", "replace")
        ),
    )
)
def test_no_text_raises_anything_but_a_config_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "fuzz.toml"
    path.write_bytes(content)
    with contextlib.suppress(ConfigError):
        shown_toml(load(path, {}))
