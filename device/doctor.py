"""`attune doctor`: what works, what does not, and how to mend it.

While the daemon runs it has the camera, the sound card and the broker's login, so it is asked;
otherwise each part is tried on the spot. The camera never is while the privacy switch is on, nor
where a daemon runs that does not tell.
"""

from __future__ import annotations

import enum
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec
from paho.mqtt.enums import MQTTProtocolVersion

from device import config, installed
from device.client import Client, NotRunning, Refused
from device.config import ConfigError
from device.home.link import BrokerLink, OtherVersion
from device.music.endings import is_sound
from device.music.looks import Looks, Pulse
from device.music.output import list_outputs
from device.ports import CannotDo, PartUnavailable
from device.settings import MqttSettings, Settings
from device.system import switch
from device.system.board import read_board, read_model
from device.types import Health, Part, Status
from device.vision.detect import open_detector
from device.vision.reader import ModelReader
from device.vision.runtime import ModelError, default_runtime
from device.vision.sources import list_cameras, open_camera
from device.watch import GREEN, RED, YELLOW, Paint, span

EARLIEST_YEAR = 2025
SCARCE_MIB, VERY_SCARCE_MIB = 500, 50
HOT_CELSIUS = 80.0
"""Where a Raspberry Pi begins to throttle."""
PI_4_HERTZ = 5.6
"""Looks a second that a Raspberry Pi 4 is estimated to keep with one thread: *Cost* in
models_tflite/REPORT.md."""
THREADS_LINES = (["#threads = 1"], ["threads = 1"])
"""As the configuration that comes with Attune has it, and where it was taken from there."""
COUNTED_FILES = 1000
ASLEEP_SECONDS = 15.0
"""A drive that sleeps needs some 10 s to answer; one that is gone never does."""


