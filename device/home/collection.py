"""The library by pages and the past by spans, over HTTP; the page shows the same."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from device.diary import Diary
from device.home.answers import Refusal
from device.home.routes import Call, Route
from device.types import Correct, Track, TrackId

DAY_SECONDS = 86_400.0
LONGEST_DAYS = 32

Instant = Annotated[float, Meta(ge=0.0, le=1e11)]


class TrackPage(msgspec.Struct, frozen=True):
    """Some of the tracks that were asked for, `total` in all; pages count from 1."""

    total: int
    page: int
    pages: int
    tracks: Sequence[Track]


class TrackTold(msgspec.Struct, frozen=True):
    """A track as it counts, and the user's own word on it, where there is one."""

    track: Track
    correction: Correct | None


class AskTracks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which tracks: `words` (or their beginnings) of title, artist, album and genre."""

    words: Annotated[str, Meta(max_length=200)] = ""
    page: Annotated[int, Meta(ge=1, le=100_000)] = 1
    per_page: Annotated[int, Meta(ge=1, le=500)] = 50


class AskTrack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which track, by its id."""

    track: Annotated[str, Meta(min_length=1, max_length=64)]


class AskHistory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which time: seconds since the epoch, at most 32 days; alone, the last day until now."""

    since: Instant | None = None
    until: Instant | None = None
    step_minutes: Annotated[int, Meta(ge=1, le=1440)] = 5


class Slice(NamedTuple):
    """A page of a list."""

    page: int
    pages: int
    tracks: Sequence[Track]


def sliced(tracks: Sequence[Track], page: int, per_page: int) -> Slice:
    """The page of such a number, or the last one there is."""
    pages = max(1, math.ceil(len(tracks) / per_page))
    page = min(page, pages)
    return Slice(page, pages, tracks[(page - 1) * per_page : page * per_page])


def _tracks(call: Call) -> TrackPage:
    asked: AskTracks = call.parameters
    found = call.appliance.find(call.appliance.library().tracks, asked.words)
    page = sliced(found, asked.page, asked.per_page)
    return TrackPage(len(found), *page)


def _track(call: Call) -> TrackTold:
    asked: AskTrack = call.parameters
    for track in call.appliance.library().tracks:
        if track.id == asked.track:
            return TrackTold(track, call.appliance.corrections().get(TrackId(asked.track)))
    raise Refusal(404, f"there is no track {asked.track!r}; /api/v1/tracks lists them")


def _history(call: Call) -> Diary:
    asked: AskHistory = call.parameters
    until = time.time() if asked.until is None else asked.until
    since = max(0.0, until - DAY_SECONDS) if asked.since is None else asked.since
    if not since < until <= since + LONGEST_DAYS * DAY_SECONDS:
        raise Refusal(422, f"until must come after since, by {LONGEST_DAYS} days at most")
    return call.appliance.history(since, until, asked.step_minutes)


ROUTES = (
    Route(
        "tracks",
        "GET",
        "/tracks",
        "The library by pages, or what is found in it. To correct what a track feels like, send "
        "the command correct",
        _tracks,
        TrackPage,
        parameters=AskTracks,
    ),
    Route(
        "track",
        "GET",
        "/tracks/{track}",
        "All that is known of a track",
        _track,
        TrackTold,
        parameters=AskTrack,
        problems=(404,),
    ),
    Route(
        "history",
        "GET",
        "/history",
        "The moods of the room and what was played",
        _history,
        Diary,
        parameters=AskHistory,
    ),
)
