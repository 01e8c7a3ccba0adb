"""The faces there are to learn from, of all data sets in one folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tqdm import tqdm

from training.data import (
    AbsentError,
    Layout,
    Sample,
    fairface,
    ferplus,
    load,
    rafdb,
    recognise,
    utkface,
)

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

NAMES = {
    Layout.RAFDB_KAGGLE: "rafdb",
    Layout.RAFDB_OFFICIAL: "rafdb",
    Layout.UTKFACE: "utkface",
    Layout.FERPLUS: "ferplus",
    Layout.FAIRFACE: "fairface",
    Layout.EMOTION_FOLDERS: "own",
    Layout.AGE_FOLDERS: "own",
}
"""What the faces of each layout are called here and in a run's record."""

OWN = {"emotion": "rafdb", "age": "utkface"}
"""The data set whose validation and test parts judge the device's model of a task."""


class Faces(NamedTuple):
    """The train part of one data set; `labels` names the task that its labels are for."""

    name: str
    samples: list[Sample]
    labels: str


def pool(plan: Experiment, data: Path) -> tuple[Faces, list[Faces]]:
    """The faces of the task's data set, whatever its layout, and of the plan's others those that
    `data` holds.

    DataError where the own are missing, or where something is wrong with any.
    """
    layout = recognise(data, plan.task)
    own = Faces(NAMES[layout], load(layout, data, "train"), plan.task)
    others = []
    for name, (labels, load_set) in SETS.items():
        if name == own.name or name not in plan.others:
            continue
        try:
            faces = Faces(name, load_set(data, "train"), labels)
        except AbsentError as error:
            tqdm.write(f"without {name}: {error}")
            continue
        if faces.samples != own.samples:
            others.append(faces)
    return own, others


def counts(own: Faces, beside: list[Faces]) -> dict[str, dict[str, int]]:
    """How many faces of each data set are learned from, by what for and name."""
    return {
        part: {faces.name: len(faces.samples) for faces in each}
        for part, each in (("train", [own]), ("beside", beside))
    }
