"""A broker that misbehaves holds nobody up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
import pytest

from device.types import Health, SetVolume, Status
from tests.daemon import Daemon
from tests.faults.promises import Record
from tests.faults.proxy import Proxy
from tests.faults.witness import Witness, alive, plays, until
from tests.home import broker as mosquitto
from tests.home.broker import Broker, Listener

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FLAPS = 100


class Net(NamedTuple):
    """A broker, the network before it, a speaker behind that."""

    broker: Broker
    proxy: Proxy
    daemon: Daemon


@pytest.fixture
def net(tmp_path: Path, music: Path) -> Iterator[Net]:
    with (
        mosquitto.running(tmp_path, "allow_anonymous true") as broker,
        Proxy(broker.port) as proxy,
        alive(
            tmp_path / "d",
            music={"folders": [str(music)]},
            mqtt={"enabled": True, "host": "127.0.0.1", "port": proxy.port},
        ) as daemon,
    ):
        until(daemon, is_up)
        plays(daemon)
        yield Net(broker, proxy, daemon)


def is_up(status: Status) -> bool:
    return status.broker.health is Health.UP


def is_down(status: Status) -> bool:
    return status.broker.health is Health.DOWN


def commanded(net: Net, volume: int) -> None:
    """A command and its answer go through."""
    with Listener(net.broker.port) as home:
        home.say("attune/attune/set/volume", str(volume))
        home.hear(
            "attune/attune/state",
            lambda message: msgspec.json.decode(message.payload).get("volume") == volume,
        )


def test_a_broker_that_is_gone_is_found_again(net: Net, record: Record) -> None:
    with Witness(net.daemon) as witness:
        net.broker.stop()
        told = until(net.daemon, is_down)
        time.sleep(10)
        net.broker.start()  # without its memory: it is introduced anew
        with Listener(net.broker.port) as home:
            recovery = until(net.daemon, is_up)
            home.hear("homeassistant/device/attune/config")
            home.hear("attune/attune/availability", lambda message: message.payload == b"online")
    commanded(net, 77)
    net.daemon.client.command(SetVolume(witness.volume))
    record("broker-gone", recovery, f"told after {told:.1f} s; {witness.kept_up()}")


def test_a_slow_network_holds_nobody_up(net: Net, record: Record) -> None:
    net.proxy.bytes_a_second = 2000.0
    with Witness(net.daemon) as witness:
        time.sleep(20)
    began = time.monotonic()
    commanded(net, 77)
    took = time.monotonic() - began
    net.daemon.client.command(SetVolume(witness.volume))
    net.proxy.bytes_a_second = None
    recovery = until(net.daemon, is_up)
    record("broker-slow", recovery, f"command and answer took {took:.1f} s; {witness.kept_up()}")


def test_a_broker_that_hangs_up_is_tried_again(net: Net, record: Record) -> None:
    with Witness(net.daemon) as witness:
        net.proxy.closing = True
        net.proxy.cut()
        until(net.daemon, is_down)
        time.sleep(15)
        net.proxy.closing = False
        recovery = until(net.daemon, is_up)
    record(
        "broker-refuses",
        recovery,
        f"{net.proxy.connections - 2} tries in vain; {witness.kept_up()}",
    )


def test_a_network_that_is_cut_is_noticed(net: Net, record: Record) -> None:
    with Witness(net.daemon) as witness:
        net.proxy.dead = True
        told = until(net.daemon, is_down)
        net.proxy.cut()
        time.sleep(5)
        net.proxy.dead = False
        recovery = until(net.daemon, is_up)
    record("broker-silent", recovery, f"told after {told:.0f} s; {witness.kept_up()}")


def test_a_hundred_cuts_leave_nothing_behind(net: Net, record: Record) -> None:
    process = psutil.Process(net.daemon.pid)
    recoveries = []
    counts = []
    with Witness(net.daemon) as witness:
        for _ in range(FLAPS):
            connections = net.proxy.connections
            net.proxy.cut()
            began = time.monotonic()
            while net.proxy.connections == connections:
                assert time.monotonic() - began < 30
                time.sleep(0.02)
            until(net.daemon, is_up)
            recoveries.append(time.monotonic() - began)
            counts.append((process.num_threads(), process.num_fds()))
    commanded(net, 77)
    net.daemon.client.command(SetVolume(witness.volume))
    threads, descriptors = (
        [min(count[kind] for count in counts[begin : begin + 20]) for begin in (0, FLAPS - 20)]
        for kind in (0, 1)
    )
    assert threads[1] <= threads[0]
    assert descriptors[1] <= descriptors[0]
    record(
        "broker-flaps",
        max(recoveries),
        f"back {FLAPS} times; threads {threads[0]} and {threads[1]}, descriptors {descriptors[0]} "
        f"and {descriptors[1]}, at the first and the last cuts; {witness.kept_up()}",
    )
