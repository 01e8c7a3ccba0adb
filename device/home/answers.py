"""Answers over HTTP: JSON, or `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import http

import flask
import msgspec

from device.types import readable

PROBLEM = "application/problem+json"


class Problem(msgspec.Struct, frozen=True):
    """What went wrong: `title` in general, `detail` here, with the mend."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"


class Refusal(Exception):  # noqa: N818 - an answer, not a programming error
    """Ends a request with a problem; `headers` go along."""

    def __init__(self, code: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.code, self.detail, self.headers = code, detail, headers or {}


def json_answer(value: object, code: int = 200) -> flask.Response:
    """A value as JSON; nobody may keep it."""
    response = flask.Response(msgspec.json.encode(value), code, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def wants_page() -> bool:
    """Whether a browser shows the answer to somebody; programs ask for JSON, or for anything."""
    request = flask.request
    best = request.accept_mimetypes.best_match((PROBLEM, "text/html"), PROBLEM)
    return best == "text/html" and not request.path.startswith("/api/")


def problem(code: int, detail: str, headers: dict[str, str] | None = None) -> flask.Response:
    """A problem of a status code, told in words."""
    told = Problem(http.HTTPStatus(code).phrase, code, readable(detail))
    response = flask.Response(msgspec.json.encode(told), code, headers, mimetype=PROBLEM)
    response.headers["Cache-Control"] = "no-store"
    return response
