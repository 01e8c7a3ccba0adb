"""`attune demo`: the real daemon on a slide show of two portraits, for a look at the whole thing.

Everything is private to the demonstration and gone afterwards: a broker on a free loopback
port, a state folder, a socket. Moods, ages and tracks in its summary are those that came back
from the broker.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from device import config
from device.client import Client, NotRunning, Refused
from device.music.capture import capture_environment, raw_to_wav
from device.music.output import list_outputs
from device.settings import HOME
from device.types import AgeGroup, MoodLabel, Status
from device.watch import BOLD, CYAN, DIM, Canvas, Paint, changes, headline, panel, wants_colour

if TYPE_CHECKING:
    from typing_extensions import Self

READY_SECONDS = 20.0
STOP_SECONDS = 8.0
PORTRAITS = HOME / "config" / "portraits"


class DemoError(Exception):
    """The demonstration cannot run; the message names the mend."""


class Sound(NamedTuple):
    """How the daemon is made to sound; `raw` is what SDL captures it in, where nothing sounds."""

    environment: dict[str, str]
    raw: Path | None


class Summary(msgspec.Struct):
    """What the demonstration showed, each in the order in which it was first seen."""

    moods: list[str]
    age_groups: list[str]
    tracks: list[str]
    mqtt_messages: int
    sound_file: str | None


def find_mosquitto() -> str:
    """Path of the broker's program. Raises DemoError where there is none."""
    search = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin" + os.pathsep + "/usr/local/sbin"
    found = shutil.which("mosquitto", path=search)
    if found is None:
        raise DemoError(
            "mosquitto is missing: run `./setup.sh demo`, or `apt-get install mosquitto`"
        )
    return found


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def child(
    command: list[str], output: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A program of ours in the background, ended by SIGTERM on leaving.

    In a session of its own, so that Ctrl-C reaches the demonstration alone, which then ends
    everything in order. Should the demonstration be killed, the system ends the program.
    """
    with output.open("wb") as sink:
        process = subprocess.Popen(  # noqa: S603 - our own programs
            ["setpriv", "--pdeathsig", "TERM", *command],  # noqa: S607 - of util-linux, wherever
            stdout=sink,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def start_broker(stack: ExitStack, folder: Path) -> int:
    """Start a private mosquitto; returns its port once it listens."""
    port = free_port()
    settings = folder / "mosquitto.conf"
    # Who changes the user is no longer ended with us; without root, the line has no effect.
    settings.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\n",
        encoding="utf-8",
    )
    output = folder / "mosquitto.log"
    process = stack.enter_context(
        child([find_mosquitto(), "-c", str(settings)], output, dict(os.environ))
    )
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return port
        time.sleep(0.05)
    raise DemoError(f"mosquitto did not start:\n{output.read_text(errors='replace')}")


def choose_sound(folder: Path) -> Sound:
    """The default output where there is one, else a file."""
    driver = os.environ.get("SDL_AUDIODRIVER")
    if driver != "disk" and (driver is not None or list_outputs()):
        return Sound({}, None)
    raw = Path(os.environ.get("SDL_DISKAUDIOFILE", folder / "sound.raw"))
    return Sound(capture_environment(raw), raw)


def write_settings(folder: Path, port: int, page: int, camera: str) -> Path:
    """The demonstration's own configuration file."""
    # A JSON string is a TOML string, but for the pairs that JSON may write an emoji as.
    quoted = functools.partial(json.dumps, ensure_ascii=False)
    path = folder / "attune.toml"
    path.write_text(
        f"""\
[camera]
source = {quoted(camera)}
[mood]
absence_seconds = 2.0
[music]
minimum_play_seconds = 4.0
volume = 80
[mqtt]
enabled = true
host = "127.0.0.1"
port = {port}
id = "demo"
name = "Attune demo"
[api]
socket = {quoted(str(folder / "api.sock"))}
[page]
port = {page}
[state]
folder = {quoted(str(folder / "state"))}
""",
        encoding="utf-8",
    )
    return path


class Listener:
    """A subscriber like any other in the home: keeps what the broker hands it."""

    def __init__(self, port: int) -> None:
        self._lock = threading.Lock()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe([("attune/#", 1), ("homeassistant/#", 1)])
        self.count = 0
        self.moods: dict[str, None] = {}
        self.age_groups: dict[str, None] = {}
        self.tracks: dict[str, None] = {}
        self.last: deque[tuple[str, str, str]] = deque(maxlen=50)

    def __enter__(self) -> Self:
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def take_last(self) -> list[tuple[str, str, str]]:
        """Time, topic and payload of the newest messages, oldest first."""
        with self._lock:
            return list(self.last)

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        text = message.payload.decode("utf-8", "replace")
        with self._lock:
            self.count += 1
            self.last.append((time.strftime("%H:%M:%S"), message.topic, text))
            if message.topic.endswith("/state"):
                self._note(text)

    def _note(self, text: str) -> None:
        with contextlib.suppress(ValueError):
            state: dict[str, Any] = json.loads(text)
            if state.get("people"):
                self.moods[MoodLabel(state["mood"]["label"]).value] = None
                self.age_groups[AgeGroup(state["age_group"]).value] = None
            if state.get("track") and state.get("playing"):
                self.tracks[str(state["track"]["title"])] = None


class Show:
    """The terminal: a live view on a terminal, a line for each change elsewhere."""

    def __init__(self, client: Client, listener: Listener, stack: ExitStack) -> None:
        self._client, self._listener = client, listener
        self._paint = Paint(on=wants_colour(sys.stdout))
        self._canvas = stack.enter_context(Canvas(sys.stdout)) if sys.stdout.isatty() else None
        self._before: Status | None = None
        self._told = 0

    def update(self) -> None:
        """Show what is so now. Raises NotRunning when the daemon went away."""
        status = self._client.status()
        if self._canvas is not None:
            self._canvas.draw([*self._view(status), "", *self._messages()])
        else:
            self._tell(status)
        self._before = status

    def _view(self, status: Status) -> list[str]:
        hint = self._paint("demonstration; Ctrl-C ends it", DIM)
        return [f"{headline(status, self._paint)}, {hint}", "", *panel(status, self._paint)]

    def _messages(self) -> list[str]:
        paint = self._paint
        head = paint(f"MQTT, as a subscriber gets it ({self._listener.count} messages)", BOLD)
        lines = (
            f"{paint(at, DIM)} {paint(topic, CYAN)} {text}"
            for at, topic, text in reversed(self._listener.take_last())
        )
        return [head, *lines]

    def _tell(self, status: Status) -> None:
        stamp = time.strftime("%H:%M:%S")
        for line in changes(self._before, status):
            print(f"{stamp}  {line}")
        fresh = self._listener.count - self._told
        self._told = self._listener.count
        for at, topic, text in self._listener.take_last()[-fresh:] if fresh else []:
            print(f"{at}  mqtt {topic} {text if len(text) <= 160 else text[:157] + '...'}")
        sys.stdout.flush()


def wait_ready(
    client: Client, daemon: subprocess.Popen[bytes], output: Path, stop: threading.Event
) -> None:
    """Wait until the daemon answers. Raises DemoError with what it said when it does not."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and daemon.poll() is None:
        with contextlib.suppress(NotRunning, Refused):
            client.status()
            return
        if stop.wait(0.1):
            return
    raise DemoError(f"the daemon did not start:\n{output.read_text(errors='replace')[-4000:]}")


def perform(folder: Path, seconds: float | None, camera: str | None) -> Summary:
    """Run the demonstration for so long, or until Ctrl-C; returns what it showed."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    with ExitStack() as stack:
        port = start_broker(stack, folder)
        listener = stack.enter_context(Listener(port))
        sound = choose_sound(folder)
        source = camera or f"slideshow:{PORTRAITS}"
        page = free_port()
        camera = config.absolute(source, str(Path.cwd()))
        settings = write_settings(folder, port, page, camera)
        output = folder / "attune.log"
        command = [sys.executable, "-m", "device.cli", "--config", str(settings), "run"]
        # What is meant for the real speaker, such as its broker's password, is not for this one.
        ours = {name: value for name, value in os.environ.items() if name[:7] != "ATTUNE_"}
        daemon = stack.enter_context(child(command, output, ours | sound.environment))
        client = Client((folder / "api.sock",))
        wait_ready(client, daemon, output, stop)
        print(f"the page: http://localhost:{page}", flush=True)
        show = Show(client, listener, stack)
        end = time.monotonic() + (seconds if seconds is not None else float("inf"))
        while not stop.wait(0.25) and time.monotonic() < end:
            try:
                show.update()
            except (NotRunning, Refused) as error:
                tail = output.read_text(errors="replace")[-4000:]
                raise DemoError(f"the daemon went away: {error}\n{tail}") from error
    return Summary(
        moods=list(listener.moods),
        age_groups=list(listener.age_groups),
        tracks=list(listener.tracks),
        mqtt_messages=listener.count,
        sound_file=keep_sound(sound),
    )


def keep_sound(sound: Sound) -> str | None:
    """Turn what was captured into a WAV file that stays; None where it was really heard."""
    if sound.raw is None or not sound.raw.exists():
        return None
    handle, wav = tempfile.mkstemp(prefix="attune-demo-", suffix=".wav")
    os.close(handle)
    raw_to_wav(sound.raw, Path(wav))
    return wav


def tell_summary(summary: Summary) -> None:
    """Print what was shown, for people."""
    print("\nAttune demo")
    print(f"  moods          {', '.join(summary.moods) or 'none'}")
    print(f"  age groups     {', '.join(summary.age_groups).replace('_', ' ') or 'none'}")
    print(f"  tracks         {', '.join(summary.tracks) or 'none'}")
    print(f"  MQTT messages  {summary.mqtt_messages} came back from the broker")
    if summary.sound_file is not None:
        print(f"  sound          no sound card here; what would have sounded: {summary.sound_file}")


def main(args: argparse.Namespace) -> int:
    """Run `attune demo` with `seconds`, `summary` and `camera`; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="attune-demo-") as folder:
        try:
            summary = perform(Path(folder), args.seconds, args.camera)
        except DemoError as error:
            print(f"attune demo: {error}", file=sys.stderr)
            return 1
    tell_summary(summary)
    if args.summary is not None:
        Path(args.summary).write_bytes(msgspec.json.format(msgspec.json.encode(summary)) + b"\n")
    return 0
