"""The models of the device from nothing, step by step: what `python -m training all` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def steps(data: Path, faceres: Path, runs: Path) -> list[list[str]]:
    """The words after `python -m training` of each step; each goes on where it was interrupted."""
    own = ["--data", str(data)]
    teachers = {
        "emotion": [runs / "emotion-teacher", runs / "emotion-teacher-large"],
        "age": [runs / "age-teacher"],
    }
    ensembles = {task: runs / f"ensemble-{task}.json" for task in teachers}
    # The emotion teachers are many epochs away from faceres: the student goes on from there.
    starts = {"emotion": runs / "emotion-teacher" / "best.pt", "age": faceres}

    def run(folder: Path) -> list[str]:
        return [*own, "--out", str(folder)]

    return [
        *(
            ["train", folder.name, *run(folder), "--start", str(faceres)]
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


def _members(folders: list[Path]) -> list[str]:
    return [word for folder in folders for word in ("--member", str(folder))]
