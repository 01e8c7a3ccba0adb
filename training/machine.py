"""What the machine that trains is and can do, and what a run took of it."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

CPUINFO = Path("/proc/cpuinfo")


def has_bfloat16() -> bool:
    """Whether the processor itself computes in bfloat16: emulated, which is what oneDNN means by
    supported, it takes twice the time of float32."""
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(_cpuinfo().split())


def device() -> torch.device:
    """Where networks are trained and asked: a GPU where PyTorch sees one, else the processor."""
    import torch  # noqa: PLC0415 - what a run took is told without it, too

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast() -> torch.autocast:
    """A context in which networks compute in bfloat16 where `device` does so natively."""
    import torch  # noqa: PLC0415

    kind = device().type
    return torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda" or has_bfloat16())


def global_rng() -> list[torch.Tensor]:
    """State of what dropout draws from, on each kind of device there is."""
    import torch  # noqa: PLC0415

    gpu = [torch.cuda.get_rng_state()] if torch.cuda.is_available() else []
    return [torch.get_rng_state(), *gpu]


def set_global_rng(states: list[torch.Tensor]) -> None:
    """Draw on from what `global_rng` said."""
    import torch  # noqa: PLC0415

    torch.set_rng_state(states[0])
    for state in states[1:]:
        torch.cuda.set_rng_state(state)


def took(seconds: float, before: dict[str, Any]) -> dict[str, Any]:
    """A run's record of time and memory: `minutes`, the most `memory_mib` of this process or
    `before`, the `processor` and its `cores`; the same of the `gpu`, where there is one.

    `before` is what an interrupted process said of the same run.
    """
    names = [line.partition(":")[2] for line in _cpuinfo().splitlines() if "model name" in line]
    record = {
        "minutes": round(seconds / 60, 1),
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "processor": names[0].strip() if names else "unknown",
        "cores": os.cpu_count(),
        **_gpu(),
    }
    for name in {"memory_mib", "gpu_memory_mib"} & record.keys() & before.keys():
        record[name] = max(record[name], before[name])
    return record


def _gpu() -> dict[str, Any]:
    """The GPU's name and the most memory taken of it; nothing where there is none."""
    if device().type == "cpu":
        return {}
    import torch  # noqa: PLC0415

    return {
        "gpu": torch.cuda.get_device_name(),
        "gpu_memory_mib": torch.cuda.max_memory_reserved() // 2**20,
    }


def _cpuinfo() -> str:
    """Empty where the system does not say."""
    try:
        return CPUINFO.read_text()
    except OSError:
        return ""
