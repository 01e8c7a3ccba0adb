"""setup.sh's install, upgrade and uninstall as root, in a folder that stands for /.

The service itself is tried in tests/service.
"""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_system import RootMachine, may_be_root

pytestmark = pytest.mark.skipif(not may_be_root(), reason="nobody can be root here")


@pytest.fixture
def machine() -> Iterator[RootMachine]:
    with tempfile.TemporaryDirectory() as folder:
        yield RootMachine(Path(folder))


def installed(machine: RootMachine) -> Path:
    return machine.file("opt/attune").readlink()


def closed(folder: Path) -> list[Path]:
    """What others than its owner cannot read, or cannot enter."""
    need = {path: 0o005 if path.is_dir() else 0o004 for path in (folder, *folder.rglob("*"))}
    return [path for path, bits in need.items() if path.lstat().st_mode & bits != bits]


# --- whom it is for -----------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077], ids="{:03o}".format)
def test_whatever_the_umask_the_service_may_run_it(machine: RootMachine, umask: int) -> None:
    told = machine.as_root("install", umask=umask)
    assert told.returncode == 0, told.stderr
    assert closed(machine.file("opt/attune.versions")) == []
    assert stat.S_IMODE((installed(machine) / ".venv/bin/attune").stat().st_mode) == 0o755
    assert stat.S_IMODE(machine.file("etc/attune").stat().st_mode) == 0o750
    assert stat.S_IMODE(machine.file("etc/attune/attune.toml").stat().st_mode) == 0o640


def test_the_file_for_secrets_lies_there_for_root_alone(machine: RootMachine) -> None:
    secrets = machine.file("etc/attune/environment")
    machine.as_root("install")
    assert secrets.read_text() == ""
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    secrets.write_text("ATTUNE_MQTT_PASSWORD=correct-horse\n")
    secrets.chmod(0o644)  # as an editor of before has left it
    assert machine.as_root("upgrade").returncode == 0
    assert secrets.read_text() == "ATTUNE_MQTT_PASSWORD=correct-horse\n"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600


def test_a_folder_that_an_earlier_umask_closed_is_opened(machine: RootMachine) -> None:
    machine.file("opt/attune.versions").mkdir(mode=0o700)
    assert machine.as_root("install").returncode == 0
    assert closed(machine.file("opt/attune.versions")) == []


def test_a_login_called_attune_is_nobody_to_become(machine: RootMachine) -> None:
    home = machine.user("attune", "home/attune")
    told = machine.as_root("install")
    assert told.returncode == 1
    assert f"attune is somebody's login here, at home in {home}" in told.stderr
    assert "usermod -l" in told.stderr
    assert list(machine.file("opt").iterdir()) == []


def test_a_purge_takes_the_services_user_along(machine: RootMachine) -> None:
    machine.as_root("install")
    assert "attune" in machine.users()
    told = machine.as_root("uninstall", "--purge")
    assert told.returncode == 0, told.stderr
    assert machine.users() == ["root"]


def test_a_purge_leaves_a_login_called_attune(machine: RootMachine) -> None:
    machine.user("attune", "home/attune")
    told = machine.as_root("uninstall", "--purge")
    assert told.returncode == 0, told.stderr
    assert "attune" in machine.users()
    assert "user attune stays" in told.stdout


# --- a version that does not run ----------------------------------------------------------


def upgrade(machine: RootMachine, *, to: str) -> str:
    """Another version, which fails; what is told of that."""
    (machine.tree / "README.md").write_text(to)
    (machine.tree / "device/fails").touch()
    told = machine.as_root("upgrade")
    assert told.returncode == 1
    return told.stderr


def test_the_one_before_runs_again(machine: RootMachine) -> None:
    machine.as_root("install")
    before = installed(machine)
    told = upgrade(machine, to="broken")
    assert "the one before runs again" in told
    assert installed(machine) == before
    assert machine.file("state").read_text() == "active\n"


def test_it_is_not_told_to_run_again_where_it_does_not(machine: RootMachine) -> None:
    machine.as_root("install")
    before = installed(machine)
    (before / "device/fails").touch()
    told = upgrade(machine, to="broken, too")
    assert "runs again" not in told
    assert "nor does the one before, to which" in told
    assert installed(machine) == before


def test_the_same_version_is_none_before(machine: RootMachine) -> None:
    machine.as_root("install")
    (installed(machine) / "device/fails").touch()
    machine.file("state").write_text("failed\n")
    told = machine.as_root("install")
    assert told.returncode == 1
    assert "runs again" not in told.stderr
    assert "the service does not run" in told.stderr


def test_what_follows_an_install_applies_what_is_named(machine: RootMachine) -> None:
    told = machine.as_root("install").stdout
    assert "then sudo systemctl restart attune" in told
