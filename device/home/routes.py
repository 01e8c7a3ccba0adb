"""One row for each route of the API: what it takes, what it answers, and who does it.

The app is built from these rows, and so is its OpenAPI document.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

import flask
import msgspec

from device.home.answers import Refusal, json_answer
from device.home.appliance import Appliance
from device.home.guard import Door, door

PREFIX = "/api/v1"
SHORT_BODY_BYTES = 4096


class Call(NamedTuple):
    """What a request brought, checked: a value of the row's `body`, and of its `parameters`."""

    appliance: Appliance
    body: Any = None
    parameters: Any = None


class Route(NamedTuple):
    """`path` lies below `PREFIX` and names its variables as `{name}`. `parameters` is a Struct: a
    field that the path names comes from there, the others from the query. What `act` returns is
    sent as JSON of type `answer`, unless it is a Response of the type `media` already. `act` may
    raise `Refusal`, `CannotDo` and `TimeoutError`. `at_speaker`: only by the UNIX socket, which
    whoever may use the command line can open. `problems`: status codes with which it refuses,
    beside those of any route."""

    name: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    summary: str
    act: Callable[[Call], object]
    answer: Any
    body: Any = None
    parameters: type[msgspec.Struct] | None = None
    longest_body: int = SHORT_BODY_BYTES
    media: str = "application/json"
    at_speaker: bool = False
    problems: tuple[int, ...] = ()


def blueprint(name: str, routes: Iterable[Route], appliance: Appliance) -> flask.Blueprint:
    """The rows as Flask takes them."""
    made = flask.Blueprint(name, __name__, url_prefix=PREFIX)
    for route in routes:
        rule = re.sub(r"\{(\w+)\}", r"<\1>", route.path)
        made.add_url_rule(
            rule,
            route.name,
            _view(route, appliance),
            methods=[route.method],
            provide_automatic_options=False,
        )
    return made


def _view(route: Route, appliance: Appliance) -> Callable[..., flask.Response]:
    def view(**variables: str) -> flask.Response:
        if route.at_speaker and door() is not Door.SOCKET:
            raise Refusal(403, "only at the speaker itself, by the attune command")
        parameters = _parameters(route, variables)
        answer = route.act(Call(appliance, _body(route), parameters))
        return answer if isinstance(answer, flask.Response) else json_answer(answer)

    return view


def _body(route: Route) -> object:
    """The body as the row's type. Raises `Refusal`."""
    if route.body is None:
        return None
    request = flask.request
    # A page of another site can post forms, but not JSON, without being asked first.
    if request.mimetype != "application/json":
        raise Refusal(415, f"send the {route.name} as Content-Type: application/json")
    if (request.content_length or 0) > route.longest_body:
        raise Refusal(413, f"the body may have {route.longest_body} bytes at most")
    try:
        return msgspec.json.decode(request.get_data(), type=route.body)
    except msgspec.ValidationError as error:
        raise Refusal(422, f"{error}{_kinds(route)}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"the body is not JSON: {error}") from error


def _kinds(route: Route) -> str:
    """What a body of several types may be."""
    kinds = typing.get_args(route.body)
    names = sorted(str(kind.__struct_config__.tag) for kind in kinds)
    return f"; {route.name}s: {', '.join(names)}" if names else ""


def _parameters(route: Route, variables: dict[str, str]) -> object:
    """Path and query as the row's type. Raises `Refusal`."""
    query = flask.request.args
    twice = [name for name, values in query.lists() if len(values) > 1 or name in variables]
    if twice:
        raise Refusal(422, f"{twice[0]} is given more than once")
    given = {**query.to_dict(), **variables}
    kind = route.parameters
    unknown = sorted(given.keys() - set(kind.__struct_fields__ if kind else ()))
    if unknown:
        raise Refusal(422, f"no parameter is called {unknown[0][:60]!r} here")
    if kind is None:
        return None
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Refusal(422, str(error)) from error
