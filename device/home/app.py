"""The Flask app: every route is registered here, and here alone.

It reads immutable values and hands what changes something to the main thread; it owns nothing.
"""

from __future__ import annotations

import logging
from functools import partial

import flask
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from device.home import api, collection, events, login, login_page, openapi
from device.home.answers import Refusal, problem, wants_page
from device.home.appliance import Appliance
from device.home.attempts import Attempts
from device.home.guard import guard
from device.home.keyring import Keyring
from device.home.page import views as page
from device.home.routes import blueprint
from device.ports import CannotDo

log = logging.getLogger(__name__)


def create_app(appliance: Appliance, keyring: Keyring) -> flask.Flask:
    """The app on what it may ask, and who may come in."""
    app = flask.Flask("attune", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = api.MAXIMUM_TASTE_BYTES
    guard(app, keyring, appliance.settings().page.names)
    entry = login.Login(keyring, Attempts())
    routes = (*api.ROUTES, *collection.ROUTES, *events.routes(), *login.routes(entry))
    routes = (*routes, openapi.route_of(routes))
    app.register_blueprint(blueprint("api", routes, appliance))
    app.register_blueprint(login_page.blueprint(entry))
    app.register_blueprint(page.blueprint(appliance))
    app.register_error_handler(Refusal, lambda it: problem(it.code, it.detail, it.headers))
    app.register_error_handler(CannotDo, lambda error: problem(422, str(error)))
    app.register_error_handler(TimeoutError, _busy)
    app.register_error_handler(HTTPException, partial(_http, appliance))
    app.register_error_handler(Exception, _bug)
    return app


def _busy(_error: TimeoutError) -> flask.Response:
    return problem(503, "Attune is busy and did not answer in time; try again")


def _http(appliance: Appliance, error: HTTPException) -> flask.Response:
    allowed = error.valid_methods if isinstance(error, MethodNotAllowed) else None
    headers = {"Allow": ", ".join(sorted(allowed))} if allowed else None
    code = error.code or 500
    if code in (404, 405) and wants_page():
        return flask.Response(page.not_here(appliance), code, headers)
    return problem(code, error.description or "", headers)


def _bug(error: Exception) -> flask.Response:
    log.error("%s %s failed", flask.request.method, flask.request.path, exc_info=error)
    return problem(500, "a bug in Attune; its log tells more: journalctl -u attune")
