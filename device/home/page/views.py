"""The page's addresses: four to look at, one to ask for things, and what they are dressed in."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable
from functools import partial
from importlib import resources
from typing import Any

import flask
from markupsafe import Markup
from werkzeug.wrappers import Response

from device.home.appliance import Appliance
from device.home.collection import sliced
from device.home.page import forms, past, words
from device.home.page.circle import circle_of, colour, spot
from device.ports import CannotDo
from device.types import Emotion, Goal, Health, Status, Track

PER_PAGE = 50
DAY_STEP_MINUTES, WEEK_STEP_MINUTES = 5, 30
FOREVER_SECONDS = 31_536_000
KINDS = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
PARTS = ("camera", "sound", "library", "broker", "page")
SLEEPS = (15, 30, 45, 60, 90, 120)
UNSURE = ("genre", "unknown", "listening")
SHOWN = {
    "all": "all",
    "unsure": "those that nobody labelled",
    "corrected": "those that you corrected here",
}


def blueprint(appliance: Appliance) -> flask.Blueprint:
    """The page on what it may ask."""
    page = flask.Blueprint("page", __name__, template_folder="templates")
    page.add_app_template_filter(words.clock, "clock")
    page.add_app_template_filter(words.span, "span")
    page.add_app_template_filter(past.time_of_day, "time_of_day")
    page.context_processor(partial(_everywhere, appliance))
    page.add_url_rule("/assets/<name>", "asset", _asset)
    for address, name, view in (
        ("/", "now", _now),
        ("/history", "history", _history),
        ("/library", "library", _library),
        ("/library/<track>", "track", _track),
        ("/settings", "settings", _settings),
    ):
        page.add_url_rule(address, name, partial(view, appliance))
    page.add_url_rule("/do/<name>", "do", partial(_do, appliance), methods=["POST"])
    page.register_error_handler(
        CannotDo, lambda error: (_problem("That cannot be done", str(error)), 422)
    )
    page.register_error_handler(
        TimeoutError,
        lambda _: (_problem("Attune is busy", "It did not answer in time; try again."), 503),
    )
    page.register_error_handler(404, lambda _: (not_here(appliance), 404))
    return page


def _load() -> dict[str, bytes]:
    folder = resources.files("device.home.page") / "static"
    return {name: (folder / name).read_bytes() for name in KINDS}


ASSETS = _load()
VERSIONS = {name: hashlib.sha256(data).hexdigest()[:12] for name, data in ASSETS.items()}


def _asset(name: str) -> Response:
    if name not in ASSETS:
        flask.abort(404)
    response = flask.Response(ASSETS[name], mimetype=KINDS[name])
    response.set_etag(VERSIONS[name])
    fresh = flask.request.args.get("v") == VERSIONS[name]
    keep = f"max-age={FOREVER_SECONDS}, immutable" if fresh else "no-cache"
    response.headers["Cache-Control"] = keep
    return response.make_conditional(flask.request)


def _everywhere(appliance: Appliance) -> dict[str, Any]:
    """What every page may need."""
    return {
        "words": words,
        "token": _token,
        "asset": lambda name: flask.url_for("page.asset", name=name, v=VERSIONS[name]),
        "name": appliance.settings().mqtt.name,
        "down": _down(appliance.status()),
        "done": forms.DONE.get(flask.request.args.get("done", "")),
    }


def _token() -> Markup:
    """What shows that a form was given out by us: see `device.home.guard`."""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(flask.g.get("csrf", ""))


def _problem(title: str, detail: str) -> str:
    return flask.render_template("problem.html", title=title, detail=detail)


def not_here(appliance: Appliance) -> str:
    """The page of an address at which there is none, for whoever may look at the others."""
    return flask.render_template(
        "problem.html",
        title="Not here",
        detail="There is nothing at this address.",
        **_everywhere(appliance),
    )


def _down(status: Status) -> list[str]:
    """The parts that do not work though they should."""
    return [name for name in PARTS if getattr(status, name).health is Health.DOWN]


def _find(tracks: Iterable[Track], track: str) -> Track | None:
    return next((each for each in tracks if each.id == track), None)


def _now(appliance: Appliance) -> str:
    status = appliance.status()
    playing = None
    if status.track is not None:
        playing = _find(appliance.library().tracks, status.track.id)
    return flask.render_template(
        "now.html",
        now=status,
        circle=circle_of(status, playing),
        goals=[(goal, *words.GOALS[goal]) for goal in Goal],
        emotions=list(Emotion),
        sleeps=SLEEPS,
        announcements=appliance.announcements(),
    )


def _history(appliance: Appliance) -> str:
    asked = flask.request.args
    today = dt.date.today()  # noqa: DTZ011 - the day of whoever lives here
    try:
        date = dt.date.fromisoformat(asked.get("date", ""))
    except ValueError:
        date = today
    date = min(max(date, dt.date(1970, 1, 8)), today)
    week = asked.get("view") == "week"
    days = 7 if week else 1
    first = date - dt.timedelta(days - 1)
    since, until = past.bounds(first, days)
    step = WEEK_STEP_MINUTES if week else DAY_STEP_MINUTES
    diary = appliance.history(since, until, step)
    dates = [first + dt.timedelta(number) for number in range(days)]
    return flask.render_template(
        "history.html",
        week=week,
        date=date,
        first=first,
        before=first - dt.timedelta(1),
        after=min(today, date + dt.timedelta(days)) if date < today else None,
        days=[past.day(each, diary) for each in dates],
        plays=diary.plays[::-1],
        told=past.told(diary.moods, diary.plays),
        taken=past.taken,
        outlines=past.outlines,
    )


def _library(appliance: Appliance) -> str:
    asked = flask.request.args
    query = asked.get("q", "")[:200]
    shown = asked.get("show", "all")
    corrections = appliance.corrections()
    library = appliance.library()
    tracks = appliance.find(library.tracks, query)
    if shown == "corrected":
        tracks = [track for track in tracks if track.id in corrections]
    elif shown == "unsure":
        tracks = [track for track in tracks if track.affect.source in UNSURE]
    page = sliced(tracks, max(1, asked.get("page", 1, type=int)), PER_PAGE)
    return flask.render_template(
        "library.html",
        query=query,
        shown=shown if shown in SHOWN else "all",
        choices=SHOWN,
        total=len(tracks),
        page=page,
        corrections=corrections,
        moods=appliance.moods,
        spot=spot,
        colour=colour,
        skipped=library.skipped,
        missing=library.missing,
    )


def _track(appliance: Appliance, track: str) -> str:
    library = appliance.library()
    there = _find(library.tracks, track)
    found = there or _find(library.missing, track)
    if found is None:
        flask.abort(404)
    return flask.render_template(
        "track.html",
        track=found,
        missing=there is None,
        correction=appliance.corrections().get(found.id),
        moods=appliance.moods,
        at=spot(found.affect.valence, found.affect.arousal),
    )


def _settings(appliance: Appliance) -> str:
    status = appliance.status()
    return flask.render_template(
        "settings.html",
        now=status,
        parts=[(name, getattr(status, name)) for name in PARTS],
        music=appliance.settings().music,
        kept=words.kept(appliance.settings().state.keep_days),
    )


def _do(appliance: Appliance, name: str) -> Response:
    fields = flask.request.form
    if name == "forget":
        appliance.taste(forms.forgetting(fields))
    else:
        appliance.command(forms.command_of(name, fields, appliance.moods))
    back = fields.get("back", "/")
    if not re.fullmatch(r"/(history|settings|library(/[0-9a-f]{1,64})?)?", back):
        back = "/"
    done = f"?done={name}" if name in forms.DONE else ""
    return flask.redirect(back + done, 303)
