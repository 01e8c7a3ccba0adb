"""What goes wrong between a speaker and its home: told, shown as such, and healed by itself."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from device.types import Health, Play
from tests.daemon import Daemon, toml
from tests.home import broker as mosquitto
from tests.home.cable import MQTT_3_1_1, Cable
from tests.home_assistant.conftest import SECRET, USER, World
from tests.home_assistant.hub import ROOT, UNAVAILABLE, Hub, seen_by

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

VOLUME = "number.attune_volume"


@contextlib.contextmanager
def other_daemon(daemon: Daemon) -> Iterator[Daemon]:
    """Another speaker, or the same one with another configuration."""
    try:
        daemon.started()
        yield daemon
    finally:
        daemon.kill()


def say(world: World, topic: str, payload: bytes, *, retain: bool) -> None:
    """Publish something, as anybody at the broker may."""
    with publisher(world) as client:
        client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)


@contextlib.contextmanager
def publisher(world: World) -> Iterator[Client]:
    client = Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(USER, SECRET)
    client.connect("127.0.0.1", world.broker.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_killed_speaker_is_unavailable_and_comes_back(world: World, hub: Hub) -> None:
    begun = time.monotonic()
    world.daemon.kill()
    hub.wait(VOLUME, UNAVAILABLE)
    world.measured("kill -9 until unavailable (the will)", time.monotonic() - begun)
    states = hub.states()
    for entity in hub.registry():
        if entity != "update.attune_version":
            assert states[entity]["state"] == UNAVAILABLE, entity
    begun = time.monotonic()
    world.daemon.started()
    hub.wait(VOLUME, "60")
    world.measured("started again until its state is shown", time.monotonic() - begun)


def test_a_restarted_hub_shows_everything_again(world: World, hub: Hub) -> None:
    before = set(hub.registry())
    hub.stop()
    world.measured("restart of the hub", hub.start())
    begun = time.monotonic()
    hub.wait(VOLUME, "60")
    hub.until(lambda: hub.state("sensor.attune_mood") != UNAVAILABLE, "the mood")
    world.measured("hub restarted until states are shown", time.monotonic() - begun)
    assert set(hub.registry()) == before


def test_a_restarted_broker_without_its_store(world: World, hub: Hub) -> None:
    """mosquitto runs without persistence here: all that was retained is gone."""
    before = set(hub.registry())
    world.broker.stop()
    hub.wait(VOLUME, UNAVAILABLE)
    world.daemon.wait_for(lambda s: s.broker.health is Health.DOWN)
    assert world.daemon.client.command(Play()).playing in (True, False)  # music is no hostage
    begun = time.monotonic()
    world.broker.start()
    hub.wait(VOLUME, "60", seconds=150)
    world.measured("broker back, empty, until states are shown", time.monotonic() - begun)
    assert set(hub.registry()) == before


def test_a_restarted_broker_with_its_store(world: World, hub: Hub) -> None:
    world.broker.keep(world.folder / "store")
    world.broker.stop()
    world.broker.start()
    hub.wait("sensor.attune_broker", "up", seconds=150)
    world.broker.stop()
    hub.wait(VOLUME, UNAVAILABLE)
    begun = time.monotonic()
    world.broker.start()
    hub.wait(VOLUME, "60", seconds=150)
    world.measured("broker back, with its store, until states are shown", time.monotonic() - begun)


def test_a_cut_network(world: World, hub: Hub) -> None:
    begun = time.monotonic()
    world.cable.pull()
    try:
        hub.wait(VOLUME, UNAVAILABLE, seconds=90)
        world.measured("network cut until unavailable (keep-alive)", time.monotonic() - begun)
        hub.until(
            lambda: world.daemon.client.status().broker.health is Health.DOWN, "it to know", 90
        )
        world.measured("network cut until the speaker knows", time.monotonic() - begun)
    finally:
        begun = time.monotonic()
        world.cable.plug()
    hub.wait(VOLUME, "60", seconds=150)
    world.measured("network back until states are shown", time.monotonic() - begun)


def test_a_camera_that_is_gone_takes_what_it_tells_with_it(world: World, hub: Hub) -> None:
    """And nothing else: the speaker is there, tells that its camera is down, and obeys."""
    portraits, away = world.folder / "portraits", world.folder / "away"
    shutil.copytree(ROOT / "config/portraits", portraits)
    speaker = world.speaker("attune-den", "Den")
    speaker.tables["camera"]["source"] = f"slideshow:{portraits}"
    speaker.write_config(toml(speaker.tables))
    with other_daemon(speaker):
        hub.wait("sensor.attune_den_camera", "up")
        hub.wait("binary_sensor.attune_den_presence", "on")
        portraits.rename(away)
        hub.wait("sensor.attune_den_camera", "down")
        for entity in seen_by("attune_den"):
            hub.wait(entity, UNAVAILABLE)
        assert hub.state("sensor.attune_den_broker") == "up"
        hub.call("number.set_value", "number.attune_den_volume", value=23)
        hub.wait("number.attune_den_volume", "23")
        away.rename(portraits)
        hub.wait("sensor.attune_den_camera", "up", seconds=90)
        hub.wait("binary_sensor.attune_den_presence", "on")
    forget(world, "attune-den")


def test_a_wrong_password_is_said_and_mended(world: World, hub: Hub) -> None:
    wrong = world.speaker("attune-guest", "Guest", password="wrong-password")
    with other_daemon(wrong):
        status = wrong.wait_for(lambda s: s.broker.health is Health.DOWN)
        assert "[mqtt] username and password" in status.broker.detail
        assert "wrong-password" not in wrong.told()
        wrong.client.command(Play())
        wrong.wait_for(lambda s: s.playing)
        assert hub.state("number.attune_guest_volume") == "missing"
    with other_daemon(world.speaker("attune-guest", "Guest")):
        hub.until(lambda: hub.state(found(hub, "attune-guest_volume")) == "60", "the guest")
    forget(world, "attune-guest")


def found(hub: Hub, unique_id: str) -> str:
    """The id of an entity, whatever the hub calls it."""
    listed = hub.registry().items()
    return next((id_ for id_, entry in listed if entry["unique_id"] == unique_id), "missing.none")


def forget(world: World, node: str) -> None:
    """Remove a device as the hub's own button does: nothing is retained any more."""
    say(world, f"homeassistant/device/{node}/config", b"", retain=True)
    world.hub.until(lambda: found(world.hub, f"{node}_volume") == "missing.none", f"{node} to go")


