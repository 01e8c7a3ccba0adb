"""Texts generated from the settings' types: the commented default, the schema, a table."""

from __future__ import annotations

import json
import textwrap
import typing
from collections.abc import Iterator
from itertools import groupby

import msgspec

from device.config_keys import MASK, Key, keys, redacted
from device.settings import Settings

_HEAD = """\
# Attune's configuration. A line that starts with "#" and a key shows the default: remove the
# "#" to set your own. Check with `attune config check`; apply with `sudo systemctl reload attune`,
# or restart for what a reload cannot change (it says so in the journal).
"""


def default_toml() -> str:
    """The default configuration file: every key, commented out, with what it is for."""
    parts = [_HEAD]
    for table, group in _tables():
        parts.append(f"\n# {_about(table)}\n[{table}]\n")
        parts.extend(f"\n{_comment(key)}\n#{key.name} = {_toml(key)}\n" for key in group)
    return "".join(parts)


def schema() -> str:
    """JSON schema (draft 2020-12) of the configuration file, for editors."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Attune's configuration",
        **msgspec.json.schema(Settings),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def shown_toml(settings: Settings) -> str:
    """All settings as they are, secrets masked."""
    parts = []
    for table, group in _tables():
        parts.append(f"[{table}]\n")
        for key in group:
            value = getattr(getattr(settings, table), key.name)
            if key.secret and value:
                parts.append(f'{key.name} = "{MASK}"\n')
            elif value is not None:
                parts.append(f"{key.name} = {redacted(_value(value))}\n")
        parts.append("\n")
    return "".join(parts).rstrip() + "\n"


def markdown_table() -> str:
    """A table of every setting, for the README."""
    rows = ["| setting | default | allowed | what it is for |", "|---|---|---|---|"]
    for key in keys():
        default = f"`{_value(key.default)}`" if key.default is not None else "unset"
        cells = (f"`{key.table}.{key.name}`", default, key.allowed, key.description)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _tables() -> Iterator[tuple[str, list[Key]]]:
    for table, group in groupby(keys(), key=lambda key: key.table):
        yield table, list(group)


def _about(table: str) -> str:
    return str(typing.get_type_hints(Settings)[table].__doc__).strip()


def _comment(key: Key) -> str:
    plain = key.allowed in ("text", "true or false")
    text = key.description if plain else f"{key.description} ({key.allowed})"
    return textwrap.fill(text, 98, initial_indent="# ", subsequent_indent="# ")


def _toml(key: Key) -> str:
    """The default as TOML; a key that is unset by default shows an example."""
    return "1  # unset by default" if key.default is None else _value(key.default)


def _value(value: object) -> str:
    """Texts, numbers, truth values and lists are written alike in TOML and JSON."""
    return json.dumps(value, ensure_ascii=False)
