"""Who may do what over HTTP, decided before anything else is looked at.

The command line's UNIX socket is governed by its file's permissions. On TCP a request must name
this speaker as its host, which a page of another site that had its name point here cannot (DNS
rebinding); what changes something must not come from another site's page; and beyond this machine
it needs a session or a token.
"""

from __future__ import annotations

import enum
import hmac
import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

import flask

from device.home.answers import Refusal, wants_page
from device.home.keyring import Keyring, csrf_of

DOOR = "attune.door"
"""Key of the WSGI environment that says by which door a request came; no header can set it."""
COOKIE = "attune_session"
CSRF_HEADER, CSRF_FIELD = "X-CSRF-Token", "csrf"
SAFE = ("GET", "HEAD", "OPTIONS")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
PUBLIC = {"api.session", "api.log_in", "login.show", "login.enter", "page.asset", "static"}
"""Endpoints that need no login: nothing of the home stands there."""
LOGINS = ("api.log_in", "login.enter")
"""Where a second tab logs in, whose form was given out before the first one did."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer, with which browsers send "Origin: null" with the page's own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Door(str, enum.Enum):
    """How a request came in."""

    SOCKET = "socket"
    LOCAL = "local"  # TCP on this machine alone
    NETWORK = "network"


def at_door(app: WsgiApp, door: Door) -> WsgiApp:
    """The app, whose requests come by this door."""

    def entered(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        environ[DOOR] = door
        return app(environ, start)

    return entered


def door() -> Door:
    """By which door the request came; the strictest, where nobody said."""
    return Door(flask.request.environ.get(DOOR, Door.NETWORK))


def guard(app: flask.Flask, keyring: Keyring, names: Iterable[str] = ()) -> None:
    """Have each request looked at, and each answer carry the headers."""
    host = socket.gethostname()
    own = frozenset(each.lower() for each in (host, f"{host}.local", *names))

    def look() -> flask.typing.ResponseReturnValue | None:
        flask.g.csrf = ""
        flask.g.still_allowed = lambda: True
        if door() is Door.SOCKET:
            return None
        _check_host(own)
        if flask.request.routing_exception is None:
            _check_site()
        return _check_rights(keyring)

    app.before_request(look)
    app.after_request(_dress)


def _check_host(own: frozenset[str]) -> None:
    host = host_of(flask.request.headers.get("Host", ""))
    if host is None or not is_ours(host, door(), own):
        raise Refusal(
            421,
            "this is not an address of this speaker; use its IP address, or name it in "
            "[page] names",
        )


def host_of(header: str) -> str | None:
    """The host that a Host header names, without the port; None where it is malformed."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?", header)
    return (match[1] or match[2].removesuffix(".")).lower() if match else None


def is_ours(host: str, by: Door, own: frozenset[str]) -> bool:
    """Whether a page of this host is ours. Who has a name point here still shows that name; an
    IP address points nowhere else."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or (by is Door.NETWORK and host in own)
    return by is Door.NETWORK or address.is_loopback


def _check_site() -> None:
    """Refuse what another site's page would change, or have for itself; it may lead here by a
    link. Browsers tell where a request comes from; a program that tells nothing can send JSON,
    which other sites' pages cannot unasked."""
    request = flask.request
    link = request.method in SAFE and request.headers.get("Sec-Fetch-Mode") == "navigate"
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if site not in ("same-origin", "none") and not link:
        raise Refusal(403, "this was asked by a page of another site")
    if request.method in SAFE:
        return
    origin = request.headers.get("Origin")
    host = request.headers["Host"].lower()
    if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
        raise Refusal(403, "this was asked by a page of another site")
    told = origin is not None or "Sec-Fetch-Site" in request.headers
    unasked = request.method == "DELETE" and not request.content_length
    if not (
        request.mimetype == "application/json" or unasked or (told and request.mimetype in FORMS)
    ):
        raise Refusal(415, "send it as Content-Type: application/json")


def _check_rights(keyring: Keyring) -> flask.typing.ResponseReturnValue | None:
    """Let in who may, and leave in `still_allowed` what an answer that goes on asks meanwhile."""
    request = flask.request
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    token = given.strip()
    if scheme:
        if scheme.lower() == "bearer" and keyring.token_name(token) is not None:
            flask.g.still_allowed = lambda: keyring.token_name(token) is not None
            return None
        raise Refusal(
            401,
            "this token does not hold; `attune token add NAME` makes one",
            {"WWW-Authenticate": 'Bearer realm="attune", error="invalid_token"'},
        )
    if door() is Door.LOCAL:
        return None
    cookie = request.cookies.get(COOKIE, "")
    if keyring.is_session(cookie):
        flask.g.csrf = csrf_of(cookie)
        flask.g.still_allowed = lambda: keyring.is_session(cookie)
        if request.method not in SAFE and request.endpoint not in LOGINS:
            _check_csrf(flask.g.csrf)
        return None
    if request.endpoint in PUBLIC:
        return None
    unknown = request.endpoint is None and wants_page()
    if request.method == "GET" and (request.blueprint == "page" or unknown):
        return flask.redirect(f"/login?next={quote(request.full_path.rstrip('?'), safe='')}", 303)
    raise Refusal(
        401,
        "log in first, or send a token: `attune token add NAME` makes one",
        {"WWW-Authenticate": 'Bearer realm="attune"'},
    )


def _check_csrf(wanted: str) -> None:
    request = flask.request
    sent = request.headers.get(CSRF_HEADER)
    if sent is None and request.mimetype in FORMS:
        sent = request.form.get(CSRF_FIELD)
    if not hmac.compare_digest((sent or "").encode(), wanted.encode()):
        raise Refusal(
            403,
            f"{CSRF_HEADER} is missing or old; reload the page, or take it from /api/v1/session",
        )


def _dress(response: flask.Response) -> flask.Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response
