"""The faces there are to learn from, of all data sets in one folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tqdm import tqdm

from training.data import DataError, Sample, fairface, ferplus, rafdb, utkface

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
"""The data set whose validation and test parts judge a task."""


class Faces(NamedTuple):
    """The train part of one data set; `labels` names the task that its labels are for."""

    name: str
    samples: list[Sample]
    labels: str


def pool(plan: Experiment, data: Path) -> tuple[list[Faces], list[Faces]]:
    """The faces of the plan's own data sets, and of its others those that `data` holds.

    Where one network learns several tasks, all are its own. DataError where the own are missing.
    """
    own = {OWN[task] for task in plan.tasks}
    found = []
    for name, (labels, load) in SETS.items():
        if name not in own and name not in plan.others:
            continue
        try:
            found.append(Faces(name, load(data, "train"), labels))
        except DataError as error:
            if name in own:
                raise
            tqdm.write(f"without {name}: {error}")
    if len(plan.tasks) > 1:
        return found, []
    return (
        [faces for faces in found if faces.name in own],
        [faces for faces in found if faces.name not in own],
    )
