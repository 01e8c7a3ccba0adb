"""`attune report`: one archive for a bug report.

It works with the daemon up, down or broken: what cannot be told is told as that. No picture is in
it, secrets are masked, and unless asked for, so are names of music: what `device.music` logs is
cut down to its first words, and titles, artists, albums and paths of the library are masked
wherever else they stand.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import io
import os
import platform
import re
import shutil
import sqlite3
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from device import __version__, config
from device.client import Client, NotRunning, Refused
from device.config import ConfigError
from device.config_keys import MASK
from device.config_text import shown_toml
from device.doctor import examine, line
from device.installed import environ, existing, state_folder
from device.report_log import OPENING, log_lines, unit_state, without_names
from device.report_mask import Mask, file_names
from device.settings import Settings
from device.system.board import read_board, read_model
from device.system.database import FILE
from device.types import LibraryScanned, Status
from device.watch import Paint, span

STREAM = "-"
OF_PEOPLE = ("mood", "people", "age", "age_interval", "age_group", "volume_why")
"""Fields of the status that tell of whoever is there; no fault needs them."""

ABOUT = """\
A report for whoever looks for a fault in Attune, made by `attune report`.
Look through it before you pass it on: nobody got it yet but you.

No picture is in it: Attune stores none, and no camera was opened for it. Nor is who is there, of
what mood and age. Passwords and tokens are masked. {music}
"""
WITHOUT_MUSIC = f"Names of music and their files are masked as {MASK} (`--with-music` leaves them)."
WITH_MUSIC = (
    "Names of music are in it, as you asked for, and in the log\n"
    "why each track played, which tells of moods."
)


class Report(NamedTuple):
    """What is to be packed: each file's name and text, in the order to be read."""

    name: str
    files: dict[str, str]


def gather(path: Path | None, client: Client, *, with_music: bool, wall: float) -> Report:
    """Everything that helps; takes as long as `attune doctor`. What is broken raises nothing."""
    settings, problems = _configuration(path)
    library = _library(client)
    parts: dict[str, Callable[[], object]] = {
        "versions.txt": _versions,
        "board.txt": lambda: _board(settings),
        "doctor.txt": lambda: "\n".join(
            line(check, Paint(on=False)) for check in examine(path, client, look=False)
        ),
        "status.json": lambda: _status(client, with_music=with_music),
        "service.txt": unit_state,
        "state.txt": lambda: _state(settings),
        "config.toml": lambda: f"# {path or 'no file: the defaults'}\n{shown_toml(settings)}",
        "config-problems.txt": lambda: problems,
        "log.txt": lambda: "\n".join(log_lines(with_music=with_music)),
    }
    if library is not None:
        parts["library.txt"] = lambda: _library_counts(library)
        if with_music:
            parts["library.json"] = lambda: library
    mask = Mask(settings, None if with_music else filter(None, _names(library, settings)))
    about = ABOUT.format(music=WITH_MUSIC if with_music else WITHOUT_MUSIC)
    files = {"README.txt": about}
    for name, make in parts.items():
        told = _told(make)
        if isinstance(told, str):
            told = mask(told)
        else:
            told = _pretty(mask.within(msgspec.to_builtins(told)))
        if told:
            files[name] = told
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(wall))
    return Report(f"attune-report-{stamp}", files)


def write(report: Report, target: Path | None, wall: float) -> Path | None:
    """Pack a report into a new file, by default named after it, or to stdout where it is "-".

    Returns the file. Raises `FileExistsError` and other `OSError`.
    """
    packed = _packed(report, wall)
    if target is not None and str(target) == STREAM:
        sys.stdout.buffer.write(packed)
        return None
    path = Path(f"{report.name}.tar.gz") if target is None else target
    # What a home's speaker says of itself is for its owner's eyes.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(packed)
    return path


