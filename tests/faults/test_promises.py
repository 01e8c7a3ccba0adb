"""The table is as code makes it from what was measured."""

from __future__ import annotations

from tests.faults.promises import PROMISES, README, filled, kept


def test_the_table_is_what_was_measured() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == filled(text), "run `python -m tests.faults.promises`"
    assert kept().keys() <= PROMISES.keys()
