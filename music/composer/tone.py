"""What an instrument is asked to play."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .dsp import Signal


@dataclass(frozen=True, slots=True)
class Tone:
    """One note to sound: pitch, length until release, velocity 0..1, and its own chance."""

    hertz: float
    seconds: float
    velocity: float
    chance: np.random.Generator


Instrument = Callable[[Tone], Signal]
