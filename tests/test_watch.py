"""What the live view writes, on a terminal that is told cell by cell."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.watch import Canvas, difference

PLAIN = ""
STYLES = st.sampled_from(["\x1b[1m", "\x1b[2m", "\x1b[1;36m", "\x1b[0m"])
LINES = st.lists(st.one_of(st.sampled_from(list("ab ─●é")), STYLES), max_size=12).map("".join)


def cells(
    line: str, shown: list[tuple[str, str]] | None = None, column: int = 0
) -> list[tuple[str, str]]:
    """What a terminal shows of a line, each character with its style, written over `shown`."""
    row, style = list(shown or [])[:column], PLAIN
    for piece in re.findall(r"\x1b\[[\d;]*m|.", line):
        if piece.startswith("\x1b"):
            style = PLAIN if piece == "\x1b[0m" else piece
        else:
            row.append((piece, style))
    return row


@given(LINES, LINES)
def test_what_is_written_over_a_line_makes_it_the_new_one(before: str, after: str) -> None:
    column, rest = difference(before, after)
    assert cells(rest, cells(before), column) == cells(after)


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ("up 11 s", "up 12 s", (4, "2 s")),
        ("\x1b[2mMood \x1b[0mfear", "\x1b[2mMood \x1b[0mjoy", (5, "\x1b[0mjoy")),
        ("", "new", (0, "new")),
        ("same", "same and more", (4, " and more")),
        ("音 1", "音 2", (0, "音 2")),  # two columns wide
        ("e\u0301 1", "e\u0301 2", (1, "\u0301 2")),
    ],
)
def test_only_what_changed_is_written(before: str, after: str, written: tuple[int, str]) -> None:
    assert difference(before, after) == written


def test_an_unchanged_view_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "10")
    out = io.StringIO()
    with Canvas(out) as canvas:
        canvas.draw(["one", "two", "x" * 30])
        length = len(out.getvalue())
        canvas.draw(["one", "two", "x" * 29 + "y"])  # past the terminal's edge
        assert len(out.getvalue()) == length
        canvas.draw(["one", "too"])
        assert out.getvalue()[length:] == "\x1b[2;2Hoo\x1b[K\x1b[3;1H\x1b[K"
