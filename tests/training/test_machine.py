from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the train extra is not installed")

from training import machine


@pytest.mark.parametrize(
    ("flags", "able"),
    [
        ("fpu avx512f avx512_vnni", False),
        ("fpu avx512f avx512_bf16", True),
        ("fpu amx_bf16 amx_tile", True),
        ("fp asimd bf16", True),
        ("fp asimd bf16x", False),
        ("", False),
    ],
)
def test_bfloat16_is_used_where_the_processor_itself_has_it(
    flags: str, able: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"model name\t: A Chip\nflags\t\t: {flags}\n")
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    assert machine.has_bfloat16() is able
    assert machine.took(90, {})["processor"] == "A Chip"
    assert machine.took(90, {})["minutes"] == 1.5


def test_a_system_that_tells_nothing_has_no_bfloat16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    assert not machine.has_bfloat16()
    assert machine.took(1, {})["processor"] == "unknown"


def test_the_most_memory_of_all_processes_of_a_run_counts() -> None:
    alone = machine.took(60, {})
    assert machine.took(60, {**alone, "memory_mib": 10**6})["memory_mib"] == 10**6
    assert machine.took(60, {**alone, "memory_mib": 1})["memory_mib"] >= alone["memory_mib"]
