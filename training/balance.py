"""Answers that do not lean to the common classes more than is good for the rare ones.

A network learns how frequent each class is where it learns; fear and disgust, 2 and 6 % of
RAF-DB's faces, are thus overlooked. Menon et al., "Long-tail learning via logit adjustment"
(2021): take a part of the log of each class's share out of its logit afterwards.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch

from training.loop import load_run, look
from training.metrics import confusion, f1

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from training.crops import Crops

PARTS = tuple(n / 20 for n in range(11))
"""Of the log share, as tried."""


def balance(folder: Path, valid: Crops) -> float:
    """Choose how much is taken out on the validation part, and write it into the record of an
    emotion run, from where `training.loop.load_run` applies it; returns the chosen part."""
    path = folder / "experiment.json"
    record = json.loads(path.read_text())
    record.pop("class_shift", None)
    path.write_text(json.dumps(record, indent=2) + "\n")
    plan, network = load_run(folder)
    logits = look(plan, network, torch.from_numpy(valid.images)).log()
    part = choose(logits, torch.from_numpy(valid.labels))
    shift = -part * _log_share(torch.from_numpy(valid.labels), logits.shape[1])
    record["class_shift"] = [round(value, 4) for value in shift.tolist()]
    path.write_text(json.dumps(record, indent=2) + "\n")
    return part


def choose(logits: Tensor, labels: Tensor) -> float:
    """The part (one of `PARTS`) with the best sum of accuracy and macro-F1, of equals the least."""
    share = _log_share(labels, logits.shape[1])

    def worth(part: float) -> float:
        said = (logits - part * share).argmax(1)
        table = confusion(said.numpy(), labels.numpy(), logits.shape[1])
        return float((said == labels).float().mean()) + float(f1(table).mean())

    return max(PARTS, key=worth)


def _log_share(labels: Tensor, classes: int) -> Tensor:
    """Log of the share that each class has; a class without a face counts as having one."""
    counts = torch.bincount(labels, minlength=classes).clamp(min=1).float()
    return (counts / counts.sum()).log()