def test_an_expired_certificate_is_said_and_mended(world: World, hub: Hub) -> None:
    tls = {"host": "localhost", "tls": True, "ca_file": str(world.broker.ca)}
    late = world.speaker("attune-tls", "Tls", port=world.broker.expired_port, **tls)
    with other_daemon(late):
        status = late.wait_for(lambda s: s.broker.health is Health.DOWN)
        assert "certificate" in status.broker.detail
        assert "expired" in status.broker.detail
        assert found(hub, "attune-tls_volume") == "missing.none"
    with other_daemon(world.speaker("attune-tls", "Tls", port=world.broker.tls_port, **tls)):
        hub.until(lambda: hub.state(found(hub, "attune-tls_volume")) == "60", "the speaker")
    forget(world, "attune-tls")


def test_entities_of_an_older_version_are_removed(world: World, hub: Hub) -> None:
    topic = "homeassistant/device/attune/config"
    world.daemon.kill()
    with publisher(world) as client:
        kept: list[bytes] = []
        client.on_message = lambda _c, _d, message: kept.append(message.payload)
        client.subscribe(topic)
        hub.until(lambda: kept, "what is retained")
        old = msgspec.json.decode(kept[0])
        mood = dict(old["cmps"]["mood"])
        old["cmps"]["weather"] = {
            **mood,
            "unique_id": "attune_weather",
            "name": "Weather",
            "default_entity_id": "sensor.attune_weather",
            "object_id": "attune_weather",
        }
        client.publish(topic, msgspec.json.encode(old), qos=1, retain=True).wait_for_publish(10)
        hub.until(lambda: found(hub, "attune_weather") != "missing.none", "the ghost")
        before = len(hub.registry())
        world.daemon.started()
        hub.until(lambda: found(hub, "attune_weather") == "missing.none", "the ghost to go")
        hub.wait(VOLUME, "60")
        assert len(hub.registry()) == before - 1
        assert hub.state("sensor.attune_weather") == "missing"
        hub.until(lambda: b"weather" not in kept[-1], "the clean message")


