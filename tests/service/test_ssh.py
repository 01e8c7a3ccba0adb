"""The SSH server under Attune's rules: a real sshd, real keys, in a system of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.service.machine import TREE, Machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

RULES = "/etc/ssh/sshd_config.d/10-attune.conf"
SSH = "ssh -p 22 -o StrictHostKeyChecking=no -o BatchMode=yes -o ConnectTimeout=10 -i /root/"
PAGE, OTHER = 8088, 8089


@pytest.fixture(scope="module")
def server(machine: Machine) -> Iterator[Machine]:
    """An SSH server as Debian brings it, a user with a key, and another key for the restricted."""
    machine.install_ssh()
    machine.run("useradd --create-home --shell /bin/bash dweller && echo dweller:secret | chpasswd")
    for key in ("own", "restricted"):
        machine.run(f"ssh-keygen -q -t ed25519 -N '' -f /root/{key}")
    machine.run("systemctl restart ssh")
    yield machine
    machine.setup("ssh", "--remove")


def test_it_refuses_to_lock_everybody_out(server: Machine) -> None:
    refused = server.setup("ssh", check=False)
    assert refused.returncode == 1
    assert "ssh-copy-id" in refused.stderr
    assert not server.file(RULES).exists()


@pytest.fixture(scope="module")
def authorized(server: Machine) -> Machine:
    server.authorize("dweller", "/root/own.pub")
    return server


@pytest.fixture(scope="module")
def strict(authorized: Machine) -> Machine:
    told = authorized.setup("ssh", "--admin-key", "/root/restricted.pub")
    assert "dweller has one" in told.stdout
    # Reloaded, sshd begins anew, and listens a moment later.
    authorized.wait(lambda: comes_in(authorized), 20, "sshd to listen")
    return authorized


def comes_in(machine: Machine) -> bool:
    """Whether the user's key opens."""
    return machine.run(f"{SSH}own dweller@127.0.0.1 true", check=False).returncode == 0


def in_force(machine: Machine, user: str) -> list[str]:
    """What sshd holds for a user."""
    told = machine.run(f"/usr/sbin/sshd -T -C user={user},host=localhost,addr=127.0.0.1").stdout
    return told.splitlines()


def test_a_key_opens_and_a_password_does_not(strict: Machine) -> None:
    assert strict.run(f"{SSH}own dweller@127.0.0.1 id -un").stdout == "dweller\n"
    for rule in ("permitrootlogin no", "passwordauthentication no", "x11forwarding no"):
        assert rule in in_force(strict, "root")
    refused = strict.run(f"{SSH}own -o PubkeyAuthentication=no dweller@127.0.0.1 true", check=False)
    assert refused.returncode == 255
    assert "(publickey)" in refused.stderr  # the only way that is offered


def test_root_stays_out(strict: Machine) -> None:
    strict.run("install -D -m 600 /root/own.pub /root/.ssh/authorized_keys")
    refused = strict.run(f"{SSH}own root@127.0.0.1 true", check=False)
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


def test_the_restricted_key_runs_attune_alone(strict: Machine) -> None:
    ask = f"{SSH}restricted attune-admin@127.0.0.1"
    assert strict.run(f"{ask} status").stdout.startswith("Mood")
    strict.run(f"{ask} volume 33")
    assert strict.status()["volume"] == 33
    strict.run(f"{ask} volume 60")
    for command in ("sh", "id", "look /etc/shadow", "'status; id'", "status --config /etc/shadow"):
        refused = strict.run(f"{ask} {command}", check=False)
        assert refused.returncode != 0, command
        assert "uid=" not in refused.stdout


@pytest.mark.parametrize(
    ("key", "user", "page"), [("own", "dweller", "HTTP"), ("restricted", "attune-admin", "")]
)
def test_a_tunnel_leads_a_user_to_the_page_alone_and_the_restricted_key_nowhere(
    strict: Machine, key: str, user: str, page: str
) -> None:
    # The service itself serves the page; on the other port something would answer, too.
    serve = (
        f"import socket; s = socket.create_server(('127.0.0.1', {OTHER})); s.settimeout(15);"
        "c, _ = s.accept(); c.sendall(b'HTTP'); c.close()"
    )
    ask = (
        "import socket, sys; c = socket.create_connection(('127.0.0.1', 9000), 10);"
        "c.settimeout(10); c.sendall(b'GET / HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n');"
        "sys.stdout.write(c.recv(4).decode())"
    )
    for port, answer in ((PAGE, page), (OTHER, "")):
        told = strict.run(
            f'(python3 -c "{serve}" & P=$!; {SSH}{key} -N -L 9000:127.0.0.1:{port} {user}@127.0.0.1'
            f' & Q=$!; sleep 3; python3 -c "{ask}"; kill $P $Q) 2>/dev/null',
            check=False,
        )
        assert told.stdout == answer, (port, told)


