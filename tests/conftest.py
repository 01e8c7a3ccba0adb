"""What holds for every test."""

from __future__ import annotations

import importlib.util
import signal

import pytest
from hypothesis import HealthCheck, settings

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
