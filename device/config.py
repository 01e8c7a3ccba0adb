"""Reading the configuration: every problem of a file in one run, each with line, key and mend.

Secrets may come from the environment (`ATTUNE_MQTT_PASSWORD`) or from systemd's credentials
(`mqtt_password`), and are never shown.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from device.config_keys import Key, keys, redacted
from device.config_toml import parse
from device.settings import Settings

SYSTEM_FILE = Path("/etc/attune/attune.toml")
SERVICE_SOCKET = Path("/run/attune/api.sock")
LIVE_TABLES = frozenset({"mood", "music", "log"})
"""Tables that a reload changes at once; the others need a restart."""
LIVE = frozenset({"state.keep_days", "sound.announcements"})
"""What a reload changes at once even in the others."""
NOT_LIVE = frozenset(
    f"music.{name}"
    for name in (
        "folders",
        "listen",
        "fade_seconds",
        "crossfade_seconds",
        "loudness",
        "random_seed",
    )
)
"""What needs a restart even in the live ones."""

_MAXIMUM_BYTES = 256 * 1024
_SOCKET_PATH_BYTES = 107  # sizeof(sockaddr_un.sun_path) - 1 on Linux


class Problem(NamedTuple):
    """One thing that is wrong. `where` is a file's name or a variable's, `line` counts from 1."""

    where: str
    line: int | None
    key: str
    reason: str

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.reason) if part)


class ConfigError(Exception):
    """The configuration cannot be used; `problems` holds all that is wrong with it.

    `settings` is what it says without that, for those who only look.
    """

    def __init__(self, problems: Sequence[Problem], settings: Settings) -> None:
        self.problems = tuple(problems)
        self.settings = settings
        super().__init__("\n".join(str(problem) for problem in problems))


def find(option: Path | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The file to read: as asked, $ATTUNE_CONFIG, the system's, else None: the defaults."""
    if option is not None:
        return option
    if named := environ.get("ATTUNE_CONFIG"):
        return Path(named)
    try:
        return SYSTEM_FILE if SYSTEM_FILE.exists() else None
    except PermissionError:  # whoever reads it is told so
        return SYSTEM_FILE


