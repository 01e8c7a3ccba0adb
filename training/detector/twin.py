"""A network in the place of a model, to be asked as the device asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from training.detector.network import STRIDES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from device.vision.runtime import Output
    from training.detector.network import DetectorNetwork


class FloatModel:
    """A network with what `GridDetector` asks of a model; pictures are `sides` (height, width)."""

    def __init__(self, network: DetectorNetwork, sides: tuple[int, int]) -> None:
        self._network, self.sides = network, sides

    def take(self, height: int, width: int) -> None:
        """Expect images of these sides from now on."""
        self.sides = height, width

    def run(self, image: npt.NDArray[np.uint8]) -> list[Output]:
        """Scores (rows, columns, 1) in 0..1 and places (rows, columns, 14) in 0..6 of each level,
        finest first, for an RGB image (height, width, 3), as the file gives them."""
        pictures = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
        device = next(self._network.parameters()).device
        with torch.no_grad():
            said = self._network(pictures.to(device, memory_format=torch.channels_last))
        logits, places = (each[0].cpu() for each in said)
        outputs: list[Output] = []
        at = 0
        for stride in STRIDES:
            height, width = (side // stride for side in self.sides)
            cells = slice(at, at + height * width)
            outputs.append(logits[cells].sigmoid().reshape(height, width, 1).numpy())
            outputs.append(places[cells].reshape(height, width, -1).numpy())
            at = cells.stop
        return outputs
