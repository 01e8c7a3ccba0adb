"""What a network is to answer to each picture: labels as distributions over its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from training.experiment import OUTPUTS

if TYPE_CHECKING:
    from training.crops import Crops
    from training.experiment import Experiment


class Lesson(NamedTuple):
    """`images` (n, canvas, canvas, 3) uint8; `targets` (n, outputs), distributions.

    Where `partial`, targets say only how far each output may be true, 0..1: anything in an
    interval of ages is as good.
    """

    images: Tensor
    targets: Tensor
    partial: bool = False

    def to(self, device: torch.device) -> Lesson:
        """The same on a device."""
        return Lesson(self.images.to(device), self.targets.to(device), self.partial)


def lesson(plan: Experiment, crops: Crops) -> Lesson:
    """Crops of one task with what their labels ask for."""
    labels = torch.from_numpy(crops.labels)
    images = torch.from_numpy(crops.images)
    if plan.task == "emotion":
        return Lesson(images, emotion_targets(labels, plan.label_smoothing))
    if labels.ndim == 2:
        return Lesson(images, ages_within(labels, plan.label_sigma), partial=True)
    return Lesson(images, age_targets(labels, plan.label_sigma))


def emotion_targets(labels: Tensor, smoothing: float) -> Tensor:
    """Classes (n) or votes (n, classes), smoothed (Szegedy et al., 2015)."""
    classes = OUTPUTS["emotion"]
    votes = (labels if labels.ndim == 2 else functional.one_hot(labels, classes)).float()
    share = votes / votes.sum(1, keepdim=True)
    return share * (1 - smoothing) + smoothing / classes


def age_targets(years: Tensor, sigma: float) -> Tensor:
    """A Gaussian around each age (n), `sigma` years wide (Gao et al., 2017)."""
    ages = torch.arange(OUTPUTS["age"], dtype=torch.float32)
    distance = (ages - years.clamp(max=len(ages) - 1)[:, None]) / sigma
    return functional.softmax(-distance.square() / 2, dim=1)


def ages_within(intervals: Tensor, sigma: float) -> Tensor:
    """How far each age may be true: wholly in the interval (n, 2), both ends in it, and falling
    off beside it as a Gaussian, for who is 29 may look 31."""
    ages = torch.arange(OUTPUTS["age"], dtype=torch.float32)
    below = (intervals[:, :1] - ages).clamp(min=0)
    above = (ages - intervals[:, 1:]).clamp(min=0)
    return torch.exp(-((below + above) / sigma).square() / 2)


def complete(targets: Tensor, logits: Tensor) -> Tensor:
    """Distributions for partial targets: what the network says, as far as it may be true.

    The gradient of the cross-entropy with it is that of -log sum(target * probability).
    """
    allowed = targets * logits.detach().softmax(1)
    return allowed / allowed.sum(1, keepdim=True).clamp(min=1e-9)
