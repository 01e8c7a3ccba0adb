"""A real Home Assistant as a process, on a free loopback port, driven as its own pages do."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.home_assistant.install import Installation, environment

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "config/home-assistant"
START_SECONDS = 240.0
WAIT_SECONDS = 60.0
UNAVAILABLE = "unavailable"


def seen_by(speaker: str) -> list[str]:
    """The entities of a speaker that its camera alone knows of."""
    sensors = ("mood", "valence", "arousal", "confidence", "people", "age", "age_group")
    return [
        *(f"sensor.{speaker}_{key}" for key in (*sensors, "frame_rate", "inference_time")),
        f"binary_sensor.{speaker}_presence",
        f"event.{speaker}_room_events",
    ]


CONFIGURATION = """\
homeassistant:
  name: Home
  packages:
    attune: !include package.yaml
http:
  server_host: 127.0.0.1
  server_port: {port}
frontend:
recorder:
history:
logbook:
logger:
  default: warning
automation: !include automations.yaml
script:
input_boolean:
  lamp:
    name: Lamp
input_number:
  level:
    name: Level
    min: 0
    max: 255
input_text:
  colour:
    name: Colour
    initial: "0,0,0"
template:
  - light:
      - name: Lamp
        unique_id: lamp
        state: "{{{{ states('input_boolean.lamp') }}}}"
        level: "{{{{ states('input_number.level') | int(0) }}}}"
        rgb: "{{{{ states('input_text.colour').split(',') | map('int') | list }}}}"
        turn_on:
          action: input_boolean.turn_on
          target:
            entity_id: input_boolean.lamp
        turn_off:
          action: input_boolean.turn_off
          target:
            entity_id: input_boolean.lamp
        set_level:
          - action: input_boolean.turn_on
            target:
              entity_id: input_boolean.lamp
          - action: input_number.set_value
            target:
              entity_id: input_number.level
            data:
              value: "{{{{ brightness }}}}"
        set_rgb:
          - action: input_boolean.turn_on
            target:
              entity_id: input_boolean.lamp
          - action: input_number.set_value
            target:
              entity_id: input_number.level
            data:
              value: "{{{{ brightness | default(255) }}}}"
          - action: input_text.set_value
            target:
              entity_id: input_text.colour
            data:
              value: "{{{{ r }}}},{{{{ g }}}},{{{{ b }}}}"
lovelace:
  dashboards:
    attune-home:
      mode: yaml
      title: Attune
      filename: dashboard.yaml
      show_in_sidebar: true
"""
AUTOMATIONS = """\
- id: mood_lights
  alias: Mood lights
  use_blueprint:
    path: attune/mood_lights.yaml
    input:
      mood: sensor.attune_mood
      lights:
        - light.lamp
      only_lit: false
      empty_room: "off"
      transition: 0
"""


WITHOUT_TLS = {"set_client_cert": False, "set_ca_cert": "off"}


def _as_shown(form: list[dict[str, Any]]) -> dict[str, Any]:
    """A form's answers where nobody changes what it shows: defaults, also of its sections."""
    answers = {}
    for field in form:
        if field.get("type") == "expandable":
            answers[field["name"]] = _as_shown(field["schema"])
        elif "default" in field:
            answers[field["name"]] = field["default"]
        elif field["name"] in WITHOUT_TLS:
            answers[field["name"]] = WITHOUT_TLS[field["name"]]
    return answers


