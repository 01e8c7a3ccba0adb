"""Answers to what waitress cannot even read as a request: problems, like all others."""

from __future__ import annotations

import http
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
    """A connection whose malformed requests are answered by problems."""

    error_task_class = _Refuse
