"""The network: the detector's first layers on a close crop, and where the eyes are in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from device.vision.runtime import CropSpec, InputSpec, Sidecar
from training.detector.network import Stage
from training.network import Convolution, keras_convolution

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from device.vision.runtime import Model, Output
    from training.eyes.plan import EyePlan

POINTS, EYES = 5, 2
"""Points that are learned, and those of them that the device is told, which come first."""
LABELS = ("left eye, x", "left eye, y", "right eye, x", "right eye, y")


class EyeNetwork(nn.Module):
    """How far five points (eyes, nose, corners of the mouth) lie from where they usually are
    (n, 5, 2), in distances of the eyes, from crops (n, 3, side, side), 0..255."""

    def __init__(self, plan: EyePlan) -> None:
        super().__init__()
        first, second = plan.stem
        self.stem = nn.ModuleList([Convolution(3, first, 3, 2), Convolution(first, second, 3, 2)])
        widths = (second, *plan.stages)
        self.stages = nn.ModuleList(
            Stage(widths[n], widths[n + 1], depth) for n, depth in enumerate(plan.depths)
        )
        self.dropout = nn.Dropout(plan.dropout)
        cells = [(plan.side // stride) ** 2 for stride in (8, 16)]
        seen = sum(count * width for count, width in zip(cells, plan.stages, strict=True))
        self.head = nn.Linear(seen, 2 * POINTS)
        nn.init.normal_(self.head.weight, std=1e-3)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        """The usual."""
        x = x / 127.5 - 1
        for convolution in self.stem:
            x = functional.relu(convolution(x))
        seen = []
        for stage in self.stages:
            x = stage(x)
            # Channels last, as TensorFlow flattens.
            seen.append(x.permute(0, 2, 3, 1).flatten(1))
        return self.head(self.dropout(torch.cat(seen, 1))).view(-1, POINTS, 2)

    def start_from(self, detector: Path) -> None:
        """Take the weights of the detector's layers that are the same."""
        weights: dict[str, Any] = torch.load(detector, map_location="cpu")["network"]
        own = self.state_dict()
        same = {k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}
        self.load_state_dict(own | same)


def as_model(network: EyeNetwork, plan: EyePlan) -> Model:
    """The float network as an `EyeFinder` takes it."""
    return cast("Model", _FloatModel(network, plan))


class _FloatModel:
    def __init__(self, network: EyeNetwork, plan: EyePlan) -> None:
        self._network = network.eval()
        self.size = plan.side
        self.sidecar = Sidecar(
            task="eyes",
            labels=list(LABELS),
            input=InputSpec(shape=(1, plan.side, plan.side, 3)),
            quantization="none",
            sha256="",
            licence="",
            crop=CropSpec(zoom=plan.zoom),
        )

    def run(self, image: npt.NDArray[np.uint8]) -> list[Output]:
        """Both eyes' x and y (4), as the file gives them, of an RGB crop."""
        picture = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
        with torch.no_grad():
            said = self._network(picture.to(self._network.head.weight.device))
        return [said[0, :EYES].flatten().cpu().numpy()]


def to_keras(network: EyeNetwork, plan: EyePlan) -> Any:  # noqa: ANN401 - keras has no types
    """The same network in Keras, of which only the eyes are kept: (n, 4) from crops
    (n, side, side, 3), 0..255.

    TensorFlow and tflite-runtime do not share a process: call it in one of its own.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras  # noqa: PLC0415 - slow, and not wanted while PyTorch trains
    from keras import layers  # noqa: PLC0415

    crops = layers.Input((plan.side, plan.side, 3), name="crops")
    x = layers.Rescaling(1 / 127.5, -1.0)(crops)
    for twin in network.stem:
        x = layers.ReLU()(keras_convolution(x, twin))
    seen = []
    for stage in network.stages:
        for block in stage:
            through = layers.ReLU()(keras_convolution(x, block.first))
            through = keras_convolution(through, block.second)
            if block.shortcut is not None:
                x = keras_convolution(x, block.shortcut)
            x = layers.ReLU()(layers.Add()([through, x]))
        seen.append(layers.Flatten()(x))
    head = layers.Dense(2 * EYES, name="eyes")
    model = keras.Model(crops, head(layers.Concatenate()(seen)), name="eyes")
    weight, bias = (v.detach().float().numpy() for v in (network.head.weight, network.head.bias))
    head.set_weights([weight[: 2 * EYES].T, bias[: 2 * EYES]])
    return model
