"""Training pictures in batches, made by as many processes as a GPU's pace asks for.

Each batch has random numbers of its own: how many processes make them, and where an interrupted
training goes on, changes none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.detector.loss import Truth, pad

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.detector.augment import Example
    from training.detector.plan import AnyPlan


class PictureMaker(Protocol):
    """Makes training pictures."""

    def make(self, side: int, rng: np.random.Generator) -> Example:
        """One, side x side."""
        ...


class Batch(NamedTuple):
    """`pictures` (n, side, side, 3) uint8 RGB and the faces in them."""

    pictures: Tensor
    truth: Truth


class _Batches(Dataset[Batch]):
    def __init__(self, plan: AnyPlan, maker: PictureMaker) -> None:
        self._plan, self._maker = plan, maker

    def __getitem__(self, number: int) -> Batch:
        side, count = self._plan.batches[number % len(self._plan.batches)]
        rng = np.random.default_rng([self._plan.seed, number])
        made = [self._maker.make(side, rng) for _ in range(count)]
        truth = pad(
            [torch.from_numpy(m.faces) for m in made], [torch.from_numpy(m.left_out) for m in made]
        )
        return Batch(torch.from_numpy(np.stack([m.image for m in made])), truth)


def batches(plan: AnyPlan, maker: PictureMaker, first: int, *, gpu: bool) -> Iterator[Batch]:
    """The training's batches from `first` on. Beside a GPU all processors make them, else the one
    that trains."""
    loader = DataLoader(
        _Batches(plan, maker),
        batch_size=None,
        sampler=range(first, plan.epochs * plan.steps),
        num_workers=os.cpu_count() or 1 if gpu else 0,
        worker_init_fn=_alone,
        generator=torch.Generator(),  # or it draws from what dropout does, where a run goes on anew
        pin_memory=gpu,
    )
    return iter(loader)


def _alone(_: int) -> None:
    """Threads of OpenCV beside one another would wait for the processors."""
    cv2.setNumThreads(0)
