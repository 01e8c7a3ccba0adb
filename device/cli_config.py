"""`attune config`: check or show the configuration."""

from __future__ import annotations

import argparse
import contextlib
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
    from device import installed

    path = parsed.file or config_path_of(parsed)
    environ = installed.environ(path)  # as root alone may read it
    with _reader_of(path):
        config.load(path, environ)
    print(f"{path}: good" if path else "no configuration file: the defaults hold")
    if unread := installed.unread(path):
        print(f"what {unread} says was not checked: use sudo")
    return 0


def _reader_of(path: Path | None) -> contextlib.AbstractContextManager[None]:
    """As whom to read the file: root may read what the service may not."""
    from device import installed

    if path == config.SYSTEM_FILE and installed.STATE.exists():
        return installed.as_owner(installed.STATE)
    return contextlib.nullcontext()


def _show(parsed: argparse.Namespace) -> int:
    from device import installed

    path = config_path_of(parsed)
    settings = config.load(path, installed.environ(path))
    print(f"# {path or 'no configuration file: the defaults'}")
    print(shown_toml(settings), end="")
    return 0


def _default(_parsed: argparse.Namespace) -> int:
    print(default_toml(), end="")
    return 0


def _schema(_parsed: argparse.Namespace) -> int:
    print(schema(), end="")
    return 0
