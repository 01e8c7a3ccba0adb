"""What a run's weights come from, beside its plan: a checkpoint of something else is no start."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy.typing as npt


def digest_of(arrays: Iterable[npt.NDArray[Any]]) -> str:
    """Changes with any value or shape."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def different(before: dict[str, Any] | None, now: dict[str, Any]) -> str:
    """Names of what differs, empty where nothing does. What an earlier version did not keep in its
    checkpoint (None) is taken to be the same."""
    if before is None:
        return ""
    return " and ".join(k for k in {**before, **now} if before.get(k) != now.get(k))