def test_a_key_of_before_loses_its_tunnel_and_stays_one(strict: Machine) -> None:
    keys = strict.file("/etc/attune/admin_keys")
    keys.write_text(keys.read_text().replace("restrict,pty ", "restrict,pty,port-forwarding "))
    strict.setup("ssh", "--admin-key", "/root/restricted.pub")
    key = strict.file("/root/restricted.pub").read_text()
    assert keys.read_text() == f"restrict,pty {key}"


@contextlib.contextmanager
def nonsense(machine: Machine) -> Iterator[None]:
    """The tree's rules, spoiled for now."""
    rules = machine.file(TREE / "config/ssh/attune.conf")
    good = rules.read_text()
    rules.write_text(good + "Nonsense yes\n")
    try:
        yield
    finally:
        rules.write_text(good)


def test_rules_in_force_outlive_a_file_that_sshd_refuses(strict: Machine) -> None:
    good = strict.file(RULES).read_text()
    with nonsense(strict):
        refused = strict.setup("ssh", check=False)
    assert refused.returncode == 1
    assert "nothing was changed" in refused.stderr
    assert strict.file(RULES).read_text() == good


def test_removed_all_is_as_before(strict: Machine) -> None:
    strict.setup("ssh", "--remove")
    assert not strict.file(RULES).exists()
    assert strict.run("id attune-admin", check=False).returncode != 0
    assert "passwordauthentication yes" in in_force(strict, "root")


# --- without rules, but a key ---------------------------------------------------------------


def refusal(machine: Machine) -> str:
    """Why the rules are not laid."""
    refused = machine.setup("ssh", check=False)
    assert refused.returncode == 1
    assert not machine.file(RULES).exists()
    return refused.stderr


def test_a_file_that_sshd_refuses_changes_nothing(authorized: Machine) -> None:
    with nonsense(authorized):
        assert "nothing was changed" in refusal(authorized)


@contextlib.contextmanager
def earlier(machine: Machine, text: str) -> Iterator[None]:
    """Rules of the owner's, which sshd reads before ours."""
    file = machine.file(RULES).with_name("01-own.conf")
    file.write_text(f"{text}\n")
    try:
        yield
    finally:
        file.unlink()


@pytest.mark.parametrize(
    "text",
    [
        "KbdInteractiveAuthentication yes",
        "PermitRootLogin yes",
        "PermitOpen any",
        "Match User dweller\nPasswordAuthentication yes",
        "Match Address 0.0.0.0/0,::/0\nPasswordAuthentication yes",
    ],
)
def test_rules_that_others_overrule_change_nothing(authorized: Machine, text: str) -> None:
    with earlier(authorized, text):
        keyword = text.splitlines()[-1].split(maxsplit=1)[0].lower()
        assert f"sshd does not heed {keyword} of" in refusal(authorized)


@pytest.mark.parametrize(
    "text",
    [
        "AllowUsers owner",
        "DenyGroups dweller",
        "AuthorizedKeysFile /etc/ssh/keys/%u",
        "AuthenticationMethods publickey,keyboard-interactive",
    ],
)
def test_whom_sshd_keeps_out_is_no_way_in(authorized: Machine, text: str) -> None:
    with earlier(authorized, text):
        assert "ssh-copy-id" in refusal(authorized)


def test_a_key_that_sshd_does_not_trust_is_no_way_in(authorized: Machine) -> None:
    authorized.wait(lambda: comes_in(authorized), 20, "sshd to listen")
    authorized.run("chmod o+w /home/dweller")
    try:
        assert not comes_in(authorized)
        assert "ssh-copy-id" in refusal(authorized)
    finally:
        authorized.run("chmod o-w /home/dweller")


def test_the_tunnel_leads_to_the_port_that_is_configured(authorized: Machine) -> None:
    settings = authorized.file("/etc/attune/attune.toml")
    before = settings.read_text()
    settings.write_text("[page]\nport = 9000\n")
    try:
        authorized.setup("ssh")
    finally:
        settings.write_text(before)
    opened = "permitopen localhost:9000 127.0.0.1:9000 [::1]:9000"
    assert opened in in_force(authorized, "dweller")