def load(path: Path | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a file (None: the defaults), secrets overridden by the environment.

    Relative paths count from the file's folder. Raises `ConfigError` with every problem.
    """
    reader = _Reader(path)
    if path is not None:
        reader.read_document(path)
    reader.read_secrets(environ)
    settings = reader.build()
    if reader.problems:
        raise ConfigError(sorted(reader.problems, key=lambda each: each.line or 0), settings)
    return settings


class _Reader:
    """Collects values that are sound, and problems for all that is not."""

    def __init__(self, path: Path | None) -> None:
        self.where = "" if path is None else str(path)
        self.folder = os.getcwd() if path is None else os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH109, PTH120 - pathlib raises where os.path does not
        self.problems: list[Problem] = []
        self.values: dict[str, dict[str, Any]] = {key.table: {} for key in keys()}
        self.lines: dict[tuple[str, ...], int] = {}
        self.unsound: set[str] = set()

    def complain(self, key: str, reason: str) -> None:
        self.unsound.add(key)
        line = self.lines.get(tuple(key.split(".")))
        self.problems.append(Problem(self.where, line, key, reason))

    def read_document(self, path: Path) -> None:
        document = parse(self._read_text(path))
        self.lines = document.lines
        self.problems += (Problem(self.where, line, "", why) for line, why in document.problems)
        for table, content in document.content.items():
            if table not in self.values:
                self.complain(table, _unknown_table(table, content))
            elif not isinstance(content, dict):
                self.complain(table, f"must be a table: [{table}]")
            else:
                self._read_table(table, content)

    def _read_text(self, path: Path) -> str:
        try:
            with path.open("rb") as file:
                raw = file.read(_MAXIMUM_BYTES + 1)
        except FileNotFoundError:
            self.complain("", "is not there; `attune config default` prints one to start from")
            return ""
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            self.complain("", f"cannot be read: {error}; check its permissions, or use sudo")
            return ""
        if len(raw) > _MAXIMUM_BYTES:
            self.complain("", f"is larger than {_MAXIMUM_BYTES // 1024} KiB: not a configuration")
            return ""
        try:
            return raw.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            self.problems.append(Problem(self.where, line, "", "is not UTF-8; save it as UTF-8"))
            return ""

    def _read_table(self, table: str, content: dict[str, Any]) -> None:
        known = {key.name: key for key in keys() if key.table == table}
        for name, value in content.items():
            if name in known:
                self._take(known[name], value)
            else:
                self.complain(f"{table}.{name}", _unknown_key(table, name))

    def _take(self, key: Key, value: object) -> None:
        """Keep a value that its type allows and whose folder, if it must be there, is."""
        try:
            converted = msgspec.convert(value, key.type)
            _refuse_nul(converted)
        except (ValueError, OverflowError, RecursionError):  # msgspec's errors are ValueErrors
            shown = "" if key.secret else f", not {_shown(value)}"
            self.complain(key.label, f"must be {key.allowed}{shown}{_nearest(value, key.choices)}")
            return
        if key.path:
            converted = absolute(converted, self.folder)
        if key.path == "folder" and converted and not os.path.isdir(converted):  # noqa: PTH112 - never raises
            self.complain(key.label, f"there is no folder {converted}")
        else:
            self.values[key.table][key.name] = converted

    def read_secrets(self, environ: Mapping[str, str] = os.environ) -> None:
        """Secrets from the environment, else from systemd's credentials, win over the file's."""
        for key in keys():
            if not key.secret:
                continue
            variable = f"ATTUNE_{key.table}_{key.name}".upper()
            credential = Path(environ.get("CREDENTIALS_DIRECTORY", "")) / f"{key.table}_{key.name}"
            if variable in environ:
                self._take(key, environ[variable])
            elif environ.get("CREDENTIALS_DIRECTORY") and credential.is_file():
                try:
                    self._take(key, credential.read_text(encoding="utf-8").rstrip("\r\n"))
                except (OSError, UnicodeDecodeError):
                    self.problems.append(Problem(str(credential), None, "", "cannot be read"))

    def build(self) -> Settings:
        """The settings, after the checks that look at several keys."""
        hints = typing.get_type_hints(Settings)
        settings = Settings(**{name: hints[name](**self.values[name]) for name in hints})
        unsound = frozenset(self.unsound)
        for involved, reason in _contradictions(settings):
            if not unsound.intersection(involved):
                self.complain(involved[0], reason)
        return settings


def _contradictions(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    """What each key allows but several together do not: the keys, first the one to mend."""
    camera, mqtt = settings.camera, settings.mqtt
    if camera.face_hertz < camera.idle_hertz:
        yield (
            ("camera.face_hertz", "camera.idle_hertz"),
            f"must not be less than idle_hertz ({camera.idle_hertz:g})",
        )
    for table, group in (("mqtt", mqtt), ("page", settings.page)):
        for one, other in (("certificate_file", "key_file"), ("key_file", "certificate_file")):
            if getattr(group, one) and not getattr(group, other):
                yield (f"{table}.{one}", f"{table}.{other}"), f"needs {other} beside it"
    for name in ("ca_file", "certificate_file"):
        if getattr(mqtt, name) and not mqtt.tls:
            yield (f"mqtt.{name}", "mqtt.tls"), "has no effect without tls = true"
    if mqtt.password and not mqtt.username:
        yield ("mqtt.username", "mqtt.password"), "is missing, though there is a password"
    yield from _page_contradictions(settings)
    if len(os.fsencode(settings.api.socket)) > _SOCKET_PATH_BYTES:
        yield ("api.socket",), f"is longer than the {_SOCKET_PATH_BYTES} bytes a socket may have"


def _page_contradictions(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    if not _is_address(settings.page.address):
        yield ("page.address",), "is no IP address, such as 127.0.0.1, 192.168.1.20 or ::1"
    for name in settings.page.names:
        if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?", name):
            yield ("page.names",), f"{_shown(name)} is no host name, such as attune.example.org"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _unknown_table(table: str, content: object) -> str:
    homes = [key.table for key in keys() if key.name == table]
    if homes and not isinstance(content, dict):
        return f"must stand under [{homes[0]}]"
    return f"unknown table{_nearest(table, [key.table for key in keys()])}"


def _unknown_key(table: str, name: str) -> str:
    near = _nearest(name, [key.name for key in keys() if key.table == table])
    homes = [key.table for key in keys() if key.name == name]
    return f"belongs under [{homes[0]}]" if homes and not near else f"unknown key{near}"


def _nearest(value: object, choices: Sequence[str]) -> str:
    if not isinstance(value, str):
        return ""
    near = difflib.get_close_matches(value[:100].lower(), choices, n=1)
    return f'; did you mean "{near[0]}"?' if near else ""


def _shown(value: object) -> str:
    """A value as TOML writes it, not longer than a line."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # Python does not print a number of thousands of digits.
        return "this"
    text = redacted(text)
    return text if len(text) <= 60 else text[:57] + "…"


def _refuse_nul(value: object) -> None:
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str) and "\0" in text:
            raise ValueError("NUL")


def absolute(value: Any, folder: str) -> Any:  # noqa: ANN401 - a text, or a list of texts
    """Paths from a folder on; sources such as `auto` or `rtsp://…` stay as they are."""
    if isinstance(value, list):
        return [absolute(one, folder) for one in value]
    if value in ("", "auto", "picamera2") or re.match(r"gst:|\w+://", value):
        return value
    if value.startswith("slideshow:"):
        return "slideshow:" + absolute(value[len("slideshow:") :], folder)
    return os.path.normpath(os.path.join(folder, os.path.expanduser(value)))  # noqa: PTH111, PTH118 - pathlib raises where os.path does not


def state_folder(settings: Settings, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the database lies: as set, else the service's state directory, else the user's."""
    if settings.state.folder:
        return Path(settings.state.folder)
    if service := environ.get("STATE_DIRECTORY"):
        return Path(service.split(":")[0])
    base = environ.get("XDG_STATE_HOME") or Path(os.path.expanduser("~")) / ".local/state"  # noqa: PTH111 - never raises
    return Path(base) / "attune"


def socket_path(settings: Settings, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the daemon's local API listens."""
    if settings.api.socket:
        return Path(settings.api.socket)
    if service := environ.get("RUNTIME_DIRECTORY"):
        return Path(service.split(":")[0]) / "api.sock"
    return state_folder(settings, environ) / "api.sock"


def diff(old: Settings, new: Settings) -> list[str]:
    """What a reload changes, a line each; secrets are masked."""
    lines = []
    for key in keys():
        before, after = (getattr(getattr(each, key.table), key.name) for each in (old, new))
        if before == after:
            continue
        change = "changed" if key.secret else f"{_shown(before)} -> {_shown(after)}"
        later = "" if _is_live(key) else " (after a restart)"
        lines.append(f"{key.table}.{key.name}: {change}{later}")
    return lines


def _is_live(key: Key) -> bool:
    """Whether a reload changes it at once."""
    return key.label in LIVE or (key.table in LIVE_TABLES and key.label not in NOT_LIVE)
