"""PRIVACY.md's tables, made from the database's layout, the MQTT topics, the entities, the API's
routes and what was measured: `python -m tests.privacy.tables` writes them.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import msgspec

from device.home.appliance import Appliance
from device.home.entities import ENTITIES
from device.home.state import document
from device.home.topics import topics
from device.lessons import TasteChanged
from device.settings import HOME, MqttSettings, StateSettings
from device.system.database import MIGRATIONS
from device.types import News
from tests import regions
from tests.fakes import a_status
from tests.local_api import client_of

PRIVACY = HOME / "PRIVACY.md"
RESULTS = Path(__file__).with_name("results.json")
OLD = f"{StateSettings().keep_days} days (`[state] keep_days`)"
FORGET = "`attune forget`"
SCANNED = "while the file is there, and 400 days longer"

STORED = {
    "resume": (
        (
            "what played last, where in it, and whether it waited for somebody to come; what was "
            "set by hand: volume, goal, quiet hours, sleep timer, privacy switch"
        ),
        "the newest only",
        f"{FORGET} (the switch stays as it is)",
    ),
    "plays": (
        (
            "each play: when, which track, why; mood, number of people and ages then; how much was "
            "heard, how it ended"
        ),
        OLD,
        FORGET,
    ),
    "feedback": (
        "each like and dislike: when, of which track, and in which mood",
        f"until you erase it; the mood and ages in it: {OLD}",
        FORGET,
    ),
    "moods": ("at most one a minute: mood, number of people, ages", OLD, FORGET),
    "tracks": ("your music: path, tags, what it feels like", SCANNED, "remove the file"),
    "known_files": ("when each file changed last", SCANNED, "remove the file"),
    "skipped_files": ("files left out, and why", "until the next scan", "remove the file"),
    "listened": (
        "what listening to each track's sound told",
        f"as long as the tracks with that sound: {SCANNED}",
        "remove the file",
    ),
    "corrections": (
        "your own word on a track, given on the page or by `attune correct`",
        "until you take it back",
        "the page, `attune correct … --undo`",
    ),
}
"""What each table holds of people or their music, how long, and how to erase it."""


def happened() -> str:
    """Each kind of event, and what is told of it."""
    kinds = []
    for kind in get_args(News):
        fields = ", ".join(f"`{name}`" for name in kind.__struct_fields__)
        kinds.append(f"`{kind.__struct_config__.tag}`" + (f" ({fields})" if fields else ""))
    return ", ".join(kinds)


SENT = {
    "state": (
        "retained",
        "the status, below; in it, the newest warning of the log, which may name a file",
    ),
    "event": ("not retained", f"what happened: {happened()}"),
    "availability": ("retained", "online or offline"),
    "commands": ("received", "what Home Assistant asks"),
    "discovery": ("retained", "which entities there are; nothing of people"),
    "birth": ("received", "Home Assistant has started"),
}
"""What goes over each of the broker's topics."""


def stored() -> str:
    """A row for each table of the database. Raises `KeyError` for one that is not described."""
    with closing(sqlite3.connect(":memory:")) as db:
        for script in MIGRATIONS:
            db.executescript(script)
        names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        tables = [name for (name,) in db.execute(names)]
        rows = []
        for table in tables:
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            what, how_long, erase = STORED[table]
            fields = ", ".join(f"`{column}`" for column in columns)
            rows.append(f"| `{table}` | {what} | {how_long} | {erase} | {fields} |")
    gone = STORED.keys() - set(tables)
    if gone:
        raise KeyError(f"described, but not stored: {sorted(gone)}")
    head = "| table | what is in it | kept | erased by | columns |\n|---|---|---|---|---|"
    return "\n".join([head, *rows])


def sent() -> str:
    """A row for each topic at the broker, and what the status and the entities are made of."""
    where = topics(MqttSettings())
    rows = []
    for name, topic in where._asdict().items():
        kept, what = SENT[name]
        rows.append(f"| `{topic}{'/…' if name == 'commands' else ''}` | {kept} | {what} |")
    fields = ", ".join(f"`{key}`" for key in document(a_status()))
    entities = ", ".join(entity.name for entity in ENTITIES)
    head = "| topic | | what |\n|---|---|---|"
    return "\n".join(
        [head, *rows, "", f"The status: {fields}.", "", f"Shown as the entities {entities}."]
    )


def served() -> str:
    """A row for each route of the API, from its own OpenAPI document."""
    with tempfile.TemporaryDirectory() as folder:
        appliance = Appliance(a_status, lambda _: a_status(), lambda _: TasteChanged(0))
        answer = client_of(appliance, Path(folder)).get("/api/v1/openapi.json")
        document = msgspec.json.decode(answer.data)
    rows = [
        f"| `{method.upper()} {path}` | {row['summary'].partition('. ')[0]} |"
        for path, methods in document["paths"].items()
        for method, row in methods.items()
        if "summary" in row
    ]
    return "\n".join(["| route | what |", "|---|---|", *rows])


def proof() -> str:
    """What `python -m tests.privacy` measured."""
    runs = json.loads(RESULTS.read_text(encoding="utf-8"))
    rows: dict[str, Callable[[dict[str, Any]], str]] = {
        "pictures looked at, again and again": (
            lambda run: f"{run['pictures']}, with {run['faces']} faces"
        ),
        "system calls that wrote something": lambda run: f"{run['writes']:,}",
        "of a picture found in them": lambda _: "nothing",
        "bytes to the sound card": lambda run: _kb(run["sound_bytes"]),
        "bytes to the database and its log": lambda run: _kb(run["database_bytes"]),
        "text and numbers in the database then": lambda run: _kb(run["stored_bytes"]),
        "bytes of the page, to its browser": lambda run: _kb(run["page_bytes"]),
        "bytes to all else: log, broker, API, other processes": (
            lambda run: _kb(run["other_bytes"])
        ),
        "one of the pictures, as a JPEG of low quality": lambda run: _kb(run["needed_bytes"]),
        "moods that the broker got": lambda run: ", ".join(run["moods_at_the_broker"]),
    }
    head = f"| | {' | '.join(f'{camera} camera' for camera in runs)} |\n|---|{'---|' * len(runs)}"
    cells = {name: " | ".join(map(tell, runs.values())) for name, tell in rows.items()}
    return "\n".join([head, *(f"| {name} | {told} |" for name, told in cells.items())])


def _kb(size: int) -> str:
    return f"{size / 1000:,.0f} kB"


def tables() -> dict[str, str]:
    """Name of each marked region and what belongs there."""
    return {"stored": stored(), "sent": sent(), "served": served(), "proof": proof()}


def filled(text: str) -> str:
    """PRIVACY.md with every region as code makes it now."""
    return regions.filled(text, tables())


if __name__ == "__main__":
    PRIVACY.write_text(filled(PRIVACY.read_text(encoding="utf-8")), encoding="utf-8")
