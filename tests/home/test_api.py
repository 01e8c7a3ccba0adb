"""The local API: what it shows, what it obeys, and what it refuses without falling over."""

from __future__ import annotations

import http.client
import json
import os
import socket
import stat
import threading
from pathlib import Path

import flask.testing
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.home.appliance import Appliance
from device.home.routes import SHORT_BODY_BYTES
from device.lessons import ForgetTaste
from device.ports import CannotDo
from device.types import Command, Emotion, Health, Next, OverrideMood, SetVolume, Status
from tests.local_api import TinySpeaker, client_of, make_status, serve

COMMANDS = "/api/v1/command"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def get_status(path: Path) -> int:
    connection = UnixConnection(path)
    connection.request("GET", "/api/v1/status")
    return connection.getresponse().status


@pytest.fixture
def speaker() -> TinySpeaker:
    return TinySpeaker()


@pytest.fixture
def client(speaker: TinySpeaker, tmp_path: Path) -> flask.testing.FlaskClient:
    return client_of(speaker.appliance, tmp_path)


def test_status_is_the_whole_status(client: flask.testing.FlaskClient) -> None:
    answer = client.get("/api/v1/status")
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert msgspec.json.decode(answer.data, type=Status) == make_status()
    assert answer.json is not None
    assert answer.json["mood"]["label"] == "happiness"
    assert answer.json["track"]["because"] == "bright and quick, as the mood"


def test_health_names_each_part(client: flask.testing.FlaskClient) -> None:
    answer = client.get("/api/v1/health").json
    assert answer is not None
    assert answer["parts"]["broker"] == {
        "health": "down",
        "detail": "connection refused",
        "progress": None,
    }
    assert answer["version"] == "0.1.0"


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ({"type": "next"}, Next()),
        ({"type": "volume", "percent": 30}, SetVolume(30)),
        ({"type": "mood", "label": "fear"}, OverrideMood(Emotion.FEAR)),
        ({"type": "mood", "label": None}, OverrideMood(None)),
    ],
)
def test_a_command_is_answered_by_the_status_after_it(
    client: flask.testing.FlaskClient, speaker: TinySpeaker, body: object, command: object
) -> None:
    answer = client.post(COMMANDS, json=body)
    assert answer.status_code == 200
    assert speaker.asked == [command]
    assert msgspec.json.decode(answer.data, type=Status) == speaker.now


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"{", 400, "not JSON"),
        (b"\xff", 400, "not JSON"),
        (b"", 400, "not JSON"),
        (b"[" * 4000, 422, "Expected `object`"),
        (b'{"x":' + b"[" * 4000, 400, "not JSON"),
        (b"7", 422, "Expected `object`"),
        (b'{"type": "dance"}', 422, "commands: correct, dislike, goal, like, mood"),
        (b'{"type": "volume", "percent": 101}', 422, "0..100"),
        (b'{"type": "volume", "percent": "9"}', 422, "Expected `int`"),
        (b'{"type": "next", "x": 1}', 422, "unknown field"),
        (b'{"type": "goal", "goal": "party"}', 422, "Invalid enum value 'party'"),
        (b" " * (SHORT_BODY_BYTES + 1), 413, ""),
    ],
)
def test_what_is_no_command_is_refused_with_its_reason(
    client: flask.testing.FlaskClient, speaker: TinySpeaker, body: bytes, code: int, words: str
) -> None:
    answer = client.post(COMMANDS, data=body, content_type="application/json")
    assert answer.status_code == code
    assert answer.mimetype == "application/problem+json"
    problem = json.loads(answer.data)
    assert problem["status"] == code
    assert words in problem["detail"]
    assert not speaker.asked


def test_forms_of_other_sites_are_refused(client: flask.testing.FlaskClient) -> None:
    answer = client.post(COMMANDS, data='{"type": "next"}', content_type="text/plain")
    assert answer.status_code == 415


