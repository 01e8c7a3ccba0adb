"""`attune password` and `attune token`: who may reach the page and the API over the network."""

from __future__ import annotations

import argparse
import datetime as dt
import getpass
import sys
from urllib.parse import quote

from device.cli_common import FAILED, WRONG_USE, client_of, fail
from device.home.entry import AddToken, PasswordNow, SetPassword, TokenMade, TokenNow


def add_password(command: argparse.ArgumentParser) -> None:
    """Add the options of `attune password`."""
    which = command.add_mutually_exclusive_group()
    which.add_argument("--stdin", action="store_true", help="read it from a pipe, for scripts")
    which.add_argument("--remove", action="store_true", help="let nobody log in any more")
    command.set_defaults(run=_password)


def add_token(command: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    """Add `add`, `list` and `remove`."""
    topics = command.add_subparsers(metavar="add|list|remove", required=True)
    for name, help_, run in (
        ("add", "make a token, and print it this once", _add),
        ("list", "name the programs that have one", _list),
        ("remove", "take a program's token back", _remove),
    ):
        topic = topics.add_parser(name, help=help_, description=help_, parents=[shared])
        topic.set_defaults(run=run)
        if name != "list":
            topic.add_argument("name", metavar="NAME", help="of the program that it is for")


def _password(parsed: argparse.Namespace) -> int:
    client = client_of(parsed)
    password = None
    if not parsed.remove:
        password = _read(piped=parsed.stdin)
        if password is None:
            return WRONG_USE
    answer = client.ask("PUT", "/password", PasswordNow, SetPassword(password))
    if answer.set:
        print("The password is set. Who was logged in must log in again.")
    else:
        print("The password is removed: nobody can log in.")
    return 0


def _read(*, piped: bool) -> str | None:
    """The password that was typed or piped, None after a complaint."""
    if piped:
        try:
            return sys.stdin.buffer.readline().decode(sys.stdin.encoding).rstrip("\r\n")
        except UnicodeDecodeError:
            fail("what was piped in is not UTF-8", WRONG_USE)
            return None
    if not sys.stdin.isatty():
        fail("there is no terminal to ask at; pipe it in with --stdin", WRONG_USE)
        return None
    password = getpass.getpass("New password: ")
    if getpass.getpass("Once more: ") != password:
        fail("they differ; nothing was changed", FAILED)
        return None
    return password


def _add(parsed: argparse.Namespace) -> int:
    made = client_of(parsed).ask("POST", "/tokens", TokenMade, AddToken(parsed.name))
    print(made.token)
    sys.stderr.write("It is not shown again. Send it as the header:  Authorization: Bearer TOKEN\n")
    return 0


def _list(parsed: argparse.Namespace) -> int:
    tokens = client_of(parsed).ask("GET", "/tokens", list[TokenNow])
    for each in tokens:
        since = dt.datetime.fromtimestamp(each.since).astimezone()
        print(f"{each.name:<40} since {since:%Y-%m-%d %H:%M}")
    if not tokens:
        print("no program has a token; `attune token add NAME` makes one")
    return 0


def _remove(parsed: argparse.Namespace) -> int:
    client = client_of(parsed)
    client.ask("DELETE", f"/tokens/{quote(parsed.name, safe='')}", list[TokenNow])
    print(f"the token of {parsed.name} no longer holds")
    return 0
