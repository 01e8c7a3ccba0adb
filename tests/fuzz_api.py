"""The API fuzzed from its own OpenAPI document: `./setup.sh test-api [EXAMPLES]`.

Schemathesis asks the real daemon through each of its doors: the page's port on this machine, the
page's port in the network with a token, and the command line's UNIX socket. No answer may be a
5xx that is not documented, and each must be as the document says: status, type, headers and
content; what the document forbids must be refused. The stream of events never ends by itself and
has its own tests.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from device.demo import free_port
from device.home.entry import AddToken, PasswordNow, SetPassword, TokenMade
from tests.daemon import Daemon, make_music, running

EXAMPLES = 300
LEFT_OUT = (
    # What the types allow may still not be there: a file, a track, a token.
    "positive_data_acceptance",
    # On the machine itself no login is needed, which the document says.
    "ignored_auth",
)
REFUSALS = (400, 401, 403, 404, 405, 409, 413, 415, 421, 422, 429, 503)
"""With which what the document forbids may be refused: a body beyond all bounds by 413, too."""
SEARCH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


class Bridge(socketserver.ThreadingTCPServer):
    """A way from TCP to a UNIX socket, which schemathesis cannot open."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(("127.0.0.1", 0), Passing)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Passing(socketserver.BaseRequestHandler):
    """Passes on both ways until one side ends."""

    def handle(self) -> None:
        assert isinstance(self.server, Bridge)
        with (
            socket.socket(socket.AF_UNIX) as inner,
            selectors.DefaultSelector() as ready,
        ):
            inner.connect(str(self.server.path))
            ready.register(inner, selectors.EVENT_READ, self.request)
            ready.register(self.request, selectors.EVENT_READ, inner)
            while True:
                for key, _ in ready.select():
                    assert isinstance(key.fileobj, socket.socket)
                    if not (data := key.fileobj.recv(65_536)):
                        return
                    key.data.sendall(data)


def program(name: str) -> str:
    found = shutil.which(name, path=SEARCH)
    if found is None:
        sys.exit(f"{name} is missing: run `./setup.sh test-api`")
    return found


def fuzz(port: int, examples: int, document: Path, *options: str) -> int:
    """Fuzz what listens there; schemathesis' exit code."""
    settings = f"[checks.negative_data_rejection]\nexpected-statuses = {list(REFUSALS)}\n"
    document.with_name("schemathesis.toml").write_text(settings, encoding="utf-8")
    command = [program("schemathesis"), "run", str(document), "--no-color"]
    command += ["--url", f"http://127.0.0.1:{port}", "--max-examples", str(examples)]
    command += ["--checks", "all", "--exclude-checks", ",".join(LEFT_OUT)]
    command += ["--exclude-path", "/api/v1/events", "--continue-on-failure"]
    # A busy machine answers late, which is no failure of the API.
    command += ["--request-timeout", "30", "--suppress-health-check", "all"]
    command += ["--generation-database", "none", "--warnings", "off", *options]
    return subprocess.run(command, cwd=document.parent, check=False).returncode


def fetch_document(port: int, folder: Path) -> Path:
    """The document as it is served, after a check against OpenAPI's own schema."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/openapi.json") as answer:
        path = folder / "openapi.json"
        path.write_bytes(answer.read())
    subprocess.run([program("openapi-spec-validator"), str(path)], check=True)
    return path


def let_in(daemon: Daemon, port: int) -> str:
    """Have the page listen in the network; returns a token for it."""
    daemon.client.ask("PUT", "/password", PasswordNow, SetPassword("fuzz the network"))
    made = daemon.client.ask("POST", "/tokens", TokenMade, AddToken("fuzz"))
    deadline = time.monotonic() + 20.0
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return made.token
        time.sleep(0.2)
    sys.exit(f"the page does not listen:\n{daemon.told()}")


def look_after(daemon: Daemon) -> None:
    """Whether the daemon lives on, without a bug."""
    daemon.client.status()
    if "Traceback" in daemon.told():
        sys.exit(f"a bug showed in the log:\n{daemon.told()[-5000:]}")


def main() -> int:
    """Fuzz through each door; 0 when all is well."""
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else EXAMPLES
    codes: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="attune-fuzz-") as name:
        folder, port = Path(name), free_port()
        make_music(folder / "local" / "music", 2.0)
        with running(folder / "local", page={"enabled": True, "port": port}) as daemon:
            document = fetch_document(port, folder)
            codes["this machine"] = fuzz(port, examples, document)
            with Bridge(daemon.folder / "api.sock") as bridge:
                threading.Thread(target=bridge.serve_forever, daemon=True).start()
                codes["the socket"] = fuzz(bridge.port, examples, document)
                bridge.shutdown()
            look_after(daemon)
        port = free_port()
        page = {"enabled": True, "port": port, "names": ["speaker.example"]}
        make_music(folder / "network" / "music", 2.0)
        with running(folder / "network", page=page) as daemon:
            token = let_in(daemon, port)
            header = f"Authorization: Bearer {token}"
            codes["the network"] = fuzz(port, examples, document, "--header", header)
            look_after(daemon)
    for door, code in codes.items():
        print(f"{door}: {'nothing found' if code == 0 else f'failed ({code})'}")
    return max(codes.values())


if __name__ == "__main__":
    sys.exit(main())
