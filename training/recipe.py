"""The models of the device from nothing, step by step: what `python -m training all` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def steps(data: Path, faceres: Path, runs: Path) -> list[list[str]]:
    """The words after `python -m training` of each step; each goes on where it was interrupted."""
    own = ["--data", str(data)]
    teachers = {task: runs / f"{task}-teacher" for task in ("emotion", "age")}
    ensembles = {task: runs / f"ensemble-{task}.json" for task in teachers}

    def run(folder: Path) -> list[str]:
        return [*own, "--out", str(folder)]

    return [
        *(
            ["train", f"{task}-teacher", *run(folder), "--start", str(faceres)]
            for task, folder in teachers.items()
        ),
        ["train", "emotion-small", *run(runs / "emotion-small")],
        *(
            ["ensemble", task, *own, "--out", str(ensembles[task]), *_members(folders)]
            for task, folders in {
                "emotion": [teachers["emotion"], runs / "emotion-small"],
                "age": [teachers["age"]],
            }.items()
        ),
        *(
            ["distill", task, *run(runs / task), "--start", str(faceres), f"--{task}", str(file)]
            for task, file in ensembles.items()
        ),
    ]


def _members(folders: list[Path]) -> list[str]:
    return [word for folder in folders for word in ("--member", str(folder))]
