"""What the fault tests share; `--write-results` keeps what they measured."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import make_music
from tests.faults.promises import PROMISES, RESULTS, Record, kept
from tests.faults.shim import Shim, build

pytest.register_assert_rewrite("tests.faults.witness")  # or what differs would not be told

MEASURED = pytest.StashKey[dict[str, Any]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-results", action="store_true", help="keep what the fault tests measured"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MEASURED] = {}


def pytest_sessionfinish(session: pytest.Session) -> None:
    measured = session.config.stash[MEASURED]
    if measured and session.config.getoption("--write-results", default=False):
        together = {**kept(), **measured}
        ordered = {name: together[name] for name in PROMISES if name in together}
        RESULTS.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Notes what came of a fault; the last thing that a test does."""

    def note(name: str, recovery_seconds: float | None, outcome: str) -> None:
        assert name in PROMISES
        request.config.stash[MEASURED][name] = {
            "recovery_seconds": None if recovery_seconds is None else round(recovery_seconds, 1),
            "outcome": outcome,
            "date": time.strftime("%Y-%m-%d"),
            "load": round(os.getloadavg()[0], 1),
        }

    return note


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_music(tmp_path_factory.mktemp("music"))


@pytest.fixture(scope="session")
def shim_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def shim(shim_library: Path, tmp_path: Path) -> Shim:
    """What may be done to the state of a daemon in `tmp_path / "d"`."""
    return Shim(shim_library, tmp_path / "control", tmp_path / "d" / "state")
