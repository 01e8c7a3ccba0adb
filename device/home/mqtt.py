"""Tells the home over MQTT, and listens to it: Home Assistant's discovery, states, commands."""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from paho.mqtt.enums import MQTTProtocolVersion

from device.home.commands import parse_command
from device.home.discovery import discovery, farewell
from device.home.former import FormerTopics
from device.home.link import BrokerLink, Doorbell, Message, OtherVersion
from device.home.state import document, rounded, seconds_until_due
from device.home.topics import OFFLINE, ONLINE, Topics, node, topics
from device.ports import CannotDo, WorkerContext
from device.settings import MqttSettings
from device.types import Command, News, Status

log = logging.getLogger(__name__)

LONGEST_TURN_SECONDS = 0.5
"""How late, at most, a request to stop is noticed."""
NEWS_KEPT = 32
"""News that wait for a slow network; older ones are lost."""
OTHER_VERSION = {
    MQTTProtocolVersion.MQTTv5: MQTTProtocolVersion.MQTTv311,
    MQTTProtocolVersion.MQTTv311: MQTTProtocolVersion.MQTTv5,
}
BIRTH_DELAY_SECONDS = (1.0, 2.0)
"""Wait after the hub's birth: it subscribes first, and all devices of the home answer at once."""


class MqttBridge:
    """The home's ear and mouth: a `Bus` towards the main thread, `run` is a worker's body.

    `post` gets each valid command, in the worker's thread; it may raise `CannotDo`. `folder` is
    that of the state.
    """

    def __init__(
        self, settings: MqttSettings, post: Callable[[Command], None], version: str, folder: Path
    ) -> None:
        self._settings = settings
        self._former = FormerTopics(folder)
        self._post = post
        self._version = version
        self._bell = Doorbell()
        self._status: Status | None = None
        self._news: deque[News] = deque(maxlen=NEWS_KEPT)
        self._online = False
        self._protocol = MQTTProtocolVersion.MQTTv5

    def show(self, status: Status) -> None:
        """The newest status; it replaces one that has not gone out yet."""
        self._status = status
        self._bell.ring()

    def tell(self, news: News) -> None:
        """Something happened; lost while offline."""
        if self._online:
            self._news.append(news)
            self._bell.ring()

    def run(self, context: WorkerContext) -> None:
        """Serve one connection until stopping; raises `PartUnavailable` when it cannot be had."""
        if not self._settings.enabled:
            context.off("switched off in the configuration ([mqtt] enabled)")
            while not context.wait(3600.0):
                pass
            return
        where = topics(self._settings)
        link = BrokerLink(
            self._settings,
            node(self._settings),
            will=(where.availability, OFFLINE.encode()),
            protocol=self._protocol,
        )
        try:
            link.open(context)
            wanted = [f"{where.commands}/+", where.birth, where.discovery]
            if (left := self._former.left(where)) is not None:
                wanted.append(left.availability)
            for topic in link.subscribe(wanted, context):
                log.warning("the broker refuses us %r: allow it in its access list", topic)
            self._serve(link, where, context)
            link.publish(where.availability, OFFLINE.encode(), retain=True)
            link.close()
        except OtherVersion:
            self._protocol = OTHER_VERSION[self._protocol]
            raise
        finally:
            self._online = False
            link.drop()

    def _serve(self, link: BrokerLink, where: Topics, context: WorkerContext) -> None:
        session = Session(link, where, discovery(self._settings, self._version), self._former)
        self._news.clear()
        self._online = True
        session.introduce(self._status)
        context.up(f"{self._settings.host}:{self._settings.port}")
        while not context.stopping:
            context.beat()
            while self._news:
                session.tell(self._news.popleft())
            session.show(self._status)
            for message in link.turn(session.pause_seconds(self._status), self._bell):
                if message.topic.startswith(f"{where.commands}/"):
                    self._obey(message)
                else:
                    session.heard(message)

    def _obey(self, message: Message) -> None:
        if message.retained:
            log.warning(
                "ignored a command on %r: it is retained, so it may be old; publish it without",
                message.topic,
            )
            return
        name = message.topic.rpartition("/")[2]
        try:
            self._post(parse_command(name, message.payload))
        except (ValueError, CannotDo) as error:
            log.warning("ignored a command on %r: %s", message.topic, error)


class Session:
    """What went out over one connection, and what is due next."""

    def __init__(
        self, link: BrokerLink, where: Topics, config: dict[str, Any], former: FormerTopics
    ) -> None:
        self._link = link
        self._where = where
        self._config = config
        self._former = former
        self._sent: Status | None = None
        self._sent_at = 0.0
        self._introduce_at: float | None = None

    def introduce(self, status: Status | None) -> None:
        """Who we are, how we are, and only then that we are there."""
        self._introduce_at = None
        self._discover(self._config)
        self._sent = None
        self.show(status)
        self._link.publish(self._where.availability, ONLINE.encode(), retain=True)

    def show(self, status: Status | None) -> None:
        """Send the status if it is due, and the introduction if the hub was born anew."""
        now = time.monotonic()
        if self._introduce_at is not None and now >= self._introduce_at:
            self.introduce(status)
        if status is None or self._link.congested:
            return
        if seconds_until_due(status, self._sent, now - self._sent_at) > 0:
            return
        self._link.publish(self._where.state, msgspec.json.encode(document(status)), retain=True)
        self._sent, self._sent_at = status, now

    def tell(self, news: News) -> None:
        """Send news, once."""
        self._link.publish(self._where.event, msgspec.json.encode(rounded(news)), retain=False)

    def heard(self, message: Message) -> None:
        """What the hub says, and what the broker kept from before; our own echo says nothing."""
        if message.topic == self._where.birth:
            if message.payload == ONLINE.encode() and not message.retained:
                # Not for secrecy, only so that not all devices answer at once.
                delay = random.uniform(*BIRTH_DELAY_SECONDS)  # noqa: S311
                self._introduce_at = time.monotonic() + delay
        elif not message.retained:
            return
        elif message.topic == self._where.discovery:
            self._let_go(message.payload)
        else:
            self._move(message)

    def _let_go(self, published: bytes) -> None:
        """Remove the entities that an older version had."""
        try:
            message = farewell(published, self._config)
        except ValueError as error:
            log.info(
                "replaced what was on %r, no message of ours: %s", self._where.discovery, error
            )
            return
        if message is not None:
            log.info("removing what an older version told Home Assistant of")
            self._discover(message)
            self._discover(self._config)

    def _move(self, message: Message) -> None:
        """Clear the topics that were ours before the configuration named others."""
        left = self._former.left(self._where)
        if left is None or message.topic != left.availability:
            return
        if message.payload == OFFLINE.encode():
            log.info("clearing %r and what belongs to it: the id or a prefix changed", left.state)
            for topic in set(left) - set(self._where):
                self._link.publish(topic, b"", retain=True)
        self._former.remember(self._where)

    def _discover(self, message: dict[str, Any]) -> None:
        self._link.publish(self._where.discovery, msgspec.json.encode(message), retain=True)

    def pause_seconds(self, status: Status | None) -> float:
        """How long there is nothing to send."""
        now = time.monotonic()
        pause = LONGEST_TURN_SECONDS
        if self._introduce_at is not None:
            pause = min(pause, max(0.0, self._introduce_at - now))
        if status is not None and not self._link.congested:
            pause = min(pause, seconds_until_due(status, self._sent, now - self._sent_at))
        return pause
