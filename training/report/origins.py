"""What the measured models learned from, as their sidecars say it, and so how strange a test is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from device.vision.runtime import ModelError
from training.publishers import PUBLISHERS, sets_of

if TYPE_CHECKING:
    from device.vision.runtime import Sidecar


def run_of(sidecar: Sidecar) -> dict[str, Any]:
    """The record of the run that a model is of; ModelError where its sidecar has none."""
    try:
        record: dict[str, Any] = sidecar.data["run"]
    except KeyError as error:
        raise ModelError(
            f"{sidecar.task}.json does not say what its model learned from: convert it again"
        ) from error
    return record


def acquainted(sidecar: Sidecar, name: str, part: str, labels: str = "") -> str:
    """Whether a test on a data set is one on a stranger; `part` is what a model that learned from
    it has seen of it, `labels` by what."""
    first, *others = sets_of(run_of(sidecar))
    if name not in (first, *others):
        return "Ours learned nothing from it: this is a test on a data set that it never saw."
    beside = "" if name == first else f" beside {PUBLISHERS[first].title.partition(',')[0]}"
    return (
        f"Ours learned from {part}{beside}{labels}, so this is no test on a data set it never saw; "
        "nothing was chosen by it."
    )


def stranger(sidecar: Sidecar, name: str) -> str:
    """The same of the data set that the task has here, of which nothing need be said where the
    model learned from it."""
    known = name in sets_of(run_of(sidecar))
    return "" if known else f" {acquainted(sidecar, name, '')}"
