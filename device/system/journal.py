"""Where log lines go: the journal, with fields, under systemd; plain lines on stderr by hand.

A line gets fields of its own by `log.info("…", extra={"TRACK": …})`; their names are upper case
(systemd.journal-fields(7)), so that `journalctl TRACK=…` finds them.
"""

from __future__ import annotations

import logging
import os
import sys

from device.types import readable

try:
    import systemd.journal as systemd_journal
except ImportError:
    systemd_journal = None

PLAIN = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def set_up(level: str, *more: logging.Handler) -> None:
    """Send the root logger's lines, from `level` ("debug" … "error") up, to where they belong,
    and to `more` handlers.

    May be called again, with another level.
    """
    logging.basicConfig(level=level.upper(), handlers=[_handler(), *more], force=True)
    # These tell each request and each packet.
    for chatty in ("waitress", "werkzeug", "paho"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _handler() -> logging.Handler:
    if not _stderr_is_journal():
        plain = logging.StreamHandler(sys.stderr)
        plain.setFormatter(logging.Formatter(PLAIN))
        return plain
    if systemd_journal is not None:
        journal: logging.Handler = systemd_journal.JournalHandler(SYSLOG_IDENTIFIER="attune")
        journal.setFormatter(_Readable("%(message)s"))  # the rest goes into fields
        return journal
    prefixed = logging.StreamHandler(sys.stderr)
    prefixed.setFormatter(_Prefixed("%(name)s: %(message)s"))
    return prefixed


def _stderr_is_journal() -> bool:
    """Whether stderr is the stream that systemd connected to the journal (systemd.exec(5))."""
    try:
        stream = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # closed, or replaced by something without a descriptor
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stream.st_dev}:{stream.st_ino}"


class _Readable(logging.Formatter):
    """What is no UTF-8, as in a file's name, would be lost in the journal with all of its line."""

    def format(self, record: logging.LogRecord) -> str:
        return readable(super().format(record))


class _Prefixed(logging.Formatter):
    """Puts the priority before each line as sd-daemon(3) reads it."""

    def format(self, record: logging.LogRecord) -> str:
        levels = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))
        prefix = next(f"<{number}>" for level, number in levels if record.levelno >= level)
        return "\n".join(prefix + line for line in super().format(record).splitlines())
