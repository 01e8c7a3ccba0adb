"""Fine-tuning with the rounding of int8 in the network, for models that lose by conversion.

After Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-
Only Inference" (2018): weights and activations are rounded going forward, gradients pass as if
they were not. Batch normalization is folded into the weights first, as the converter does it.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from multiprocessing import get_context
from operator import add, sub, truediv
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from tqdm import tqdm

from training.augment import augment, centre
from training.loop import load_run
from training.network import Convolution, build, keras_layer
from training.source import note_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from training.experiment import Experiment

CALIBRATION_STEPS = 20
MOMENTUM = 0.01
"""Share of each batch's extremes in a running range."""


class FakeQuantize(nn.Module):
    """Rounds activations to int8, one scale and zero point for the whole tensor.

    The range is the average of batches' extremes, which is narrower than that of all faces: what
    lies beyond is clipped. It moves in training alone, like a batch normalization's statistics.
    """

    def __init__(self, low: float = 0.0, high: float = 0.0) -> None:
        super().__init__()
        self.fixed = high > low
        self.register_buffer("ends", torch.tensor([low, high]))
        self.register_buffer("seen", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """The usual."""
        x = x.float()
        if self.training and not self.fixed:
            low, high = x.detach().aminmax()
            # The range must hold zero, for pictures are padded with it.
            extremes = torch.stack([low.clamp(max=0), high.clamp(min=0)])
            self.seen += 1
            self.ends.lerp_(extremes, max(MOMENTUM, 1 / int(self.seen)))
        low, high = self.ends
        scale = ((high - low) / 255).clamp(min=1e-9)
        zero = (-128 - low / scale).round().clamp(-128, 127).int()
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, -128, 127)


class Folded(nn.Module):
    """A convolution with its batch normalization folded in, its weights rounded per channel."""

    def __init__(self, twin: Convolution) -> None:
        super().__init__()
        norm = twin.norm
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        self.weight = nn.Parameter((twin.conv.weight * gain[:, None, None, None]).detach())
        self.bias = nn.Parameter((norm.bias - norm.running_mean * gain).detach())
        self.stride, self.padding, self.halves = twin.conv.stride, twin.conv.padding, twin.halves
        self.groups = twin.conv.groups
        # Apart from the weights, lest a first layer that sees pixels learn at 100 times the pace.
        self.divisor = 1.0

    def kernel(self) -> Tensor:
        """The rounded weights."""
        return rounded(self.weight) / self.divisor

    def forward(self, x: Tensor) -> Tensor:
        """The usual."""
        if self.halves:  # see training.network.Convolution
            odd = x.shape[-1] % 2
            x = functional.pad(x, (odd, 1, odd, 1))
        return functional.conv2d(
            x, self.kernel(), self.bias, self.stride, self.padding, groups=self.groups
        )


class FoldedLinear(nn.Linear):
    """A dense layer, its weights rounded per output."""

    def kernel(self) -> Tensor:
        """The rounded weights."""
        return rounded(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """The usual."""
        return functional.linear(x, self.kernel(), self.bias)


def rounded(weight: Tensor) -> Tensor:
    """Weights as int8 holds them: symmetric, -127..127, a scale for each output channel."""
    scale = weight.detach().flatten(1).abs().amax(1).clamp(min=1e-9) / 127
    zeros = torch.zeros(len(scale), dtype=torch.int32, device=scale.device)
    return torch.fake_quantize_per_channel_affine(weight, scale, zeros, 0, -127, 127)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, name: str) -> bool:
        return isinstance(m, Convolution) or super().is_leaf_module(m, name)


