"""What a restricted key may ask, and how to come in from elsewhere; sshd itself is tried in
tests/service/test_ssh.py."""

from __future__ import annotations

import argparse
import importlib.machinery
import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device import cli

SSH = Path(__file__).resolve().parents[1] / "config/ssh"
SCRIPT = SSH / "attune-admin"


def load() -> Any:
    loader = importlib.machinery.SourceFileLoader("attune_admin", str(SCRIPT))
    spec = importlib.util.spec_from_loader("attune_admin", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


ADMIN = load()

REFUSED = {
    "run": "the service does that",
    "demo": "it would start a second speaker",
    "bench": "it takes the machine for itself",
    "look": "it reads files",
    "say": "it reads files",
    "correct": "what the owner says of the music is the owner's word",
    "forget": "memory is the owner's",
    "password": "who may come in is the owner's to say",
    "token": "who may come in is the owner's to say",
}
"""The commands that a restricted key may not run, and why."""


def commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """What may follow."""
    found = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


def test_each_command_is_allowed_or_refused_for_a_reason() -> None:
    assert sorted([*ADMIN.COMMANDS, *REFUSED, "config"]) == sorted(commands(cli._parser()))
    for name in REFUSED:
        with pytest.raises(ValueError, match="this key may run"):
            ADMIN.words_of(name)


def test_what_may_follow_a_command_is_listed() -> None:
    every = commands(cli._parser())
    assert {name for name in ADMIN.COMMANDS if commands(every[name])} <= set(ADMIN.LONE)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("status", ["status"]),
        ("attune status --json", ["status", "--json"]),
        ("volume 30", ["volume", "30"]),
        ("  mood 'happiness' ", ["mood", "happiness"]),
        ("config show", ["config", "show"]),
        ("--version", ["--version"]),
        ("sleep 30", ["sleep", "30"]),
        ("quiet 22:00-07:00", ["quiet", "22:00-07:00"]),
        ("taste", ["taste"]),
        ("taste --json", ["taste", "--json"]),
        ("library", ["library"]),
        ("library show 'Bright Harbour'", ["library", "show", "Bright Harbour"]),
        ("report -", ["report", "-"]),
        ("volume '; reboot'", ["volume", "; reboot"]),  # one word, which attune itself refuses
    ],
)
def test_it_may_look_and_steer(asked: str, words: list[str]) -> None:
    assert ADMIN.words_of(asked) == words


def test_without_a_word_it_shows_how_things_stand() -> None:
    assert ADMIN.words_of("") == ["status"]


@pytest.mark.parametrize(
    "asked",
    [
        "sh",
        "run",
        "demo",
        "look /etc/shadow",
        "status --config /etc/shadow",
        "status --config=/etc/shadow",
        "--socket /tmp/x status",
        "config check /etc/shadow",
        "config default",
        "taste forget --all --yes",
        "taste --json forget --all",
        "taste import /etc/shadow",
        "taste export /tmp/x",
        "taste --plot /tmp/x.svg",
        "library export /tmp/x.m3u8",
        "library --json export /tmp/x.m3u8",
        "report",
        "report /tmp/x",
        "report - --with-music",
        "report --with-music -",
        "say /etc/shadow",
        "bench",
        "/usr/local/bin/attune status",
        "scp -f /etc/passwd",
        "status 'unclosed",
        "status " + "x" * 300,
    ],
)
def test_it_may_nothing_else(asked: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ADMIN.words_of(asked)


@given(st.text(max_size=250))
def test_whatever_is_asked_only_commands_come_out(asked: str) -> None:
    try:
        words = ADMIN.words_of(asked)
    except ValueError:
        return
    assert words[0] in (*ADMIN.COMMANDS, "config", "--version", "--help")
    if words != ["report", "-"]:
        assert all(word in ADMIN.OPTIONS for word in words[1:] if word.startswith("-"))


# --- from another computer ----------------------------------------------------------------


def asked(host: str) -> list[str]:
    """What ssh does for a host of `client.conf`, a line each."""
    told = subprocess.run(
        ["ssh", "-G", "-F", SSH / "client.conf", host], capture_output=True, text=True, check=True
    )
    return told.stdout.splitlines()


def test_a_shell_may_be_opened_twice() -> None:
    assert "user pi" in asked("attune")
    assert not [line for line in asked("attune") if line.startswith("localforward")]


def test_the_page_is_forwarded_or_the_reason_told() -> None:
    page = asked("attune-page")
    assert {"user pi", "hostname attune.local", "exitonforwardfailure yes"} <= set(page)
    assert "localforward 8088 [localhost]:8088" in page
    assert not [line for line in asked("attune-admin") if line.startswith("localforward")]
