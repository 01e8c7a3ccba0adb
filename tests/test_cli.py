"""The command line, as a program of its own, against the real API server."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from device import __version__, cli, watch
from device.cli import main
from device.library import bar, chosen
from device.types import (
    Affect,
    Command,
    Dislike,
    Emotion,
    Goal,
    Health,
    Like,
    Next,
    OverrideMood,
    Part,
    Pause,
    Play,
    Previous,
    Say,
    Scan,
    SetGoal,
    SetPrivacy,
    SetSleep,
    SetVolume,
    Status,
    Track,
    TrackId,
)
from tests.local_api import TinySpeaker, make_status, serve

ATTUNE = (sys.executable, "-m", "device.cli")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """No configuration, no daemon but those of the test."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return {**kept, "XDG_STATE_HOME": str(tmp_path), "ATTUNE_CONFIG": str(tmp_path / "a.toml")}


@pytest.fixture
def speaker(tmp_path: Path) -> Iterator[TinySpeaker]:
    (tmp_path / "a.toml").touch()
    speaker = TinySpeaker()
    with serve(speaker, tmp_path / "attune" / "api.sock"):
        yield speaker


def attune(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ATTUNE, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_status_as_json_has_the_promised_shape(
    speaker: TinySpeaker, environment: dict[str, str]
) -> None:
    done = attune(environment, "status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["mood"].keys() >= {"label", "valence", "arousal", "confidence", "since_seconds"}
    assert told["track"].keys() >= {"title", "artist", "path", "position_seconds", "because"}
    assert told.keys() >= {
        "people",
        "age",
        "age_group",
        "playing",
        "volume",
        "goal",
        "privacy",
        "camera",
        "broker",
        "sound",
    }
    assert msgspec.json.decode(done.stdout, type=Status) == speaker.now


def test_status_for_people(speaker: TinySpeaker, environment: dict[str, str]) -> None:
    evil = msgspec.structs.replace
    assert speaker.now.track is not None
    track = evil(speaker.now.track, title="Caf\u00e9 \x1b[31mred\x07")
    speaker.now = evil(speaker.now, track=track)
    text = attune(environment, "status").stdout
    for words in (
        "happiness, 90%",
        "about 38 (30 to 46), adult",
        "bright and quick",
        "0:12 / 1:04",
        "volume 60 %, goal match",
        "down, connection refused",
        "Caf\u00e9  [31mred ",
    ):
        assert words in text
    assert "\x1b" not in text
    ascii_only = {**environment, "PYTHONIOENCODING": "ascii"}
    assert attune(ascii_only, "status").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["play"], Play()),
        (["pause"], Pause()),
        (["next"], Next()),
        (["previous"], Previous()),
        (["like"], Like()),
        (["dislike"], Dislike()),
        (["volume", "0"], SetVolume(0)),
        (["sleep", "30"], SetSleep(30)),
        (["sleep", "off"], SetSleep(0)),
        (["say", "no-such-bell.ogg"], Say("no-such-bell.ogg")),
        (["say", "/x/bell.ogg"], Say("/x/bell.ogg")),
        (["goal", "lift"], SetGoal(Goal.LIFT)),
        (["mood", "anger"], OverrideMood(Emotion.ANGER)),
        (["mood", "auto"], OverrideMood(None)),
        (["privacy", "on"], SetPrivacy(on=True)),
        (["privacy", "off"], SetPrivacy(on=False)),
    ],
)
def test_each_command_arrives(
    speaker: TinySpeaker,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    command: object,
) -> None:
    assert main(["--socket", str(tmp_path / "attune" / "api.sock"), *arguments]) == 0
    assert speaker.asked == [command]
    assert "Morning Light" in capsys.readouterr().out


def test_scan_shows_how_far_it_is_until_it_is_done(
    speaker: TinySpeaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def scanning(command: Command) -> Status:
        speaker.asked.append(command)
        part = Part(Health.UP, "scanning 3 of 4", 0.75)
        return msgspec.structs.replace(speaker.now, library=part)

    speaker.ask = scanning  # type: ignore[method-assign]
    speaker.now = msgspec.structs.replace(speaker.now, library=Part(Health.DOWN, "no music"))
    assert main(["--socket", str(tmp_path / "attune" / "api.sock"), "scan"]) == 1
    assert speaker.asked == [Scan()]
    assert capsys.readouterr().out == "no music\n"
    line = bar(Part(Health.UP, "scanning 3 of 4, 1 s left", 0.75), 60)
    assert line.startswith("━" * 22 + "─" * 8 + " scanning 3 of 4")
    assert len(bar(Part(Health.UP, "x" * 200, 7.0), 60)) == 60


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["volume"],
        ["volume", "101"],
        ["volume", "-1"],
        ["volume", "\u00b2"],
        ["sleep"],
        ["sleep", "0"],
        ["sleep", "721"],
        ["sleep", "soon"],
        ["say"],
        ["mood", "happy"],
        ["goal", "lfit"],
        ["privacy", "maybe"],
        ["look"],
        ["config"],
        ["config", "mend"],
        ["demo", "--seconds", "x"],
    ],
)
def test_wrong_use_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: attune" in capsys.readouterr().err


