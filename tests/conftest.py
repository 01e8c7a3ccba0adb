"""What holds for every test."""

from __future__ import annotations

import importlib.util
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from device.types import LibraryScanned
from tests.fakes import FakeClock
from tests.house import STANDING, House, library

FIGURES = pytest.StashKey[dict[str, str]]()

# A loaded machine is slow, not wrong.
settings.register_profile(
    "attune", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("attune")

# Started in the background by a shell, we ignore Ctrl-C, and so would every program under test.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Only `./setup.sh test-page` installs what drives a browser; its tests are slow, and left out of
# the quick suite wherever they are collected.
collect_ignore = [] if importlib.util.find_spec("selenium") else ["page"]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An appliance with a small library; some files have one of their own."""
    house = House(tmp_path, FakeClock())
    house.speaker.handle(LibraryScanned(library()))
    yield house
    house.close()


@pytest.fixture(autouse=True)
def _no_database_stays_open() -> Iterator[None]:
    """Tests that build their houses themselves need not think of it: each that stayed open would
    keep memory and files until Python happens to collect it."""
    yield
    for house in list(STANDING):
        house.power_cut()


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> dict[str, str]:
    """What was measured, to be told at the end."""
    return pytestconfig.stash.setdefault(FIGURES, {})


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if measured := config.stash.get(FIGURES, {}):
        terminalreporter.section("measured")
        for name, value in measured.items():
            terminalreporter.line(f"{name:<64} {value}")