def test_nobody_but_the_service_and_its_group_may_use_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with serve(TinySpeaker(), path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_a_browser_gets_a_page_where_there_is_nothing(client: flask.testing.FlaskClient) -> None:
    for answer, code in (
        (client.get("/nothing", headers=BROWSER), 404),
        (client.get("/do/play", headers=BROWSER), 405),
    ):
        assert answer.status_code == code
        assert answer.mimetype == "text/html"
        assert 'href="/assets/page.css' in answer.text
        assert ("Allow" in answer.headers) is (code == 405)
    for path in ("/api/v1/nothing", "/api/nothing"):
        answer = client.get(path, headers=BROWSER)
        assert answer.mimetype == "application/problem+json"


def test_unknown_paths_and_methods_are_problems_too(client: flask.testing.FlaskClient) -> None:
    for answer, code in ((client.get("/nothing"), 404), (client.get(COMMANDS), 405)):
        assert answer.status_code == code
        assert answer.mimetype == "application/problem+json"


def test_a_busy_speaker_is_told_of(client: flask.testing.FlaskClient, speaker: TinySpeaker) -> None:
    speaker.busy = True
    answer = client.post(COMMANDS, json={"type": "next"})
    assert answer.status_code == 503
    assert answer.json is not None
    assert "try again" in answer.json["detail"]


def test_a_bug_is_logged_and_hides_its_trace(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def broken() -> Status:
        raise ZeroDivisionError("secret")

    appliance = Appliance(broken, lambda _command: broken(), lambda _request: broken())
    answer = client_of(appliance, tmp_path).get("/api/v1/status")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "ZeroDivisionError" in caplog.text


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
TAGS = st.sampled_from(["play", "volume", "goal", "mood", "privacy", "scan", "reload", "x"])
NEARLY = st.fixed_dictionaries(
    {"type": TAGS}, optional={"percent": ODD, "goal": ODD, "label": ODD, "on": ODD}
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.one_of(st.binary(max_size=300), (ODD | NEARLY).map(lambda body: json.dumps(body).encode()))
)
def test_no_body_brings_it_down(client: flask.testing.FlaskClient, body: bytes) -> None:
    answer = client.post(COMMANDS, data=body, content_type="application/json")
    assert answer.status_code in (200, 400, 413, 422)
    json.loads(answer.data)


# --- the server ----------------------------------------------------------------------------


def test_it_is_served_on_a_socket_for_owner_and_group(tmp_path: Path, speaker: TinySpeaker) -> None:
    path = tmp_path / "run" / "api.sock"
    with serve(speaker, path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert get_status(path) == 200
    assert not path.exists()


def test_a_stale_socket_is_replaced(tmp_path: Path, speaker: TinySpeaker) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with serve(speaker, path):
        assert get_status(path) == 200


def test_a_second_daemon_is_refused_and_the_first_goes_on(
    tmp_path: Path, speaker: TinySpeaker
) -> None:
    path = tmp_path / "api.sock"
    with serve(speaker, path):
        with serve(TinySpeaker(), path, up=False) as second:
            assert "another Attune listens" in second.part(Health.DOWN).detail
        assert get_status(path) == 200


@pytest.mark.parametrize("name", ["file", "file/api.sock", "s" * 120])
def test_a_socket_that_cannot_be_had_is_told_with_the_mend(
    tmp_path: Path, speaker: TinySpeaker, name: str
) -> None:
    (tmp_path / "file").write_text("mine")
    threads = threading.active_count()
    with serve(speaker, tmp_path / name, up=False) as served:
        detail = served.part(Health.DOWN).detail
    assert "move it away" in detail or "set [api] socket" in detail
    assert (tmp_path / "file").read_text() == "mine"
    assert threading.active_count() == threads


def test_garbage_and_slow_clients_do_not_stop_the_others(
    tmp_path: Path, speaker: TinySpeaker
) -> None:
    path = tmp_path / "api.sock"
    with serve(speaker, path):
        idle = [socket.socket(socket.AF_UNIX) for _ in range(5)]
        for each in idle:
            each.connect(str(path))
            each.send(b"POST /api/v1/command HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
        for garbage in (b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"A" * 20_000 + b"\r\n\r\n"):
            with socket.socket(socket.AF_UNIX) as rude:
                rude.connect(str(path))
                rude.sendall(garbage)
                rude.settimeout(2)
                assert rude.recv(100).startswith(b"HTTP/1.")
        assert get_status(path) == 200
        for each in idle:
            each.close()


def test_requests_about_taste_are_answered(
    client: flask.testing.FlaskClient, speaker: TinySpeaker
) -> None:
    answer = client.post("/api/v1/taste", json={"type": "forget", "since": 5.0})
    assert answer.get_json() == {"type": "changed", "count": 3}
    assert speaker.taste_asked == [ForgetTaste(5.0)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", 400),
        (b'{"type": "burn"}', 422),
        (b'{"type": "forget", "since": -1}', 422),
        (b'{"type": "forget", "everything": true}', 422),
        (b'{"type": "import", "lessons": [{}]}', 422),
    ],
)
def test_a_hostile_taste_is_refused_with_its_reason(
    client: flask.testing.FlaskClient, speaker: TinySpeaker, body: bytes, code: int
) -> None:
    answer = client.post("/api/v1/taste", data=body, content_type="application/json")
    assert answer.status_code == code
    assert answer.get_json()["detail"]
    assert client.post("/api/v1/taste", data=b"{}").status_code == 415
    assert not speaker.taste_asked


def test_a_refusal_that_names_a_file_that_is_no_utf_8_is_told(tmp_path: Path) -> None:
    folder = os.fsdecode(b"M\xfcsik")

    def refuse(_command: Command) -> Status:
        raise CannotDo(f"{folder} is not there")

    speaker = TinySpeaker().appliance._replace(command=refuse)
    answer = client_of(speaker, tmp_path).post(COMMANDS, json={"type": "next"})
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["detail"] == r"M\udcfcsik is not there"
