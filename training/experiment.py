"""What is trained and how: every figure of a run in one place."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from training.data import DataError

if TYPE_CHECKING:
    from pathlib import Path

OUTPUTS = {"emotion": 7, "age": 101}
"""Logits of each task: classes, and years from 0 on."""


@dataclass(frozen=True)
class Experiment:
    """One model. Shifts are fractions of the side, angles degrees, the rest as named."""

    task: str
    """`emotion` or `age`, also the model's name."""
    trunk: str
    """The network: `residual` or `mobilenet`; see `training.network` and `training.backbone`."""
    side: int
    """Side of the square input in pixels."""
    margin: int
    """Pixels around the input that training crops have in addition, to move and turn within."""
    zoom: float
    """How much the device's crop is enlarged about its centre; see `device.vision.align`."""
    epochs: int
    stem: int = 0
    """Channels of the first convolution, which halves the side."""
    stages: tuple[tuple[int, int], ...] = ()
    """Channels and number of residual blocks of each stage; all but the first halve the side."""
    layers: int = 13
    """Depthwise separable layers of a mobilenet; of faceres, which has 13, the first ones."""
    frozen: int = 0
    """Layers of a mobilenet, from the stem on, that stay as they were when it starts from faceres:
    the first ones take most of the time and see nothing but edges."""
    batch: int = 64
    peak_rate: float = 4e-3
    weight_decay: float = 0.05
    dropout: float = 0.3
    """Before the head."""
    block_dropout: float = 0.0
    """Between the convolutions of each block."""
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
    harm: float = 0.3
    """Share of pictures that get noise, dim light or few pixels, a third of them each."""
    average: float = 0.999
    """Decay of the running average of the weights, which is what is kept."""
    patience: int = 7
    """Epochs without a better validation score after which training stops. The least that ended
    none of the device's trainings before its best epoch: one waited seven for it."""
    beside_batch: int = 0
    """Faces of other data sets in each step, beside `batch` of the task's own."""
    beside_share: float = 1.0
    """Share of the epochs in which they are learned."""
    others: tuple[str, ...] = ("rafdb", "utkface", "ferplus", "fairface")
    """Which data sets those may be of."""
    teacher_share: float = 0.7
    """How much of what is learned is what teachers say of the same picture, where there are any;
    the rest is the label (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015)."""
    seed: int = 1

    @property
    def outputs(self) -> int:
        """Number of logits."""
        return OUTPUTS[self.task]

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
        trunk="mobilenet",
        side=96,
        margin=6,
        zoom=1.12,
        layers=12,
        epochs=24,
        batch=48,
        beside_batch=24,
        frozen=5,
        others=("utkface", "ferplus"),
        peak_rate=1e-3,
        average=0.998,
        harm=0.2,
    ),
    "age": Experiment(
        task="age",
        trunk="mobilenet",
        side=112,
        margin=8,
        zoom=1.0,
        layers=12,
        epochs=8,
        batch=48,
        beside_batch=16,
        frozen=3,
        others=("rafdb", "fairface"),
        peak_rate=1e-3,
        average=0.998,
    ),
    "age-wide": Experiment(
        task="age",
        trunk="residual",
        side=72,
        margin=4,
        zoom=1.0,
        stem=16,
        stages=((32, 2), (64, 2), (128, 2)),
        block_dropout=0.2,
        epochs=20,
        beside_batch=32,
        beside_share=0.8,
    ),
    "emotion-small": Experiment(
        task="emotion",
        trunk="residual",
        side=64,
        margin=4,
        zoom=1.125,
        stem=24,
        stages=((24, 1), (48, 1), (96, 1), (192, 1)),
        epochs=40,
        beside_batch=64,
        beside_share=0.65,
    ),
    "emotion-teacher": Experiment(
        task="emotion",
        trunk="mobilenet",
        side=112,
        margin=8,
        zoom=1.0,
        epochs=12,
        frozen=5,
        peak_rate=1e-3,
        average=0.998,
        harm=0.1,
    ),
    "emotion-teacher-large": Experiment(
        task="emotion",
        trunk="mobilenet",
        side=160,
        margin=10,
        zoom=0.95,
        epochs=9,
        batch=48,
        frozen=5,
        peak_rate=1e-3,
        average=0.998,
        harm=0.1,
        seed=2,
    ),
    "age-teacher-large": Experiment(
        task="age",
        trunk="mobilenet",
        side=160,
        margin=10,
        zoom=1.0,
        epochs=5,
        batch=48,
        beside_batch=16,
        frozen=5,
        peak_rate=1e-3,
        average=0.998,
        seed=2,
    ),
    "age-teacher": Experiment(
        task="age",
        trunk="mobilenet",
        side=112,
        margin=8,
        zoom=1.0,
        epochs=4,
        batch=48,
        beside_batch=16,
        frozen=5,
        peak_rate=1e-3,
        average=0.998,
    ),
}
"""By name. The models of the device are those named by their task: of faceres, whose 13 layers the
teachers have, the first 12, for 2.5 megabytes. The large teacher sees faces
nearer to the 224 pixels that faceres is used to; emotion's teachers are asked of clean pictures,
so they see less harm. `age-wide` is a WRN-16-2 (Zagoruyko and Komodakis,
"Wide Residual Networks", 2016), but in He's order of convolution, normalization and activation."""


def read_record(run: Path) -> dict[str, Any]:
    """A run's experiment.json; DataError where it is missing or none."""
    path = run / "experiment.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} describes no run of this version ({error!r})") from error
    return record


def read_plan(run: Path) -> Experiment:
    """The experiment that a run's experiment.json describes; what came into use after it was
    written has its default. DataError where it is missing or describes none."""
    record = read_record(run)
    try:
        figures = {f.name: record[f.name] for f in fields(Experiment) if f.name in record}
        figures["stages"] = tuple(tuple(stage) for stage in figures["stages"])
        if "others" in figures:
            figures["others"] = tuple(figures["others"])
        return Experiment(**figures)
    except (ValueError, KeyError, TypeError) as error:
        path = run / "experiment.json"
        raise DataError(f"{path} describes no run of this version ({error!r})") from error
