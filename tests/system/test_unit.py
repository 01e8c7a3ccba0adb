from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parents[2] / "systemd" / "attune.service"

needs_systemd_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@needs_systemd_analyze
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    # The program is not installed where tests run; everything else is checked as it stands.
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub(r"(?m)^ExecStart=.*$", "ExecStart=/bin/true", UNIT.read_text()))
    verdict = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False
    )
    assert [line for line in verdict.stderr.splitlines() if UNIT.name in line] == []
    assert verdict.returncode == 0


@needs_systemd_analyze
def test_the_service_is_not_exposed() -> None:
    offline = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    verdict = subprocess.run([*offline, str(UNIT)], capture_output=True, text=True, check=False)
    if "unrecognized option" in verdict.stderr:
        pytest.skip("this systemd-analyze (before 250) cannot look at a file offline")
    level = re.search(r"Overall exposure level for attune\.service: ([\d.]+)", verdict.stdout)
    assert level is not None, verdict.stderr
    assert float(level[1]) <= 1.7  # listening may lower its own priority


def test_a_wrong_configuration_is_not_tried_again() -> None:
    lines = UNIT.read_text().splitlines()
    assert {"Restart=always", "RestartPreventExitStatus=78", "Type=notify"} <= set(lines)