def test_wrong_values_hint_at_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["goal", "lfit"])
    assert "did you mean lift?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"], ["next"], ["watch"]])
def test_without_a_daemon_it_is_69_and_the_mend(
    environment: dict[str, str], arguments: list[str]
) -> None:
    done = attune(environment, *arguments)
    assert done.returncode == 69
    assert "sudo systemctl start attune" in done.stderr
    assert "attune run" in done.stderr
    assert done.stdout == ""


def test_a_killed_daemons_socket_is_no_daemon(tmp_path: Path, environment: dict[str, str]) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "stale.sock"))
    assert attune(environment, "status", "--socket", str(tmp_path / "stale.sock")).returncode == 69


def test_a_configuration_that_is_wrong_does_not_hide_the_daemon(
    speaker: TinySpeaker, tmp_path: Path, environment: dict[str, str]
) -> None:
    assert speaker.status() == make_status()
    for text in ("[mqqt]\n", f'[api]\nsocket = "{tmp_path}/attune/api.sock"\nsocked = 1\n'):
        (tmp_path / "a.toml").write_text(text)
        assert attune(environment, "status").returncode == 0


def test_the_configured_socket_is_used(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "a.toml").write_text('[api]\nsocket = "my.sock"\n')
    with serve(TinySpeaker(), tmp_path / "my.sock"):
        assert attune(environment, "status").returncode == 0


def test_a_refusal_is_told(speaker: TinySpeaker, environment: dict[str, str]) -> None:
    speaker.busy = True
    done = attune(environment, "next")
    assert done.returncode == 1
    assert "try again" in done.stderr


