"""The OpenAPI document and the app agree, both ways; what is answered is what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask.testing
import msgspec
import pytest

from device.config import load
from device.home.app import create_app
from device.home.guard import DOOR, Door
from device.home.keyring import Keyring
from device.home.routes import PREFIX
from tests.local_api import TinySpeaker


@pytest.fixture
def client(tmp_path: Path) -> flask.testing.FlaskClient:
    client = create_app(TinySpeaker().appliance, Keyring(tmp_path)).test_client()
    client.environ_base[DOOR] = Door.SOCKET
    return client


@pytest.fixture
def document(client: flask.testing.FlaskClient) -> dict[str, Any]:
    answer = client.get(f"{PREFIX}/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = json.loads(answer.data)
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def everything(value: Any) -> Iterator[dict[str, Any]]:
    """Every object inside."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, (dict, list)):
            yield from everything(inner)


def test_the_document_names_each_route_and_no_other(
    client: flask.testing.FlaskClient, document: dict[str, Any]
) -> None:
    served = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(PREFIX)
    }
    assert {(method, path) for method, path, _ in operations(document)} == served


def test_every_reference_leads_somewhere_and_every_name_is_one_operations(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]
    for each in everything(document):
        if isinstance(reference := each.get("$ref"), str):
            assert reference.removeprefix("#/components/schemas/") in schemas
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_every_operation_says_what_it_takes_and_how_it_refuses(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        assert operation["summary"]
        assert {"200", "401", "403", "421", "422"} <= set(operation["responses"])
        assert ("requestBody" in operation) is (method in ("POST", "PUT"))
        inside = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
        assert inside == set(re.findall(r"\{(\w+)\}", path))
        for code, answer in operation["responses"].items():
            problem = "application/problem+json" in answer["content"]
            assert problem is (code != "200")


def test_what_is_asked_too_much_is_refused(client: flask.testing.FlaskClient) -> None:
    unknown = client.get(f"{PREFIX}/status?colour=red")
    assert unknown.status_code == 422
    assert "'colour'" in unknown.get_json()["detail"]
    twice = client.delete(f"{PREFIX}/tokens/a?name=b")
    assert twice.status_code == 422
    assert "more than once" in twice.get_json()["detail"]


def test_a_method_that_is_not_there_names_those_that_are(client: flask.testing.FlaskClient) -> None:
    answer = client.open(f"{PREFIX}/session", method="PATCH")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, POST"


def test_settings_are_shown_without_secrets(tmp_path: Path) -> None:
    file = tmp_path / "attune.toml"
    file.write_text(
        '[camera]\nsource = "rtsp://me:hunter2@camera/1"\n'
        '[mqtt]\nusername = "me"\npassword = "hunter2"\n'
    )
    speaker = TinySpeaker().appliance._replace(settings=lambda: load(file, {}))
    client = create_app(speaker, Keyring(tmp_path)).test_client()
    client.environ_base[DOOR] = Door.SOCKET
    answer = client.get(f"{PREFIX}/settings")
    assert "hunter2" not in answer.text
    shown = answer.get_json()
    assert shown["mqtt"]["password"] == "***"
    assert shown["camera"]["source"] == "rtsp://camera/1"
    assert shown["page"]["port"] == 8088
    schema = client.get(f"{PREFIX}/settings/schema").get_json()
    assert set(schema["$defs"]["Settings"]["properties"]) == set(shown)


def test_the_document_of_a_body_is_what_is_taken(document: dict[str, Any]) -> None:
    bounds = document["components"]["schemas"]["SetVolume"]["properties"]["percent"]
    assert (bounds["minimum"], bounds["maximum"]) == (0, 100)
    assert msgspec.json.encode(document)
