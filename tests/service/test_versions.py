"""Install again, upgrade, roll back, uninstall: each in a system that runs the service.

The tests follow one another; the last ones take it all away.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.machine import HOOK, TREE, Machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

SETTINGS = "/etc/attune/attune.toml"
RULES = "/etc/ssh/sshd_config.d/10-attune.conf"
MINE = "# my own\n[music]\nvolume = 25\n"
BROKEN_AT_THE_START = """

def run(settings: Settings, config_path: Path | None) -> int:
    raise RuntimeError("broken on purpose")
"""
BROKEN_WITH_A_NEW_LAYOUT = """

def run(settings: Settings, config_path: Path | None) -> int:
    from device.system.database import open_database

    open_database(config.state_folder(settings), time.time())
    raise RuntimeError("broken on purpose")
"""
BROKEN_SOON = """

def run(settings: Settings, config_path: Path | None) -> int:
    notify.ready()
    time.sleep(3)
    raise RuntimeError("broken on purpose")
"""


@pytest.fixture
def settled(machine: Machine) -> Machine:
    """The project as committed, installed and running, with settings of somebody's own."""
    machine.lay_tree()
    machine.file(SETTINGS).write_text(MINE)
    machine.run("systemctl reset-failed; systemctl start attune")
    return machine


def installed(machine: Machine) -> str:
    return str(machine.file("/opt/attune").readlink())


def versions(machine: Machine) -> list[str]:
    folders = machine.file("/opt/attune.versions").iterdir()
    return [folder.name for folder in folders if not folder.is_symlink()]


def change(machine: Machine, name: str, old: str, new: str) -> None:
    """Edit a file of the tree to be installed."""
    file = machine.file(TREE / name)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def lay_out_anew(machine: Machine) -> None:
    """Give the database of the tree a later layout."""
    end = ')\n"""The script at index n'
    table = '    "CREATE TABLE later (only INTEGER) STRICT;",\n'
    change(machine, "device/system/database.py", end, table + end)


def rename(machine: Machine) -> None:
    """Give the tree another version."""
    change(machine, "device/__init__.py", '__version__ = "', '__version__ = "1000.')


def break_it(machine: Machine, code: str) -> None:
    with machine.file(TREE / "device/daemon.py").open("a") as file:
        file.write(code)


@contextlib.contextmanager
def failing(machine: Machine) -> Iterator[None]:
    """The version that is installed fails, is started again, fails, and so on."""
    file = machine.file(installed(machine)) / "device/daemon.py"
    sound = file.read_text()
    file.write_text(sound + BROKEN_AT_THE_START)
    try:
        machine.run("systemctl restart attune", check=False)
        machine.wait(lambda: int(machine.prop("NRestarts")) > 0, 30, "a second failure")
        yield
    finally:
        file.write_text(sound)


def assert_untouched(machine: Machine, link: str, version: str) -> None:
    assert installed(machine) == link
    assert machine.is_ready()
    assert machine.status()["version"] == version
    assert machine.file(SETTINGS).read_text() == MINE


def test_a_second_install_changes_nothing(settled: Machine) -> None:
    link, pid = installed(settled), settled.prop("MainPID")
    told = settled.setup("install").stdout
    assert "runs already, and nothing changed" in told
    assert f"{SETTINGS} is yours and stays" in told
    assert settled.file(SETTINGS).read_text() == MINE
    assert "#volume = 60" in settled.file(f"{SETTINGS}.new").read_text()
    assert (installed(settled), settled.prop("MainPID")) == (link, pid)
    assert len(versions(settled)) == 1


def test_an_upgrade_switches_and_keeps_what_is_remembered(settled: Machine) -> None:
    link, pid = installed(settled), settled.prop("MainPID")
    settled.run("attune volume 37")
    rename(settled)
    settled.setup("upgrade")
    assert installed(settled) != link
    assert settled.prop("MainPID") != pid
    assert settled.run("attune --version").stdout.startswith("attune 1000.")
    now = settled.status()
    assert now["version"].startswith("1000.")
    assert now["volume"] == 37
    assert settled.file(SETTINGS).read_text() == MINE
    assert len(versions(settled)) == 2  # the one before is kept, to go back to


def test_a_rollback_leads_to_the_version_before_and_back(settled: Machine) -> None:
    newer = installed(settled)
    settled.run("attune volume 38")
    settled.setup("rollback")
    older = installed(settled)
    assert older != newer
    now = settled.status()
    assert not now["version"].startswith("1000.")
    assert now["volume"] == 38
    assert settled.run("attune --version").stdout == f"attune {now['version']}\n"
    settled.setup("rollback")
    assert installed(settled) == newer
    assert settled.status()["version"].startswith("1000.")
    settled.setup("rollback")
    assert installed(settled) == older
    assert settled.status()["volume"] == 38


def test_an_upgrade_and_a_rollback_lead_out_of_a_version_that_fails(settled: Machine) -> None:
    older = installed(settled)
    rename(settled)
    with failing(settled):
        settled.setup("upgrade")
    assert installed(settled) != older
    assert settled.status()["version"].startswith("1000.")
    with failing(settled):
        settled.setup("rollback")
    assert installed(settled) == older
    assert not settled.status()["version"].startswith("1000.")