def test_two_speakers_in_one_home(world: World, hub: Hub) -> None:
    """Entities are called after the id, whatever the speaker's name: the examples count on it."""
    with other_daemon(world.speaker("kitchen", "Cosy Corner")) as second:
        hub.until(lambda: hub.state("number.kitchen_volume") == "60", "the second speaker")
        hub.call("number.set_value", "number.kitchen_volume", value=12)
        second.wait_for(lambda s: s.volume == 12)
        hub.wait("number.kitchen_volume", "12")
        assert hub.state(VOLUME) == "60"
        assert world.daemon.client.status().volume == 60
        devices = hub.ask("config/device_registry/list")
        mine = {device["name"]: device for device in devices if device["manufacturer"] == "Attune"}
        assert {"Attune", "Cosy Corner"} <= set(mine)
        ours = {id_ for id_, entry in hub.registry().items() if "kitchen" in entry["unique_id"]}
        assert all(id_.partition(".")[2].startswith("kitchen_") for id_ in ours), ours
    hub.wait("number.kitchen_volume", UNAVAILABLE)
    assert hub.state(VOLUME) == "60"


def test_renaming_survives(world: World, hub: Hub) -> None:
    """What the owner calls things in the hub, and a new name or id in the configuration."""
    kitchen = world.speaker("kitchen", "Kitchen")
    with other_daemon(kitchen):
        hub.wait("number.kitchen_volume", "12")
        hub.ask(
            "config/entity_registry/update",
            entity_id="number.kitchen_volume",
            new_entity_id="number.loudness",
            name="Loudness",
        )
        hub.wait("number.loudness", "12")
    with other_daemon(world.speaker("kitchen", "Galley")):
        hub.wait("number.loudness", "12")
        assert found(hub, "attune_kitchen_volume") == "number.loudness"
        shown = hub.states()["number.loudness"]["attributes"]["friendly_name"]
        assert shown in ("Loudness", "Galley Loudness")
        names = {device["name"] for device in hub.ask("config/device_registry/list")}
        assert "Galley" in names
    # Another id is another device; what the old one left is cleared.
    moved = world.speaker("pantry", "Pantry")
    moved.tables["state"] = kitchen.tables["state"]
    moved.write_config(toml(moved.tables))
    with other_daemon(moved):
        hub.until(lambda: found(hub, "attune_pantry_volume") != "missing.none", "the pantry")
        hub.until(lambda: found(hub, "attune_kitchen_volume") == "missing.none", "no kitchen")
    forget(world, "attune_pantry")


def test_a_speaker_that_may_speak_mqtt_3_alone(world: World, hub: Hub) -> None:
    volume = "number.attune_elder_volume"
    with contextlib.closing(Cable(world.broker.port, newest=MQTT_3_1_1)) as old:
        speaker = world.speaker("attune-elder", "Elder", port=old.port)
        with other_daemon(speaker):
            hub.wait(volume, "60")
            hub.call("number.set_value", volume, value=17)
            speaker.wait_for(lambda s: s.volume == 17)
            hub.wait(volume, "17")
        hub.wait(volume, UNAVAILABLE)  # its will
    forget(world, "attune-elder")


def test_a_broker_that_speaks_mqtt_3_alone(world: World, tmp_path: Path) -> None:
    """amqtt speaks 3.1.1 and nothing else, and hangs up on whoever speaks 5."""
    port = mosquitto.Broker(tmp_path).port  # a free one
    configuration = tmp_path / "amqtt.yaml"
    configuration.write_text(
        f'listeners:\n  default:\n    type: tcp\n    bind: "127.0.0.1:{port}"\n'
        "plugins:\n  amqtt.plugins.authentication.AnonymousAuthPlugin:\n"
        "    allow_anonymous: true\n"
    )
    code = "from amqtt.scripts.broker_script import main; main()"
    command = [sys.executable, "-c", code, "-c", str(configuration)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        speaker = world.speaker("attune-old", "Old", port=port, username="", password="")
        with other_daemon(speaker):
            speaker.wait_for(lambda s: s.broker.health is Health.UP)
            with mosquitto.Listener(port) as home:
                home.hear("attune/attune-old/availability", lambda m: m.payload == b"online")
                home.say("attune/attune-old/set/volume", "17")
                speaker.wait_for(lambda s: s.volume == 17)
                home.hear(
                    "attune/attune-old/state",
                    lambda m: msgspec.json.decode(m.payload)["volume"] == 17,
                )
    finally:
        process.kill()
        process.wait()
