"""The faces there are to learn from, of all data sets in one folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tqdm import tqdm

from training.data import DataError, Sample, fairface, ferplus, rafdb, samples, utkface
from training.experiment import EXPERIMENTS

if TYPE_CHECKING:
    from pathlib import Path

    from training.experiment import Experiment

SETS = {
    "rafdb": ("emotion", rafdb),
    "utkface": ("age", utkface),
    "ferplus": ("emotion", ferplus),
    "fairface": ("age", fairface),
}
"""Each data set, the task that its labels are for, and its loader."""

OWN = {"emotion": "rafdb", "age": "utkface"}
"""The data set whose validation and test parts judge a task, and the name of one's own."""


def learned_by(task: str) -> set[str]:
    """The data sets that the device's model of a task learns from."""
    return {OWN[task], *EXPERIMENTS[task].others}


class Faces(NamedTuple):
    """The train part of one data set; `labels` names the task that its labels are for."""

    name: str
    samples: list[Sample]
    labels: str


def pool(plan: Experiment, data: Path) -> tuple[Faces, list[Faces]]:
    """The faces of the task's data set, whatever its layout, and of the plan's others those that
    `data` holds.

    DataError where the own are missing.
    """
    own = Faces(OWN[plan.task], samples(plan.task, data, "train"), plan.task)
    others = []
    for name, (labels, load) in SETS.items():
        if name == own.name or name not in plan.others:
            continue
        try:
            faces = Faces(name, load(data, "train"), labels)
        except DataError as error:
            tqdm.write(f"without {name}: {error}")
            continue
        if faces.samples != own.samples:
            others.append(faces)
    return own, others
