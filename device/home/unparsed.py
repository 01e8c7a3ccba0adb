"""Connections as waitress does not have them: what it cannot even read as a request is answered
by a problem, like all others, and it shows who stopped reading."""

from __future__ import annotations

import http
import time
from typing import Any

import msgspec
from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

from device.home.answers import PROBLEM, Problem
from device.home.guard import HEADERS


class _Told:
    """An error of waitress, in our words."""

    def __init__(self, error: Any) -> None:  # noqa: ANN401 - waitress has no types
        self._code, self._detail = int(error.code), str(error.body)

    def to_response(self, _ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Status line, headers and body."""
        title = http.HTTPStatus(self._code).phrase
        body = msgspec.json.encode(Problem(title, self._code, self._detail))
        headers = [("Content-Type", PROBLEM), ("Cache-Control", "no-store"), *HEADERS.items()]
        return f"{self._code} {title}", headers, body


class _Refuse(ErrorTask):  # type: ignore[misc] # waitress has no types
    def execute(self) -> None:
        self.request.error = _Told(self.request.error)
        super().execute()


class Channel(HTTPChannel):  # type: ignore[misc] # waitress has no types
    """A connection whose malformed requests are answered by problems, and which knows for how
    long its other side has taken nothing of what waits for it."""

    error_task_class = _Refuse
    _moved = 0.0

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Bytes that the other side takes now."""
        sent: int = super().send(data, do_close=do_close)
        if sent:
            self._moved = time.monotonic()
        return sent

    def unread_seconds(self) -> float:
        """For how long nothing was taken though something waits. To be asked again and again."""
        now = time.monotonic()
        if not self.total_outbufs_len:
            self._moved = now
        return now - self._moved
