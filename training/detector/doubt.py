"""The third network: whether a place that the first two leave in doubt shows a face.

Those learned from the photos alone, and hands, smoke or letters in others still look like faces to
them. This one starts from faceres, which saw three million faces, and learns from the same pictures
as the second look nothing but to tell faces from what only looks like one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from device.vision.detect import CERTAIN, DOUBT_ROOM, pooled
from training.backbone import Backbone, load_faceres
from training.data import DataError
from training.detector.augment import show
from training.detector.batches import batches
from training.detector.closer import CloserMaker, found_by, propose
from training.detector.loop import Learner, Lesson, learn, load, load_network
from training.detector.measure import average_precision, match
from training.detector.plan import read_doubt_plan
from training.loop import load_weights
from training.machine import autocast
from training.network import to_keras as mobilenet_to_keras
from training.source import digest_of, digest_of_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from device.vision.runtime import Output
    from training.detector.labels import Faces, Source
    from training.detector.loop import Labelled
    from training.detector.loss import Truth
    from training.detector.network import DetectorNetwork
    from training.detector.plan import DoubtPlan

    Image = npt.NDArray[np.uint8]

CENTRAL = 0.3
"""How far from a picture's middle a face's may be, as a share of its width and height, for the
picture to be one of that face."""


class FloatDoubt:
    """The network with what `GridDetector` asks of a model."""

    def __init__(self, network: Backbone, side: int) -> None:
        self._network, self.sides = network.eval(), (side, side)

    def run(self, image: Image) -> list[Output]:
        """The chance (1) in 0..1 that an RGB image (side, side, 3) shows a face in its middle."""
        pictures = torch.from_numpy(image[np.newaxis].copy()).permute(0, 3, 1, 2).float()
        with torch.no_grad():
            said = self._network(pictures.to(next(self._network.parameters()).device))
        return [said[0].sigmoid().cpu().numpy()]


def train_doubt(
    plan: DoubtPlan,
    source: Source,
    folder: Path,
    *,
    first: Path,
    closer: Path,
    start: Path,
    fresh: bool = False,
) -> Path:
    """Train on what the second look learns from, from the weights of faceres.json in `start` on.

    `first` and `closer` are best.pt of runs of `face` and `face-closer`: what the one proposes is
    learned from, what both leave in doubt of the validation photos chooses. Returns best.pt.
    """
    learned, valid = load(source, "train"), load(source, "valid")
    looks = load_network(first), load_network(closer)
    maker = CloserMaker(plan.shown, learned, propose(looks[0], learned), DOUBT_ROOM)
    digest = digest_of([*learned.arrays(), *valid.arrays()])
    lesson = Lesson(
        maker,
        judge(*looks, valid, plan),
        digest + digest_of_file(first) + digest_of_file(closer),
        learned.sets(),
    )
    torch.manual_seed(plan.seed)
    student = Backbone(plan)
    shown = next(batches(plan, maker, 0, gpu=False)).pictures
    load_faceres(student, start, shown.permute(0, 3, 1, 2).float())
    smoothed = partial(cost, label_smoothing=plan.label_smoothing)
    learner = Learner(student, smoothed, ("faceres", start))
    return learn(plan, lesson, folder, learner, fresh=fresh)


def load_doubt(best: Path) -> Backbone:
    """The network of a run of `face-doubt`, from its best.pt; DataError where that or its plan is
    no such."""
    network = Backbone(read_doubt_plan(best.parent / "experiment.json"))
    try:
        network.load_state_dict(load_weights(best))
    except RuntimeError as error:
        raise DataError(f"{best} holds another network than its plan says: {error}") from error
    network.eval()
    return network


def to_keras(network: Backbone, plan: DoubtPlan) -> Any:  # noqa: ANN401 - untyped
    """The same network in Keras: the chance of a face (n, 1) from pictures (n, side, side, 3),
    0..255. In a process of its own; see `training.network.to_keras`."""
    model = mobilenet_to_keras(network, plan)
    import keras  # noqa: PLC0415 - slow, and not wanted while PyTorch trains

    chance = keras.layers.Activation("sigmoid")(model.output)
    return keras.Model(model.input, chance, name=plan.task)


def cost(
    network: nn.Module, pictures: Tensor, truth: Truth, *, label_smoothing: float
) -> dict[str, Tensor]:
    """What the logits cost where it is known whether there is a face in the middle: their mean
    cross-entropy, of pictures (n, 3, side, side), 0..255.

    `label_smoothing` is the share of a label that is spread over both answers (Szegedy et al.,
    "Rethinking the Inception Architecture for Computer Vision", 2016).
    """
    with autocast():
        logits = network(pictures)[:, 0].float()
    is_face, is_known = in_the_middle(truth, pictures.shape[-1])
    wanted = label_smoothing / 2 + is_face.float() * (1 - label_smoothing)
    each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return {"doubt": (each * is_known).sum() / is_known.sum().clamp(min=1)}


def in_the_middle(truth: Truth, side: int) -> tuple[Tensor, Tensor]:
    """Of each picture (n), whether a face to be found is in its middle, and whether one can say."""
    sides = truth.boxes[..., 2:] - truth.boxes[..., :2]
    away = ((truth.boxes[..., :2] + truth.boxes[..., 2:]) / 2 - side / 2).abs()
    central = (away < CENTRAL * sides).all(-1)
    is_face = (central & truth.counted).any(1)
    return is_face, is_face | ~(central & truth.left_out).any(1)


def judge(
    first: DetectorNetwork, closer: DetectorNetwork, valid: Labelled, plan: DoubtPlan
) -> Callable[[Backbone], float]:
    """How good a network is, asked after these two: the precision over recall of what they find,
    by the scores that it leaves."""
    longer = [max(image.shape[:2]) for image in valid.images]
    found = found_by(first, closer, valid.images, plan.shown.longer_side)

    def score(network: Backbone) -> float:
        doubt = FloatDoubt(network, plan.side)
        asked = zip(valid.images, found, strict=True)
        return average_precision(
            match([settled(doubt, *each) for each in asked], valid.faces, longer)
        )

    return score


def settled(doubt: FloatDoubt, image: Image, faces: Faces) -> Faces:
    """What two looks found in a BGR photo, with the scores that the third gives it."""
    faces = faces.copy()
    for face in (row for row in faces if row[0] < CERTAIN):
        (chance,) = doubt.run(show(image, face[1:5], doubt.sides[0], DOUBT_ROOM))
        face[0] = pooled(float(face[0]), float(chance[0]))
    return faces
