"""A real browser that looks at Home Assistant's pages, over the DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.home.broker import program

LONGEST_SECONDS = 120.0
DEEP = """
(() => {
  const found = [];
  const walk = (root) => {
    for (const node of root.querySelectorAll('*')) {
      found.push(node);
      if (node.shadowRoot) walk(node.shadowRoot);
    }
  };
  walk(document);
  return found;
})()
"""
"""All elements of a page, those in shadow trees, too."""


class Page:
    """One tab."""

    def __init__(self, socket_: Any) -> None:
        self._socket = socket_
        self._asked = 0

    def _send(self, method: str, **params: Any) -> Any:
        self._asked += 1
        self._socket.send(json.dumps({"id": self._asked, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=LONGEST_SECONDS))
            if answer.get("id") == self._asked:
                assert "error" not in answer, answer
                return answer["result"]

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        result = self._send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def open(self, url: str) -> None:
        self._send("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while not self.run(condition):
            if time.monotonic() > deadline:
                pytest.fail(f"in vain: {condition}; the page says {self.text()[:2000]}")
            time.sleep(0.3)

    def tags(self) -> set[str]:
        """Names of all elements there are."""
        return set(self.run(f"[...new Set({DEEP}.map((node) => node.localName))]"))

    def text(self) -> str:
        """All that can be read."""
        own = "[...node.childNodes].filter((c) => c.nodeType === 3).map((c) => c.data).join('')"
        words = f"{DEEP}.filter((node) => !['style', 'script'].includes(node.localName))"
        return str(self.run(f"{words}.map((node) => {own}.trim()).filter(Boolean).join(' | ')"))

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._send("Page.captureScreenshot")["data"]))


@contextlib.contextmanager
def browser() -> Iterator[Page]:
    """A fresh browser with one tab."""
    from websockets.sync.client import connect  # noqa: PLC0415

    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    flags += " --disable-background-networking --disable-component-update"
    flags += " --remote-debugging-port=0 --window-size=1400,1500 --disable-dev-shm-usage"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program("chromium", "chromium"), *flags.split(), f"--user-data-dir={profile}"]
        process = subprocess.Popen(
            [*command, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            port = _port(Path(profile) / "DevToolsActivePort", process)
            listed = urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=10).read()
            (page, *_) = (each for each in json.loads(listed) if each["type"] == "page")
            with connect(page["webSocketDebuggerUrl"], max_size=2**26) as socket_:
                yield Page(socket_)
        finally:
            process.terminate()
            process.wait(30)


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(file.read_text().splitlines()[0])
        time.sleep(0.1)
    pytest.fail("the browser did not start")
