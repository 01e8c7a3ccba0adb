"""The local REST API: one Flask app, served by waitress on a UNIX socket.

It reads one immutable `Status` and hands commands to the main thread; it owns nothing.
Errors are `application/problem+json` (RFC 9457).
"""

from __future__ import annotations

import contextlib
import http
import logging
import os
import socket
import stat
import typing
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask
import msgspec
import waitress
from waitress import wasyncore
from werkzeug.exceptions import HTTPException

from device.lessons import TasteAnswer, TasteRequest
from device.ports import CannotDo, PartUnavailable
from device.types import Command, LibraryScanned, Status

if TYPE_CHECKING:
    from device.ports import WorkerContext

log = logging.getLogger(__name__)

MAXIMUM_BODY_BYTES = 4096
MAXIMUM_TASTE_BYTES = 16 * 1024 * 1024
"""Of a taste that is imported: `device.lessons.LONGEST_EXPORT` plays."""
_LOOP_SECONDS = 0.5
_THREADS = 2
_PERMISSIONS = 0o660
_KINDS = ", ".join(sorted(kind.__struct_config__.tag for kind in typing.get_args(Command)))


def create_app(  # noqa: C901 - one branch a route
    status: Callable[[], Status],
    ask: Callable[[Command], Status],
    ask_taste: Callable[[TasteRequest], TasteAnswer],
    library: Callable[[], LibraryScanned] = LibraryScanned,
) -> flask.Flask:
    """The app. `status` and `library` return at once; `ask` returns the status after a command, or
    raises `CannotDo`; `ask_taste` returns the answer; both raise `TimeoutError` when the main
    thread does not answer."""
    app = flask.Flask("attune", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAXIMUM_TASTE_BYTES

    app.before_request(_refuse_long_commands)

    @app.get("/api/v1/status")
    def show_status() -> flask.Response:
        return _json(status())

    @app.get("/api/v1/health")
    def show_health() -> flask.Response:
        now = status()
        parts = {name: getattr(now, name) for name in ("camera", "broker", "sound", "library")}
        return _json({"version": now.version, "uptime_seconds": now.uptime_seconds, "parts": parts})

    @app.get("/api/v1/library")
    def show_library() -> flask.Response:
        return _json(library())

    @app.post("/api/v1/command")
    def obey() -> flask.Response:
        # A page of another site can post forms, but not JSON, without being asked first.
        if flask.request.mimetype != "application/json":
            return _problem(415, "send the command as Content-Type: application/json")
        try:
            command = msgspec.json.decode(flask.request.get_data(), type=Command)
        except msgspec.ValidationError as error:
            return _problem(422, f"{error}; commands: {_KINDS}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _problem(400, f"the body is not JSON: {error}")
        try:
            return _json(ask(command))
        except TimeoutError:
            return _problem(503, "Attune is busy and did not answer in time; try again")

    app.register_error_handler(CannotDo, lambda error: _problem(422, str(error)))

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> flask.Response:
        return _problem(error.code or 500, error.description or "")

    @app.errorhandler(Exception)
    def fail(error: Exception) -> flask.Response:
        log.error("%s %s failed", flask.request.method, flask.request.path, exc_info=error)
        return _problem(500, "a bug in Attune; its log tells more: journalctl -u attune")

    _serve_taste(app, ask_taste)
    return app


def _refuse_long_commands() -> flask.Response | None:
    """Only a taste may be long."""
    length = flask.request.content_length or 0
    if length > MAXIMUM_BODY_BYTES and flask.request.path != "/api/v1/taste":
        return _problem(413, f"the body may have {MAXIMUM_BODY_BYTES} bytes at most")
    return None


def _serve_taste(app: flask.Flask, ask_taste: Callable[[TasteRequest], TasteAnswer]) -> None:
    @app.post("/api/v1/taste")
    def answer() -> flask.Response:
        if flask.request.mimetype != "application/json":
            return _problem(415, "send the request as Content-Type: application/json")
        try:
            request = msgspec.json.decode(flask.request.get_data(), type=TasteRequest)
        except msgspec.ValidationError as error:
            return _problem(422, str(error))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _problem(400, f"the body is not JSON: {error}")
        try:
            return _json(ask_taste(request))
        except TimeoutError:
            return _problem(503, "Attune is busy and did not answer in time; try again")


def _json(value: object) -> flask.Response:
    response = flask.Response(msgspec.json.encode(value), mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _problem(code: int, detail: str) -> flask.Response:
    problem = {
        "type": "about:blank",
        "title": http.HTTPStatus(code).phrase,
        "status": code,
        "detail": detail,
    }
    return flask.Response(
        msgspec.json.encode(problem), status=code, mimetype="application/problem+json"
    )


class ApiServer:
    """Serves an app on a UNIX socket; `run` is a supervised worker's body."""

    def __init__(self, app: flask.Flask, path: Path) -> None:
        self._app = app
        self._path = path

    def run(self, context: WorkerContext) -> None:
        """Serve until stopping. Raises `PartUnavailable` when the socket cannot be had."""
        self._refuse_to_steal()
        channels: dict[int, Any] = {}
        with self._bind() as listener:
            own = self._path.stat().st_ino
            server = waitress.create_server(
                self._app,
                map=channels,
                sockets=[listener],
                threads=_THREADS,
                ident="attune",
                connection_limit=50,
                max_request_body_size=MAXIMUM_TASTE_BYTES,
                max_request_header_size=16 * 1024,
            )
            try:
                context.up(str(self._path))
                while not context.stopping:
                    wasyncore.loop(timeout=_LOOP_SECONDS, map=channels, use_poll=True, count=1)
                    context.beat()
            finally:
                server.task_dispatcher.shutdown(timeout=_LOOP_SECONDS)
                wasyncore.close_all(channels)
                with contextlib.suppress(FileNotFoundError):
                    if self._path.stat().st_ino == own:
                        self._path.unlink()

    def _bind(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            listener.bind(os.fspath(self._path))
            self._path.chmod(_PERMISSIONS)
        except OSError as error:
            listener.close()
            raise PartUnavailable(
                f"cannot listen on {self._path}: {error.strerror or error}; "
                "set [api] socket to a path that Attune may write"
            ) from error
        return listener

    def _refuse_to_steal(self) -> None:
        """Raise `PartUnavailable` where another daemon listens, or where something else lies."""
        try:
            mode = self._path.stat().st_mode
        except OSError:
            return
        if not stat.S_ISSOCK(mode):
            raise PartUnavailable(f"{self._path} is no socket; move it away")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_LOOP_SECONDS)
            try:
                probe.connect(os.fspath(self._path))
            except ConnectionRefusedError:
                return  # The stale socket of a daemon that was killed.
            except OSError as error:
                raise PartUnavailable(f"cannot tell who has {self._path}: {error}") from error
        raise PartUnavailable(
            f"another Attune listens on {self._path}; stop it, or set [api] socket to another path"
        )