def test_what_is_no_daemon_of_this_version_is_told(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    path = tmp_path / "other.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        program = subprocess.Popen(
            [*ATTUNE, "status", "--socket", str(path)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        connection, _ = other.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}')
        assert "another version" in program.communicate(timeout=20)[1]
    assert program.returncode == 1


def test_status_answers_at_once(speaker: TinySpeaker, environment: dict[str, str]) -> None:
    assert speaker.status() == make_status()
    best = min(_cpu_seconds(environment, "status", "--json") for _ in range(5))
    assert best <= 0.3


def _cpu_seconds(environment: dict[str, str], *arguments: str) -> float:
    """Processor time of a command: unlike the clock's it does not count who else is busy."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert attune(environment, *arguments).returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_light_commands_import_nothing_heavy(environment: dict[str, str]) -> None:
    code = "import sys, device.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert {"numpy", "cv2", "pygame", "flask", "av", "paho"}.isdisjoint(done.stdout.split())


def test_help_and_version(environment: dict[str, str]) -> None:
    assert attune(environment, "--version").stdout == f"attune {__version__}\n"
    text = attune(environment, "--help").stdout
    for words in ("attune watch", "exit codes", "doctor", "privacy"):
        assert words in text
    for command in ("look", "demo", "volume", "config"):
        assert attune(environment, command, "--help").returncode == 0


def test_a_reader_that_has_enough_is_no_error(
    speaker: TinySpeaker, environment: dict[str, str]
) -> None:
    assert speaker.status() == make_status()
    shell = " ".join(ATTUNE) + " config default | head -1"
    done = subprocess.run(
        ["bash", "-c", shell], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("# Attune")
    assert done.stderr == ""


# --- watch -----------------------------------------------------------------------------------


def test_watch_without_a_terminal_tells_changes_line_by_line(
    speaker: TinySpeaker, environment: dict[str, str]
) -> None:
    program = subprocess.Popen(
        [*ATTUNE, "watch"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    first = [program.stdout.readline()[10:].strip() for _ in range(8)]
    assert first[0] == "mood: happiness, 90% sure"
    assert first[5] == "broker: down, connection refused"
    speaker.ask(SetVolume(7))
    speaker.ask(OverrideMood(Emotion.FEAR))
    assert program.stdout.readline()[10:].strip() in ("mood: fear, 90% sure", "volume: 7")
    program.send_signal(signal.SIGINT)
    program.communicate(timeout=30)
    assert program.returncode == 130


def test_watch_on_a_terminal_redraws_what_changed_and_restores_the_screen(
    speaker: TinySpeaker, environment: dict[str, str]
) -> None:
    primary, secondary = os.openpty()
    program = subprocess.Popen(
        [*ATTUNE, "watch"],
        env={**environment, "TERM": "xterm", "COLUMNS": "80", "LINES": "30"},
        stdout=secondary,
        stdin=secondary,
    )
    os.close(secondary)
    first = _read_until(primary, "Board")
    assert first.startswith("\x1b[?1049h")
    assert "happiness" in first
    speaker.ask(SetVolume(7))
    second = _read_until(primary, "volume: 7")
    assert "7 %, goal" in second
    assert "volume 7 %" not in second  # of a line, only what changed
    assert "bright and quick" not in second
    program.send_signal(signal.SIGTERM)
    assert "\x1b[?1049l" in _read_until(primary, "\x1b[?1049l")
    assert program.wait(30) == 130
    os.close(primary)


def _read_until(terminal: int, words: str) -> str:
    text = ""
    while words not in text:
        text += os.read(terminal, 10_000).decode(errors="replace")
    return text


@pytest.mark.parametrize(
    "asks", [("forget", "--all"), ("taste", "forget", "--all"), ("password",)], ids=" ".join
)
def test_who_ends_the_input_when_asked_ends_the_command(
    environment: dict[str, str], asks: tuple[str, ...]
) -> None:
    primary, secondary = os.openpty()
    program = subprocess.Popen(
        [*ATTUNE, *asks],
        env=environment,
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        start_new_session=True,  # getpass opens the controlling terminal where there is one
    )
    os.close(secondary)
    screen = _read_until(primary, "[y/N] " if "forget" in asks else "password: ")
    os.write(primary, b"\x04")
    assert program.wait(30) == 130
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        screen += os.read(primary, 10_000).decode()
    os.close(primary)
    assert "Traceback" not in screen


def test_watch_survives_a_restart_of_the_daemon(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    path = tmp_path / "attune" / "api.sock"
    with serve(TinySpeaker(), path):
        program = subprocess.Popen(
            [*ATTUNE, "watch"], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert program.stdout is not None
        for _ in range(8):
            program.stdout.readline()
    line = program.stdout.readline()
    assert "not running" in line or "went away" in line
    with serve(TinySpeaker(), path):
        assert "mood: happiness" in program.stdout.readline()
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=30)


def test_a_file_of_this_folder_is_said_by_its_whole_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bell.ogg").touch()
    monkeypatch.chdir(tmp_path)
    assert cli._say("bell.ogg") == Say(str(tmp_path / "bell.ogg"))
    assert cli._say("./door.ogg") == Say(
        str(tmp_path / "door.ogg")
    )  # the daemon says what is wrong


def test_a_name_too_long_for_a_file_is_the_daemons_to_refuse() -> None:
    assert cli._say("é" * 130) == Say("é" * 130)


@pytest.mark.parametrize("words", ["say", "token add", "token remove"])
def test_a_name_that_is_no_utf_8_is_named_and_is_wrong_use(
    speaker: TinySpeaker, environment: dict[str, str], words: str
) -> None:
    done = attune(environment, *words.split(), os.fsdecode(b"b\xe4r.flac"))
    told = "attune: b\\udce4r.flac is not UTF-8, as a name must be here\n"
    assert (done.returncode, done.stderr) == (2, told)
    assert not speaker.asked


@pytest.mark.usefixtures("speaker")
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_a_password_that_is_no_text_is_wrong_use(environment: dict[str, str], locale: str) -> None:
    done = subprocess.run(
        [*ATTUNE, "password", "--stdin"],
        env=environment | {"LC_ALL": locale},
        input=b"b\xe4renstark\xe4\n",
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (2, b"attune: what was piped in is not UTF-8\n")


def test_a_name_without_letters_is_met_as_it_stands() -> None:
    tracks = [
        Track(
            TrackId(artist),
            f"/{artist}.ogg",
            "a",
            artist,
            Affect(0.0, 0.0, 1.0, "unknown"),
            60.0,
            genre=genre,
        )
        for artist, genre in (("!!!", "Funk+Soul"), ("Wir", "Folk"), ("Ça va", "Chanson"))
    ]
    for genre, artist, found in (
        (None, "!!!", ["!!!"]),
        ("+", None, ["!!!"]),
        (None, "CA VA", ["Ça va"]),
        ("fo", None, ["Wir"]),
    ):
        assert [track.artist for track in chosen(tracks, None, genre, artist)] == found


def test_what_caps_the_volume_and_when_it_sleeps_is_shown() -> None:
    status = make_status()
    capped = msgspec.structs.replace(
        status, volume=90, volume_now=30, volume_why="quiet hours", sleep_minutes=12
    )
    text = "\n".join(watch.panel(capped, watch.Paint(on=False)))
    assert "volume 90 %, now 30 % (quiet hours), goal" in text
    assert "sleep in 12 min" in text
    assert "volume: quiet hours" in watch.changes(status, capped)
    assert "now" not in watch.summary(status).rpartition("volume")[2]
