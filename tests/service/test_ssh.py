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
    machine.run(
        "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install openssh-server openssh-client",
        seconds=600,
    )
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
def strict(server: Machine) -> Machine:
    home = "/home/dweller/.ssh"
    server.run(
        f"install -d -m 700 -o dweller {home}"
        f" && install -m 600 -o dweller /root/own.pub {home}/authorized_keys"
    )
    told = server.setup("ssh", "--admin-key", "/root/restricted.pub")
    assert "dweller has one" in told.stdout
    # Reloaded, sshd begins anew, and listens a moment later.
    enter = f"{SSH}own dweller@127.0.0.1 true"
    server.wait(lambda: server.run(enter, check=False).returncode == 0, 20, "sshd to listen")
    return server


def test_a_key_opens_and_a_password_does_not(strict: Machine) -> None:
    assert strict.run(f"{SSH}own dweller@127.0.0.1 id -un").stdout == "dweller\n"
    rules = strict.run(
        "/usr/sbin/sshd -T -C user=root,host=localhost,addr=127.0.0.1"
    ).stdout.splitlines()
    for rule in ("permitrootlogin no", "passwordauthentication no", "x11forwarding no"):
        assert rule in rules
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
    assert (
        "passwordauthentication yes"
        in strict.run("/usr/sbin/sshd -T -C user=root,host=localhost,addr=127.0.0.1").stdout
    )


def test_a_file_that_sshd_refuses_changes_nothing(server: Machine) -> None:
    with nonsense(server):
        refused = server.setup("ssh", check=False)
    assert refused.returncode == 1
    assert "nothing was changed" in refused.stderr
    assert not server.file(RULES).exists()
