"""Teaching a small network what ensembles say of many faces (Hinton et al., "Distilling the
Knowledge in a Neural Network", 2015), labelled for the task or not.

What the ensembles say is asked once of each face, as it is; the network learns it from the face
turned, moved and painted over ("noisy student", Xie et al., 2020).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from training.crops import content_key, digest_of_detector, load_crops
from training.data import Years
from training.data.base import read_content
from training.ensemble import ask, read_ensemble
from training.experiment import read_record
from training.lessons import Lesson, age_targets, ages_within, emotion_targets

if TYPE_CHECKING:
    from pathlib import Path

    from training.crops import Places
    from training.ensemble import Member
    from training.experiment import Experiment
    from training.pool import Faces


TOLD = (
    "task", "faces", "sets", "start", "start_sets", "trunk", "side", "layers", "epochs", "took",
)  # fmt: skip
"""Of a teacher's experiment.json, what its student's says again."""


class Teachers(NamedTuple):
    """The file of the ensemble that teaches, and the folder that keeps what it said."""

    ensemble: Path
    said: Path


def distilled(plan: Experiment, pool: list[Faces], teachers: Teachers, places: Places) -> Lesson:
    """All faces of a pool with what to answer: what the ensemble says, mixed with the label where
    there is one."""
    images, targets = [], []
    for faces in pool:
        targets.append(_targets(plan, faces, teachers, places))
        images.append(torch.from_numpy(load_crops(plan, faces.samples, places, faces.name).images))
    return Lesson(torch.cat(images), torch.cat(targets))


def taught_by(teachers: Teachers) -> dict[str, Any]:
    """The runs that teach, by name: what each learned from, started from and took, and how much
    it counts."""
    found: dict[str, Any] = {}
    for member in read_ensemble(teachers.ensemble):
        record = read_record(member.run)
        known = {name: record[name] for name in TOLD if name in record}
        entry = found.setdefault(member.run.name, {**known, "weight": 0.0})
        entry["weight"] = round(entry["weight"] + member.weight, 2)
    return found


def _targets(plan: Experiment, faces: Faces, teachers: Teachers, places: Places) -> Tensor:
    """What to answer: (n, outputs) distributions."""
    said = _said(plan.task, faces, teachers, places)
    if faces.labels != plan.task:
        return said
    label = _label(plan, faces)
    if isinstance(faces.samples[0].label, Years):
        allowed = label * said
        return allowed / allowed.sum(1, keepdim=True).clamp(min=1e-9)
    return plan.teacher_share * said + (1 - plan.teacher_share) * label


def _label(plan: Experiment, faces: Faces) -> Tensor:
    """What the labels alone ask for; of groups of ages, how far each age may be true."""
    labels = torch.tensor([sample.label for sample in faces.samples])
    if plan.task == "emotion":
        return emotion_targets(labels, plan.label_smoothing)
    if labels.ndim == 2:
        return ages_within(labels, plan.label_sigma)
    return age_targets(labels, plan.label_sigma)


def _said(task: str, faces: Faces, teachers: Teachers, places: Places) -> Tensor:
    """Probabilities (n, outputs) of the ensemble, asked once."""
    members = read_ensemble(teachers.ensemble)
    detector = digest_of_detector(places.models)
    key = _key(faces, teachers.ensemble, members, detector)
    path = teachers.said / f"{task}-{faces.name}-{key}.npy"
    if not path.exists():
        tqdm.write(f"asking {len(members)} for the {task} of {len(faces.samples)} in {faces.name}")
        said = ask(members, task, faces.samples, places, faces.name)
        teachers.said.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part.npy")
        np.save(unfinished, said.numpy().astype(np.float16))
        unfinished.rename(path)
    return torch.from_numpy(np.load(path)).float()


def _key(faces: Faces, file: Path, members: list[Member], detector: str) -> str:
    """Changes with the faces and who cuts them, the ensemble's composition and its members'
    weights."""
    digest = hashlib.sha256(file.read_bytes())
    digest.update(detector.encode())
    for sample in faces.samples:
        digest.update(content_key(sample.path).encode())
    for member in members:
        digest.update(read_content(member.run / "best.pt"))
    return digest.hexdigest()[:12]
