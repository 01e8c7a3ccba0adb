from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from device.system import journal


@pytest.fixture(autouse=True)
def _own_root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def journal_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Path]]:
    """Puts a file in stderr's place, announced as systemd announces the journal's stream.

    A function, because pytest itself replaces stderr between a fixture and its test.
    """

    path = tmp_path / "stderr"
    file = path.open("w")

    def redirect() -> Path:
        stat = os.fstat(file.fileno())
        monkeypatch.setattr(sys, "stderr", file)
        monkeypatch.setenv("JOURNAL_STREAM", f"{stat.st_dev}:{stat.st_ino}")
        return path

    with file:
        yield redirect


def test_plain_lines_by_hand(
    journal_stream: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = journal_stream()
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")  # another process's stream, inherited
    journal.set_up("info")
    logging.getLogger("device.speaker").info("plays %s", "Für Elise", extra={"TRACK": "ab"})
    logging.getLogger("device.speaker").debug("not told")
    lines = stderr.read_text().splitlines()
    assert len(lines) == 1
    assert lines[0].endswith(" INFO    device.speaker: plays Für Elise")


def test_fields_reach_the_journal(journal_stream: Callable[[], Path]) -> None:
    stderr = journal_stream()
    if journal.systemd_journal is None:
        pytest.skip("systemd's Python bindings are not installed")
    journal.set_up("debug")
    handler = logging.getLogger().handlers[0]
    sent: list[tuple[str, dict[str, Any]]] = []
    handler.send = lambda text, **fields: sent.append((text, fields))  # type: ignore[attr-defined]
    logging.getLogger("device.speaker").warning("dull", extra={"MOOD": "sadness"})
    logging.getLogger("device.speaker").warning(os.fsdecode(b"b\xe4d.jpg"))
    assert sent[1][0] == r"b\udce4d.jpg", "the journal takes UTF-8 alone"
    (message, fields) = sent[0]
    assert message == "dull"
    assert (fields["MOOD"], fields["PRIORITY"], fields["LOGGER"], fields["SYSLOG_IDENTIFIER"]) == (
        "sadness",
        "4",
        "device.speaker",
        "attune",
    )
    assert stderr.read_text() == ""


def test_without_bindings_lines_carry_their_priority(
    journal_stream: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = journal_stream()
    monkeypatch.setattr(journal, "systemd_journal", None)
    journal.set_up("debug")
    log = logging.getLogger("device.speaker")
    for level in (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG):
        log.log(level, "two\nlines")
    assert stderr.read_text().splitlines()[::2] == [
        f"<{number}>device.speaker: two" for number in (3, 3, 4, 6, 7)
    ]
    assert stderr.read_text().splitlines()[1::2] == [f"<{n}>lines" for n in (3, 3, 4, 6, 7)]


def test_the_level_may_change(journal_stream: Callable[[], Path]) -> None:
    stderr = journal_stream()
    journal.set_up("error")
    journal.set_up("debug")
    assert len(logging.getLogger().handlers) == 1
    assert logging.getLogger().level == logging.DEBUG
    assert not logging.getLogger("waitress.queue").isEnabledFor(logging.INFO)
    assert stderr.exists()
