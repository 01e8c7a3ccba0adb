"""setup.sh's rules for the SSH server, as root, in a folder that stands for /.

A real sshd heeds them in tests/service/test_ssh.py.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_system import ROOT, RootMachine, may_be_root

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
        machine.file("etc/attune/attune.toml").touch()
        command(machine)
        authorize(machine.user("dweller", "home/dweller"), PLAIN)
        yield machine


def command(machine: RootMachine) -> None:
    """The real `attune`, which reads the settings of that machine."""
    command = machine.file("usr/local/bin/attune")
    settings = shlex.quote(str(machine.file("etc/attune/attune.toml")))
    code = "import sys; from device.cli import main; sys.exit(main())"
    command.write_text(
        f"#!/bin/bash\ncd {shlex.quote(str(ROOT))}\n"
        f'exec {shlex.quote(sys.executable)} -c "{code}" "$@" --config {settings}\n'
    )
    command.chmod(0o755)


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


def earlier(machine: RootMachine, line: str) -> None:
    """A rule of somebody's own, which sshd reads before ours."""
    file = machine.file(RULES).with_name("01-own.conf")
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{line}\n")


@pytest.mark.parametrize(
    ("keyword", "value", "user"),
    [
        ("PasswordAuthentication", "yes", "attune-admin"),
        ("KbdInteractiveAuthentication", "yes", "attune-admin"),
        ("PermitRootLogin", "yes", "attune-admin"),
        ("PermitOpen", "any", "attune-admin"),
        ("AllowAgentForwarding", "yes", "attune-admin"),
        ("AllowTcpForwarding", "yes", "root"),
    ],
)
def test_rules_that_an_earlier_file_overrules_are_gone_again(
    machine: RootMachine, keyword: str, value: str, user: str
) -> None:
    earlier(machine, f"{keyword} {value}")
    told = refused(machine)
    assert f"sshd does not heed {keyword.lower()} of" in told
    assert f" for {user}, nothing was changed" in told


def block(machine: RootMachine, whom: str, line: str) -> None:
    """Rules for some alone, which win over all others."""
    with machine.file("etc/ssh/sshd_config").open("a") as config:
        config.write(f"Match {whom}\n    {line}\n")


@pytest.mark.parametrize("user", ["attune-admin", "dweller", "guest", "root"])
def test_rules_that_a_block_overrules_for_anybody_are_gone_again(
    machine: RootMachine, user: str
) -> None:
    machine.user("guest", "home/guest", uid=1001)
    block(machine, f"User {user}", "PasswordAuthentication yes")
    told = refused(machine)
    assert "sshd does not heed passwordauthentication of" in told
    assert f" for {user}, nothing was changed" in told


def test_rules_that_a_block_overrules_for_the_home_network_are_gone_again(
    machine: RootMachine,
) -> None:
    block(machine, "Address 192.168.0.7", "PasswordAuthentication yes")
    assert "sshd does not heed passwordauthentication of" in refused(machine)


# --- the tunnel ---------------------------------------------------------------------------


def test_the_tunnel_leads_to_the_port_that_the_page_has(machine: RootMachine) -> None:
    machine.file("etc/attune/attune.toml").write_text("[page]\nport = 9000\n")
    told = machine.as_root("ssh")
    assert told.returncode == 0, told.stderr
    rules = machine.file(RULES).read_text()
    assert "PermitOpen localhost:9000 127.0.0.1:9000 [::1]:9000\n" in rules
    assert "8088" not in rules


def test_settings_that_cannot_be_read_leave_the_rules_alone(machine: RootMachine) -> None:
    machine.file("etc/attune/attune.toml").write_text("[page]\nprt = 9000\n")
    told = refused(machine)
    assert "attune.toml:2" in told
    assert "nothing was changed" in told


# --- who is a way in ----------------------------------------------------------------------


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


@pytest.mark.parametrize("name", ["", ".ssh", ".ssh/authorized_keys"], ids=["~", ".ssh", "keys"])
def test_a_key_that_others_may_write_is_no_way_in(machine: RootMachine, name: str) -> None:
    path = machine.file("home/dweller") / name
    path.chmod(path.stat().st_mode | 0o020)
    assert "may write" in refused(machine)
    earlier(machine, "StrictModes no")
    assert machine.as_root("ssh").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_key_that_is_somebody_elses_is_no_way_in(machine: RootMachine) -> None:
    os.chown(machine.file("home/dweller"), 1234, 1234)
    assert "may write" in refused(machine)
    os.chown(machine.file("home/dweller"), 1000, 1000)
    assert machine.as_root("ssh").returncode == 0


@pytest.mark.parametrize(
    ("uid", "shell"),
    [(998, "/bin/bash"), (1001, "/usr/bin/git-shell"), (65534, "/usr/sbin/nologin")],
    ids=["service", "git", "nobody"],
)
def test_who_is_nobody_with_a_shell_is_no_way_in(
    machine: RootMachine, uid: int, shell: str
) -> None:
    authorize(machine.user("git", "home/git", uid, shell), PLAIN)
    authorize(machine.file("home/dweller"), "")
    assert "ssh-copy-id" in refused(machine)


@pytest.mark.parametrize(
    "line",
    [
        "AllowUsers pi admin",
        "DenyUsers dwell*",
        "DenyUsers dweller@192.168.0.0/16",
        "AllowGroups sudo ssh",
        "DenyGroups users",
        "AuthorizedKeysFile /etc/ssh/keys/%u",
        "AuthorizedKeysFile none",
        "AuthenticationMethods publickey,keyboard-interactive",
        "ForceCommand internal-sftp",
    ],
)
def test_whom_sshd_keeps_out_is_no_way_in(machine: RootMachine, line: str) -> None:
    block(machine, "User dweller", line)
    assert "ssh-copy-id" in refused(machine)


@pytest.mark.parametrize(
    "line",
    [
        "AllowUsers pi dwell*",
        "AllowUsers dweller@192.168.0.0/16",
        "DenyUsers pi",
        "AllowGroups sudo users",
        "DenyGroups sudo",
        "AuthorizedKeysFile .keys .ssh/authorized_keys",
        "AuthorizedKeysFile %h/.ssh/authorized_keys",
        "AuthenticationMethods password publickey",
    ],
)
def test_whom_sshd_lets_in_is_a_way_in(machine: RootMachine, line: str) -> None:
    earlier(machine, line)
    told = machine.as_root("ssh")
    assert "dweller has one" in told.stdout, told.stderr


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


# --- Attune goes --------------------------------------------------------------------------


def test_what_stays_of_the_rules_is_named_when_attune_goes(machine: RootMachine) -> None:
    machine.as_root("ssh")
    told = machine.as_root("uninstall").stdout
    assert machine.file(RULES).exists()
    assert f"kept: {machine.file(RULES)}, and user attune-admin" in told
    assert "sudo ./setup.sh ssh --remove" in told
    assert machine.as_root("ssh", "--remove").returncode == 0
    assert not machine.file(RULES).exists()
    assert "ssh --remove" not in machine.as_root("uninstall").stdout


def test_a_purge_takes_rules_keys_and_their_user_along(machine: RootMachine) -> None:
    machine.as_root("ssh", "--admin-key", str(key_pair(machine).with_suffix(".pub")))
    assert "attune-admin" in machine.users()
    told = machine.as_root("uninstall", "--purge")
    assert told.returncode == 0, told.stderr
    assert not machine.file("etc/attune").exists()
    assert list(machine.file(RULES).parent.iterdir()) == []
    assert machine.users() == ["root", "dweller"]