def quantized(network: nn.Module) -> fx.GraphModule:
    """A network of convolutions, additions and ReLU as int8 computes it, its weights its own.

    Each tensor that TFLite keeps is rounded: not those before a ReLU, which it fuses.
    """
    module = fx.GraphModule(network, _Tracer().trace(network))
    for name, part in list(module.named_modules()):
        if isinstance(part, Convolution):
            module.set_submodule(name, Folded(part))
        elif isinstance(part, nn.Linear):
            dense = FoldedLinear(part.in_features, part.out_features)
            dense.load_state_dict(part.state_dict())
            module.set_submodule(name, dense)
        elif isinstance(part, nn.Dropout):
            part.p = 0.0  # rounding is noise enough
    _take_pixels(module)
    for number, node in enumerate(_kept(module)):
        name = f"range{number}"
        pixels = node.op == "placeholder"
        centred = node.target is sub
        module.add_submodule(
            name,
            FakeQuantize(0, 255)
            if pixels
            else FakeQuantize(-128, 127)
            if centred
            else FakeQuantize(),
        )
        with module.graph.inserting_after(node):
            after = module.graph.call_module(name, (node,))
        node.replace_all_uses_with(
            after, delete_user_cb=lambda user, after=after: user is not after
        )
    module.recompile()
    return module


def _take_pixels(module: fx.GraphModule) -> None:
    """Let the first convolution see pixel - 128, which int8 holds exactly.

    Of pixel / 127.5 - 1 it holds no value exactly, for zero lies between two pixels: that alone
    made a fifth of what quantization cost.
    """
    pixels = next(node for node in module.graph.nodes if node.op == "placeholder")
    (divided,) = pixels.users
    (shifted,) = divided.users
    (stem_node,) = shifted.users
    if (divided.target, shifted.target) != (truediv, sub):
        raise ValueError(f"the network starts with {divided} and {shifted}, not pixel / a - b")
    by, less = float(divided.args[1]), float(shifted.args[1])
    stem = module.get_submodule(str(stem_node.target))
    with torch.no_grad():
        # x / by - less = ((x - 128) + 128 - less * by) / by
        stem.bias += stem.weight.sum((1, 2, 3)) * (128 / by - less)
    stem.divisor = by
    shifted.args = (pixels, 128.0)
    module.graph.erase_node(divided)


def _kept(module: fx.GraphModule) -> Iterator[fx.Node]:
    """The nodes whose results TFLite keeps in int8."""
    for node in list(module.graph.nodes):
        computed = node.op in ("call_function", "call_method") or (
            node.op == "call_module"
            and isinstance(module.get_submodule(str(node.target)), Folded | FoldedLinear)
        )
        fused = {user.target for user in node.users} <= {functional.relu, functional.relu6}
        if node.op == "placeholder" or (computed and not fused):
            yield node


class Tuning(NamedTuple):
    """A short run at a low rate: the weights only have to find a rounder place nearby."""

    epochs: int
    peak_rate: float


def fine_tune(run: Path, images: Tensor, *, epochs: int = 3, peak_rate: float = 1e-5) -> Path:
    """Fine-tune a run's best network on training crops (n, canvas, canvas, 3), to say rounded what
    it says unrounded; returns the Keras model's file, beside the run's own. Beside it is the digest
    of the weights that it was made of, in NAME.sha256.

    The network is its own teacher: what is to be lost is the difference, however the network came
    to say what it says. The model carries its ranges, which conversion takes as they are.
    """
    plan, teacher = load_run(run)
    torch.manual_seed(plan.seed)
    module = quantized(deepcopy(teacher)).to(memory_format=torch.channels_last)
    calibrate(module, plan, images)
    tuning = Tuning(epochs, peak_rate)
    for epoch, loss in enumerate(losses(module, teacher, plan, images, tuning)):
        tqdm.write(f"epoch {epoch + 1}: divergence {loss:.5f}")
    torch.save(module.state_dict(), run / f"{plan.task}-rounded.pt")
    path = run / f"{plan.task}-rounded.keras"
    save_keras(module, plan, path)
    note_source(path, run / "best.pt")
    return path


