"""The state folder and its one SQLite file: locked, checked, brought to the newest layout."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import time
from pathlib import Path
from typing import IO

from device.system.copies import go_back, keep_copy, move_aside

log = logging.getLogger(__name__)

FILE = "attune.db"
LOCK = "attune.lock"
PAGE_BYTES = 1024  # a position is 5.5 kB to the kernel, which counts in pages of 4 KiB
LOG_PAGES = 32
"""The log is begun anew after so many: a log that grows lets ext4 write its journal, too, each
time. Measured with blocks of 4 KiB: 14 kB for each position reach the card instead of 24 kB."""

CACHE_KIB = 256
"""Of the file, at most so much is kept in memory by each connection, which would be 2 MiB; the
kernel keeps it anyway. Pages come in blocks of one KiB, and whoever reads a week frees thousands of
them at once, between others that stay: memory grew for a day by the holes."""

DECAYED_HEADER = "unsupported file format"
"""For SQLite no damage, but a file that it cannot use."""

MIGRATIONS = (
    """
    CREATE TABLE resume (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        track TEXT, position_seconds REAL NOT NULL, playing INTEGER NOT NULL,
        paused_by_hand INTEGER NOT NULL, volume INTEGER, goal TEXT, privacy INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE tracks (
        id TEXT PRIMARY KEY, path TEXT NOT NULL, title TEXT NOT NULL, artist TEXT NOT NULL,
        valence REAL NOT NULL, arousal REAL NOT NULL, deviation REAL NOT NULL,
        affect_source TEXT NOT NULL, duration_seconds REAL NOT NULL, album TEXT, genre TEXT,
        year INTEGER, tempo_bpm REAL, loudness_lufs REAL, explicit INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE plays (
        id INTEGER PRIMARY KEY AUTOINCREMENT, track TEXT NOT NULL, wall REAL NOT NULL,
        goal TEXT NOT NULL, probability REAL NOT NULL, because TEXT NOT NULL,
        label TEXT NOT NULL, valence REAL NOT NULL, arousal REAL NOT NULL,
        confidence REAL NOT NULL, people INTEGER NOT NULL, age_years REAL, youngest_years REAL,
        heard_seconds REAL, finished INTEGER
    ) STRICT;
    CREATE TABLE feedback (
        id INTEGER PRIMARY KEY AUTOINCREMENT, track TEXT NOT NULL, wall REAL NOT NULL,
        liked INTEGER NOT NULL,
        label TEXT NOT NULL, valence REAL NOT NULL, arousal REAL NOT NULL,
        confidence REAL NOT NULL, people INTEGER NOT NULL, age_years REAL, youngest_years REAL
    ) STRICT;
    CREATE TABLE moods (
        minute INTEGER PRIMARY KEY,
        label TEXT NOT NULL, valence REAL NOT NULL, arousal REAL NOT NULL,
        confidence REAL NOT NULL, people INTEGER NOT NULL, age_years REAL, youngest_years REAL
    ) STRICT;
    """,
    "ALTER TABLE resume ADD COLUMN sleep_minutes INTEGER;",
    """
    ALTER TABLE tracks ADD COLUMN album_artist TEXT;
    ALTER TABLE tracks ADD COLUMN track_number INTEGER;
    ALTER TABLE tracks ADD COLUMN disc_number INTEGER;
    ALTER TABLE tracks ADD COLUMN peak_dbfs REAL;
    ALTER TABLE tracks ADD COLUMN album_loudness_lufs REAL;
    ALTER TABLE tracks ADD COLUMN album_peak_dbfs REAL;
    ALTER TABLE tracks ADD COLUMN audio_hash TEXT;
    CREATE TABLE known_files (
        track TEXT PRIMARY KEY, stamp TEXT NOT NULL, missing_since REAL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE skipped_files (
        path TEXT PRIMARY KEY, reason TEXT NOT NULL, stamp TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
    """
    ALTER TABLE plays ADD COLUMN moment TEXT;
    ALTER TABLE plays ADD COLUMN ended TEXT;
    ALTER TABLE plays ADD COLUMN moved REAL;
    ALTER TABLE feedback ADD COLUMN play INTEGER;
    """,
    """
    CREATE TABLE listened (
        sound TEXT PRIMARY KEY, version INTEGER NOT NULL, heard TEXT, error TEXT
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE corrections (
        track TEXT PRIMARY KEY, valence REAL, arousal REAL, explicit INTEGER, skip INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE resume ADD COLUMN quiet_hours TEXT;
    """,
    "ALTER TABLE resume ADD COLUMN held INTEGER NOT NULL DEFAULT 0;",
    # A sound is named with its length, see `device.music.probe`. Where an older name stood for
    # sounds of several lengths, nobody knows which of them was listened to: all are, anew.
    """
    UPDATE listened SET sound = named.sound FROM (
        SELECT audio_hash AS older, audio_hash || '-' || min(length) AS sound
        FROM (SELECT audio_hash, CAST(duration_seconds + 0.5 AS INTEGER) AS length FROM tracks)
        WHERE audio_hash <> '' GROUP BY audio_hash HAVING min(length) = max(length)
    ) AS named WHERE listened.sound = named.older;
    UPDATE tracks SET audio_hash =
        audio_hash || '-' || CAST(duration_seconds + 0.5 AS INTEGER) WHERE audio_hash <> '';
    """,
)
"""The script at index n leads from `user_version` n to n + 1. Never change one: append."""


class StateError(Exception):
    """The state folder cannot be used; the message says why and names the mend."""


class StateInUse(StateError):  # noqa: N818 - a state of the world, not a programming error
    """Another daemon works on the same state."""


class StateTooNew(StateError):  # noqa: N818 - likewise
    """A later version of Attune wrote the state, in the later `layout`."""

    def __init__(self, path: Path, layout: int) -> None:
        self.layout = layout
        super().__init__(
            f"{path} was written by a later version of Attune (layout {layout}, this one knows "
            f"up to {len(MIGRATIONS)}); upgrade Attune, or move the file away to begin anew"
        )


def lock(folder: Path) -> IO[str]:
    """The folder, made where it is missing, is ours while the file that is returned stays open.

    Raises `StateInUse`; and `StateError` where the folder cannot be made or written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (folder / LOCK).open("a+")
    except OSError as error:
        raise StateError(
            f"{folder}: {error.strerror}; the state folder must be writable for this user"
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            file.seek(0)
            owner = file.read(20).strip() or "unknown"
        raise StateInUse(
            f"{folder} is in use by another Attune (process {owner}); stop that one, or give "
            "this one a [state] folder of its own"
        ) from None
    try:
        os.truncate(file.fileno(), 0)
        os.write(file.fileno(), f"{os.getpid()}\n".encode())
    except OSError as error:  # a full disk; the number is only a courtesy to who comes second
        log.debug("the process number could not be noted in %s: %s", folder / LOCK, error)
    return file


def open_database(folder: Path, wall: float) -> sqlite3.Connection:
    """The database at the newest layout; a damaged one is set aside, named after `wall`, and of a
    later version's what was there before its upgrade is used.

    Raises `StateError`.
    """
    path = folder / FILE
    try:
        try:
            return _connect(path)
        except StateTooNew as later:
            if not go_back(path, len(MIGRATIONS), later.layout):
                raise
            return open_database(folder, wall)
        except sqlite3.OperationalError:
            return _connect(path, alone=True)
        # SQLite's message may quote the very bytes that are damaged.
        except (sqlite3.DatabaseError, UnicodeDecodeError) as damage:
            _set_aside(path, wall, damage)
            return _connect(path)
    except (OSError, sqlite3.OperationalError) as error:
        raise StateError(
            f"{path}: {error}; the folder must be writable for this user, on a working disk "
            "with some room"
        ) from error


def _connect(path: Path, *, alone: bool = False) -> sqlite3.Connection:
    """The checked database, brought to the newest layout.

    `alone`: no other program can read it meanwhile, and nothing is written while it is opened, so
    that a full disk keeps nobody from what is there (https://sqlite.org/wal.html, "Use of WAL
    Without Shared-Memory").

    Raises `sqlite3.DatabaseError` or `UnicodeDecodeError` for a damaged file, the former's subclass
    `OperationalError` where file or disk cannot be used, `StateTooNew` for a file of a later
    version.
    """
    # Another program that looks into the file may make us wait, but not for long.
    db = sqlite3.connect(path, timeout=1.0, isolation_level=None)
    db.text_factory = readable_text
    try:
        if alone:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # heeded by a new file alone
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        db.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
        _check(db)
        _migrate(db, path)
    except sqlite3.OperationalError as error:
        db.close()
        if str(error) == DECAYED_HEADER:
            raise sqlite3.DatabaseError(DECAYED_HEADER) from error
        raise
    except BaseException:
        db.close()
        raise
    return db


def _check(db: sqlite3.Connection) -> None:
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
    version = _version(db)
    if version < 0 or (version <= len(MIGRATIONS) and _layout(db) != _layout_of(version)):
        raise sqlite3.DatabaseError(f"its tables are not those of layout {version}")


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)


def _layout(db: sqlite3.Connection) -> list[tuple[str, ...]]:
    """Every column: its table, name and type."""
    return db.execute(
        "SELECT tables.name, columns.name, columns.type FROM sqlite_master AS tables"
        " JOIN pragma_table_info(tables.name) AS columns"
        " WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%' ORDER BY 1, 2"
    ).fetchall()


def _layout_of(version: int) -> list[tuple[str, ...]]:
    """What `_layout` should be."""
    with contextlib.closing(sqlite3.connect(":memory:")) as model:
        for script in MIGRATIONS[:version]:
            model.executescript(script)
        return _layout(model)


def readable_text(raw: bytes) -> str:
    """A text as far as it can be read: decayed letters must not keep the rest from us."""
    return raw.decode(errors="replace")


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    version = _version(db)
    if version > len(MIGRATIONS):
        raise StateTooNew(path, version)
    if 0 < version < len(MIGRATIONS):
        keep_copy(db, path, version)
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        db.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")


def _set_aside(path: Path, wall: float, damage: Exception) -> None:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(wall))
    aside = move_aside(path, path.with_name(f"{path.name}.damaged-{stamp}"))
    log.error(
        "%s is damaged (%s): set aside as %s, a new one is begun; `sqlite3 %s .recover` may "
        "save what it held",
        path,
        damage,
        aside.name,
        aside,
    )
