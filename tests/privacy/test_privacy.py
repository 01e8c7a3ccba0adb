"""The daemon without a network but for its broker, and traced: all works, and no picture leaves."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.privacy import trace
from tests.privacy.alone import command


def may_unshare() -> bool:
    """Whether this system lets programs have a network of their own."""
    program = [*command("folder", 0, 0)[:-6], "true"]
    return not subprocess.run(program, check=False, capture_output=True).returncode


@pytest.mark.timeout(400)
@pytest.mark.skipif(
    not (trace.can_trace() and may_unshare()),
    reason="this system lets no program be traced, or have a network of its own",
)
@pytest.mark.parametrize("camera", ["network", pytest.param("folder", marks=pytest.mark.slow)])
def test_cut_off_but_for_the_broker_all_works_and_no_picture_leaves(camera: str) -> None:
    ran = subprocess.run(command(camera, 0.0, 2), check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert report["leaks"] == []
    assert report["told"] == ""
    assert (report["pictures"], report["faces"]) == (2, 1)
    assert report["interfaces"] == ["lo"]
    assert report["moods_at_the_broker"] == ["happiness"]
    assert report["tracks_at_the_broker"]
    assert report["announced"] > 0.02
    assert report["page_bytes"] > 20_000
    assert report["learned"] > report["forgotten"] > 0
    assert 0 < report["other_bytes"] < report["needed_bytes"]
    assert report["sound_bytes"] > 100_000
    assert report["database_bytes"] > 0
