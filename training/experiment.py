"""What is trained and how: every figure of a run in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Experiment:
    """One model. Shifts are fractions of the side, angles degrees, the rest as named."""

    task: str
    """`emotion` or `age`; also the model's name."""
    side: int
    """Side of the square input in pixels."""
    margin: int
    """Pixels around the input that training crops have in addition, to move and turn within."""
    zoom: float
    """How much the device's crop is enlarged about its centre; see `device.vision.align`."""
    widths: tuple[int, ...]
    """Channels of the stem, then of each residual block; all but the first block halve the side."""
    outputs: int
    epochs: int
    floor: float
    """Accuracy (at least) or mean absolute error (at most) a model must reach on test."""
    batch: int = 64
    peak_rate: float = 4e-3
    weight_decay: float = 0.05
    dropout: float = 0.3
    label_smoothing: float = 0.1
    label_sigma: float = 2.5
    """Spread of the soft age labels in years."""
    turn: float = 12.0
    shift: float = 0.06
    scale: float = 0.10
    brightness: float = 0.25
    contrast: float = 0.25
    grey: float = 0.2
    """Share of pictures that lose their colour."""
    erase: float = 0.4
    """Share of pictures that lose a rectangle."""
    average: float = 0.999
    """Decay of the running average of the weights, which is what is kept."""
    patience: int = 25
    """Epochs without a better validation score after which training stops."""
    extra_share: float = 0.65
    """Share of the epochs in which as many faces of an extra data set are learned beside."""
    teacher_share: float = 0.7
    """How much of what is learned is what teachers say of the same picture, where there are any;
    the rest is the label (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015)."""
    seed: int = 1

    @property
    def canvas(self) -> int:
        """Side of the training crops."""
        return self.side + 2 * self.margin

    @property
    def canvas_zoom(self) -> float:
        """Zoom at which the middle of a training crop is exactly the device's crop."""
        return self.zoom * self.side / self.canvas


EXPERIMENTS = {
    "emotion": Experiment(
        task="emotion",
        side=64,
        margin=4,
        zoom=1.125,
        widths=(24, 24, 48, 96, 192),
        outputs=7,
        epochs=60,
        floor=0.84,
    ),
    "age": Experiment(
        task="age",
        side=72,
        margin=4,
        zoom=1.0,
        widths=(24, 24, 48, 96, 192),
        outputs=101,
        epochs=24,
        floor=5.5,
    ),
}
