"""Teaching a small network what ensembles say of many faces (Hinton et al., "Distilling the
Knowledge in a Neural Network", 2015), labelled for the task or not.

What the ensembles say is asked once of each face, as it is; the network learns it from the face
turned, moved and painted over ("noisy student", Xie et al., 2020).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from training.crops import load_crops
from training.data import Years
from training.ensemble import ask, read_ensemble
from training.experiment import OUTPUTS
from training.lessons import Lesson, age_targets, ages_within, emotion_targets

if TYPE_CHECKING:
    from pathlib import Path

    from training.crops import Places
    from training.ensemble import Member
    from training.experiment import Experiment
    from training.pool import Faces


TOLD = ("faces", "start", "trunk", "side", "layers", "epochs", "took")
"""Of a teacher's experiment.json, what its student's says again."""


class Teachers(NamedTuple):
    """An ensemble's file for each task that has one, and the folder that keeps what they said."""

    ensembles: dict[str, Path]
    said: Path


def distilled(plan: Experiment, pool: list[Faces], teachers: Teachers, places: Places) -> Lesson:
    """All faces of a pool with what to answer: for each of the plan's tasks what its ensemble
    says, mixed with the label where there is one; nothing where there is neither."""
    images, targets = [], []
    for faces in pool:
        targets.append(
            torch.cat([_targets(plan, t, faces, teachers, places) for t in plan.tasks], 1)
        )
        images.append(torch.from_numpy(load_crops(plan, faces.samples, places, faces.name).images))
    return Lesson(torch.cat(images), torch.cat(targets))


def taught_by(teachers: Teachers) -> dict[str, Any]:
    """The runs that teach, by name: what each learned from, started from and took, and how much
    it counts."""
    found: dict[str, Any] = {}
    for task, file in teachers.ensembles.items():
        for member in read_ensemble(file):
            record = json.loads((member.run / "experiment.json").read_text())
            known = {name: record[name] for name in TOLD if name in record}
            entry = found.setdefault(member.run.name, {"task": task, **known, "weight": 0.0})
            entry["weight"] = round(entry["weight"] + member.weight, 2)
    return found


def _targets(
    plan: Experiment, task: str, faces: Faces, teachers: Teachers, places: Places
) -> Tensor:
    """What to answer for one task: (n, outputs) distributions, or zeros, which teach nothing."""
    label = _label(plan, task, faces) if faces.labels == task else None
    if task not in teachers.ensembles:
        blank = torch.zeros(len(faces.samples), OUTPUTS[task])
        return blank if label is None else label / label.sum(1, keepdim=True)
    said = _said(task, faces, teachers, places)
    if label is None:
        return said
    if isinstance(faces.samples[0].label, Years):
        allowed = label * said
        return allowed / allowed.sum(1, keepdim=True).clamp(min=1e-9)
    return plan.teacher_share * said + (1 - plan.teacher_share) * label


def _label(plan: Experiment, task: str, faces: Faces) -> Tensor:
    """What the labels alone ask for; of groups of ages, how far each age may be true."""
    labels = torch.tensor([sample.label for sample in faces.samples])
    if task == "emotion":
        return emotion_targets(labels, plan.label_smoothing)
    if labels.ndim == 2:
        return ages_within(labels, plan.label_sigma)
    return age_targets(labels, plan.label_sigma)


def _said(task: str, faces: Faces, teachers: Teachers, places: Places) -> Tensor:
    """Probabilities (n, outputs) of the task's ensemble, asked once."""
    file = teachers.ensembles[task]
    members = read_ensemble(file)
    path = teachers.said / f"{task}-{faces.name}-{_key(faces, file, members)}.npy"
    if not path.exists():
        tqdm.write(f"asking {len(members)} for the {task} of {len(faces.samples)} in {faces.name}")
        said = ask(members, task, faces.samples, places, faces.name)
        teachers.said.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part.npy")
        np.save(unfinished, said.numpy().astype(np.float16))
        unfinished.rename(path)
    return torch.from_numpy(np.load(path)).float()


def _key(faces: Faces, file: Path, members: list[Member]) -> str:
    """Changes with the faces, the ensemble's composition and its members' weights."""
    digest = hashlib.sha256(file.read_bytes())
    for sample in faces.samples:
        digest.update(sample.path.name.encode())
    for member in members:
        digest.update((member.run / "best.pt").read_bytes())
    return digest.hexdigest()[:12]
