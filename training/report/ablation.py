"""What each ingredient of training gave, and how much another seed gives.

`models_tflite/ablation.json` is a list of runs, each
`{"task": "emotion"|"age", "name": RECIPE, "what": WORDS, "valid": {SCORE: NUMBER}}` and, where
known, `"minutes": N`, `"seed": N`, `"test": {SCORE: NUMBER}` and, of a data set that the run never
saw, `"elsewhere": {DATA SET: {SCORE: NUMBER}}`. Scores are named as in
`training.metrics`: `accuracy` and `macro_f1` are shares, `mean_absolute_error` is years. Runs of
one task and name differ in their seed only: they are shown as mean ± standard deviation.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import msgspec

from device.vision.runtime import ModelError
from training.report.text import table

if TYPE_CHECKING:
    from pathlib import Path

NAME = "ablation.json"
SHARES = ("accuracy", "macro_f1", "interval_coverage", "calibration_error")


class Run(msgspec.Struct, frozen=True):
    """One training run."""

    task: str
    name: str
    what: str
    valid: dict[str, float]
    minutes: float | None = None
    seed: int | None = None
    test: dict[str, float] = {}
    elsewhere: dict[str, dict[str, float]] = {}


def ablation(models: Path) -> str | None:
    """The section, None where nothing is known; ModelError where the file is malformed."""
    path = models / NAME
    if not path.exists():
        return None
    try:
        runs = msgspec.json.decode(path.read_bytes(), type=list[Run])
    except msgspec.DecodeError as error:
        raise ModelError(f"{path} is no list of runs ({error}): see {__name__}") from error
    tasks = dict.fromkeys(run.task for run in runs)
    parts = [_task(task, [run for run in runs if run.task == task]) for task in tasks]
    return "\n\n".join(
        [
            "## What each ingredient gave",
            (
                "Float models on the validation part, so that nothing was chosen on the test part; "
                "± is the standard deviation between seeds, where more than one was tried. "
                "Teachers, ensembles and the device's own networks are of whole trainings: "
                "`python -m training ablate` takes them from the folder of runs where they are "
                "there; those of other seeds or ensembles were run by hand, and stay as they were. "
                "Each row is of faces as the detector of its time cut them. "
                "Rows named *stopped* were not trained: they read in the logs of the device's "
                "runs what early stopping would have kept, before classes are balanced. "
                "All other rows it trains itself."
            ),
            *parts,
            *_strangers(runs),
        ]
    )


def _strangers(runs: list[Run]) -> list[str]:
    """What runs are worth on data sets that they never saw."""
    rows = [
        [
            run.task,
            run.name,
            name,
            ", ".join(f"{_title(s)} {_spread([v], True)}" for s, v in scores.items()),
        ]
        for run in runs
        for name, scores in run.elsewhere.items()
    ]
    if not rows:
        return []
    return [
        "### On data that nothing was learned from",
        (
            "These runs learned from the labels of the task's own data set alone; nothing was "
            "chosen by the figures."
        ),
        table(["task", "run", "test part of", "there"], rows, words=4),
    ]


def _title(score: str) -> str:
    return score.replace("_", " ")


def _task(task: str, runs: list[Run]) -> str:
    recipes: dict[str, list[Run]] = {}
    for run in runs:
        recipes.setdefault(run.name, []).append(run)
    columns = [
        (part, score)
        for part in ("valid", "test")
        for score in dict.fromkeys(key for run in runs for key in _scores(run, part))
    ]
    head = [task, "what", "runs", *(f"{p}: {s.replace('_', ' ')}" for p, s in columns), "minutes"]
    rows = [
        [
            name,
            each[0].what,
            str(len(each)),
            *(
                _spread([_scores(r, p)[s] for r in each if s in _scores(r, p)], s in SHARES)
                for p, s in columns
            ),
            _minutes([run.minutes for run in each if run.minutes is not None]),
        ]
        for name, each in recipes.items()
    ]
    return table(head, rows, words=2)


def _minutes(values: list[float]) -> str:
    return f"{statistics.mean(values):.0f}" if values else ""


def _scores(run: Run, part: str) -> dict[str, float]:
    return run.valid if part == "valid" else run.test


def _spread(values: list[float], is_share: bool) -> str:
    if not values:
        return ""
    scale, unit = (100, " %") if is_share else (1, "")
    text = f"{scale * statistics.mean(values):.2f}"
    if len(values) > 1:
        text += f" ± {scale * statistics.stdev(values):.2f}"
    return text + unit
