"""A little of the fuzzing, and that it would see a crash, a hang, a leak and a broken promise."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.vision.runtime import Model, ModelError, available_runtimes
from tests.fuzz.drive import ROOT, drive
from tests.fuzz.edge import Attack, Edge
from tests.fuzz.edges import EDGES
from tests.fuzz.mutate import Cases

QUICK = {"sound": 150, "pictures": 150, "frames": 40, "models": 60, "taste": 150}


@pytest.mark.parametrize("name", EDGES)
def test_an_edge_keeps_its_promise(name: str, tmp_path: Path) -> None:
    cases = QUICK.get(name, 300)
    result = drive(name, cases, seed=2, found=tmp_path)
    assert not result.failures
    assert result.cases == cases
    assert 0 < result.taken < cases, "what is all good, or all bad, tries nothing"


def test_a_case_is_told_by_its_number_alone() -> None:
    seeds = {"a": [b"x = 1"], "b": [b'{"k": [1, "two", null]}']}
    first, again = (Cases("e", 7, seeds, [b"word"]) for _ in range(2))
    assert [first.case(n) for n in range(300)] == [again.case(n) for n in reversed(range(300))][
        ::-1
    ]
    assert len({first.case(n).data for n in range(300)}) > 200
    assert Cases("e", 8, seeds, []).case(250) != first.case(250)


@contextlib.contextmanager
def harmful(_folder: Path) -> Iterator[Attack]:
    """What an edge must not do, each by a word of its own."""
    kept: list[bytes] = []

    def attack(_kind: str, data: bytes) -> bool:
        if data == b"segfault":
            ctypes.string_at(1)
        elif data == b"abort":
            os.abort()
        elif data == b"memory":
            kept.append(b"x" * (400 << 20))
        elif data == b"raise":
            raise LookupError("undocumented")
        elif data == b"hang":
            time.sleep(3600)
        return True

    yield attack


HARMS = (b"segfault", b"good", b"abort", b"memory", b"raise", b"hang", b"good too")


@pytest.mark.timeout(300)
def test_crash_hang_memory_and_broken_promise_are_seen_and_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first case of each kind is its good input as it is: one kind a harm.
    (tmp_path / "sitecustomize.py").write_text(
        "from tests.fuzz import edges, test_fuzz\nedges.EDGES['harm'] = test_fuzz.HARMFUL\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    monkeypatch.setitem(EDGES, "harm", HARMFUL)
    monkeypatch.setattr("tests.fuzz.drive.HANG_SECONDS", 3.0)
    result = drive("harm", len(HARMS), seed=1, found=tmp_path / "found")
    assert result.cases == len(HARMS)
    seen = {Path(failure.file).read_bytes(): failure.why for failure in result.failures}
    assert seen.keys() == set(HARMS) - {b"good", b"good too"}
    assert "SIGSEGV" in seen[b"segfault"]
    assert "SIGABRT" in seen[b"abort"]
    assert " MiB" in seen[b"memory"]
    assert "undocumented" in seen[b"raise"]
    assert seen[b"hang"].startswith("hang")


HARMFUL = Edge(
    "harm", "none", lambda _: {str(n): [word] for n, word in enumerate(HARMS)}, (), harmful
)


# --- a model that would crash the native runtime ------------------------------------------------

TRY_THEM = """
import os, pathlib, random, signal, sys
from device.inference import open_interpreter
model, runtime = pathlib.Path(sys.argv[1]), sys.argv[2]
good = model.read_bytes()
numbers = [at for at in range(0, len(good), 4) if 0 < int.from_bytes(good[at:at+4], 'little') < 1e5]
for attempt in range(100):
    dice, data = random.Random(attempt), bytearray(good)
    for _ in range(4):
        at = dice.choice(numbers)
        data[at:at+4] = dice.choice((1, 10**6, 2**31 - 1, 2**31, 0)).to_bytes(4, 'little')
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        try:
            open_interpreter(model, bytes(data), 1, runtime).invoke()
        finally:
            os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGSEGV:
        model.write_bytes(data)
        sys.exit(0)
sys.exit('nothing crashed it')
"""
"""Harms numbers of a model until the runtime crashes on it, and leaves that one in its place."""


@pytest.mark.skipif(
    "tflite-runtime" not in available_runtimes(),
    reason="tflite-runtime, which such a model crashes, has no wheel for this Python",
)
def test_a_model_that_crashes_the_runtime_is_refused_before_it_gets_there(tmp_path: Path) -> None:
    for name in ("face.tflite", "face.json"):
        shutil.copy(ROOT / "models_tflite" / name, tmp_path)
    command = [sys.executable, "-c", TRY_THEM, str(tmp_path / "face.tflite"), "tflite-runtime"]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    with pytest.raises(ModelError, match="sha256"):
        Model(tmp_path, "face", runtime="tflite-runtime")
