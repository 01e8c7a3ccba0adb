"""The network: residual stages, a way back up, and per cell a score, a box and five points.

Everything an 8-bit number has to hold has a range of its own that does not depend on the size
of the face: places are fractions of the face's size, sizes are powers of two. A ReLU6 ends
these outputs, so that their scale is 6 / 255 whatever the photos are.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.network import EPSILON, Block, Convolution

if TYPE_CHECKING:
    from training.detector.plan import DetectorPlan

STRIDES = (8, 16, 32)
PLACES = 14
"""Of each cell: centre x and y, log width and height, five points' x and y."""


class Stage(nn.Sequential):
    """Residual blocks of which the first halves the picture."""

    def __init__(self, inputs: int, outputs: int, depth: int) -> None:
        super().__init__(
            *(Block(outputs if n else inputs, outputs, 1 if n else 2) for n in range(depth))
        )


class Up(nn.Module):
    """Twice the rows and columns: each of four neighbours gets channels of its own."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mix = Convolution(inputs, 4 * outputs, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The usual."""
        return depth_to_space(self.mix(x))


def depth_to_space(x: Tensor) -> Tensor:
    """(n, 4c, h, w) to (n, c, 2h, 2w), channels ordered as TensorFlow does it."""
    n, c, h, w = x.shape
    return x.view(n, 2, 2, c // 4, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // 4, 2 * h, 2 * w)


class Level(nn.Module):
    """What one stage's cells say: logit of a face, and where it is (0..6, see `decode`)."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(inputs, 1, 1)
        self.places = nn.Conv2d(inputs, PLACES, 1)
        nn.init.constant_(self.score.bias, -4.6)  # a face in one of a hundred cells, at first
        nn.init.normal_(self.places.weight, std=0.01)
        nn.init.constant_(self.places.bias, 3.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n, cells) and places (n, cells, 14)."""
        return self.score(x).flatten(1), functional.relu6(self.places(x)).flatten(2).mT


class DetectorNetwork(nn.Module):
    """Logits (n, cells) and places (n, cells, 14), finest level first, from pictures
    (n, 3, height, width), 0..255, whose sides 32 divides."""

    def __init__(self, plan: DetectorPlan) -> None:
        super().__init__()
        first, second = plan.stem
        self.stem = nn.ModuleList([Convolution(3, first, 3, 2), Convolution(first, second, 3, 2)])
        widths = (second, *plan.stages)
        self.stages = nn.ModuleList(
            Stage(widths[n], widths[n + 1], depth) for n, depth in enumerate(plan.depths)
        )
        fine, middle, coarse = plan.necks
        self.laterals = nn.ModuleList(
            Convolution(inputs, outputs, 1, 1)
            for inputs, outputs in zip(plan.stages[:2], plan.necks[:2], strict=True)
        )
        self.ups = nn.ModuleList([Up(middle, fine), Up(coarse, middle)])
        self.necks = nn.ModuleList(
            Convolution(inputs, outputs, 3, 1)
            for inputs, outputs in ((fine, fine), (middle, middle), (plan.stages[2], coarse))
        )
        self.levels = nn.ModuleList(Level(inputs) for inputs in plan.necks)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The usual."""
        x = x / 127.5 - 1
        for convolution in self.stem:
            x = functional.relu(convolution(x))
        seen = []
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        above = functional.relu(self.necks[2](seen[2]))
        said = [self.levels[2](above)]
        for n in (1, 0):
            joined = functional.relu(self.laterals[n](seen[n]) + self.ups[n](above))
            above = functional.relu(self.necks[n](joined))
            said.insert(0, self.levels[n](above))
        scores, places = zip(*said, strict=True)
        return torch.cat(scores, 1), torch.cat(places, 1)


def to_keras(network: DetectorNetwork, height: int, width: int) -> Any:  # noqa: ANN401 - untyped
    """The same network in Keras: of each level scores (n, h, w, 1), 0..1, and places
    (n, h, w, 14), 0..6, finest level first, from pictures (n, height, width, 3), 0..255.

    TensorFlow and tflite-runtime do not share a process: call it in one of its own.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras  # noqa: PLC0415 - slow, and not wanted while PyTorch trains
    import tensorflow as tf  # noqa: PLC0415
    from keras import layers  # noqa: PLC0415

    class DepthToSpace(layers.Layer):
        def call(self, x: Any) -> Any:  # noqa: ANN401
            return tf.nn.depth_to_space(x, 2)

    def convolution(x: Any, twin: Convolution) -> Any:  # noqa: ANN401
        conv, norm = twin.conv, twin.norm
        kernel = layers.Conv2D(
            conv.out_channels, conv.kernel_size, conv.stride, padding="same", use_bias=False
        )
        scale = layers.BatchNormalization(epsilon=EPSILON)
        x = scale(kernel(x))
        kernel.set_weights([_array(conv.weight).transpose(2, 3, 1, 0)])
        scale.set_weights(
            [_array(v) for v in (norm.weight, norm.bias, norm.running_mean, norm.running_var)]
        )
        return x

    def output(x: Any, twin: nn.Conv2d, name: str) -> Any:  # noqa: ANN401
        kernel = layers.Conv2D(twin.out_channels, 1, name=name)
        x = kernel(x)
        kernel.set_weights([_array(twin.weight).transpose(2, 3, 1, 0), _array(twin.bias)])
        return x

    pictures = layers.Input((height, width, 3), name="pictures")
    x = layers.Rescaling(1 / 127.5, -1.0)(pictures)
    for twin in network.stem:
        x = layers.ReLU()(convolution(x, twin))
    seen = []
    for stage in network.stages:
        for block in stage:
            through = layers.ReLU()(convolution(x, block.first))
            through = convolution(through, block.second)
            if block.shortcut is not None:
                x = convolution(x, block.shortcut)
            x = layers.ReLU()(layers.Add()([through, x]))
        seen.append(x)
    above = layers.ReLU()(convolution(seen[2], network.necks[2]))
    necks = [above]
    for n in (1, 0):
        up = DepthToSpace()(convolution(above, network.ups[n].mix))
        joined = layers.ReLU()(layers.Add()([convolution(seen[n], network.laterals[n]), up]))
        above = layers.ReLU()(convolution(joined, network.necks[n]))
        necks.insert(0, above)
    said = []
    for neck, level, stride in zip(necks, network.levels, STRIDES, strict=True):
        said.append(layers.Activation("sigmoid")(output(neck, level.score, f"score_{stride}")))
        said.append(layers.ReLU(max_value=6)(output(neck, level.places, f"places_{stride}")))
    return keras.Model(pictures, said, name="face")


def _array(values: Tensor) -> Any:  # noqa: ANN401
    return values.detach().float().numpy()
