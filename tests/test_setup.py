"""setup.sh on systems of every kind, played by fake programs; nothing is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_system import ROOT, Machine

SCRIPTS = ("setup.sh", "systemd/install.sh", "systemd/ssh.sh", "tests/service/boot.sh", ".ci/run")


@pytest.fixture
def machine() -> Iterator[Machine]:
    # Not tmp_path: whom root becomes to test without root may not enter it.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Machine(Path(folder))


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    verdict = subprocess.run(
        ["shellcheck", *SCRIPTS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert verdict.stdout == ""


def test_ci_runs_the_tests_and_nothing_else() -> None:
    assert (ROOT / ".ci/run").read_text().splitlines()[-1].endswith("exec ./setup.sh test")


# --- how it is asked ----------------------------------------------------------------------


def test_help(machine: Machine) -> None:
    told = machine.setup("--help")
    assert told.returncode == 0
    for command in (
        "demo",
        "test",
        "test-all",
        "test-api",
        "test-service",
        "test-faults",
        "test-training",
        "train",
        "install",
        "upgrade",
        "rollback",
        "uninstall",
    ):
        assert f"\n  {command} " in told.stdout


@pytest.mark.parametrize(
    "arguments",
    [[], ["dance"], ["install", "here"], ["uninstall", "--all"], ["ssh", "--all"]],
    ids=" ".join,
)
def test_wrong_use(machine: Machine, arguments: list[str]) -> None:
    assert machine.setup(*arguments).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        ("demo --seconds 40", "+ exec .venv/bin/attune demo --seconds 40"),
        ("test", r"+ exec .venv/bin/python -m pytest -m not\ slow\ and\ not\ benchmark"),
        (
            "test-training",
            "+ exec .venv-train/bin/python -m pytest tests/training tests/conversion",
        ),
        ("test-api 5", "+ exec .venv-api/bin/python -m tests.fuzz_api 5"),
        ("test-service", "+ exec .venv/bin/python -m pytest -m slow tests/service"),
        ("test-faults", "+ .venv/bin/python -m pytest -m '' tests/faults --write-results"),
        ("train", "python -m training"),
        ("install", "journalctl -u attune"),
        ("upgrade", "journalctl -u attune"),
        ("rollback", "+ ln -sfn /opt/attune /opt/attune.versions/previous"),
        ("ssh", "+ systemctl try-reload-or-restart ssh.service"),
        ("ssh --remove", "rules hold again"),
        ("uninstall", "(--purge removes them)"),
        ("uninstall --purge", "rm -rf /etc/attune /var/lib/attune"),
        ("uninstall --purge", " /usr/local/share/attune\n"),
    ],
)
def test_dry_run_tells_and_does_nothing(machine: Machine, arguments: str, last: str) -> None:
    before = machine.files()
    told = machine.setup(*arguments.split(), "--dry-run", as_nobody=True)
    assert told.returncode == 0, told.stderr
    assert told.stderr == ""
    assert last in told.stdout
    assert machine.files() == before


def test_test_all_names_what_is_not_there(machine: Machine) -> None:
    told = machine.setup("test-all", "--dry-run")
    assert "Python 3.13: not found here" in told.stdout


# --- what it needs ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "packages"),
    [
        ("bookworm", "libglib2.0-0 libasound2"),
        ("trixie", "libglib2.0-0t64 libasound2t64"),
        ("sid", "libglib2.0-0t64 libasound2t64"),
        ("raspbian", "libglib2.0-0 libasound2"),
        ("jammy", "libglib2.0-0 libasound2"),
        ("noble", "libglib2.0-0t64 libasound2t64"),
    ],
)
def test_packages_are_called_as_the_system_calls_them(
    machine: Machine, system: str, packages: str
) -> None:
    machine.be(system)
    told = machine.setup("demo", "--dry-run", FAKE_SOUND="no")
    assert f"install --no-install-recommends {packages}\n" in told.stdout


def test_what_builds_systemds_bindings_is_named_for_the_tests(machine: Machine) -> None:
    machine.leave_out("gcc")
    told = machine.setup("test", "--dry-run")
    assert "recommends gcc pkg-config libsystemd-dev\n" in told.stdout


def test_without_root_the_missing_line_is_told(machine: Machine) -> None:
    machine.leave_out("shellcheck")
    told = machine.setup("test", as_nobody=True, FAKE_SOUND="no")
    assert told.returncode == 1
    assert told.stderr.endswith("again: apt-get install libglib2.0-0 libasound2 shellcheck\n")
    assert machine.calls() == []


def test_why_a_package_could_not_be_installed_is_told(machine: Machine) -> None:
    machine.fake("apt-get", "#!/bin/sh\necho 'dpkg: error processing package x'\nexit 100\n")
    machine.fake("sudo", '#!/bin/sh\n[ "$1" = -n ] || exec "$@"\n')
    told = machine.setup("demo", FAKE_SOUND="no")
    assert told.returncode == 1
    assert "dpkg: error processing package x" in told.stderr
    assert "try by hand: apt-get install" in told.stderr
    machine.fake("apt-get", "#!/bin/sh\necho chatter; echo chatter >&2\n")
    told = machine.setup("demo", FAKE_SOUND="no")
    assert "chatter" not in told.stdout + told.stderr


def test_what_boots_a_system_is_named_as_its_package(machine: Machine) -> None:
    told = machine.setup("test-service", "--dry-run")
    assert re.search(r"recommends .*\bsystemd-container\n", told.stdout)


def test_booting_a_system_needs_root(machine: Machine) -> None:
    told = machine.setup("test-service", as_nobody=True)
    assert told.returncode == 1
    assert "sudo ./setup.sh test-service" in told.stderr


def test_a_system_without_apt_is_told_what_is_missing(machine: Machine) -> None:
    machine.be("fedora")
    told = machine.setup("demo", FAKE_SOUND="no")
    assert told.returncode == 1
    assert "libglib2.0-0" in told.stderr


def test_a_system_without_apt_that_has_everything_serves(machine: Machine) -> None:
    machine.be("fedora")
    assert machine.setup("demo").stdout.endswith("attune runs: demo\n")


@pytest.mark.parametrize("version", ["3.9", "3.14"])
def test_a_python_out_of_range_is_refused(machine: Machine, version: str) -> None:
    told = machine.setup("demo", "--dry-run", FAKE_VERSION=version)
    assert told.returncode == 1
    assert "Python 3.10 to 3.13" in told.stderr
    assert version in told.stderr


@pytest.mark.parametrize(
    ("system", "environment", "why"),
    [
        ("fedora", {}, "this is Fedora Linux 42: only Debian"),
        ("bookworm", {"FAKE_ARCHITECTURE": "i386"}, "no TensorFlow Lite runtime exists for i386"),
        ("raspbian", {"FAKE_ARCHITECTURE": "armhf"}, "install the 64-bit system"),
    ],
)
def test_install_says_why_not(
    machine: Machine, system: str, environment: dict[str, str], why: str
) -> None:
    machine.be(system)
    told = machine.setup("install", "--dry-run", **environment)
    assert told.returncode == 1
    assert why in told.stderr


def test_install_needs_systemd(machine: Machine) -> None:
    machine.leave_out("systemctl")
    assert "no systemd here" in machine.setup("install", "--dry-run").stderr


def test_install_needs_root(machine: Machine) -> None:
    told = machine.setup("install", as_nobody=True)
    assert told.returncode == 1
    assert "sudo ./setup.sh install" in told.stderr


# --- music --------------------------------------------------------------------------------


def test_music_names_packages_and_how_to_play_them(machine: Machine) -> None:
    told = machine.setup("music", "--dry-run").stdout
    assert "CC BY-SA" in told
    assert "recommends hyperrogue-music singularity-music zaz-data\n" in told
    assert "ln -sf /usr/share/games/zaz/mus1.ogg" in told
    assert 'folders = ["/opt/attune/music", "/usr/local/share/attune/music"]' in told


def test_music_is_of_debian(machine: Machine) -> None:
    machine.be("fedora")
    told = machine.setup("music")
    assert told.returncode == 1
    assert "this is Fedora" in told.stderr


# --- the virtual environment --------------------------------------------------------------


def test_a_virtual_environment_is_made_once(machine: Machine) -> None:
    assert machine.setup("demo", "--seconds", "3").stdout.endswith(
        "attune runs: demo --seconds 3\n"
    )
    assert machine.calls() == ["venv", "pip"]
    machine.setup("demo")
    assert machine.calls() == []
    (machine.tree / "pyproject.toml").write_text("# other needs\n")
    machine.setup("demo")
    assert machine.calls() == ["pip"]


def test_another_python_or_another_place_needs_a_new_one(machine: Machine) -> None:
    machine.setup("demo")
    machine.setup("demo", FAKE_VERSION="3.12")
    machine.tree = machine.tree.rename(machine.tree.with_name("moved"))
    machine.calls()
    machine.setup("demo")
    assert machine.calls() == ["venv", "pip"]


@pytest.mark.parametrize(("failures", "code"), [(1, 0), (2, 1)])
def test_a_failed_download_is_tried_once_more(machine: Machine, failures: int, code: int) -> None:
    (machine.tree / "failures").write_text(str(failures))
    told = machine.setup("demo")
    assert told.returncode == code
    assert machine.calls() == ["venv", "pip", "pip"]
    if code:
        assert "could not be installed" in told.stderr
        machine.setup("demo")
        assert machine.calls() == ["pip"]
