"""TOML with line numbers, and more than one syntax error in a run."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MAXIMUM_ERRORS = 20
_ERRORS = (ValueError, RecursionError)
"""What tomllib raises; ValueError itself for a number of thousands of digits."""


class SyntaxProblem(NamedTuple):
    """What is no TOML, and where (lines count from 1)."""

    line: int
    reason: str


class Document(NamedTuple):
    """What a text says and on which line; empty where a problem is too deep to read on."""

    content: dict[str, Any]
    lines: dict[tuple[str, ...], int]
    problems: list[SyntaxProblem]


def parse(text: str) -> Document:
    """Read a TOML text. A line that is no TOML on its own is reported and left out."""
    lines = text.split("\n")
    problems: list[SyntaxProblem] = []
    while len(problems) < _MAXIMUM_ERRORS:
        content = _loads("\n".join(lines))
        if not isinstance(content, Exception):
            found = {} if not content else locate("\n".join(lines))
            return Document(content, found, problems)
        number = _line_of(content, len(lines))
        line = lines[number - 1]
        problems.append(SyntaxProblem(number, _in_words(content, line)))
        if line.lstrip().startswith("[") or not isinstance(_loads(line), Exception):
            break  # What follows would be read as something that it is not.
        lines[number - 1] = ""
    return Document({}, {}, problems)


def locate(text: str) -> dict[tuple[str, ...], int]:
    """The line (from 1) of each table and key of a valid TOML document.

    Lines are gathered until they parse as a statement of their own.
    """
    found: dict[tuple[str, ...], int] = {}
    prefix: tuple[str, ...] = ()
    statement, start = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        if not statement:
            start = number
        statement += line + "\n"
        content = _loads(statement)
        if isinstance(content, Exception):
            continue
        if statement.lstrip().startswith("["):
            prefix = tuple(_header(content))
            found.setdefault(prefix, start)
        else:
            for path in _paths(content):
                found.setdefault(prefix + path, start)
        statement = ""
    return found


def _loads(text: str) -> dict[str, Any] | Exception:
    try:
        return tomllib.loads(text)
    except _ERRORS as error:
        return error


def _header(content: Any) -> Iterator[str]:  # noqa: ANN401 - TOML's tables and arrays in turn
    """The parts of a header's name: `[a.b]` parses as {a: {b: {}}}, `[[a]]` as {a: [{}]}."""
    while content:
        content = content[0] if isinstance(content, list) else content
        for name, inner in content.items():
            yield name
            content = inner


def _paths(content: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, inner in content.items():
        yield (name,)
        if isinstance(inner, dict):
            yield from ((name, *path) for path in _paths(inner))


def _line_of(error: Exception, last: int) -> int:
    match = re.search(r"at line (\d+)", str(error))
    return min(int(match[1]), last) if match else last


def _in_words(error: Exception, line: str) -> str:
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    reason = re.sub(r" \(at .*\)$", "", str(error))
    bare = re.match(r"\s*([\w-]+)\s*=\s*[^\W\d]", line)
    if reason == "Invalid value" and bare:
        return f'text needs quotes: {bare[1]} = "…"'
    return reason
