"""What listening costs: `./setup.sh test -m benchmark -s` on a quiet machine."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

import psutil
import pytest

from device.music.decode import decode
from device.music.listen.analyse import listen
from device.music.listen.tagger import Tagger
from device.settings import HOME

pytestmark = pytest.mark.benchmark

FILES = sorted((HOME / "music/starter").glob("*.ogg"))[:6]


def test_it_listens_40_times_as_fast_as_music_plays() -> None:
    """Processor seconds of this thread's process, so that others' load counts little."""
    tagger = Tagger(HOME / "models_tflite")
    shares: dict[str, list[float]] = {"decode": [], "signal": [], "all": []}
    for file in FILES:
        began = time.process_time()
        seconds = sum(len(block) for block in decode(str(file))) / 44_100
        shares["decode"].append(seconds / (time.process_time() - began))
        for name, who in (("signal", None), ("all", tagger)):
            began = time.process_time()
            listen(str(file), seconds, who)
            shares[name].append(seconds / (time.process_time() - began))
    median = {name: statistics.median(values) for name, values in shares.items()}
    print(
        f"\nlistening, times real time on one core (median of {len(FILES)}, load "
        f"{os.getloadavg()[0]:.1f}): decoding alone {median['decode']:.0f}, with signal analysis "
        f"{median['signal']:.0f}, with the tagger {median['all']:.0f}"
    )
    assert median["all"] >= 40


def test_the_listening_process_fits_in_200_mb() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "device.music.listen", str(HOME / "models_tflite")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=HOME,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    most = 0.0
    for file in FILES[:2]:
        process.stdin.write(f'{{"path": "{file}", "seconds": 68}}\n'.encode())
        process.stdin.flush()
        while not process.stdout.readline().strip():
            most = max(most, psutil.Process(process.pid).memory_info().rss / 1e6)
    process.stdin.close()
    assert process.wait(10) == 0
    print(f"\nlistening process: {most:.0f} MB at most")
    assert most <= 200
