"""The status as server-sent events: sent when it changed, at most once a second.

https://html.spec.whatwg.org/multipage/server-sent-events.html
A listener takes a thread of the server for as long as it listens, so there are few, and each is
let go before it has been sent more than the server keeps for one that does not read: no listener
can hold a thread. A browser comes back by itself at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import flask
import msgspec

from device.home.answers import Refusal
from device.home.appliance import Appliance
from device.home.routes import Call, Route
from device.home.state import stopped
from device.types import Status

MOST_LISTENERS = 8
"""At once, over all that is listened on."""
MOST_BYTES = 256 * 1024
"""To one listener, until it must come again: the server holds more without waiting."""
LONGEST_SECONDS = 600.0
HEARTBEAT_SECONDS = 15.0
LEAST_SECONDS = 1.0
"""Between two statuses."""
LOOK_SECONDS = 0.25
JUMP_SECONDS = 2.0
"""A position so far from where the track should be has been changed."""


class Listeners:
    """How many listen now, and what they are sent."""

    def __init__(
        self, most: int = MOST_LISTENERS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._room = threading.BoundedSemaphore(most)
        self._clock = clock

    def listen(self, call: Call) -> flask.Response:
        """A stream for one more listener. Raises `Refusal` where there are too many."""
        if not self._room.acquire(blocking=False):
            raise Refusal(
                503,
                f"{MOST_LISTENERS} listen already; ask for the status instead",
                {"Retry-After": "10"},
            )
        gone = flask.request.environ.get("waitress.client_disconnected", lambda: False)
        response = flask.Response(
            stream(call.appliance, gone, flask.g.still_allowed, self._clock),
            mimetype="text/event-stream",
        )
        response.call_on_close(self._room.release)
        response.headers["Cache-Control"] = "no-store"
        return response


def stream(
    appliance: Appliance,
    gone: Callable[[], bool],
    still_allowed: Callable[[], bool],
    clock: Callable[[], float],
) -> Iterator[bytes]:
    """What one listener is sent until it goes, may listen no more, has had its share, or the daemon
    stops."""
    started = beat_at = clock()
    budget = MOST_BYTES
    sent: tuple[float, Status] | None = None
    yield b"retry: 1000\n\n"
    while budget > 0 and clock() - started < LONGEST_SECONDS:
        if gone() or not still_allowed() or appliance.stopping():
            return
        now, status = clock(), appliance.status()
        due = sent is None or now - sent[0] >= LEAST_SECONDS
        if due and (sent is None or changed(sent[1], status, now - sent[0])):
            event = b"event: status\ndata: " + msgspec.json.encode(status) + b"\n\n"
            sent, beat_at = (now, status), now
        elif now - beat_at >= HEARTBEAT_SECONDS:
            event, beat_at = b": still here\n\n", now
        else:
            time.sleep(LOOK_SECONDS)
            continue
        budget -= len(event)
        yield event


def changed(before: Status, after: Status, seconds: float) -> bool:
    """Whether more changed than time does by itself in so many seconds."""
    moved = abs(_moved(before, after, seconds)) > JUMP_SECONDS
    return moved or stopped(before) != stopped(after)


def _moved(before: Status, after: Status, seconds: float) -> float:
    """How far the track is from where it would be if it had gone on by itself."""
    if before.track is None or after.track is None:
        return 0.0
    passed = seconds if before.playing else 0.0
    return after.track.position_seconds - before.track.position_seconds - passed


def routes() -> tuple[Route, ...]:
    """The route of the events."""
    return (
        Route(
            "events",
            "GET",
            "/events",
            "The status whenever it changed, as server-sent events named status; an open stream "
            "ends after some minutes, and is to be opened again",
            Listeners().listen,
            str,
            media="text/event-stream",
            problems=(503,),
        ),
    )
