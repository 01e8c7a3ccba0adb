"""Weights to train on, from a model's file: where a training's own checkpoints are gone.

The file holds each convolution's weights in eight bits, batch normalization folded in. What is
made of them finds what the file finds; the optimizer's state and the ninth bit are lost.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from device.vision.detect import CLOSER, FIRST
from device.vision.runtime import available_runtimes
from training.data import DataError
from training.detector.augment import show
from training.detector.labels import SURE
from training.detector.loop import load
from training.detector.network import DetectorNetwork
from training.detector.plan import CloserPlan, DetectorPlan
from training.loop import save
from training.network import Convolution
from training.source import digest_of_file

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from training.detector.labels import Source
    from training.detector.loop import Labelled

    Floats = npt.NDArray[np.float32]

PLANS: dict[str, DetectorPlan] = {FIRST: DetectorPlan(), CLOSER: CloserPlan()}
PICTURES = 64
"""So many pictures say how each channel's numbers spread, which training goes on from."""
LEAST_VARIANCE = 1e-4
"""Of a channel that is silent in all of them."""


class Kernel(NamedTuple):
    """A convolution's weights (outputs, height, width, inputs) and bias (outputs)."""

    weights: Floats
    bias: Floats


def restore(model: Path, source: Source, folder: Path) -> Path:
    """Write best.pt and experiment.json of a run that `model`, face.tflite or face-closer.tflite,
    may be converted from, or another one start from. Returns best.pt."""
    plan = PLANS.get(model.stem)
    if plan is None:
        raise DataError(f"{model} is no {FIRST}.tflite or {CLOSER}.tflite: others start anew")
    found = kernels(model)
    shown = pictures(model.stem, load(source, "train"), plan)
    network = fill(DetectorNetwork(plan), found, shown)
    folder.mkdir(parents=True, exist_ok=True)
    start = f"{model.name} {digest_of_file(model)[:12]}"
    record = {"start": start, **dataclasses.asdict(plan)}
    (folder / "experiment.json").write_text(json.dumps(record, indent=2) + "\n")
    save(folder / "best.pt", {"network": network.state_dict()})
    return folder / "best.pt"


def kernels(model: Path) -> list[Kernel]:
    """The convolutions of a file, in the order that they are computed in."""
    if not model.is_file():
        raise DataError(f"{model} is missing")
    interpreter = _interpreter(model)
    interpreter.allocate_tensors()
    details = {each["index"]: each for each in interpreter.get_tensor_details()}

    def real(tensor: int) -> Floats:
        scales = details[tensor]["quantization_parameters"]["scales"]
        values = interpreter.get_tensor(tensor).astype(np.float64)
        return np.asarray(values * scales.reshape(-1, *[1] * (values.ndim - 1)), np.float32)

    # Which tensors an operation takes is told by this method alone; both runtimes have it.
    operations = interpreter._get_ops_details()  # noqa: SLF001
    found = [
        Kernel(*(real(int(tensor)) for tensor in each["inputs"][1:3]))
        for each in operations
        if each["op_name"] == "CONV_2D"
    ]
    # The file's first one takes pixels less 128, the network's pixels / 127.5 - 1.
    first = found[0]
    bias = first.bias - 0.5 * first.weights.sum((1, 2, 3))
    return [Kernel(first.weights * 127.5, bias), *found[1:]]


def _interpreter(model: Path) -> Any:  # noqa: ANN401 - of either runtime
    if "litert" in available_runtimes():
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - one of two
    else:
        from tflite_runtime.interpreter import Interpreter  # noqa: PLC0415
    return Interpreter(str(model))


def pictures(name: str, learned: Labelled, plan: DetectorPlan) -> Tensor:
    """(n, 3, height, width) of what the network of that name is shown, from the first photos."""
    shown = []
    for image, faces in zip(learned.images, learned.faces, strict=True):
        if name == CLOSER:
            shown += [show(image, face[1:5]) for face in faces if face[0] >= SURE]
        else:
            view = np.zeros((plan.longer_side, plan.longer_side, 3), np.uint8)
            part = image[: plan.longer_side, : plan.longer_side, ::-1]
            view[: part.shape[0], : part.shape[1]] = part
            shown.append(view)
        if len(shown) >= PICTURES:
            break
    if not shown:
        raise DataError("the teacher is sure of no face in these photos: give others")
    return torch.from_numpy(np.stack(shown[:PICTURES])).permute(0, 3, 1, 2).float()


def fill(network: DetectorNetwork, found: list[Kernel], shown: Tensor) -> DetectorNetwork:
    """The network with these weights. Normalization takes mean and variance of `shown`, and gives
    them back, so that it changes nothing but can learn on."""
    left = list(found)

    def take(convolution: nn.Conv2d) -> Tensor:
        """Put the first weights left of its shape into a convolution; their bias."""
        n, c, h, w = convolution.weight.shape
        place = next((i for i, k in enumerate(left) if k.weights.shape == (n, h, w, c)), None)
        if place is None:
            raise DataError("this file is of another network than this version's detector")
        kernel = left.pop(place)
        convolution.weight.copy_(torch.from_numpy(kernel.weights.copy()).permute(0, 3, 1, 2))
        return torch.from_numpy(kernel.bias.copy())

    def plain(convolution: nn.Conv2d, _: object) -> None:
        convolution.bias = nn.Parameter(take(convolution))

    def normalized(module: Convolution, given: tuple[Tensor]) -> None:
        bias, norm = take(module.conv), module.norm
        norm.running_mean, norm.running_var = torch.zeros_like(bias), torch.ones_like(bias)
        norm.weight.fill_((1.0 + norm.eps) ** 0.5)
        norm.bias.zero_()
        # Not by a call of the module, which would come here again.
        said = Convolution.forward(module, *given)
        variance, mean = torch.var_mean(said, (0, 2, 3), unbiased=False)
        variance = variance.clamp(min=LEAST_VARIANCE)
        norm.running_mean, norm.running_var = mean, variance
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(mean + bias)

    hooks = [
        module.register_forward_pre_hook(normalized)
        for module in network.modules()
        if isinstance(module, Convolution)
    ]
    hooks += [
        module.register_forward_pre_hook(plain)
        for level in network.levels
        for module in (level.score, level.places)
    ]
    with torch.no_grad():
        network.eval()(shown)
    for hook in hooks:
        hook.remove()
    if left:
        raise DataError("this file is of another network than this version's detector")
    return network