@torch.no_grad()
def calibrate(module: fx.GraphModule, plan: Experiment, images: Tensor) -> None:
    """Take ranges from plain training faces."""
    module.train()
    rng = torch.Generator().manual_seed(plan.seed)
    rows = torch.randperm(len(images), generator=rng)[: CALIBRATION_STEPS * plan.batch]
    for some in rows.split(plan.batch):
        module(centre(images[some], plan))


def losses(
    module: fx.GraphModule,
    teacher: nn.Module,
    plan: Experiment,
    images: Tensor,
    tuning: Tuning,
) -> Iterator[float]:
    """Train; each epoch's mean divergence (Kullback and Leibler's) from what the teacher says."""
    epochs, peak_rate = tuning
    rng = torch.Generator().manual_seed(plan.seed)
    steps = len(images) // plan.batch
    optimizer = torch.optim.AdamW(module.parameters(), lr=peak_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peak_rate, epochs * steps, cycle_momentum=False
    )
    for epoch in range(epochs):
        module.train()
        total = 0.0
        order = torch.randperm(len(images), generator=rng)
        for rows in tqdm(
            order[: steps * plan.batch].split(plan.batch),
            f"rounding {epoch + 1}/{epochs}",
            mininterval=2,
        ):
            pictures = augment(images[rows], plan, rng)
            pictures = pictures.contiguous(memory_format=torch.channels_last)
            loss = divergence(module(pictures), _said(teacher, pictures))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        yield total / steps


@torch.no_grad()
def _said(teacher: nn.Module, pictures: Tensor) -> Tensor:
    return teacher(pictures)


def divergence(logits: Tensor, wanted: Tensor) -> Tensor:
    """Of what logits (n, outputs) say from what wanted ones do."""
    said, truth = logits.log_softmax(1), wanted.log_softmax(1)
    return functional.kl_div(said, truth, reduction="batchmean", log_target=True)


def save_keras(module: fx.GraphModule, plan: Experiment, path: Path) -> None:
    """Write a quantized module as a Keras model, in a process of its own; see training.network."""
    weights = {name: value.cpu().numpy() for name, value in module.state_dict().items()}
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(_save_keras, weights, plan, path).result()


def _save_keras(weights: dict[str, Any], plan: Experiment, path: Path) -> None:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras  # noqa: PLC0415 - see training.network

    module = quantized(build(plan).eval())
    module.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    pictures = keras.Input((plan.side, plan.side, 3), name="pictures")
    with torch.no_grad():
        keras.Model(pictures, _KerasTwin(module).run(pictures), name=plan.task).save(path)


class _KerasTwin(fx.Interpreter):
    """Runs a quantized module's graph on Keras tensors, so that its twin is built on the way."""

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:  # noqa: ANN401, ARG002
        from keras import layers  # noqa: PLC0415

        from training.fake_quantize import FakeQuantize as Rounding  # noqa: PLC0415

        part = self.fetch_attr(target)
        if isinstance(part, FakeQuantize):
            return Rounding(*map(float, part.ends), name=target)(*args)
        if isinstance(part, nn.Dropout):
            return args[0]
        weight, bias = part.kernel().numpy(), part.bias.numpy()
        if isinstance(part, Folded):
            return keras_layer(args[0], weight, part, bias)
        layer = layers.Dense(len(weight))
        made = layer(*args)
        layer.set_weights([weight.T, bias])
        return made

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:  # noqa: ANN401, ARG002
        from keras import layers  # noqa: PLC0415

        if target is sub:
            return layers.Rescaling(1.0, -args[1])(args[0])
        if target in (functional.relu, functional.relu6):
            return layers.ReLU(6.0 if target is functional.relu6 else None)(args[0])
        if target is add:
            return layers.Add()(list(args))
        raise ValueError(f"the network computes {target}, which has no twin in Keras here")

    def call_method(self, target: Any, args: Any, kwargs: Any) -> Any:  # noqa: ANN401, ARG002
        from keras import layers  # noqa: PLC0415

        if target != "mean":
            raise ValueError(f"the network calls {target}, which has no twin in Keras here")
        return layers.GlobalAveragePooling2D()(args[0])
