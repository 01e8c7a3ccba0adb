"""The daemon as a whole: what it promises when things go right, and when they go wrong."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.client import Refused
from device.daemon import Pulse
from device.demo import free_port
from device.home.commands import PARSERS
from device.music.decode import RATE
from device.types import (
    Emotion,
    Goal,
    Health,
    MoodLabel,
    Next,
    OverrideMood,
    Pause,
    Play,
    Reload,
    Say,
    SetGoal,
    SetPrivacy,
    SetVolume,
)
from tests.daemon import HERTZ, Daemon, make_music, notify_socket, running, toml
from tests.home import broker as mosquitto
from tests.music.audio import tone
from tests.music.capture import audible, dominant_hertz, read_raw, windows

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_music(tmp_path_factory.mktemp("music"))


@pytest.fixture
def daemon(tmp_path: Path, music: Path) -> Iterator[Daemon]:
    with running(tmp_path / "d", music={"folders": [str(music)]}) as daemon:
        daemon.wait_for(lambda status: status.tracks == 6)
        yield daemon


def test_commands_do_what_they_say(daemon: Daemon) -> None:
    ask = daemon.client.command
    ask(OverrideMood(Emotion.HAPPINESS))
    ask(Play())
    status = daemon.wait_for(lambda s: s.playing and s.track is not None)
    assert status.mood.label is MoodLabel.HAPPINESS
    assert status.track is not None
    assert status.track.title.startswith("happy")
    assert status.track.because
    first = status.track.id
    ask(Next())
    daemon.wait_for(lambda s: s.track is not None and s.track.id != first)
    assert ask(SetVolume(31)).volume == 31
    assert ask(SetGoal(Goal.CALM)).goal is Goal.CALM
    assert ask(SetPrivacy(on=True)).privacy
    daemon.wait_for(lambda s: s.camera.health is Health.OFF)
    ask(Pause())
    daemon.wait_for(lambda s: not s.playing)


def test_the_sound_follows_the_mood(daemon: Daemon) -> None:
    daemon.client.command(OverrideMood(Emotion.HAPPINESS))
    daemon.client.command(Play())
    daemon.wait_for(lambda s: s.track is not None and s.track.position_seconds > 10.5)
    daemon.client.command(OverrideMood(Emotion.SADNESS))
    daemon.wait_for(lambda s: s.track is not None and s.track.title.startswith("sad"))
    time.sleep(3)
    daemon.send(signal.SIGTERM)
    assert daemon.wait_exit() == 0
    sound = read_raw(daemon.raw)
    heard = [round(dominant_hertz(part)) for part in windows(sound, 1.0) if abs(part).max() > 0.01]
    assert heard[1] == pytest.approx(HERTZ["happy"], abs=3)
    assert heard[-2] == pytest.approx(HERTZ["sad"], abs=3)
    assert abs(sound).max() < 1.0


def test_killed_it_goes_on_where_it_was(tmp_path: Path, music: Path) -> None:
    with running(tmp_path, music={"folders": [str(music)]}) as daemon:
        daemon.wait_for(lambda s: s.tracks == 6)
        daemon.client.command(SetVolume(37))
        daemon.client.command(Play())
        daemon.wait_for(lambda s: s.track is not None and s.track.position_seconds > 7)
        before = daemon.client.status().track
        daemon.send(signal.SIGKILL)
        daemon.wait_exit()
        after = daemon.started()
        assert before is not None
        assert after.track is not None
        assert after.track.id == before.id
        # Of 30 s, between the start and the end: what was saved lies in the middle.
        assert abs(after.track.position_seconds - before.position_seconds) <= 15.0
        assert after.volume == 37
        daemon.wait_for(lambda s: s.playing)


def test_a_signal_ends_it_cleanly_and_soon(daemon: Daemon) -> None:
    daemon.client.command(Play())
    daemon.wait_for(lambda s: s.playing)
    asked = time.monotonic()
    daemon.send(signal.SIGTERM)
    assert daemon.wait_exit() == 0
    assert time.monotonic() - asked < 5.0
    assert "Traceback" not in daemon.told()


def test_a_camera_that_hangs_does_not_hold_up_the_end(tmp_path: Path, music: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = f"rtsp://me:geheim@127.0.0.1:{silent.getsockname()[1]}/"
        with running(
            tmp_path,
            camera={"source": source, "timeout_seconds": 15.0},
            music={"folders": [str(music)]},
        ) as daemon:
            daemon.client.command(Play())
            daemon.wait_for(lambda s: s.playing)
            with silent.accept()[0]:
                asked = time.monotonic()
                daemon.send(signal.SIGTERM)
                assert daemon.wait_exit() == 0
                assert time.monotonic() - asked < 5.0
    assert "did not stop within 2 s: camera" in daemon.told()
    assert "geheim" not in daemon.told()


def test_systemd_is_told(tmp_path: Path, music: Path) -> None:
    daemon = Daemon(tmp_path, music={"folders": [str(music)]})
    with notify_socket(tmp_path / "notify") as listener:
        daemon.start(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="2000000")
        try:
            told = [listener.recv(4096)]
            daemon.client.status()  # who waited for it to be ready may ask at once
            told += [listener.recv(4096) for _ in range(2)]
            daemon.send(signal.SIGHUP)
            reloading = listener.recv(4096)
            while not reloading.startswith(b"RELOADING=1"):
                reloading = listener.recv(4096)
        finally:
            daemon.kill()
    assert told[0].startswith(b"READY=1")
    assert told[1:] == [b"WATCHDOG=1"] * 2


def test_a_worker_that_hangs_is_named_once_and_calls_the_watchdog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    with notify_socket(tmp_path / "notify") as listener:
        listener.setblocking(False)
        pulse = Pulse(lambda now: "camera" if 100 <= now < 300 else None)
        fed = []
        for now in range(400):
            pulse.beat(float(now))
            with contextlib.suppress(BlockingIOError):
                fed.append((now, listener.recv(100)))
    assert [now for now, told in fed if told == b"WATCHDOG=trigger"] == [100]
    assert [now for now, told in fed if told == b"WATCHDOG=1"] == [
        *range(0, 100, 15),
        *range(300, 400, 15),
    ]
    assert caplog.text.count("camera hangs") == 1


def test_a_changed_configuration_is_taken_over_and_told(daemon: Daemon) -> None:
    daemon.write_config(toml({**daemon.tables, "mood": {"absence_seconds": 77.0}}))
    daemon.send(signal.SIGHUP)
    daemon.wait_told("absence_seconds")
    daemon.client.command(Reload())
    daemon.wait_told("configuration: nothing changed")
    daemon.write_config("[mood]\nabsense_seconds = 5\n[music]\nvolume = 'loud'\n")
    daemon.client.command(Reload())
    daemon.wait_told("absense_seconds")
    assert "the old one stays" in daemon.told()
    assert "absence_seconds" in daemon.told()
    assert daemon.client.status().volume == 60


def test_a_wrong_configuration_ends_it_with_78_and_every_line(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    daemon.write_config("[camra]\nsource = 'auto'\n[music]\nvolume = 300\nfade_seconds = 'long'\n")
    daemon.start()
    assert daemon.wait_exit() == 78
    for words in ("camra", "camera", "volume", "300", "fade_seconds"):
        assert words in daemon.told()


def test_a_part_whose_files_are_not_there_goes_down_alone(tmp_path: Path) -> None:
    bell, key = tmp_path / "usb" / "bell.flac", str(tmp_path / "key.pem")
    with running(
        tmp_path / "d",
        sound={"announcements": str(bell.parent)},
        page={"enabled": True, "port": free_port(), "certificate_file": key, "key_file": key},
        mqtt={"enabled": True, "tls": True, "ca_file": key},
    ) as daemon:
        status = daemon.wait_for(lambda s: {s.page.health, s.broker.health} == {Health.DOWN})
        assert key in status.page.detail
        assert f"cannot read {key} (No such file or directory)" in status.broker.detail
        with pytest.raises(Refused, match=r"bell\.flac: No such file"):
            daemon.client.command(Say(bell.name))
        tone(bell, 0.5, 1234.0)
        daemon.client.command(Say(bell.name))


def test_a_second_daemon_on_the_same_state_is_refused(daemon: Daemon, tmp_path: Path) -> None:
    second = Daemon(
        tmp_path / "second",
        state={"folder": daemon.tables["state"]["folder"]},
        music=daemon.tables["music"],
    )
    second.start()
    assert second.wait_exit() == 1
    assert "Traceback" not in second.told()
    assert str(daemon.tables["state"]["folder"]) in second.told()
    assert daemon.client.status().tracks == 6


def test_a_second_daemon_on_the_same_socket_does_not_steal_it(
    daemon: Daemon, tmp_path: Path
) -> None:
    second = Daemon(tmp_path / "second", api=daemon.tables["api"], music=daemon.tables["music"])
    second.start()
    try:
        second.wait_told(str(daemon.tables["api"]["socket"]))
        assert daemon.client.status().uptime_seconds > 0
    finally:
        second.kill()


@pytest.mark.parametrize("harm", ["missing", "changed", "garbage"])
def test_a_harmed_model_is_named_and_the_rest_goes_on(
    tmp_path: Path, music: Path, harm: str
) -> None:
    models = tmp_path / "models"
    shutil.copytree(ROOT / "models_tflite", models)
    model = models / "face.tflite"
    if harm == "missing":
        model.unlink()
    elif harm == "changed":
        model.write_bytes(model.read_bytes()[:-1] + b"x")
    else:
        model.write_bytes(b"no model at all")
    portraits = f"slideshow:{ROOT / 'config' / 'portraits'}"
    with running(
        tmp_path / "d",
        vision={"models": str(models)},
        camera={"source": portraits},
        music={"folders": [str(music)]},
    ) as daemon:
        status = daemon.wait_for(lambda s: s.camera.health is Health.DOWN)
        assert "face.tflite" in status.camera.detail
        daemon.client.command(Play())
        daemon.wait_for(lambda s: s.playing)


def test_no_camera_no_music_no_broker_is_told_and_survived(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "empty.jpg").touch()
    with running(
        tmp_path / "d",
        camera={"source": str(pictures)},
        mqtt={"enabled": True, "host": "127.0.0.1", "port": 1},
        music={"folders": [str(tmp_path / "nowhere")]},
    ) as daemon:
        status = daemon.wait_for(
            lambda s: {s.camera.health, s.broker.health, s.library.health} == {Health.DOWN}
        )
        assert str(pictures) in status.camera.detail
        assert "nowhere" in status.library.detail
        assert daemon.client.command(Play()).track is None
        assert daemon.exit_code is None


def test_broken_files_are_named_and_skipped(tmp_path: Path) -> None:
    folder = tmp_path / "d" / "music"
    tone(folder / "good.ogg", 5.0)
    (folder / "text.mp3").write_text("this is no music\n" * 100)
    (folder / "empty.wav").touch()
    whole = tone(folder / "whole.flac", 5.0).read_bytes()
    (folder / "truncated.flac").write_bytes(whole[: len(whole) // 3])
    with running(tmp_path / "d") as daemon:
        status = daemon.wait_for(lambda s: s.library.health is Health.UP)
        assert "text.mp3" in daemon.told()
        assert "empty.wav" in daemon.told()
        assert 2 <= status.tracks <= 3
        daemon.client.command(Play())
        for _ in range(6):
            daemon.client.command(Next())
            time.sleep(0.3)
        daemon.wait_for(lambda s: s.playing)


def test_garbage_on_every_command_topic_changes_nothing(tmp_path: Path, music: Path) -> None:
    with (
        mosquitto.running(tmp_path, "allow_anonymous true") as broker,
        running(
            tmp_path / "d",
            music={"folders": [str(music)]},
            mqtt={"enabled": True, "host": "127.0.0.1", "port": broker.port},
        ) as daemon,
        mosquitto.Listener(broker.port) as home,
    ):
        before = daemon.wait_for(lambda s: s.broker.health is Health.UP)
        for name in [*PARSERS, "nonsense"]:
            for garbage in (b"\xff\xfe\x00", b"", b"x" * 100_000, b'{"a":', b"NaN", b"-1e999"):
                home.say(f"attune/attune/set/{name}", garbage)
        home.say("attune/attune/set/volume", "42")
        after = daemon.wait_for(lambda s: s.volume == 42)
        assert (after.goal, after.privacy, after.track) == (
            before.goal,
            before.privacy,
            before.track,
        )
        assert "Traceback" not in daemon.told()
        daemon.send(signal.SIGTERM)
        assert daemon.wait_exit() == 0
        home.hear("attune/attune/availability", lambda m: m.payload == b"offline")


def test_say_is_heard_over_silence_and_a_wrong_file_is_told(tmp_path: Path) -> None:
    bell = tone(tmp_path / "say" / "bell.flac", 0.8, 1234.0)
    with running(tmp_path / "d", sound={"announcements": str(bell.parent)}) as daemon:
        for wrong, words in (("/no/such.ogg", "No such file"), ("../x", "no file's name")):
            with pytest.raises(Refused, match=words):
                daemon.client.command(Say(wrong))
        daemon.client.command(Say("bell.flac"))
        time.sleep(2.5)
        daemon.send(signal.SIGTERM)
        daemon.wait_exit()
        sound = audible(read_raw(daemon.raw))
    assert len(sound) / RATE == pytest.approx(0.8, abs=0.1)
    assert dominant_hertz(sound) == pytest.approx(1234.0, abs=5.0)
