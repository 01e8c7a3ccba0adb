"""`attune bench`: how fast this machine sees, stage by stage, on each runtime and thread count.

Each runtime runs in a process of its own, so that memory and thread pools are its own, too.
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from device.settings import HOME
from device.system.board import read_model
from device.vision.align import align
from device.vision.detect import FIRST, open_detector
from device.vision.files import fit, read_image
from device.vision.reader import ModelReader
from device.vision.runtime import Model, ModelError, available_runtimes

if TYPE_CHECKING:
    from device.ports import Image

PORTRAIT = HOME / "config" / "portraits" / "collins.jpg"
WIDTH, HEIGHT = 640, 480
THREADS = (1, 2, 3, 4)
ROUNDS, FEWEST_ROUNDS = 200, 3
QUIET_LOAD = 0.5
SECONDS = 0.5
"""A stage is repeated for so long, or `ROUNDS` times if that is shorter."""


class Run(msgspec.Struct, frozen=True):
    """Median milliseconds of each stage, and the process's resident memory after them."""

    runtime: str
    threads: int
    milliseconds: dict[str, float]
    memory_mib: float


class Report(msgspec.Struct, frozen=True):
    """What was measured, and on what. `load` is the load average when it began."""

    machine: str
    load: float
    python: str
    width: int
    height: int
    runs: tuple[Run, ...]


def measure(models: Path) -> Report:
    """Measure each runtime that imports here. Raises `ModelError` where a model is refused."""
    runs: list[Run] = []
    load = round(os.getloadavg()[0], 2)
    for runtime in available_runtimes():
        spawn = multiprocessing.get_context("spawn")
        for count in THREADS:
            with ProcessPoolExecutor(1, mp_context=spawn) as process:
                runs.append(process.submit(measure_runtime, models, runtime, count).result())
    return Report(machine(), load, platform.python_version(), WIDTH, HEIGHT, tuple(runs))


def measure_runtime(models: Path, runtime: str, threads: int) -> Run:
    """Measure in this process."""
    emotion, age = (
        Model(models, name, threads=threads, runtime=runtime) for name in ("emotion", "age")
    )
    detector = open_detector(models, threads=threads, runtime=runtime)
    reader = ModelReader(models, threads, runtime=runtime)
    frame = one_face()
    seen = next(iter(detector.detect(frame)), None)
    if seen is None:
        raise ModelError(f"{models / FIRST}.tflite finds no face in {PORTRAIT}: restore both")
    crop = align(frame, seen, emotion.size, zoom=emotion.sidecar.crop.zoom)
    older = align(frame, seen, age.size, zoom=age.sidecar.crop.zoom)

    def chain() -> None:
        for found in detector.detect(frame):
            reader.read(frame, found)

    stages: dict[str, Callable[[], object]] = {
        "detect": lambda: detector.detect(frame),
        "align": lambda: align(frame, seen, emotion.size, zoom=emotion.sidecar.crop.zoom),
        "emotion": lambda: emotion.run(crop),
        "age": lambda: age.run(older),
        "chain": chain,
    }
    times = {name: median_milliseconds(stage) for name, stage in stages.items()}
    return Run(runtime, threads, times, resident_mib())


def one_face() -> Image:
    """A frame of 640x480 pixels with one face, about as near as a person at a desk."""
    portrait = read_image(PORTRAIT)
    if portrait is None:
        raise OSError(f"{PORTRAIT} is no picture: restore it from the release")
    small = fit(portrait, WIDTH, HEIGHT)
    frame = np.full((HEIGHT, WIDTH, 3), 96, np.uint8)
    left = (WIDTH - small.shape[1]) // 2
    frame[: small.shape[0], left : left + small.shape[1]] = small
    return frame


def median_milliseconds(stage: Callable[[], object]) -> float:
    """Median of many calls, after one to warm up."""
    stage()
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(times) < ROUNDS and (time.perf_counter() < end or len(times) < FEWEST_ROUNDS):
        began = time.perf_counter()
        stage()
        times.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(times), 3)


def resident_mib() -> float:
    """Resident memory of this process (VmRSS of proc(5))."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    return round(int(match[1]) / 1024, 1) if match else 0.0


def machine() -> str:
    """What this runs on: the board's name, else the processor's, and its cores."""
    name = read_model()
    if not name:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        found = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
        name = found[1] if found else platform.machine()
    return f"{name}, {os.cpu_count()} cores, {sys.platform} {platform.machine()}"


def table(report: Report) -> str:
    """A report for people."""
    stages = list(report.runs[0].milliseconds) if report.runs else []
    lines = [
        report.machine,
        f"Python {report.python}, a frame of {report.width}x{report.height} with one face",
        "medians in milliseconds; chain: detect, align, read both models",
        "",
        f"{'runtime':<15}{'threads':>7}{''.join(f'{name:>10}' for name in stages)}{'MiB':>9}",
    ]
    for run in report.runs:
        cells = "".join(f"{run.milliseconds[name]:>10.2f}" for name in stages)
        lines.append(f"{run.runtime:<15}{run.threads:>7}{cells}{run.memory_mib:>9.0f}")
    if report.load > QUIET_LOAD:
        lines += ["", f"The machine was busy (load {report.load}): the truth is faster."]
    return "\n".join(lines)