def main(target: Path | None, path: Path | None, client: Client, *, with_music: bool) -> int:
    """`attune report`; returns the exit code."""
    wall = time.time()
    report = gather(path, client, with_music=with_music, wall=wall)
    try:
        file = write(report, target, wall)
    except FileExistsError:
        sys.stderr.write(f"attune: {target} is there already; name another file\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"attune: {error.filename}: {error.strerror}\n")
        return 1
    if file is not None:
        sys.stdout.write(
            f"{file}: {', '.join(report.files)}; {file.stat().st_size / 1000:.0f} kB\n"
            f"Look through it before you send it: tar -xzf {file}\n"
        )
    return 0


def _packed(report: Report, wall: float) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, text in report.files.items():
            raw = text.rstrip("\n").encode("utf-8", "replace") + b"\n"
            entry = tarfile.TarInfo(f"{report.name}/{name}")
            entry.size, entry.mtime, entry.mode = len(raw), int(wall), 0o600
            archive.addfile(entry, io.BytesIO(raw))
    return gzip.compress(content.getvalue(), mtime=wall)


def _told(make: Callable[[], object]) -> object:
    """A text, or what is to be encoded as JSON."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001 - a report of what is broken must not break on it
        return f"cannot be told: {type(error).__name__}: {error}"


# --- what is told ----------------------------------------------------------------------------


def _configuration(path: Path | None) -> tuple[Settings, str]:
    try:
        return config.load(path, environ(path)), ""
    except ConfigError as error:
        return error.settings, str(error)


def _versions() -> str:
    system = _fields(Path("/etc/os-release")).get("PRETTY_NAME", "").strip('"')
    told = {
        "Attune": __version__,
        "program": str(Path(__file__).resolve().parent),
        "system": system or platform.platform(),
        "kernel": f"{platform.release()} {platform.machine()}",
        "Python": f"{platform.python_version()}, {sys.executable}",
        "SQLite": sqlite3.sqlite_version,
    }
    for requirement in importlib.metadata.requires("attune") or []:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        if "extra ==" not in requirement and name not in told:
            told[name] = _version(name)
    return _table(told.items())


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _board(settings: Settings) -> str:
    memory = _fields(Path("/proc/meminfo"), ":")
    up = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    board = read_board()
    return _table(
        {
            "model": read_model() or "unknown",
            "cores": os.cpu_count(),
            "memory": f"{memory.get('MemTotal')}, available {memory.get('MemAvailable')}",
            "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
            "up": span(up),
            "temperature": board.temperature_celsius,
            "throttled": board.throttled,
            "under-voltage": board.under_voltage,
            **{
                f"free at {place}": f"{shutil.disk_usage(place).free // 2**20} MiB"
                for place in ("/", existing(state_folder(settings)))
            },
        }.items()
    )


def _status(client: Client, *, with_music: bool) -> dict[str, object]:
    try:
        status = client.status()
    except (NotRunning, Refused) as error:
        return {"not_told": str(error)}
    if status.track is not None:
        status = replace(status, track=replace(status.track, because=MASK))
    told = msgspec.to_builtins(status if with_music else _without_music(status))
    return {name: value for name, value in told.items() if name not in OF_PEOPLE}


def _without_music(status: Status) -> Status:
    track, vitals = status.track, status.vitals
    if track is not None:
        track = replace(track, title=MASK, artist=MASK, path=MASK)
    if OPENING.match(vitals.last_error):
        vitals = replace(vitals, last_error=without_names(vitals.last_error))
    return replace(status, track=track, vitals=vitals)


def _state(settings: Settings) -> str:
    """What lies in the state folder, and how much is remembered: never what."""
    folder = state_folder(settings)
    told = [f"{folder}"]
    for file in sorted(folder.iterdir()):
        about = file.stat()
        written = time.strftime("%Y-%m-%d %H:%M", time.localtime(about.st_mtime))
        told.append(f"  {file.name:<40} {about.st_size:>12,} bytes, {written}")
    with closing(_database(folder)) as db:
        (layout,) = db.execute("PRAGMA user_version").fetchone()
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        told.append(f"layout {layout}, check: {verdict}")
        tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        for (table,) in tables.fetchall():
            (count,) = db.execute(f'SELECT count(*) FROM "{table}"').fetchone()  # noqa: S608 - the file's own names
            told.append(f"  {table:<40} {count:>12,} rows")
    return "\n".join(told)


def _database(folder: Path) -> sqlite3.Connection:
    """The database, to be looked at alone."""
    return sqlite3.connect(f"file:{quote(str(folder / FILE))}?mode=ro", uri=True, timeout=1.0)


def _library(client: Client) -> LibraryScanned | None:
    """The library as the daemon knows it; None where none runs."""
    try:
        return client.library()
    except (NotRunning, Refused):
        return None


def _names(library: LibraryScanned | None, settings: Settings) -> set[str | None]:
    """By what music may be named: of the daemon, else of the database."""
    if library is None:
        return _stored_names(state_folder(settings))
    names: set[str | None] = set()
    for track in (*library.tracks, *library.missing):
        names.update((track.title, track.artist, track.album, track.album_artist))
        names.update(file_names(track.path))
    for skipped in library.skipped:
        names.update(file_names(skipped.path))
    return names


def _stored_names(folder: Path) -> set[str | None]:
    names: set[str | None] = set()
    try:
        with closing(_database(folder)) as db:
            for path, *others in db.execute(
                "SELECT path, title, artist, album, album_artist FROM tracks"
            ):
                names.update(others, file_names(path))
            for (path,) in db.execute("SELECT path FROM skipped_files"):
                names.update(file_names(path))
    except sqlite3.Error:  # no database yet, or a damaged one
        pass
    return names


def _library_counts(library: LibraryScanned) -> str:
    sources = Counter(track.affect.source for track in library.tracks)
    reasons = Counter(Path(skipped.path).suffix.lower() for skipped in library.skipped)
    told = {
        "tracks": len(library.tracks),
        "missing": len(library.gone),
        **{f"feel told by {source}": count for source, count in sources.most_common()},
        **{f"skipped {ending or 'without ending'}": n for ending, n in reasons.most_common(10)},
    }
    return _table(told.items())


# --- texts -----------------------------------------------------------------------------------


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode()


def _table(rows: Iterable[tuple[str, object]]) -> str:
    return "\n".join(f"{name:<24} {value}" for name, value in rows)


def _fields(path: Path, separator: str = "=") -> dict[str, str]:
    """A file of lines "name=value"."""
    pairs = (each.partition(separator) for each in _text(path).splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""
