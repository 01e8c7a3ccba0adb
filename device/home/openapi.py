"""The API's OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1), made from its routes."""

from __future__ import annotations

import functools
import http
import re
import typing
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from device import __version__
from device.home.answers import PROBLEM, Problem
from device.home.guard import COOKIE, CSRF_HEADER
from device.home.routes import PREFIX, Call, Route

REFERENCE = "#/components/schemas/{name}"
EVERYWHERE = (401, 403, 421, 422)
"""Who asks, how the speaker is called, and what is asked may be refused at any route."""
WITH_BODY = (400, 413, 415)
ABOUT = """\
What Attune, the speaker, shows and does. On the machine itself nothing is needed to ask. In the \
network, send a token of `attune token add NAME` as `Authorization: Bearer TOKEN`; browsers log in \
at `/api/v1/session`, and send the `csrf` of its answer along as `X-CSRF-Token` with whatever \
changes something. Errors are `application/problem+json` (RFC 9457); `detail` names the mend."""

Json = dict[str, Any]


def document(routes: Sequence[Route]) -> Json:
    """The document of these routes."""
    kinds = [Problem, *_kinds(routes)]
    _, components = msgspec.json.schema_components(kinds, ref_template=REFERENCE)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Attune", "version": __version__, "description": ABOUT},
        "servers": [{"url": "/"}],
        # Nothing (on the machine itself), or one of the two.
        "security": [{}, {"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": f"with {CSRF_HEADER} beside it, except to read and to log in",
                },
            },
        },
    }


def route_of(others: Sequence[Route]) -> Route:
    """The route that serves the document of other routes, and of itself."""

    @functools.cache
    def made() -> Json:
        return document((*others, route))

    def act(_call: Call) -> Json:
        return made()

    route = Route(
        "openapi",
        "GET",
        "/openapi.json",
        "This document",
        act,
        typing.Dict[str, Any],  # noqa: UP006
    )
    return route


def _kinds(routes: Iterable[Route]) -> list[Any]:
    return [
        kind
        for route in routes
        for kind in (route.answer, route.body, route.parameters)
        if kind is not None
    ]


def _schema(kind: Any) -> Json:  # noqa: ANN401 - a type, however it is made
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REFERENCE)
    return schema


def _operation(route: Route) -> Json:
    made: Json = {
        "operationId": route.name,
        "summary": route.summary,
        "responses": {
            "200": {
                "description": "Done",
                "content": {route.media: {"schema": _schema(route.answer)}},
            },
            **{str(code): _problem(code) for code in problems_of(route)},
        },
    }
    if route.parameters is not None:
        made["parameters"] = list(_parameters(route))
    if route.body is not None:
        content = {"application/json": {"schema": _schema(route.body)}}
        made["requestBody"] = {"required": True, "content": content}
    return made


def problems_of(route: Route) -> list[int]:
    """The status codes with which a route may refuse."""
    codes = {*EVERYWHERE, *route.problems}
    return sorted(codes | set(WITH_BODY) if route.body is not None else codes)


def _problem(code: int) -> Json:
    made: Json = {
        "description": http.HTTPStatus(code).phrase,
        "content": {PROBLEM: {"schema": _schema(Problem)}},
    }
    if code in (429, 503):
        made["headers"] = {
            "Retry-After": {
                "description": "seconds until it may do, where that is known",
                "schema": {"type": "string", "pattern": "^[0-9]+$"},
            }
        }
    return made


def _parameters(route: Route) -> Iterable[Json]:
    inside = set(re.findall(r"\{(\w+)\}", route.path))
    (reference,), components = msgspec.json.schema_components(
        [route.parameters], ref_template=REFERENCE
    )
    struct = components[reference["$ref"].rsplit("/", 1)[1]]
    for name, schema in struct["properties"].items():
        in_path = name in inside
        yield {
            "name": name,
            "in": "path" if in_path else "query",
            "required": in_path or name in struct.get("required", ()),
            "schema": schema,
        }
