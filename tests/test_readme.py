"""The README's generated tables are as code makes them now."""

from __future__ import annotations

from tests.readme_tables import README, filled


def test_the_readme_is_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == filled(text), "run `python -m tests.readme_tables`"
