"""`attune config`: check or show the configuration."""

from __future__ import annotations

import argparse
from pathlib import Path

from device import config
from device.cli_common import config_path_of
from device.config_text import default_toml, schema, shown_toml


def add_commands(command: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    """Add `check`, `show`, `default` and `schema`."""
    topics = command.add_subparsers(metavar="check|show|default|schema", required=True)
    for name, help_, run in (
        ("check", "every mistake in the file, with its line", _check),
        ("show", "all settings as they are, secrets masked", _show),
        ("default", "a commented file of all defaults", _default),
        ("schema", "JSON schema of the file, for editors", _schema),
    ):
        topic = topics.add_parser(name, help=help_, description=help_, parents=[shared])
        topic.set_defaults(run=run)
        if name == "check":
            topic.add_argument("file", nargs="?", type=Path, metavar="FILE")


def _check(parsed: argparse.Namespace) -> int:
    path = parsed.file or config_path_of(parsed)
    config.load(path)
    print(f"{path}: good" if path else "no configuration file: the defaults hold")
    return 0


def _show(parsed: argparse.Namespace) -> int:
    path = config_path_of(parsed)
    print(f"# {path or 'no configuration file: the defaults'}")
    print(shown_toml(config.load(path)), end="")
    return 0


def _default(_parsed: argparse.Namespace) -> int:
    print(default_toml(), end="")
    return 0


def _schema(_parsed: argparse.Namespace) -> int:
    print(schema(), end="")
    return 0
