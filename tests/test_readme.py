"""The READMEs' generated tables are as code makes them now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from device.doctor import PI_4_HERTZ
from device.settings import HOME
from tests.readme_tables import README, filled, tables


@pytest.mark.parametrize("document", tables(), ids=lambda path: path.parent.name or path.name)
def test_generated_tables_are_up_to_date(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert text == filled(document), "run `python -m tests.readme_tables`"


def test_the_readme_estimates_a_pi_as_the_report_does() -> None:
    report = (HOME / "models_tflite/REPORT.md").read_text(encoding="utf-8")
    estimate = re.search(r"(\d+) ms with two threads, (\d+) ms with one", report)
    assert estimate is not None
    two, one = estimate.groups()
    assert 1000 / int(one) == pytest.approx(PI_4_HERTZ, abs=0.05)  # as the doctor has it
    readme = " ".join(README.read_text(encoding="utf-8").split())
    assert f"estimated {one} ms" in readme
    assert f"with two {two} ms" in readme
