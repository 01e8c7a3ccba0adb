"""One connection to an MQTT broker, driven by the thread that owns it.

paho's own network thread dies silently by an exception in a callback, and queues without bound
while offline. Here the callbacks only note what came, the owner's thread turns the loop and
handles it, and a lost connection ends in `PartUnavailable`, with the mend: a new one is a new
`BrokerLink`.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple, cast

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from device.ports import PartUnavailable, WorkerContext
from device.settings import MqttSettings

KEEPALIVE_SECONDS = 30
DIAL_SECONDS = 20.0
"""Name lookup, connection and TLS handshake together."""
ANSWER_SECONDS = 10.0
GOODBYE_SECONDS = 2.0
UNSENT_BYTES = 1024
"""So much may wait in the kernel for the network."""
LARGEST_PACKET_BYTES = 65_536
"""What a broker that speaks MQTT 5 may send us: commands are short, and what we once told Home
Assistant of our entities is half of this."""


class OtherVersion(PartUnavailable):
    """The broker does not speak the MQTT version that we tried, or may not."""


class Message(NamedTuple):
    """One message that came in. `retained`: the broker kept it from before we subscribed."""

    topic: str
    payload: bytes
    retained: bool


class Doorbell:
    """Wakes the thread that waits in `BrokerLink.turn`; any thread may ring."""

    def __init__(self) -> None:
        self._ear, self._button = socket.socketpair()
        self._ear.setblocking(False)
        self._button.setblocking(False)

    def fileno(self) -> int:
        """What `select` waits for."""
        return self._ear.fileno()

    def ring(self) -> None:
        """Never blocks: a bell that rings already needs no second push."""
        with contextlib.suppress(BlockingIOError):
            self._button.send(b"!")

    def hush(self) -> None:
        """Stop ringing."""
        with contextlib.suppress(BlockingIOError):
            self._ear.recv(4096)


class BrokerLink:
    """Opened once, used until it raises, closed. Belongs to one thread."""

    def __init__(
        self,
        settings: MqttSettings,
        client_id: str,
        will: tuple[str, bytes],
        protocol: MQTTProtocolVersion,
    ) -> None:
        self._settings = settings
        self._where = f"the broker at {settings.host}:{settings.port}"
        self._answers: list[ReasonCode] = []
        self._goodbyes: list[ReasonCode] = []
        self._subscribed: list[ReasonCode] = []
        self._messages: list[Message] = []
        self._protocol = protocol
        self._client = self._make_client(client_id, will)

    def _make_client(self, client_id: str, will: tuple[str, bytes]) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=self._protocol,
            reconnect_on_failure=False,
        )
        topic, payload = will
        client.will_set(topic, payload, qos=1, retain=True)
        if self._settings.username:
            client.username_pw_set(self._settings.username, self._settings.password or None)

        def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
            self._messages.append(Message(message.topic, bytes(message.payload), message.retain))

        client.on_connect = lambda _c, _d, _flags, reason, _p: self._answers.append(reason)
        client.on_disconnect = lambda _c, _d, _flags, reason, _p: self._goodbyes.append(reason)
        client.on_subscribe = lambda _c, _d, _mid, reasons, _p: self._subscribed.extend(reasons)
        client.on_message = on_message
        return client

    def open(self, context: WorkerContext) -> None:
        """Connect and log in. Raises `PartUnavailable` with the mend, also when stopping."""
        if self._settings.tls:
            self._load_certificates()
        self._dial(context)
        self._await(self._answers, context)
        if self._answers[0].is_failure:
            raise self._lost()

    def subscribe(self, topics: list[str], context: WorkerContext) -> list[str]:
        """Ask for the messages of `topics`; returns those that the broker does not let us have."""
        self._client.subscribe([(topic, 1) for topic in topics])
        self._await(self._subscribed, context)
        return [
            topic
            for topic, reason in zip(topics, self._subscribed, strict=False)
            if reason.is_failure
        ]

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Send a message. At most once: whoever reconnects sends the newest state anyway."""
        self._client.publish(topic, payload, qos=0, retain=retain)

    @property
    def congested(self) -> bool:
        """Earlier messages still wait for the network: hold what may be superseded."""
        return self._client.want_write()

    def turn(self, timeout_seconds: float, bell: Doorbell | None = None) -> list[Message]:
        """Wait for the network or the bell, do what there is to do, return what came in.

        Raises `PartUnavailable` when the connection is lost.
        """
        if self._client.socket() is None:
            raise self._lost()
        try:
            self._pump(timeout_seconds, bell)
        except Exception as error:
            # Our callbacks cannot fail, so paho could not make sense of the bytes.
            raise PartUnavailable(
                f"{self._where} sent what is not MQTT ({type(error).__name__}): "
                "check [mqtt] host and port"
            ) from error
        if self._client.socket() is None and not self._messages:
            raise self._lost()
        messages, self._messages[:] = list(self._messages), []
        return messages

    def close(self) -> None:
        """Send what waits, log out (the will is not published), hang up."""
        self._client.disconnect()
        deadline = time.monotonic() + GOODBYE_SECONDS
        with contextlib.suppress(PartUnavailable):
            while self._client.socket() is not None and time.monotonic() < deadline:
                self.turn(0.1)
        self.drop()

    def drop(self) -> None:
        """Hang up without a word; the broker publishes the will."""
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    # --- within ---

    def _load_certificates(self) -> None:
        settings = self._settings
        for key in ("ca_file", "certificate_file", "key_file"):
            path: str = getattr(settings, key)
            try:
                if path:
                    Path(path).read_bytes()
            except OSError as error:
                raise PartUnavailable(
                    f"cannot read {path} ({error.strerror}): correct [mqtt] {key}, "
                    "or let the user that Attune runs as read it"
                ) from error
        try:
            self._client.tls_set(
                ca_certs=settings.ca_file or None,
                certfile=settings.certificate_file or None,
                keyfile=settings.key_file or None,
                keyfile_password="",  # an encrypted key must not ask at a terminal
            )
        except ssl.SSLError as error:
            raise PartUnavailable(
                f"the certificates cannot be used ({_words(error)}): [mqtt] ca_file, "
                "certificate_file and key_file must be PEM, the key unencrypted and the "
                "certificate's own"
            ) from error

    def _dial(self, context: WorkerContext) -> None:
        """Connect in a thread of its own: looking up a name may hang for minutes."""
        outcome: SimpleQueue[Exception | None] = SimpleQueue()
        abandoned = threading.Event()
        client, settings = self._client, self._settings
        properties = None
        if self._protocol == MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho's lack
            properties.MaximumPacketSize = LARGEST_PACKET_BYTES

        def dial() -> None:
            try:
                client.connect(
                    settings.host, settings.port, KEEPALIVE_SECONDS, properties=properties
                )
                _hold_little(cast("socket.socket | None", client.socket()))
            except Exception as error:  # noqa: BLE001 - the owner judges it
                outcome.put(error)
            else:
                outcome.put(None)
            if abandoned.is_set():
                self.drop()

        threading.Thread(target=dial, name="broker-dial", daemon=True).start()
        deadline = time.monotonic() + DIAL_SECONDS
        while time.monotonic() < deadline and not context.stopping:
            context.beat()
            with contextlib.suppress(Empty):
                error = outcome.get(timeout=0.2)
                if error is not None:
                    raise self._unreachable(error) from error
                return
        abandoned.set()
        raise PartUnavailable(
            f"{self._where} could not be reached within {DIAL_SECONDS:.0f} s: "
            "check [mqtt] host and port, the network and its name server"
        )

    def _await(self, reasons: list[ReasonCode], context: WorkerContext) -> None:
        """Turn until the broker's answer has filled `reasons`."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while not reasons:
            if context.stopping:
                raise PartUnavailable(f"stopped before {self._where} answered")
            if time.monotonic() > deadline:
                raise OtherVersion(  # some that speak 3.1.1 alone do not even hang up on 5
                    f"{self._where} does not answer: is it an MQTT broker? check [mqtt] port"
                    + ("" if self._settings.tls else " and tls")
                )
            context.beat()
            # Whatever else came in meanwhile is for the next `turn` outside.
            self._messages[:0] = self.turn(0.2)

    def _pump(self, timeout_seconds: float, bell: Doorbell | None) -> None:
        sock = cast("socket.socket", self._client.socket())
        decrypted = sock.pending() if isinstance(sock, ssl.SSLSocket) else 0
        watched: list[socket.socket | Doorbell] = [sock, bell] if bell else [sock]
        ready, writable, _ = select.select(
            watched,
            [sock] if self._client.want_write() else [],
            [],
            0.0 if decrypted else timeout_seconds,
        )
        if bell and bell in ready:
            bell.hush()
        if sock in ready or decrypted:
            self._client.loop_read()
        if writable:
            self._client.loop_write()
        self._client.loop_misc()

    def _unreachable(self, error: Exception) -> PartUnavailable:
        settings, where = self._settings, self._where
        if isinstance(error, socket.gaierror):
            return PartUnavailable(
                f"no host {settings.host!r} is known ({error.strerror}): "
                "correct [mqtt] host, or check the network and its name server"
            )
        if isinstance(error, ConnectionRefusedError):
            return PartUnavailable(
                f"nobody listens at {settings.host}:{settings.port}: start the broker, "
                "or correct [mqtt] host and port"
            )
        if isinstance(error, ssl.SSLCertVerificationError):
            return PartUnavailable(
                f"{where} shows a certificate that is not trusted ({error.verify_message}): "
                "[mqtt] ca_file must name who signed it, host what it is made out to"
            )
        if isinstance(error, ssl.SSLError | ConnectionResetError) and settings.tls:
            return PartUnavailable(
                f"no TLS with {where} ({_words(error)}): "
                "[mqtt] port must be one that speaks TLS, often 8883"
            )
        return PartUnavailable(
            f"cannot reach {where} ({_words(error)}): check [mqtt] host and the network"
        )

    def _lost(self) -> PartUnavailable:
        """Why the connection ended, from whatever the broker said last."""
        refusal = next((reason for reason in self._answers if reason.is_failure), None)
        if refusal is not None:
            return self._refused(refusal)
        if not self._answers:
            return OtherVersion(  # some that speak 3.1.1 alone hang up on 5
                f"{self._where} closed the connection before it answered: [mqtt] tls must be "
                + ("on only if this port speaks TLS, " if self._settings.tls else "on if it asks, ")
                + "and certificate_file what the broker trusts, if it asks for one"
            )
        reason = self._goodbyes[-1] if self._goodbyes else None
        if reason is not None and reason.getName() == "Session taken over":
            return PartUnavailable(
                f"another client logged in to {self._where} as {self._settings.id!r}: "
                "give each speaker an [mqtt] id of its own"
            )
        return PartUnavailable(
            f"lost {self._where} ({reason or 'hung up'}): "
            "is it running, and does nobody else use this [mqtt] id?"
        )

    def _refused(self, reason: ReasonCode) -> PartUnavailable:
        name = reason.getName()
        if name == "Unsupported protocol version":
            return OtherVersion(f"{self._where} refuses this version of MQTT: trying the other")
        if name in ("Not authorized", "Bad user name or password"):
            return PartUnavailable(
                f"{self._where} refused the login ({reason}): check [mqtt] username and password"
            )
        return PartUnavailable(f"{self._where} refused the connection ({reason})")


def _hold_little(sock: socket.socket | None) -> None:
    """Have the kernel take no more than it can send soon: states that a newer one has overtaken
    would wait there, and whatever follows behind them (LWN, "TCP_NOTSENT_LOWAT", 2013)."""
    if sock is not None:  # None: the broker hung up at once
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


def _words(error: Exception) -> str:
    """An error for people: without numbers and source lines."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return (isinstance(error, OSError) and error.strerror) or str(error)
