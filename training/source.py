"""What a run's weights come from, beside its plan: a checkpoint of something else is no start."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from training.data import DataError
from training.data.base import read_content

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
    """SHA-256 of a file; DataError where it cannot be read."""
    return hashlib.sha256(read_content(path)).hexdigest()


def note_source(made: Path, source: Path) -> None:
    """Write the digest of the file `source` beside `made`, which was made of it."""
    _note(made).write_text(digest_of_file(source))


def is_made_of(made: Path, source: Path) -> bool:
    """Whether `note_source` says that `made` was made of the file `source` as it is now."""
    there = _note(made).exists() and source.exists()
    return there and _note(made).read_text() == digest_of_file(source)


def _note(made: Path) -> Path:
    return made.with_suffix(".sha256")


MADE = ("last.pt", "best.pt", "log.csv", "*.keras", "*-rounded.pt", "*.sha256")
"""What a run leaves in its folder beside its experiment.json, which the next one writes first."""


def forget(folder: Path) -> None:
    """Take away what an earlier run made: beside another's record it would pass for that one's."""
    for pattern in MADE:
        for path in folder.glob(pattern):
            path.unlink()


def refuse_other(path: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """DataError where the run that the checkpoint `path` is of differs from the one to come in any
    of what makes it, by name: what was learned is not thrown away unasked."""
    names = [n for n in {**before, **now} if json.dumps(before.get(n)) != json.dumps(now.get(n))]
    if names:
        raise DataError(
            f"{path} is of a run of other {', '.join(names)}: train with --fresh to forget it, or "
            "into another folder"
        )
