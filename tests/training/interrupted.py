"""A training that is interrupted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch


def cut_after_an_epoch(train: Callable[[], object]) -> None:
    """Train by epochs of two steps, and end in the middle of the second."""
    real = torch.optim.AdamW.step
    steps = []

    def step(self: object, *args: object) -> object:
        steps.append(1)
        if len(steps) == 4:
            raise KeyboardInterrupt
        return real(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", step)
        with pytest.raises(KeyboardInterrupt):
            train()
