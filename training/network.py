"""The network: a plain residual net of 3x3 convolutions, and its twin in Keras.

Training runs in PyTorch, which computes twice as many pictures a second as Keras does on a
CPU with bfloat16; what is kept and converted is the Keras model. A test holds the two equal.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from training.experiment import Experiment

    Weight = npt.NDArray[np.float32]

EPSILON = 1e-5


class Trunk(Protocol):
    """What of a plan makes a mobilenet; see `Experiment`."""

    @property
    def task(self) -> str: ...  # noqa: D102 - here and below: as there
    @property
    def side(self) -> int: ...  # noqa: D102
    @property
    def layers(self) -> int: ...  # noqa: D102
    @property
    def frozen(self) -> int: ...  # noqa: D102
    @property
    def dropout(self) -> float: ...  # noqa: D102
    @property
    def outputs(self) -> int: ...  # noqa: D102


class Convolution(nn.Module):
    """Convolution and batch normalization, padded as TensorFlow's `same` does it."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, *, groups: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            inputs,
            outputs,
            kernel,
            stride,
            padding=1 if (kernel, stride) == (3, 1) else 0,
            groups=groups,
            bias=False,
        )
        self.norm = nn.BatchNorm2d(outputs, eps=EPSILON)
        self.halves = (kernel, stride) == (3, 2)

    def forward(self, x: Tensor) -> Tensor:
        """The usual."""
        if self.halves:
            # `same` with stride 2 pads an even side on the right and at the bottom only.
            odd = x.shape[-1] % 2
            x = functional.pad(x, (odd, 1, odd, 1))
        return self.norm(self.conv(x))


class Block(nn.Module):
    """Two convolutions and a shortcut (He et al., 2015), with dropout between the convolutions
    (Zagoruyko and Komodakis, 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout) if dropout else None
        self.first = Convolution(inputs, outputs, 3, stride)
        self.second = Convolution(outputs, outputs, 3, 1)
        same = inputs == outputs and stride == 1
        self.shortcut = None if same else Convolution(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """The usual."""
        through = functional.relu(self.first(x))
        if self.dropout is not None:
            through = self.dropout(through)
        through = self.second(through)
        return functional.relu(through + (x if self.shortcut is None else self.shortcut(x)))


class Network(nn.Module):
    """Logits (n, outputs) from pictures (n, 3, side, side), 0..255."""

    def __init__(self, plan: Experiment) -> None:
        super().__init__()
        self.stem = Convolution(3, plan.stem, 3, 2)
        self.blocks = nn.ModuleList()
        before = plan.stem
        for stage, (width, count) in enumerate(plan.stages):
            for number in range(count):
                stride = 2 if stage and not number else 1
                self.blocks.append(Block(before, width, stride, plan.block_dropout))
                before = width
        self.dropout = nn.Dropout(plan.dropout)
        self.head = nn.Linear(before, plan.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """The usual."""
        x = functional.relu(self.stem(x / 127.5 - 1))
        for block in self.blocks:
            x = block(x)
        return self.head(self.dropout(x.mean((2, 3))))


def build(plan: Experiment) -> nn.Module:
    """The experiment's network, with random weights."""
    if plan.trunk == "residual":
        return Network(plan)
    from training.backbone import Backbone  # noqa: PLC0415 - which needs this module

    return Backbone(plan)


def save_keras(network: nn.Module, plan: Experiment, path: Path) -> None:
    """Write the same network as a Keras model: logits from pictures (n, side, side, 3), 0..255.

    In a process of its own, for TensorFlow and tflite-runtime do not share one.
    """
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(_save_keras, weights, plan, path).result()


def _save_keras(weights: dict[str, Any], plan: Experiment, path: Path) -> None:
    network = build(plan)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    to_keras(network, plan).save(path)


def to_keras(network: nn.Module, plan: Trunk) -> Any:  # noqa: ANN401 - keras has no types
    """The same network in Keras; TensorFlow and tflite-runtime do not share a process."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras  # noqa: PLC0415 - slow, and not wanted while PyTorch trains
    from keras import layers  # noqa: PLC0415

    pictures = layers.Input((plan.side, plan.side, 3), name="pictures")
    x = layers.Rescaling(1 / 127.5, -1.0)(pictures)
    if isinstance(network, Network):
        x = layers.ReLU()(keras_convolution(x, network.stem))
        for block in network.blocks:
            through = layers.ReLU()(keras_convolution(x, block.first))
            through = keras_convolution(through, block.second)
            if block.shortcut is not None:
                x = keras_convolution(x, block.shortcut)
            x = layers.ReLU()(layers.Add()([through, x]))
    else:
        for convolution in network.convolutions:
            x = layers.ReLU(6.0)(keras_convolution(x, convolution))
    x = layers.Dropout(plan.dropout)(layers.GlobalAveragePooling2D()(x))
    head = layers.Dense(plan.outputs, name="head")
    model = keras.Model(pictures, head(x), name=plan.task)
    head.set_weights([_array(network.head.weight).T, _array(network.head.bias)])
    return model


def keras_convolution(x: Any, twin: Convolution) -> Any:  # noqa: ANN401
    """What a convolution with its normalization makes of a Keras tensor."""
    from keras import layers  # noqa: PLC0415 - see to_keras

    conv, norm = twin.conv, twin.norm
    x = keras_layer(x, _array(conv.weight), conv)
    normalization = layers.BatchNormalization(epsilon=EPSILON)
    x = normalization(x)
    normalization.set_weights(
        [_array(v) for v in (norm.weight, norm.bias, norm.running_mean, norm.running_var)]
    )
    return x


def keras_layer(x: Any, weight: Weight, twin: nn.Conv2d, bias: Weight | None = None) -> Any:  # noqa: ANN401
    """What a convolution with `weight` (outputs, inputs, k, k) makes of a Keras tensor, one
    picture a channel where the twin has as many groups."""
    from keras import layers  # noqa: PLC0415 - see to_keras

    figures = {"strides": twin.stride, "padding": "same", "use_bias": bias is not None}
    if twin.groups > 1:
        layer = layers.DepthwiseConv2D(weight.shape[2], **figures)
        weight = weight.transpose(2, 3, 0, 1)
    else:
        layer = layers.Conv2D(len(weight), weight.shape[2], **figures)
        weight = weight.transpose(2, 3, 1, 0)
    x = layer(x)
    layer.set_weights([weight] if bias is None else [weight, bias])
    return x


def _array(values: Tensor) -> Weight:
    return values.detach().float().numpy()
