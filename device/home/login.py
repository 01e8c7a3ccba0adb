"""Logging in and out, for browsers by a form and for programs by JSON; password and tokens.

A page asks `/api/v1/session` whether a login is needed, and sends `csrf` of its answer along as
`X-CSRF-Token` with whatever it changes; a form sends `flask.g.csrf` as its field `csrf`.
"""

from __future__ import annotations

import logging
import math

import flask

from device.home.answers import Refusal, json_answer
from device.home.attempts import Attempts
from device.home.entry import (
    AddToken,
    LogIn,
    PasswordNow,
    SessionNow,
    SetPassword,
    TokenMade,
    TokenNow,
    WhichToken,
)
from device.home.guard import COOKIE, Door, door
from device.home.keyring import SESSION_SECONDS, Keyring, csrf_of
from device.home.routes import Call, Route

log = logging.getLogger(__name__)


class Login:
    """What can be asked of a keyring."""

    def __init__(self, keyring: Keyring, attempts: Attempts) -> None:
        self._keyring, self._attempts = keyring, attempts

    # --- sessions -------------------------------------------------------------------------

    def enter(self, password: str) -> str:
        """The cookie for who gives the password: the one that this browser has, where that holds,
        for its other tabs' forms go by it. Raises `Refusal`."""
        address = flask.request.remote_addr or ""
        if not self._keyring.has_password:
            raise Refusal(409, "there is no password yet; set one at the speaker: attune password")
        wait = math.ceil(self._attempts.admit(address))
        if wait:
            raise Refusal(
                429,
                f"too many wrong passwords; try again in {-(-wait // 60)} minutes",
                {"Retry-After": str(wait)},
            )
        if not self._keyring.is_password(password):
            # The newest warning goes to the broker: who it was stands in the log alone.
            log.info("somebody at %s gave a wrong password", address)
            log.warning("a wrong password was given at the page")
            raise Refusal(
                401, "that is not the password", {"WWW-Authenticate": 'Bearer realm="attune"'}
            )
        self._attempts.forgive(address)
        log.info("somebody at %s logged in", address)
        own = flask.request.cookies.get(COOKIE, "")
        return own if self._keyring.is_session(own) else self._keyring.open_session()

    def session(self, _call: Call) -> SessionNow:
        """What this browser may."""
        needed = door() is Door.NETWORK
        return SessionNow(needed, not needed or bool(flask.g.csrf), flask.g.csrf)

    def log_in(self, call: Call) -> flask.Response:
        """Open a session."""
        cookie = self.enter(call.body.password)
        response = json_answer(SessionNow(door() is Door.NETWORK, True, csrf_of(cookie)))
        give(response, cookie)
        return response

    def log_out(self, _call: Call) -> flask.Response:
        """Close the session."""
        self.leave()
        needed = door() is Door.NETWORK
        response = json_answer(SessionNow(needed, not needed, ""))
        take(response)
        return response

    def leave(self) -> None:
        """Close the session of this browser, if it has one."""
        self._keyring.close_session(flask.request.cookies.get(COOKIE, ""))

    # --- password and tokens, at the speaker alone ----------------------------------------

    def set_password(self, call: Call) -> PasswordNow:
        """Set or remove the password."""
        self._keyring.set_password(call.body.password)
        log.info("the page's password was %s", "set" if self._keyring.has_password else "removed")
        return PasswordNow(self._keyring.has_password)

    def tokens(self, _call: Call) -> list[TokenNow]:
        """The tokens that hold."""
        return [TokenNow(each.name, each.since) for each in self._keyring.tokens]

    def add_token(self, call: Call) -> TokenMade:
        """Make a token."""
        token = self._keyring.add_token(call.body.name)
        log.info("a token for %s was made", call.body.name)
        return TokenMade(call.body.name, token)

    def remove_token(self, call: Call) -> list[TokenNow]:
        """Take a token back."""
        self._keyring.remove_token(call.parameters.name)
        log.info("the token of %s was taken back", call.parameters.name)
        return self.tokens(call)


def give(response: flask.Response, cookie: str) -> None:
    """Have a browser keep its session's cookie."""
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int(SESSION_SECONDS),
        secure=flask.request.is_secure,
        httponly=True,
        samesite="Strict",
    )


def take(response: flask.Response) -> None:
    """Have a browser forget its session's cookie."""
    response.delete_cookie(COOKIE, secure=flask.request.is_secure, httponly=True, samesite="Strict")


def routes(login: Login) -> tuple[Route, ...]:
    """The routes of a login, and those of the command line that are about who may come in."""
    return (
        Route(
            "session",
            "GET",
            "/session",
            "Whether a login is needed, and whether this browser is logged in",
            login.session,
            SessionNow,
        ),
        Route(
            "log_in",
            "POST",
            "/session",
            "Log in by the password; the answer sets the session's cookie",
            login.log_in,
            SessionNow,
            body=LogIn,
            problems=(409, 429),
        ),
        Route("log_out", "DELETE", "/session", "Log out", login.log_out, SessionNow),
        Route(
            "set_password",
            "PUT",
            "/password",
            "Set the page's password, or remove it; everybody is logged out",
            login.set_password,
            PasswordNow,
            body=SetPassword,
            at_speaker=True,
        ),
        Route(
            "tokens",
            "GET",
            "/tokens",
            "The programs that have a token",
            login.tokens,
            list[TokenNow],
            at_speaker=True,
        ),
        Route(
            "add_token",
            "POST",
            "/tokens",
            "Make a token for a program",
            login.add_token,
            TokenMade,
            body=AddToken,
            at_speaker=True,
        ),
        Route(
            "remove_token",
            "DELETE",
            "/tokens/{name}",
            "Take a program's token back",
            login.remove_token,
            list[TokenNow],
            parameters=WhichToken,
            at_speaker=True,
        ),
    )
