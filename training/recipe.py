"""The models of the device from nothing, step by step: what `python -m training all` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.experiment import EXPERIMENTS

if TYPE_CHECKING:
    from pathlib import Path


def steps(data: Path, faceres: Path, runs: Path) -> list[list[str]]:
    """The words after `python -m training` of each step; trainings go on after their last epoch."""
    own = ["--data", str(data)]
    teachers = {
        "emotion": [runs / "emotion-teacher", runs / "emotion-teacher-large"],
        "age": [runs / "age-teacher", runs / "age-teacher-large", runs / "age-wide"],
    }
    ensembles = {task: runs / f"ensemble-{task}.json" for task in teachers}
    # The teachers are many epochs away from faceres: the students go on from there.
    starts = {
        "emotion": runs / "emotion-teacher" / "best.pt",
        "age": runs / "age-teacher-large" / "best.pt",
    }

    def run(folder: Path) -> list[str]:
        return [*own, "--out", str(folder)]

    return [
        *(
            ["train", folder.name, *run(folder), *_start(folder.name, faceres)]
            for folders in teachers.values()
            for folder in folders
        ),
        *(
            ["ensemble", task, *own, "--out", str(ensembles[task]), *_members(folders)]
            for task, folders in teachers.items()
        ),
        *(
            [
                "distill", task, *run(runs / task), "--start", str(starts[task]),
                f"--{task}", str(file),
            ]
            for task, file in ensembles.items()
        ),
    ]  # fmt: skip


def _start(name: str, faceres: Path) -> list[str]:
    """A mobilenet begins as faceres."""
    return ["--start", str(faceres)] if EXPERIMENTS[name].trunk == "mobilenet" else []


def _members(folders: list[Path]) -> list[str]:
    return [word for folder in folders for word in ("--member", str(folder))]
