"""The edge towards the broker: whatever arrives on the topics that the speaker hears."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from device.home.commands import PARSERS, parse_command
from device.home.discovery import discovery
from device.home.former import FormerTopics
from device.home.link import BrokerLink, Message
from device.home.mqtt import Session
from device.home.topics import topics
from device.music.announce import admit
from device.ports import CannotDo
from device.settings import MqttSettings
from device.types import Command, Say
from tests.fakes import a_status
from tests.fuzz.edge import Attack, Seeds

DISCOVERY, AVAILABILITY, BIRTH = "kept discovery", "kept availability", "the hub's birth"
"""What is heard beside commands: what the broker kept of us, and that the hub came up."""
HERE = topics(MqttSettings())
LEFT = topics(MqttSettings(id="elsewhere"))
OURS = discovery(MqttSettings(), "1.2.3")
WORDS = (
    b"PRESS", b"ON", b".0", b"auto", b"../", b".ogg", b"\xd9\xa3", b"/", b"lift", b"OFF",
    b'"cmps"', b'"p"', b'"sensor"', b"{}", b"null", b"\\ud800", b"offline", b"online",
)  # fmt: skip


def seeds(_folder: Path) -> Seeds:
    """What each command takes, and what is heard beside them."""
    good = {"volume": [b"40", b"60.0"], "goal": [b"lift"], "mood": [b"auto", b"happiness"]}
    good |= {"sleep": [b"30", b"off"], "say": [b"bell.ogg"], "unknown": [b"PRESS"]}
    switch = {"privacy", "playing"}
    commands: Seeds = {
        name: good.get(name, [b"ON", b"OFF"] if name in switch else [b"PRESS"])
        for name in (*PARSERS, "unknown")
    }
    few = {key: OURS["cmps"][key] for key in ("mood", "volume")}
    old = {"mood": {"p": "binary_sensor", "name": "Mood"}, "weather": {"p": "sensor"}}
    published = [msgspec.json.encode(OURS | {"cmps": cmps}) for cmps in (few, few | old, old)]
    return commands | {
        DISCOVERY: published,
        AVAILABILITY: [b"offline", b"online"],
        BIRTH: [b"online", b"offline"],
    }


class Link(BrokerLink):
    """A connection that keeps what is said, and says it to nobody."""

    def __init__(self) -> None:
        self.said: list[tuple[str, bytes]] = []

    @property
    def congested(self) -> bool:
        return False

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        assert retain
        self.said.append((topic, payload))


def heard(kind: str, data: bytes, former: FormerTopics) -> bool:
    """What a session makes of a message that is no command; whether it said something."""
    former.remember(LEFT)
    link = Link()
    session = Session(link, HERE, OURS, former)
    topic = {DISCOVERY: HERE.discovery, AVAILABILITY: LEFT.availability, BIRTH: HERE.birth}[kind]
    session.heard(Message(topic, data, retained=kind != BIRTH))
    session.show(a_status())
    *others, state = link.said
    assert state[0] == HERE.state
    for said, payload in others:
        if said == HERE.discovery:
            assert OURS["cmps"].keys() <= msgspec.json.decode(payload)["cmps"].keys()
        else:
            assert (data, payload) == (b"offline", b"")
            assert said in LEFT
    assert kind != DISCOVERY or not others or others[-1][1] == msgspec.json.encode(OURS)
    return bool(others)


@contextlib.contextmanager
def attack(folder: Path) -> Iterator[Attack]:
    """What arrives: a command, up to the main thread's inbox; else up to what is said of it."""
    announcements = folder / "announcements"
    announcements.mkdir()
    former = FormerTopics(folder)

    def arrive(kind: str, data: bytes) -> bool:
        if kind in (DISCOVERY, AVAILABILITY, BIRTH):
            return heard(kind, data, former)
        try:
            command = parse_command(kind, data)
            if isinstance(command, Say):
                admit(command.file, announcements)
        except ValueError as error:
            assert str(error)
            return False
        except CannotDo:
            return False
        assert isinstance(command, Command)
        return True

    yield arrive
