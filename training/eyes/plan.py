"""The eye network's figures: its size, what it learns from and how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EyePlan:
    """One training. Distances are in distances of the eyes, unless they say otherwise."""

    side: int = 64
    """Of the crop, pixels."""
    zoom: float = 0.8
    """Of the crop, see `device.vision.align`: the whole face with a little around it."""
    stem: tuple[int, int] = (16, 24)
    stages: tuple[int, int] = (32, 64)
    depths: tuple[int, int] = (2, 2)
    """As the detector's first layers, so that its weights are a start."""
    dropout: float = 0.1

    batch: int = 128
    epochs: int = 15
    steps: int = 300
    """Batches in an epoch."""
    peak_rate: float = 2e-3
    weight_decay: float = 0.02
    average: float = 0.998
    """Share of the averaged weights that each step keeps."""
    seed: int = 1

    others: tuple[tuple[str, int], ...] = (("rafdb", 2), ("UTKFace", 4))
    """Data sets of cropped faces that are learned from beside the photos, and which n-th face."""
    photos: float = 0.5
    """Share of the pictures learned from that come of photos."""
    shrunk: tuple[float, float] = (0.5, 0.85)
    """Share of faces of photos, and of crops, that are shown as from farther away."""
    nearest_eyes: float = 7.0
    """Their least distance of the eyes in pixels."""
    away: float = 0.06
    """How far off the detector's eyes are, middle and (logarithm of) distance: standard
    deviation, itself drawn anew for each face."""
    turn: float = 0.09
    """How far it is turned off, radians, likewise."""
    worn: float = 0.5
    """Share of pictures that get light, blur, noise and compression as the detector's do."""
    others_points: float = 0.3
    """What nose and mouth count beside the eyes."""
