from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.service.machine import PORTRAITS, Machine, booted, why_not


@pytest.fixture(scope="session")
def machine(figures: dict[str, str]) -> Iterator[Machine]:
    """A system on which `setup.sh install` has just run, and nothing else."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with booted() as machine:
        machine.lay_tree()
        begun = time.monotonic()
        machine.setup("install")
        figures["install, with system packages"] = f"{time.monotonic() - begun:.0f} s"
        size = machine.run("du -sm /opt/attune.versions").stdout.split()[0]
        figures["/opt/attune.versions"] = f"{size} MB"
        yield machine


@pytest.fixture(scope="module")
def speaker(machine: Machine) -> Machine:
    """The service as it came up, given portraits to look at and a sound card that is none."""
    machine.file("/etc/attune/attune.toml").write_text(PORTRAITS)
    drop_in = machine.file("/etc/systemd/system/attune.service.d/sound.conf")
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text("[Service]\nEnvironment=SDL_AUDIODRIVER=dummy\n")
    machine.run("systemctl daemon-reload && systemctl restart attune")
    return machine
