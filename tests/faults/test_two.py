"""Two daemons on the same state."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.daemon import Daemon
from tests.faults.promises import Record
from tests.faults.witness import Witness, alive, plays, until


@pytest.mark.timeout(180)
def test_a_second_one_is_refused_and_takes_over_when_the_first_was_killed(
    tmp_path: Path, music: Path, record: Record
) -> None:
    with alive(tmp_path / "d", music={"folders": [str(music)]}) as first:
        plays(first)
        second = Daemon(
            tmp_path / "second", state=first.tables["state"], music=first.tables["music"]
        )
        with Witness(first) as witness:
            second.start()
            began = time.monotonic()
            assert second.wait_exit() == 1
            took = time.monotonic() - began
        assert "in use by another Attune" in second.told()
        seen = witness.kept_up()
        first.send(signal.SIGKILL)
        killed = time.monotonic()
        first.wait_exit()
        try:
            second.start()
            until(second, lambda status: status.playing)  # as the first did
            recovery = time.monotonic() - killed
            assert second.client.status().volume == witness.volume
        finally:
            second.kill()
        first.start()
        until(first, lambda status: status.tracks > 0)
    record("two-at-once", recovery, f"refused after {took:.1f} s; {seen}")
