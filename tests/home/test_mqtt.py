"""What goes out by MQTT and what comes in; real mosquitto throughout."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from device.home.commands import PARSERS
from device.home.discovery import discovery
from device.home.state import DRIFT_SECONDS, FACT_SECONDS
from device.home.topics import topics
from device.system.vitals import LastError
from device.types import Goal, Health, Next, Part, SetGoal, SetVolume, Vitals
from tests.fakes import a_status
from tests.home.bridged import IDS, NEWS, Door, Speaker, Start, json_of, settings_for
from tests.home.broker import Listener

# --- what goes out -------------------------------------------------------------------------


def test_introduces_itself_and_everything_lasting_is_retained(shared: Door, start: Start) -> None:
    settings = settings_for(shared.port)
    where = topics(settings)
    speaker = start(settings)
    speaker.bridge.show(a_status(volume=33))
    assert "127.0.0.1" in speaker.part(Health.UP).detail
    with Listener(shared.port) as latecomer:  # hears only what the broker kept
        config = latecomer.hear(where.discovery)
        assert config.retain
        assert json_of(config.payload) == discovery(settings, "1.2.3")
        state = latecomer.hear(where.state)
        assert state.retain
        assert json_of(state.payload)["volume"] == 33
        assert latecomer.hear(where.availability).payload == b"online"


def test_availability_comes_after_the_state(shared: Door) -> None:
    where = topics(settings := settings_for(shared.port))
    with Listener(shared.port) as home:
        speaker = Speaker(settings)
        speaker.bridge.show(a_status())
        speaker.start()
        home.hear(where.availability, lambda m: m.payload == b"online")
        speaker.stop()
        own = [m.topic for m in home.heard if m.topic in set(where)]
        assert own == [where.discovery, where.state, where.availability]


def test_news_are_told_once_and_not_retained(shared: Door, start: Start) -> None:
    where = topics(settings := settings_for(shared.port))
    with Listener(shared.port) as home:
        speaker = start(settings)
        speaker.part(Health.UP)
        speaker.bridge.tell(NEWS)
        event = home.hear(where.event)
        assert json_of(event.payload)["event_type"] == "mood_changed"
        assert json_of(event.payload)["label"] == "sadness"
    with Listener(shared.port) as latecomer:
        assert where.event not in {m.topic for m in latecomer.drain(0.3)}


def test_a_burst_of_states_is_coalesced_and_its_last_one_arrives(
    shared: Door, start: Start
) -> None:
    where = topics(settings := settings_for(shared.port))
    with Listener(shared.port) as home:
        speaker = start(settings)
        speaker.part(Health.UP)
        began = time.monotonic()
        for volume in range(101):
            speaker.bridge.show(a_status(volume=volume))
            time.sleep(0.002)
        home.hear(where.state, lambda m: json_of(m.payload)["volume"] == 100)
        took = time.monotonic() - began
        assert sum(m.topic == where.state for m in home.heard) <= 2 + took / FACT_SECONDS


def test_nothing_is_sent_while_only_time_passes(shared: Door, start: Start) -> None:
    where = topics(settings := settings_for(shared.port))
    with Listener(shared.port) as home:
        speaker = start(settings)
        now = a_status()
        speaker.bridge.show(now)
        home.hear(where.state)
        for second in range(12):
            track = replace(now.track, position_seconds=float(second))
            speaker.bridge.show(replace(now, track=track, uptime_seconds=100.0 + second))
            time.sleep(0.1)
        assert not [m for m in home.drain(0.1) if m.topic == where.state]


def test_a_file_whose_name_is_no_utf_8_is_told_and_ends_nothing(shared: Door, start: Start) -> None:
    name = os.fsdecode(b"b\xe4d.jpg")
    last = LastError()
    last.handle(logging.makeLogRecord({"levelno": logging.WARNING, "msg": f"{name} is damaged"}))
    where = topics(settings := settings_for(shared.port))
    speaker = start(settings)
    with Listener(shared.port) as home:
        camera = Part(Health.DOWN, f"{name}: no picture")
        speaker.bridge.show(a_status(camera=camera, vitals=Vitals(last_error=last.text)))
        state = json_of(home.hear(where.state).payload)
        speaker.has_said_all(home)
    assert state["camera"]["detail"] == r"b\udce4d.jpg: no picture"
    assert state["vitals"]["last_error"] == r"b\udce4d.jpg is damaged"


def test_says_goodbye_when_stopped(shared: Door) -> None:
    where = topics(settings := settings_for(shared.port))
    with Listener(shared.port) as home:
        speaker = Speaker(settings)
        speaker.start()
        home.hear(where.availability, lambda m: m.payload == b"online")
        speaker.stop()
        home.hear(where.availability, lambda m: m.payload == b"offline")
    with Listener(shared.port) as latecomer:
        assert latecomer.hear(where.availability).payload == b"offline"


def test_the_will_is_published_when_the_process_is_killed(shared: Door, tmp_path: Path) -> None:
    where = topics(settings := settings_for(shared.port))
    script = (
        "import pathlib, random, sys, time\n"
        "from device.home.mqtt import MqttBridge\n"
        "from device.settings import MqttSettings\n"
        "from device.system.supervise import Supervisor\n"
        "settings = MqttSettings(enabled=True, port=int(sys.argv[1]), id=sys.argv[2])\n"
        "bridge = MqttBridge(settings, print, '1', pathlib.Path(sys.argv[3]))\n"
        "Supervisor(print, time, random.Random(1)).start('broker', bridge.run)\n"
        "time.sleep(60)\n"
    )
    with Listener(shared.port) as home:
        command = [sys.executable, "-c", script, str(settings.port), settings.id, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            home.hear(where.availability, lambda m: m.payload == b"online")
            process.send_signal(signal.SIGKILL)
        assert home.hear(where.availability).payload == b"offline"


# --- what comes in -------------------------------------------------------------------------


def test_commands_arrive(shared: Door, start: Start) -> None:
    where = topics(settings := settings_for(shared.port))
    speaker = start(settings)
    speaker.part(Health.UP)
    with Listener(shared.port) as home:
        home.say(f"{where.commands}/volume", "35")
        home.say(f"{where.commands}/goal", "calm")
        home.say(f"{where.commands}/next", "PRESS")
    assert [speaker.command() for _ in range(3)] == [SetVolume(35), SetGoal(Goal.CALM), Next()]


def test_a_command_is_answered_by_the_new_state_at_once(shared: Door, start: Start) -> None:
    where = topics(settings := settings_for(shared.port))
    with Listener(shared.port) as home:
        speaker = start(settings)
        speaker.bridge.show(a_status(volume=60))
        home.hear(where.state)
        time.sleep(0.6)
        asked = time.monotonic()
        home.say(f"{where.commands}/volume", "35")
        command = speaker.command()
        assert isinstance(command, SetVolume)
        speaker.bridge.show(a_status(volume=command.percent))
        home.hear(where.state, lambda m: json_of(m.payload)["volume"] == 35)
        assert time.monotonic() - asked < DRIFT_SECONDS / 2


@pytest.mark.parametrize("garbage", [b"", b"\xff\xfe\x00", b"{}", b"9" * 4000, b"\x1b[2J"])
def test_garbage_on_every_command_topic_is_named_and_forgotten(
    shared: Door, start: Start, caplog: pytest.LogCaptureFixture, garbage: bytes
) -> None:
    where = topics(settings := settings_for(shared.port))
    speaker = start(settings)
    speaker.part(Health.UP)
    names = [*sorted(PARSERS), "no-such"]
    with Listener(shared.port) as home, caplog.at_level(logging.WARNING, "device.home"):
        for name in names:
            home.say(f"{where.commands}/{name}", garbage)
        home.say(f"{where.commands}/volume", "1")
        assert speaker.command() == SetVolume(1)
    assert speaker.commands.empty()
    warnings = [r.getMessage() for r in caplog.records if r.name == "device.home.mqtt"]
    assert len(warnings) == len(names)
    for name, warning in zip(names, warnings, strict=True):
        assert f"{where.commands}/{name}'" in warning
        assert warning.isprintable()


def test_a_packet_beyond_all_measure_never_reaches_us(shared: Door, start: Start) -> None:
    where = topics(settings := settings_for(shared.port))
    speaker = start(settings)
    speaker.part(Health.UP)
    with Listener(shared.port) as home:
        home.say(f"{where.commands}/volume", b"9" * 5_000_000)
        home.say(f"{where.commands}/volume", "2")
    assert speaker.command() == SetVolume(2)


def test_a_retained_command_is_stale(
    shared: Door, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    where = topics(settings := settings_for(shared.port))
    with Listener(shared.port) as home:
        home.say(f"{where.commands}/next", "PRESS", retain=True)
        with caplog.at_level(logging.WARNING, "device.home"):
            speaker = start(settings)
            speaker.part(Health.UP)
            home.say(f"{where.commands}/volume", "3")
            assert speaker.command() == SetVolume(3)
        home.say(f"{where.commands}/next", "", retain=True)  # clearing it is no command either
        home.say(f"{where.commands}/volume", "4")
        assert speaker.command() == SetVolume(4)
    assert any("retained" in message and "set/next" in message for message in caplog.messages)


def test_the_hubs_birth_is_answered_after_a_moment(shared: Door, start: Start) -> None:
    settings = settings_for(shared.port, discovery_prefix=f"hub-{next(IDS)}")
    where = topics(settings)
    with Listener(shared.port) as home:
        speaker = start(settings)
        speaker.bridge.show(a_status())
        speaker.part(Health.UP)
        home.hear(where.availability, lambda m: m.payload == b"online")
        home.say(where.birth, "offline")
        born = time.monotonic()
        home.say(where.birth, "online")
        home.hear(where.discovery)
        waited = time.monotonic() - born
        home.hear(where.state)
        home.hear(where.availability)
    assert 0.9 < waited < 6.0