class Verdict(str, enum.Enum):
    """How a check went: `WARN` still plays, `FAIL` does not."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(msgspec.Struct, frozen=True):
    """One check; `mend` says what to do, where the detail does not."""

    name: str
    verdict: Verdict
    detail: str
    mend: str = ""


class _Daemon(NamedTuple):
    """A daemon that was asked: one that runs may still tell nothing."""

    running: bool
    status: Status | None


Answer = tuple[Verdict, str, str]

COLOURS = {Verdict.OK: GREEN, Verdict.WARN: YELLOW, Verdict.FAIL: RED}


def line(check: Check, paint: Paint) -> str:
    """A check for people."""
    head = f"{paint(f'{check.verdict.value:<4}', COLOURS[check.verdict])}  {check.name:<8}"
    return f"{head}  {check.detail}" + (f"\n{'':16}{check.mend}" if check.mend else "")


def examine(path: Path | None, client: Client, *, look: bool = True) -> Iterator[Check]:
    """Every check, one after the other; some take seconds. Without `look` no camera is opened."""
    settings, answer = _configuration(path)
    yield Check("config", *answer)
    daemon, answer = _daemon(client)
    status = daemon.status
    yield Check("daemon", *answer)
    checks: dict[str, Callable[[], Answer]] = {
        "camera": lambda: _camera(settings, daemon, look=look),
        "sound": lambda: _sound(settings, daemon),
        "broker": lambda: _part(status.broker) if status else _broker(settings, path),
        "models": lambda: _models(settings, path),
        "music": lambda: _music(settings, status),
        "clock": _clock,
        "disk": lambda: _disk(settings),
        "power": _power,
    }
    if status:
        checks["page"] = lambda: _part(status.page)
    for name, check in checks.items():
        yield Check(name, *_tried(check))


def _tried(check: Callable[[], Answer]) -> Answer:
    try:
        return check()
    except (PartUnavailable, ModelError, CannotDo) as error:
        return Verdict.FAIL, str(error), ""
    except PermissionError as error:
        return Verdict.FAIL, f"{error.filename}: {error.strerror}", "use sudo"
    except OSError as error:
        return Verdict.FAIL, str(error), ""


def _good(detail: str) -> Answer:
    return Verdict.OK, detail, ""


def _configuration(path: Path | None) -> tuple[Settings, Answer]:
    try:
        settings = config.load(path, installed.environ(path))
    except ConfigError as error:
        return error.settings, (Verdict.FAIL, str(error), "")
    return settings, _good(str(path) if path else "no file: the defaults hold")


def _daemon(client: Client) -> tuple[_Daemon, Answer]:
    try:
        status = client.status()
    except NotRunning as error:
        answer = Verdict.WARN, str(error), "each part is tried without it"
        return _Daemon(running=False, status=None), answer
    except Refused as error:
        return _Daemon(running=True, status=None), (Verdict.FAIL, str(error), "")
    return _Daemon(running=True, status=status), _good(f"running for {span(status.uptime_seconds)}")


def _part(part: Part) -> Answer:
    """What the daemon says of a part of its own."""
    verdicts = {Health.DOWN: Verdict.FAIL, Health.STARTING: Verdict.WARN}
    words = f"{part.health.value}, {part.detail}" if part.detail else part.health.value
    return verdicts.get(part.health, Verdict.OK), words, ""


def _not_told() -> Answer:
    return Verdict.WARN, "not tried: the daemon has it, and does not tell", ""


# --- parts, tried without the daemon ---------------------------------------------------------


class _SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()


class _Alone:
    """A `WorkerContext` for a single try: nobody supervises."""

    stopping = False

    def beat(self) -> None: ...
    def up(self, detail: str = "") -> None: ...
    def off(self, detail: str) -> None: ...
    def wake(self) -> None: ...

    def wait(self, seconds: float) -> bool:
        time.sleep(seconds)
        return False


def _camera(settings: Settings, daemon: _Daemon, *, look: bool) -> Answer:
    if daemon.status is not None:
        return _part(daemon.status.camera)
    if daemon.running:
        return _not_told()
    if not look:
        return Verdict.WARN, "not tried: a report opens no camera", "`attune doctor` tries it"
    return _private(settings) or _one_picture(settings)


def _private(settings: Settings) -> Answer | None:
    """That the privacy switch keeps the camera closed; None where it does not."""
    for folder in installed.state_folders(settings):
        if not switch.is_on(folder):
            continue
        if os.access(folder, os.X_OK, effective_ids=True):
            return _good("off, privacy")
        told = f"not tried: whether the privacy switch is on is not to be seen in {folder}"
        return Verdict.WARN, told, "use sudo"
    return None


def _one_picture(settings: Settings) -> Answer:
    began = time.monotonic()
    with open_camera(settings.camera, _SystemClock()) as camera:
        frame = camera.read(settings.camera.timeout_seconds)
    if frame is None:
        return Verdict.FAIL, f"{settings.camera.source} shows nothing", "name another source"
    height, width = frame.full.shape[:2]
    names = ", ".join(f"{found.name} ({found.source})" for found in list_cameras())
    took = f"{width}x{height} pixels within {time.monotonic() - began:.1f} s"
    return _good(f"{settings.camera.source}: {took}" + (f"; found {names}" if names else ""))


def _sound(settings: Settings, daemon: _Daemon) -> Answer:
    if daemon.status is not None:
        return _part(daemon.status.sound)
    if daemon.running:
        return _not_told()
    cards = list_outputs()
    wanted = settings.sound.device
    if wanted and wanted not in cards:
        return (
            Verdict.FAIL,
            f"there is no sound card {wanted!r}",
            f"set [sound] device to one of: {', '.join(cards) or 'none was found'}",
        )
    if cards:
        return _good(f"sound cards: {', '.join(cards)}")
    if os.environ.get("SDL_AUDIODRIVER") in ("disk", "dummy"):
        return _good(f"none needed: SDL_AUDIODRIVER={os.environ['SDL_AUDIODRIVER']}")
    return (
        Verdict.FAIL,
        "no sound card was found",
        "plug one in; is the user in the group audio? (`sudo usermod -aG audio $USER`)",
    )


def _broker(settings: Settings, path: Path | None) -> Answer:
    mqtt = settings.mqtt
    if not mqtt.enabled:
        return _good("switched off ([mqtt] enabled = false)")
    try:
        _log_in(mqtt)
    except PartUnavailable as error:
        unread = installed.unread(path)
        mend = f"a password in {unread} was not tried: use sudo" if unread else ""
        return Verdict.FAIL, str(error), mend
    return _good(f"{mqtt.host}:{mqtt.port} lets us in")


def _log_in(mqtt: MqttSettings) -> None:
    try:
        _log_in_by(MQTTProtocolVersion.MQTTv5, mqtt)
    except OtherVersion:
        _log_in_by(MQTTProtocolVersion.MQTTv311, mqtt)


def _log_in_by(protocol: MQTTProtocolVersion, mqtt: MqttSettings) -> None:
    # A topic and client id of its own, so that a speaker is not logged out by its doctor.
    will = (f"{mqtt.base_topic}/{mqtt.id}/doctor", b"")
    link = BrokerLink(mqtt, f"attune-doctor-{os.getpid()}", will, protocol)
    try:
        link.open(_Alone())
        link.close()
    finally:
        link.drop()


def _models(settings: Settings, path: Path | None, root: Path = Path("/")) -> Answer:
    open_detector(settings.models_folder)
    ModelReader(settings.models_folder)
    found = f"face, emotion and age in {settings.models_folder}, on {default_runtime()}"
    if not _wants_two_threads(settings, root):
        return _good(found)
    hertz = settings.camera.face_hertz
    told = f"; with one thread a Raspberry Pi 4 is not expected to look {hertz:g} times a second"
    return Verdict.WARN, found + told, f"{_two_threads(path)}, then `sudo systemctl restart attune`"


def _wants_two_threads(settings: Settings, root: Path) -> bool:
    """Whether this is a Raspberry Pi 4 that is asked for more looks than one thread gives."""
    one = settings.vision.threads == 1 and settings.camera.face_hertz > PI_4_HERTZ
    return one and re.match("Raspberry Pi (Compute Module )?4", read_model(root)) is not None


def _two_threads(path: Path | None) -> str:
    """How to set them: by a command, where the file has the line as it came."""
    file = config.SYSTEM_FILE if path is None else path
    text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    if re.findall(r"^.*\bthreads\b *=.*$", text, re.MULTILINE) in THREADS_LINES:
        return f"`sudo sed -i 's/^#\\?threads = 1$/threads = 2/' {shlex.quote(str(file))}`"
    return f"set [vision] threads = 2 in {file}"


def _music(settings: Settings, status: Status | None) -> Answer:
    folders = settings.music_folders
    names = ", ".join(map(str, folders))
    return Looks(1).take(lambda pulse: _folders(folders, status, pulse), names, ASLEEP_SECONDS)


def _folders(folders: Sequence[Path], status: Status | None, pulse: Pulse) -> Answer:
    """The look itself, which hangs where a drive is asleep or gone."""
    missing = [str(folder) for folder in folders if not _is_folder(folder, pulse)]
    if missing:
        return (
            Verdict.FAIL,
            f"there is no folder {', '.join(missing)}",
            "mount it, or correct [music] folders",
        )
    places = ", ".join(map(str, folders))
    if status is not None:
        count = status.tracks
    else:
        files = (file for folder in folders for file in _music_files(folder, pulse))
        count = sum(1 for _ in islice(files, COUNTED_FILES))
    if count == 0:
        return Verdict.FAIL, f"no music in {places}", "copy some there, or set [music] folders"
    least = "at least " if status is None and count == COUNTED_FILES else ""
    return _good(f"{least}{count} {'tracks' if status else 'files'} in {places}")


def _is_folder(folder: Path, pulse: Pulse) -> bool:
    pulse.beat(str(folder))
    return folder.is_dir()


def _music_files(folder: Path, pulse: Pulse) -> Iterator[Path]:
    for file in folder.rglob("*"):
        pulse.beat(str(folder))
        if is_sound(file.name):
            yield file


# --- the board -------------------------------------------------------------------------------


def _clock() -> Answer:
    now = time.strftime("%Y-%m-%d %H:%M")
    if time.gmtime().tm_year < EARLIEST_YEAR:
        return Verdict.FAIL, f"it is not {now}", "set it: `sudo timedatectl set-ntp true`"
    try:
        told = subprocess.run(
            ["timedatectl", "show", "--property=NTPSynchronized", "--value"],  # noqa: S607 - systemd's own, wherever it is
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return _good(f"{now}; whether it is synchronised cannot be told here")
    if told == "yes":
        return _good(f"{now}, synchronised")
    return Verdict.WARN, f"{now}, not synchronised", "`sudo timedatectl set-ntp true`"


def _disk(settings: Settings) -> Answer:
    place = installed.existing(installed.state_folder(settings))
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        return (
            Verdict.FAIL,
            f"{place} is read-only",
            "remount it writable; a worn SD card turns read-only: replace it",
        )
    free = shutil.disk_usage(place).free // 2**20
    if free < SCARCE_MIB:
        verdict = Verdict.FAIL if free < VERY_SCARCE_MIB else Verdict.WARN
        return verdict, f"{free} MiB free at {place}", "make room, or set [state] folder"
    return _good(f"{free / 1024:.1f} GiB free at {place}")


def _power() -> Answer:
    board = read_board()
    heat = board.temperature_celsius
    if board.under_voltage:
        return Verdict.FAIL, "under-voltage", "use the power supply made for the board"
    if board.throttled:
        return Verdict.WARN, "throttled", "cool the board; it slows itself down"
    if heat is not None and heat >= HOT_CELSIUS:
        return Verdict.WARN, f"{heat:.0f} °C", "cool the board"
    words = [] if heat is None else [f"{heat:.0f} °C"]
    words += ["supply is steady"] if board.under_voltage is False else []
    return _good(", ".join(words) or "this board does not tell")