class Hub:
    """Home Assistant with the project's examples, and an owner who is logged in."""

    def __init__(self, installation: Installation) -> None:
        self.version = installation.version
        self._installation = installation
        self.folder = installation.folder()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._token = ""
        self.tokens: dict[str, Any] = {}
        self._lay_configuration()

    def _lay_configuration(self) -> None:
        (self.folder / "configuration.yaml").write_text(CONFIGURATION.format(port=self.port))
        (self.folder / "automations.yaml").write_text(AUTOMATIONS)
        for name in ("package.yaml", "dashboard.yaml"):
            shutil.copy(EXAMPLES / name, self.folder)
        # This step would add what asks the internet for weather, radio and voices.
        done = {"version": 4, "minor_version": 1, "key": "onboarding"}
        storage = self.folder / ".storage"
        storage.mkdir()
        (storage / "onboarding").write_text(json.dumps({**done, "data": {"done": ["core_config"]}}))
        blueprints = self.folder / "blueprints/automation/attune"
        blueprints.parent.mkdir(parents=True)
        shutil.copytree(EXAMPLES / "blueprints", blueprints)

    # --- its power button -----------------------------------------------------------------

    def start(self) -> float:
        """Start and wait until it answers; the seconds that took."""
        begun, seen = time.monotonic(), self._installation.seen(self.folder)
        # What the tests need is installed; whatever else would be fetched now, or built in vain.
        with self.folder.joinpath("console").open("ab") as console:
            self._process = subprocess.Popen(
                self._installation.command("--skip-pip", "--config", seen),
                stdout=console,
                stderr=console,
                env=environment(),
            )
        self.until(self._answers, "Home Assistant to start", START_SECONDS)
        is_new = not self._token
        if is_new:
            self._move_in()
        self.until(lambda: self.get("/api/config")["state"] == "RUNNING", "it to run")
        if is_new and self.version >= "2026":
            self.ask("http/config/promote")  # or it takes the port back after five minutes
        return time.monotonic() - begun

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(60)
            self._process.kill()
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.told()
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"{self.url}/manifest.json", timeout=5).status == 200  # noqa: S310
        return False

    def _move_in(self) -> None:
        """What the first visit's pages do: an owner, and nothing else."""
        client = f"{self.url}/"
        owner = {"name": "Ada", "username": "ada", "password": "lovelace", "language": "en"}
        code = self.post("/api/onboarding/users", {"client_id": client, **owner})["auth_code"]
        grant = {"grant_type": "authorization_code", "code": code, "client_id": client}
        self.tokens = self.post("/auth/token", urllib.parse.urlencode(grant).encode())
        self._token = self.tokens["access_token"]
        self.post("/api/onboarding/analytics", {})
        self.post("/api/onboarding/integration", {"client_id": client, "redirect_uri": client})

    def add_mqtt(self, port: int, username: str = "", password: str = "") -> None:
        """Set the integration up, as its form does."""
        flows = "/api/config/config_entries/flow"
        step = self.post(flows, {"handler": "mqtt", "show_advanced_options": False})
        login = {"username": username, "password": password} if username else {}
        answer = {**_as_shown(step["data_schema"]), "broker": "127.0.0.1", "port": port, **login}
        done = self.post(f"{flows}/{step['flow_id']}", answer)
        assert done["type"] == "create_entry", done

    # --- asking it ---------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        return self._request("GET", path, None)

    def post(self, path: str, body: Any) -> Any:
        return self._request("POST", path, body)

    def _request(self, method: str, path: str, body: Any) -> Any:
        form = isinstance(body, bytes)
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        data = body if form or body is None else json.dumps(body).encode()
        headers = {"Content-Type": kind}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        url = f"{self.url}{path}"
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            pytest.fail(f"{method} {path}: {error.code} {error.read().decode()}\n{self.told()}")

    def ask(self, kind: str, **fields: Any) -> Any:
        """One command over the web socket."""
        # Only `./setup.sh test-home-assistant` installs it.
        from websockets.sync.client import connect  # noqa: PLC0415

        with connect(f"ws://127.0.0.1:{self.port}/api/websocket", max_size=2**26) as socket_:
            self._log_in(socket_)
            socket_.send(json.dumps({"id": 1, "type": kind, **fields}))
            answer = json.loads(socket_.recv())
        assert answer["success"], answer
        return answer["result"]

    def states(self) -> dict[str, dict[str, Any]]:
        return {state["entity_id"]: state for state in self.get("/api/states")}

    def registry(self) -> dict[str, dict[str, Any]]:
        """The speaker's entities, disabled ones too, by their ids."""
        listed = self.ask("config/entity_registry/list")
        return {entry["entity_id"]: entry for entry in listed if entry["platform"] == "mqtt"}

    def state(self, entity: str) -> str:
        """Of an entity; "missing" where there is none."""
        return str(self.states().get(entity, {"state": "missing"})["state"])

    def wait(self, entity: str, *wanted: str, seconds: float = WAIT_SECONDS) -> float:
        """Until an entity's state is one of those wanted; the seconds that took."""
        begun = time.monotonic()
        self.until(
            lambda: self.state(entity) in wanted,
            f"{entity} to be {' or '.join(wanted)}",
            seconds,
            lambda: f"it is {self.state(entity)}",
        )
        return time.monotonic() - begun

    def until(
        self,
        ask: Callable[[], Any],
        what: str,
        seconds: float = WAIT_SECONDS,
        instead: Callable[[], str] = str,
    ) -> Any:
        """The first answer that is not nothing."""
        deadline = time.monotonic() + seconds
        while not (answer := ask()):
            if time.monotonic() > deadline:
                pytest.fail(f"waited {seconds:g} s in vain for {what}; {instead()}\n{self.told()}")
            time.sleep(0.1)
        return answer

    def call(self, service: str, entity: str | None = None, **data: Any) -> None:
        """Call a service, as a card or an automation does."""
        target = {"entity_id": entity} if entity else {}
        self.post(f"/api/services/{service.replace('.', '/')}", {**target, **data})

    def changes(self, entity: str, enough: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Wait until an automation that is triggered by an entity's state has seen enough new
        states."""
        from websockets.sync.client import connect  # noqa: PLC0415

        seen: list[dict[str, Any]] = []
        deadline = time.monotonic() + 2 * WAIT_SECONDS
        with connect(f"ws://127.0.0.1:{self.port}/api/websocket", max_size=2**26) as socket_:
            trigger = {"platform": "state", "entity_id": entity}
            self._log_in(socket_)
            socket_.send(json.dumps({"id": 1, "type": "subscribe_trigger", "trigger": trigger}))
            assert json.loads(socket_.recv())["success"]
            while not enough(seen):
                left = deadline - time.monotonic()
                assert left > 0, f"{entity} showed no more than {seen}"
                with contextlib.suppress(TimeoutError):
                    event = json.loads(socket_.recv(timeout=left))
                    seen.append(event["event"]["variables"]["trigger"]["to_state"])

    def _log_in(self, socket_: Any) -> None:
        socket_.recv()
        socket_.send(json.dumps({"type": "auth", "access_token": self._token}))
        assert json.loads(socket_.recv())["type"] == "auth_ok"

    def told(self) -> str:
        """What it said when it ended, or what it blames us for."""
        console = (self.folder / "console").read_text(errors="replace")
        ended = self._process is None or self._process.poll() is not None
        return console[-4000:] if ended else "\n".join(self.complaints())

    def complaints(self) -> list[str]:
        """Lines of the log that blame us."""
        log = self.folder / "home-assistant.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        words = ("mqtt", "attune", "template", "blueprint", "lovelace", "universal")
        return [
            line
            for line in lines
            if (" WARNING " in line or " ERROR " in line)
            and any(word in line.lower() for word in words)
        ]
