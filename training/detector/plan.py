"""The detector's figures: its networks' size, what they learn from and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from device.vision.detect import CLOSE_SIDE, DOUBT
from training.data import DataError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class DetectorPlan:
    """One training. Sides and widths of faces are pixels of the network's input."""

    stem: tuple[int, int] = (16, 24)
    """Channels of the two convolutions that come first, each halving the picture."""
    stages: tuple[int, int, int] = (32, 64, 96)
    """Channels of the residual stages that see every 8th, 16th and 32nd pixel."""
    depths: tuple[int, int, int] = (2, 2, 2)
    """Residual blocks of each stage."""
    necks: tuple[int, int, int] = (32, 64, 96)
    """Channels that each stage's outputs are made from."""
    longer_side: int = 448
    """Longer side of what the device shows the network."""

    batches: tuple[tuple[int, int], ...] = ((320, 64), (448, 32))
    """Sides of the square pictures learned from, and how many make a batch; drawn by turns."""
    epochs: int = 16
    """By 8 its average precision on the validation photos is 0.989, by 16 0.993."""
    steps: int = 500
    """Batches in an epoch."""
    patience: int = 16
    """Epochs without a better validation score after which training stops. All: most is gained
    while the rate falls, at the end."""
    peak_rate: float = 2e-3
    weight_decay: float = 0.03
    average: float = 0.999
    """Share of the averaged weights that each step keeps."""
    points: float = 18.0
    """Weight of the points' places in what is learned."""
    seed: int = 1

    smallest: float = 8.0
    """Width from which a face is to be found; smaller ones are left out of the loss."""
    whole: float = 0.3
    """Share of pictures that show one photo about as the device does."""
    mosaic: tuple[float, ...] = (0.45, 0.3, 0.15, 0.1)
    """Of the others, shares of pictures of one photo, of 2x2 (a mosaic, as Bochkovskiy et al.,
    "YOLOv4", 2020, have it), of 3x3 and of 4x4."""
    card: float = 0.1
    """Share of photos of which only one face is shown, cut out."""
    crop: float = 0.12
    """Share of photos, but whole ones, in whose stead is a face that came cut out."""
    decoy: float = 0.2
    """Share of photos, but whole ones, that show what only looks like a face."""
    scribble: float = 0.2
    """Share of pictures that letters and figures are drawn into."""
    turn: float = 12.0
    """Degrees, standard deviation."""
    stretch: float = 0.1
    grey: float = 0.1
    dark: float = 0.15
    blur: float = 0.15
    coarse: float = 0.1
    """Share of pictures shown as if enlarged."""
    jpeg: float = 0.2
    noise: float = 0.15


@dataclass(frozen=True)
class CloserPlan(DetectorPlan):
    """The second look's network: three times as deep. A picture shows one place in the middle."""

    depths: tuple[int, int, int] = (4, 8, 6)
    batches: tuple[tuple[int, int], ...] = ((CLOSE_SIDE, 96),)
    epochs: int = 12
    patience: int = 12
    peak_rate: float = 1e-3
    average: float = 0.998
    points: float = 40.0

    crop: float = 0.3
    """Share of the faces that came cut out."""
    card: float = 0.15
    """Share of places in photos, faces or none, that are shown cut out, too: no edge tells them."""
    faces: float = 0.55
    """Share of pictures that show a face that the teacher is sure of."""
    proposed: float = 0.35
    """Share that show what the first look proposes where there is none, the likelier the surer it
    is; the others show what was judged to be none, where something was."""
    room: float = 0.12
    """How much more or less of its surroundings a place is shown with: standard deviation of the
    logarithm of what the device shows."""
    aside: float = 0.07
    """How far from the middle a place is: standard deviation, of its size."""
    smallest: float = 12.0
    turn: float = 9.0
    upset: float = 0.5
    """Share of the pictures of what is no face that are turned by any angle: a hand is none
    however it is held."""
    stretch: float = 0.08
    coarse: float = 0.3


@dataclass(frozen=True)
class GentlePlan(CloserPlan):
    """The second look's last lessons: pictures worn a third as often and moved half as far. Heavy
    augmentation that goes on to the end leaves places less exact (Ge et al., "YOLOX", 2021, end
    without theirs)."""

    epochs: int = 3
    steps: int = 350
    peak_rate: float = 5e-4
    room: float = 0.06
    aside: float = 0.04
    turn: float = 6.0
    stretch: float = 0.04
    grey: float = 0.05
    dark: float = 0.04
    blur: float = 0.04
    coarse: float = 0.1
    jpeg: float = 0.07
    noise: float = 0.05


@dataclass(frozen=True)
class DoubtPlan:
    """The third network, which says of places in doubt whether they show a face: a mobilenet that
    starts from faceres, and so from far more faces than the photos have."""

    side: int = 144
    """Pixels of its square input."""
    layers: int = 12
    """Depthwise separable layers, of faceres' the first ones."""
    frozen: int = 5
    """Convolutions, from the stem on, that stay as they were: they see nothing but edges."""
    dropout: float = 0.2
    batch: int = 64
    epochs: int = 3
    steps: int = 400
    """Batches in an epoch."""
    patience: int = 5
    peak_rate: float = 2e-4
    """Low: by 1e-3 it forgets what faceres saw, and tells faces worse in other photos."""
    weight_decay: float = 0.03
    average: float = 0.998
    """Share of the averaged weights that each step keeps."""
    label_smoothing: float = 0.02
    seed: int = 1
    shown: CloserPlan = CloserPlan()
    """How places are shown to it: as to the second look."""

    @property
    def batches(self) -> tuple[tuple[int, int], ...]:
        """Sides of the pictures learned from, and how many make a batch."""
        return ((self.side, self.batch),)

    @property
    def outputs(self) -> int:
        """One logit."""
        return 1

    @property
    def task(self) -> str:
        """Its model's name."""
        return DOUBT


AnyPlan = DetectorPlan | DoubtPlan
P = TypeVar("P")


def read_plan(path: Path) -> DetectorPlan:
    """The plan that a run of `face` or `face-closer` was trained by, from its experiment.json."""
    return _read(path, DetectorPlan, "face")


def read_doubt_plan(path: Path) -> DoubtPlan:
    """Likewise of `face-doubt`."""
    return _read(path, DoubtPlan, DOUBT)


def _read(path: Path, kind: type[P], experiment: str) -> P:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(
            f"{path} does not say how the weights beside it were trained ({error}): "
            f"run `python -m training train {experiment}` again"
        ) from error
