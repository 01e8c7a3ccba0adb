"""The form that asks for the password, and the way out, for browsers without scripts, too."""

from __future__ import annotations

import re

import flask
from markupsafe import Markup

from device.home.answers import Refusal
from device.home.login import Login, give, take
from device.home.routes import SHORT_BODY_BYTES

NEXT = re.compile(r"/([A-Za-z0-9._~%&=?+-][A-Za-z0-9._~%&=?+/-]*)?")
"""Addresses of this page: none leads elsewhere."""

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in - Attune</title>
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="{{ style }}">
</head>
<body>
<main>
<section class="card">
<h1>Attune</h1>
<form method="post" action="/login">
<input type="hidden" name="next" value="{{ next }}">
<p><label for="password">Password</label>
<input id="password" type="password" name="password" required autofocus \
autocomplete="current-password"{% if why %} aria-describedby="why" aria-invalid="true"{% endif %}>
</p>
{% if why %}<p id="why" role="alert">{{ why }}</p>{% endif %}
<p><button class="main">Log in</button></p>
</form>
<p>Set or change the password at the speaker: <code>attune password</code>.</p>
</section>
</main>
</body>
</html>
"""


def blueprint(login: Login) -> flask.Blueprint:
    """`/login` and `/logout`."""
    made = flask.Blueprint("login", __name__)
    made.app_context_processor(_account)

    @made.get("/login")
    def show() -> flask.Response:
        where = flask.request.args.get("next", "/")
        return _lead(where) if flask.g.csrf else _form(where, 200)

    @made.post("/login")
    def enter() -> flask.Response:
        if (flask.request.content_length or 0) > SHORT_BODY_BYTES:
            raise Refusal(413, f"the form may have {SHORT_BODY_BYTES} bytes at most")
        fields = flask.request.form
        try:
            cookie = login.enter(fields.get("password", ""))
        except Refusal as refusal:
            return _form(fields.get("next", "/"), refusal.code, str(refusal), refusal.headers)
        response = _lead(fields.get("next", "/"))
        give(response, cookie)
        return response

    @made.post("/logout")
    def leave() -> flask.Response:
        login.leave()
        response = _lead("/login")
        take(response)
        return response

    return made


def _account() -> dict[str, Markup]:
    """The way out, for the foot of each page, where somebody is logged in."""
    csrf = flask.g.get("csrf", "")
    if not csrf:
        return {}
    form = (
        '<form method="post" action="/logout" data-whole>'
        '<input type="hidden" name="csrf" value="{}"><button>Log out</button></form>'
    )
    return {"account": Markup(form).format(csrf)}  # noqa: S704 - a constant; format() escapes


def _lead(where: str) -> flask.Response:
    target = where if NEXT.fullmatch(where) else "/"
    return flask.Response(status=303, headers={"Location": target})


def _form(
    where: str, code: int, why: str = "", headers: dict[str, str] | None = None
) -> flask.Response:
    style = flask.url_for("page.asset", name="page.css")
    text = flask.render_template_string(PAGE, next=where, why=why, style=style)
    return flask.Response(text, code, headers)
