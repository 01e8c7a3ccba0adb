"""Whatever part hangs: systemd's watchdog brings all of it back where it was."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator

import pytest

from tests.service.machine import PORTRAITS, Machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

WISH = "/run/attune-hang"
HANGING = "hanging on wish"
WORKERS = ("camera", "broker", "api", "page", "library", "listener", "board", "MainThread")
GOING_ON = "going on where the music stopped"
LONGEST_SECONDS = 60.0


@pytest.fixture(scope="module")
def fragile(speaker: Machine) -> Iterator[Machine]:
    """The service with a broker to talk to, and with threads that hang on wish."""
    speaker.run(
        "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends mosquitto",
        seconds=600,
    )
    with socket.create_server(("127.0.0.1", 0)) as free:  # its network is ours
        port = free.getsockname()[1]
    settings = speaker.file("/etc/attune/attune.toml")
    settings.write_text(
        f'{PORTRAITS}[mqtt]\nenabled = true\nhost = "127.0.0.1"\n[page]\nport = {port}\n'
    )
    with speaker.hooked():
        yield speaker
        settings.write_text(PORTRAITS)


def hang(machine: Machine, name: str) -> tuple[str, str]:
    """Let a thread hang; returns where the journal was before, and the process."""
    since, pid = machine.mark(), machine.prop("MainPID")
    # The process has the same number in there and in its own eyes.
    machine.run(f"echo {name} {pid} >{WISH}")
    if name in ("library", "listener"):  # which rest when nothing is to be done
        machine.run("attune scan >/dev/null 2>&1 &")
    machine.wait_told(since, HANGING, 40)
    return since, pid


def up(machine: Machine) -> bool:
    now = machine.status()
    parts = ("camera", "broker", "page")
    return bool(now["playing"] and all(now[part]["health"] == "up" for part in parts))


def gone_on(told: str, title: str) -> tuple[str, str]:
    """Which track sounded last before the restart, and with which it went on; `title` sounded
    when the journal began to tell."""
    titles = [title]
    for name, because in re.findall(r"(?m)^playing (.+): (.+)$", told):
        if because == GOING_ON:
            return titles[-1], name
        titles.append(name)
    pytest.fail(f"the music did not go on:\n{told}")


@pytest.mark.parametrize("worker", WORKERS)
def test_a_hang_is_over_within_a_minute(
    fragile: Machine, figures: dict[str, str], worker: str
) -> None:
    fragile.wait(lambda: up(fragile), 60, "all parts to work")
    number = 20 + WORKERS.index(worker)
    fragile.run(f"attune volume {number} && attune goal calm && attune like")
    before = fragile.status()
    since, pid = hang(fragile, worker)
    seconds = fragile.wait_restart(pid, LONGEST_SECONDS + 20)
    figures[f"back after a hang of {worker}"] = f"{seconds:.0f} s"
    told = fragile.journal(since)
    assert 'File "' in told, "where it hung is not told"
    assert "Watchdog timeout" in told or "watchdog" in told.lower(), told
    if worker != "MainThread":
        assert f"{worker} hangs" in told
    fragile.wait(lambda: up(fragile), 60, "all parts to work again")
    now = fragile.status()
    assert (now["volume"], now["goal"]) == (number, "calm")
    if before["track"]["position_seconds"] > 5:
        last, first = gone_on(fragile.journal(since), before["track"]["title"])
        assert first == last
    assert seconds < LONGEST_SECONDS


def test_with_a_part_that_hangs_it_still_stops_in_time(
    fragile: Machine, figures: dict[str, str]
) -> None:
    fragile.wait(lambda: up(fragile), 60, "all parts to work")
    since, _ = hang(fragile, "camera")
    begun = time.monotonic()
    fragile.run("systemctl stop attune")
    seconds = time.monotonic() - begun
    figures["stop while the camera hangs"] = f"{seconds:.1f} s"
    assert fragile.prop("Result") == "success"
    assert "did not stop within 2 s: camera" in fragile.journal(since)
    fragile.run("systemctl start attune")
    assert seconds < 5
