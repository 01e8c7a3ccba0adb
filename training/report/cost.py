"""What a model costs: multiply-adds, size, time here, and an estimate for a Raspberry Pi 4."""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from device.vision.runtime import RUNTIMES, Model, available_runtimes, default_runtime

if TYPE_CHECKING:
    from pathlib import Path

RUNS = 100

PI4_PER_MILLISECOND = {"int8": 23.7e6, "float": 7.4e6}
"""Multiply-adds that four cores of a Raspberry Pi 4 do in a millisecond: XNNPACK's published
times of MobileNet v1 (569 million multiply-adds, Howard et al., 2017) on "RPi 4 (BCM2711,
ARM64)" of February 2022 in its README, 24 ms in int8 per channel and 77 ms in float32."""
PI4_CORES = 4
"""A core is taken to do its fourth of that: at the least, for they share memory."""


def multiply_adds(content: bytes) -> int:
    """Multiply-adds of one run of a TFLite file: convolutions and dense layers."""
    module = importlib.import_module(RUNTIMES[default_runtime()])
    # Without XNNPACK, which would hide the layers it takes over.
    resolver = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = module.Interpreter(model_content=content, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    shapes = {d["index"]: d["shape"] for d in interpreter.get_tensor_details()}
    total = 0
    for layer in interpreter._get_ops_details():  # noqa: SLF001 - there is no other way to ask
        if layer["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            _, height, width, _ = shapes[layer["outputs"][0]]
            total += int(np.prod(shapes[layer["inputs"][1]])) * int(height) * int(width)
        elif layer["op_name"] == "FULLY_CONNECTED":
            total += int(np.prod(shapes[layer["inputs"][1]]))
    return total


def cost(models: Path, name: str) -> dict[str, Any]:
    """Figures of one model; `milliseconds` are the fastest of `RUNS` on each runtime, one thread,
    for a busy machine can only make it slower."""
    content = (models / f"{name}.tflite").read_bytes()
    taken = {}
    for runtime in available_runtimes():
        model = Model(models, name, runtime=runtime)
        image = np.zeros(model.sidecar.input.shape[1:], np.uint8)
        best = np.inf
        for _ in range(RUNS):
            started = time.perf_counter()
            model.run(image)
            best = min(best, time.perf_counter() - started)
        taken[runtime] = round(1000 * best, 3)
    return {
        "multiply_adds": multiply_adds(content),
        "bytes": len(content),
        "arithmetic": "int8" if _is_int8(content) else "float",
        "milliseconds": taken,
    }


def pi4_milliseconds(figures: dict[str, Any], threads: int) -> float:
    """Estimate of one run on a Raspberry Pi 4."""
    speed = PI4_PER_MILLISECOND[figures["arithmetic"]] * threads / PI4_CORES
    return float(figures["multiply_adds"] / speed)


def _is_int8(content: bytes) -> bool:
    module = importlib.import_module(RUNTIMES[default_runtime()])
    return module.Interpreter(model_content=content).get_input_details()[0]["dtype"] is np.int8
