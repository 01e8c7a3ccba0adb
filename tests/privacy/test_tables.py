"""PRIVACY.md tells of all that is stored and sent, as code has it now."""

from __future__ import annotations

import re
import shlex

import pytest

from device.cli import _parser as parser
from device.system import database
from tests.privacy import tables


def test_privacy_md_is_up_to_date() -> None:
    text = tables.PRIVACY.read_text(encoding="utf-8")
    assert text == tables.filled(text), "run `python -m tests.privacy.tables`"


def test_what_guests_may_ask_for_can_be_typed() -> None:
    text = tables.PRIVACY.read_text(encoding="utf-8")
    commands = re.findall(r"\*\*`attune ([^`]+)`\*\*|^attune ([^#\n]+)", text, re.MULTILINE)
    assert len(commands) > 4
    for bold, line in commands:
        assert parser().parse_args(shlex.split(bold or line)).run


def test_a_table_that_is_not_described_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "CREATE TABLE secret (face TEXT) STRICT;"
    monkeypatch.setattr(tables, "MIGRATIONS", (*database.MIGRATIONS, secret))
    with pytest.raises(KeyError, match="secret"):
        tables.stored()


def test_no_table_can_hold_a_picture() -> None:
    scripts = " ".join(database.MIGRATIONS)
    assert scripts.count("CREATE TABLE") == scripts.count("STRICT")
    assert "BLOB" not in scripts
    assert " ANY" not in scripts