def test_rollbacks_across_a_new_layout_keep_both_memories(settled: Machine) -> None:
    older, asides = installed(settled), "ls /var/lib/attune | grep -c later"
    before = int(settled.run(asides, check=False).stdout)
    settled.run("attune volume 39")
    rename(settled)
    lay_out_anew(settled)
    settled.setup("upgrade")
    assert settled.status()["volume"] == 39
    settled.run("attune volume 51")
    since = settled.mark()
    settled.setup("rollback")
    assert installed(settled) == older
    assert settled.status()["volume"] == 39
    assert "what was remembered before that upgrade is used" in settled.journal(since)
    assert int(settled.run(asides).stdout) == before + 1
    settled.run("attune volume 40")
    settled.setup("rollback")
    assert settled.status()["version"].startswith("1000.")
    assert settled.status()["volume"] == 40
    assert int(settled.run(asides).stdout) == before + 1
    settled.setup("rollback")
    assert installed(settled) == older
    assert settled.status()["volume"] == 40
    settled.run("rm /var/lib/attune/attune.db.later-*; attune volume 37")


def test_wrong_settings_stop_an_upgrade_before_anything_changes(settled: Machine) -> None:
    link, pid, version = installed(settled), settled.prop("MainPID"), settled.status()["version"]
    settled.file(SETTINGS).write_text("[music]\nvolum = 25\n")
    told = settled.setup("upgrade", check=False)
    assert told.returncode == 1
    assert "attune.toml:2" in told.stderr
    assert "sudo ./setup.sh upgrade" in told.stderr
    settled.file(SETTINGS).write_text(MINE)
    assert_untouched(settled, link, version)
    assert settled.prop("MainPID") == pid


@pytest.mark.parametrize(
    "code",
    [BROKEN_AT_THE_START, BROKEN_SOON, BROKEN_WITH_A_NEW_LAYOUT],
    ids=["at start", "soon", "with a new layout"],
)
def test_a_broken_version_is_rolled_back(settled: Machine, code: str) -> None:
    link, version = installed(settled), settled.status()["version"]
    settled.run("attune volume 37")
    if code is BROKEN_WITH_A_NEW_LAYOUT:
        lay_out_anew(settled)
    break_it(settled, code)
    told = settled.setup("upgrade", check=False)
    assert told.returncode == 1
    assert "broken on purpose" in told.stderr
    assert "the one before runs again" in told.stderr
    assert_untouched(settled, link, version)
    assert settled.status()["volume"] == 37


def test_a_version_that_cannot_even_be_imported_changes_nothing(settled: Machine) -> None:
    link, pid, version = installed(settled), settled.prop("MainPID"), settled.status()["version"]
    change(settled, "device/cli.py", "def main(", "def main(((")
    told = settled.setup("upgrade", check=False)
    assert told.returncode == 1
    assert "SyntaxError" in told.stdout + told.stderr
    assert "nothing was switched" in told.stderr
    assert_untouched(settled, link, version)
    assert settled.prop("MainPID") == pid


@pytest.fixture(scope="module")
def owned(machine: Machine) -> Machine:
    """Somebody has the group, came in by a key, and made the SSH server stricter."""
    machine.run("useradd --create-home --shell /bin/bash --groups attune owner")
    machine.install_ssh()
    machine.run("ssh-keygen -q -t ed25519 -N '' -f /root/owner")
    machine.authorize("owner", "/root/owner.pub")
    machine.setup("ssh", "--admin-key", "/root/owner.pub")
    return machine


def test_uninstall_leaves_what_is_yours(settled: Machine, owned: Machine) -> None:
    told = settled.setup("uninstall")
    assert f"kept: {RULES}" in told.stdout
    assert owned.file(RULES).exists()
    assert settled.run("systemctl cat attune", check=False).returncode != 0
    assert settled.run("command -v attune", check=False).returncode != 0
    assert settled.run("ls -A /opt /run/attune", check=False).stdout == "/opt:\n"
    assert settled.run("getent passwd attune").stdout
    assert settled.file(SETTINGS).read_text() == MINE
    assert settled.file("/var/lib/attune/attune.db").exists()


def test_purge_leaves_nothing(settled_nowhere: Machine) -> None:
    machine = settled_nowhere
    assert machine.run("getent passwd attune-admin").stdout
    machine.setup("uninstall", "--purge")
    for database in ("passwd", "group", "shadow", "gshadow"):
        assert "attune" not in machine.run(f"getent {database}").stdout, database
    left = machine.run(
        "find / -xdev \\( -name '*attune*' -or -nouser -or -nogroup \\)"
        f" -not -path '{TREE}*' -not -path '{HOOK}*'"
    )
    assert left.stdout == ""
    assert "passwordauthentication yes" in machine.run("/usr/sbin/sshd -T").stdout
    machine.setup("uninstall", "--purge")  # again, in vain, and no failure


@pytest.fixture
def settled_nowhere(owned: Machine) -> Machine:
    """Uninstalled; a member of its group, rules for SSH and an override of its unit are there."""
    override = owned.file(Path("/etc/systemd/system/attune.service.d/override.conf"))
    override.parent.mkdir(exist_ok=True)
    override.write_text("[Service]\nNice=0\n")
    return owned
