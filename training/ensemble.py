"""Several networks that answer together: who is in it and how much it counts is searched for.

The search is Caruana et al., "Ensemble selection from libraries of models" (2004): greedily add
the candidate that helps most on the validation part, again and again, with replacement.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from training.crops import load_crops
from training.data import DataError
from training.loop import load_run, look, score
from training.machine import autocast, device
from training.pool import OWN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from training.crops import Places
    from training.data import Sample

ROUNDS = 20
"""Candidates drawn: a weight is a multiple of a twentieth."""

WORTH = 0.003
"""Share by which who is not yet in must do better than who is: each costs time at every face."""


class Member(NamedTuple):
    """One of an ensemble: a run's folder, whether it looks at the mirror image, too, and how
    much it counts, all adding up to 1."""

    run: Path
    flip: bool
    weight: float


def search(task: str, runs: Sequence[Path], chosen: list[Sample], places: Places) -> dict[str, Any]:
    """The best composition of runs on `chosen`, the validation part, and what it is worth there.

    Answers members, the score of the ensemble and of each candidate (accuracy, or minus the mean
    absolute error in years).
    """
    labels = torch.tensor([sample.label for sample in chosen])
    candidates = [(run, flip) for run in runs for flip in (False, True)]
    name = f"{OWN[task]}-valid"
    answers = [answer(run, task, chosen, places, name, flip=flip) for run, flip in candidates]
    counts = select(task, answers, labels)
    mixed = torch.stack([count * a for count, a in zip(counts, answers, strict=True)]).sum(0)
    return {
        "task": task,
        "members": [
            {"run": str(run), "flip": flip, "weight": count / ROUNDS}
            for (run, flip), count in zip(candidates, counts, strict=True)
            if count
        ],
        "valid": round(score(task, mixed / ROUNDS, labels), 4),
        "alone": {
            f"{run.name}{', flipped' if flip else ''}": round(score(task, a, labels), 4)
            for (run, flip), a in zip(candidates, answers, strict=True)
        },
    }


def select(task: str, answers: list[Tensor], labels: Tensor) -> list[int]:
    """How often each of the answers (n, outputs) is drawn in `ROUNDS` greedy rounds."""
    counts = [0] * len(answers)
    total = torch.zeros_like(answers[0])
    for size in range(1, ROUNDS + 1):
        losses = [
            _loss(task, (total + answer) / size, labels) * (1 if count or size == 1 else 1 + WORTH)
            for answer, count in zip(answers, counts, strict=True)
        ]
        best = losses.index(min(losses))
        counts[best] += 1
        total += answers[best]
    return counts


def _loss(task: str, probabilities: Tensor, labels: Tensor) -> float:
    """Negative log-likelihood, which is less noisy than accuracy, or error in years."""
    if task == "age":
        return -score(task, probabilities, labels)
    sure = probabilities[torch.arange(len(labels)), labels]
    return -sure.clamp(min=1e-9).log().mean().item()


def write_ensemble(path: Path, found: dict[str, Any]) -> None:
    """Write what `search` found; runs are named from the file's folder on, so that both can move
    together."""
    members = [
        {**member, "run": os.path.relpath(member["run"], path.parent)}
        for member in found["members"]
    ]
    path.write_text(json.dumps({**found, "members": members}, indent=2) + "\n")


def read_ensemble(path: Path) -> list[Member]:
    """Members of an ensemble's file, as `search` found them."""
    try:
        content = json.loads(path.read_text())
        return [Member(path.parent / m["run"], m["flip"], m["weight"]) for m in content["members"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is no ensemble ({error}): write it with `python -m training ensemble`"
        ) from error


def ask(
    members: list[Member], task: str, chosen: list[Sample], places: Places, name: str
) -> Tensor:
    """What an ensemble answers to faces: probabilities (n, outputs)."""
    answers = [
        member.weight * answer(member.run, task, chosen, places, name, flip=member.flip)
        for member in members
    ]
    return torch.stack(answers).sum(0)


def answer(
    run: Path, task: str, chosen: list[Sample], places: Places, name: str, *, flip: bool
) -> Tensor:
    """What the best network of a run answers to faces: probabilities (n, outputs)."""
    plan, network = load_run(run)
    if task != plan.task:
        raise DataError(f"{run} learned {plan.task}: it knows nothing of {task}")
    crops = load_crops(plan, chosen, places, name)
    with autocast():
        images, network = torch.from_numpy(crops.images), network.to(device())
        return look(plan, network, images, flip=flip, title=f"{run.name} looks at {name}")
