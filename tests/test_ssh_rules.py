"""setup.sh's rules for the SSH server, as root, in a folder that stands for /.

A real sshd heeds them in tests/service/test_ssh.py.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_system import RootMachine, may_be_root

pytestmark = pytest.mark.skipif(not may_be_root(), reason="nobody can be root here")

PLAIN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDuDUUeWQ0Rcn0u0Gnvrw8fHZEcHlRMbsBnC7gyPlDvo me"
RULES = "etc/ssh/sshd_config.d/10-attune.conf"


@pytest.fixture
def machine() -> Iterator[RootMachine]:
    """Attune is installed, and somebody has a key."""
    with tempfile.TemporaryDirectory() as folder:
        machine = RootMachine(Path(folder))
        machine.file("opt/attune").symlink_to(machine.tree)
        machine.file("etc/attune").mkdir()
        authorize(machine.user("dweller", "home/dweller"), PLAIN)
        yield machine


def authorize(home: Path, *lines: str) -> None:
    (home / ".ssh").mkdir(exist_ok=True)
    (home / ".ssh/authorized_keys").write_text("".join(f"{line}\n" for line in lines))


def refused(machine: RootMachine, *arguments: str) -> str:
    """Why it is: every file is as before."""
    before = contents(machine)
    told = machine.as_root("ssh", *arguments)
    assert told.returncode == 1
    assert contents(machine) == before
    return told.stderr


def contents(machine: RootMachine) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in machine.file("etc").rglob("*") if path.is_file()}


def key_pair(machine: RootMachine) -> Path:
    private = machine.tree / "admin"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tablet", "-f", private], check=True
    )
    return private


def test_the_rules_are_laid_and_laid_again(machine: RootMachine) -> None:
    for _ in range(2):
        told = machine.as_root("ssh")
        assert told.returncode == 0, told.stderr
        assert "dweller has one" in told.stdout
        lain = [path.name for path in machine.file(RULES).parent.iterdir()]
        assert lain == ["10-attune.conf"]


# --- what it refuses ----------------------------------------------------------------------


def spoil(machine: RootMachine) -> None:
    with (machine.tree / "config/ssh/attune.conf").open("a") as rules:
        rules.write("Nonsense yes\n")


def test_rules_that_sshd_refuses_are_gone_again(machine: RootMachine) -> None:
    spoil(machine)
    told = refused(machine)
    assert "Nonsense" in told
    assert "nothing was changed" in told


def test_rules_in_force_outlive_others_that_sshd_refuses(machine: RootMachine) -> None:
    machine.as_root("ssh")
    machine.file(RULES).chmod(0o600)
    spoil(machine)
    assert "nothing was changed" in refused(machine)
    assert machine.file(RULES).exists()
    assert machine.file(RULES).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "config",
    ["PasswordAuthentication no\n", "PasswordAuthentication yes\n"],
    ids=["no passwords", "passwords"],
)
def test_rules_that_sshd_does_not_read_are_gone_again(machine: RootMachine, config: str) -> None:
    machine.file("etc/ssh/sshd_config").write_text(config)
    assert "must begin with 'Include" in refused(machine)


def test_rules_that_an_earlier_file_overrules_are_gone_again(machine: RootMachine) -> None:
    earlier = machine.file(RULES).with_name("05-mine.conf")
    earlier.parent.mkdir()
    earlier.write_text("PasswordAuthentication yes\n")
    assert "sshd does not heed" in refused(machine)


@pytest.mark.parametrize(
    "line",
    [
        f'command="git-shell",restrict {PLAIN}',
        f'command="backup ssh-rsa" {PLAIN}',
        f"# {PLAIN}",
        "",
    ],
    ids=["git", "backup", "taken back", "none"],
)
def test_a_key_without_a_shell_is_no_way_in(machine: RootMachine, line: str) -> None:
    authorize(machine.file("home/dweller"), line)
    assert "ssh-copy-id" in refused(machine)


# --- the restricted key -------------------------------------------------------------------


def test_a_public_key_may_run_attune(machine: RootMachine) -> None:
    public = key_pair(machine).with_suffix(".pub")
    for _ in range(2):
        told = machine.as_root("ssh", "--admin-key", str(public))
        assert told.returncode == 0, told.stderr
    keys = machine.file("etc/attune/admin_keys")
    assert keys.read_text() == f"restrict,pty {public.read_text()}"
    assert keys.stat().st_mode & 0o777 == 0o640
    assert "attune-admin" in machine.users()


def test_a_private_key_stays_with_whom_it_is(machine: RootMachine) -> None:
    told = refused(machine, "--admin-key", str(key_pair(machine)))
    assert "name the .pub file" in told
    assert "attune-admin" not in machine.users()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key at all\n",
        "ssh-ed25519 AAAA torn\n",
        f"{PLAIN}\n{PLAIN}\n",
        f"{PLAIN}\n-----BEGIN OPENSSH PRIVATE KEY-----\n",
        f"# tablet\n{PLAIN}\n",
        f'command="sh" {PLAIN}\n',
    ],
    ids=["empty", "words", "torn", "two", "with its private half", "comment", "with options"],
)
def test_what_is_no_single_public_key_is_refused(machine: RootMachine, text: str) -> None:
    file = machine.tree / "admin.pub"
    file.write_text(text)
    assert "is no public key" in refused(machine, "--admin-key", str(file))


def test_a_file_that_is_not_there_is_refused(machine: RootMachine) -> None:
    assert "is no public key" in refused(machine, "--admin-key", "nowhere.pub")
