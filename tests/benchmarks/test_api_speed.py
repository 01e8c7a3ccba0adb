"""How soon the API answers: the real daemon, over each way in."""

from __future__ import annotations

import http.client
import os
import ssl
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from device.demo import free_port
from tests.daemon import make_music, running

REQUESTS = 300
MEDIAN_MILLISECONDS = 20.0


def milliseconds(ask: Callable[[], object]) -> tuple[float, float]:
    """Median and 95th percentile."""
    taken = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        ask()
        taken.append(1000 * (time.perf_counter() - started))
    return statistics.median(taken), statistics.quantiles(taken, n=20)[-1]


def keys_for(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*line.split(), *names, *files], check=True, capture_output=True)
    return certificate, key


def getter(connection: http.client.HTTPConnection, path: str) -> Callable[[], bytes]:
    def get() -> bytes:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read()

    return get


def tell(name: str, taken: tuple[float, float]) -> None:
    print(f"{name:<34}{taken[0]:6.1f} ms median, {taken[1]:6.1f} ms at the 95th percentile")


@pytest.mark.benchmark
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_the_api_answers_at_once(tmp_path: Path, secure: bool) -> None:
    make_music(tmp_path / "music", 5.0)
    port = free_port()
    page = {"enabled": True, "port": port}
    if secure:
        certificate, key = keys_for(tmp_path)
        page |= {"certificate_file": str(certificate), "key_file": str(key)}
        context = ssl.create_default_context(cafile=str(certificate))
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            "localhost", port, timeout=10, context=context
        )
    else:
        connection = http.client.HTTPConnection("localhost", port, timeout=10)
    with running(tmp_path, page=page) as daemon:
        daemon.wait_for(lambda status: status.tracks == 6 and status.page.health.value == "up")
        print(f"\nload {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
        kind = "https" if secure else "http"
        medians = []
        for path in ("/api/v1/status", "/api/v1/tracks", "/", "/api/v1/session"):
            taken = milliseconds(getter(connection, path))
            tell(f"{kind} {path}", taken)
            medians.append(taken[0])
        taken = milliseconds(daemon.client.status)
        tell("the socket /api/v1/status", taken)
        assert max(*medians, taken[0]) < MEDIAN_MILLISECONDS
        connection.close()
