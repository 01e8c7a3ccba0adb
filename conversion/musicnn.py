"""The network of PyPI's `musicnn`, as its checkpoint was saved, and rebuilt for int8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

EPSILON = 1e-3
"""Of TF1's batch normalization."""
LEAST_SCALE = 0.03
"""Of a tensor's largest channel: what hardly ever speaks is not blown up."""


def run_original(tf: Any, checkpoint: Path, checked: Floats) -> Floats:  # noqa: ANN401 - tensorflow has no types
    """Logits (count, tags) of the graph that the checkpoint was saved with, its variables made
    constants, for spectra (count, PATCH, MELS).

    What only learning needed is cut off: today's TensorFlow no longer reads those gradients.
    """
    v1 = tf.compat.v1
    meta = v1.MetaGraphDef()
    meta.ParseFromString((checkpoint / ".meta").read_bytes())
    nodes = meta.graph_def.node
    last = next(node.name for node in nodes if node.name.endswith("dense_1/BiasAdd"))
    cut = v1.graph_util.extract_sub_graph(meta.graph_def, [last])
    reader = v1.train.NewCheckpointReader(f"{checkpoint}/")
    for node in cut.node:
        for name in ("_output_shapes", "_class"):
            node.attr.pop(name, None)
        if node.op == "VariableV2":
            value = reader.get_tensor(node.name)
            node.op = "Const"
            node.attr.clear()
            node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    with tf.Graph().as_default() as graph, v1.Session() as session:
        tf.import_graph_def(cut, name="")
        holes = [op.outputs[0] for op in graph.get_operations() if op.type == "Placeholder"]
        spectra = next(each for each in holes if each.dtype == tf.float32)
        training = next(each for each in holes if each.dtype == tf.bool)
        feeds = ({spectra: patch[None], training: False} for patch in checked)
        return np.concatenate([session.run(f"{last}:0", feed) for feed in feeds])


class Network:
    """The network as a function of spectra (count, PATCH, MELS, 1), for inference alone.

    int8 has one scale for all channels of a tensor, and the channels here differ a hundredfold.
    Each is therefore divided by the most that it was seen to be, and what reads it multiplies it
    into its weights, which changes nothing in exact arithmetic (M. Nagel et al., "Data-free
    quantization through weight equalization and bias correction", ICCV 2019). Batch normalization
    becomes part of the layer that follows where that is linear.
    """

    def __init__(self, tf: Any, checkpoint: Path) -> None:  # noqa: ANN401 - tensorflow has no types
        self._tf = tf
        self._reader = tf.compat.v1.train.NewCheckpointReader(f"{checkpoint}/")
        names = self._reader.get_variable_to_shape_map()
        last = "dense_1/kernel"
        self._prefix = next(name for name in names if name.endswith(last)).removesuffix(last)
        self.scales: dict[str, Floats] = {}
        self._seen: dict[str, Floats] | None = None

    def equalize(self, spectra: Floats) -> None:
        """Take the channels' scales from what they are for these spectra (count, …, 1)."""
        self._seen = {}
        for start in range(0, len(spectra), 8):
            self(spectra[start : start + 8])
        self.scales = {
            name: np.maximum(most, LEAST_SCALE * most.max()) for name, most in self._seen.items()
        }
        self._seen = None

    def __call__(self, x: Any) -> Any:  # noqa: ANN401
        """Logits (count, tags)."""
        tf, take = self._tf, self._take
        gain, shift = self._norm(0)
        x = x * gain + shift
        front = [self._layer(self._pad(x), n, "VALID", f"front{n}") for n in (0, 1)]
        front += [self._layer(x, n, "SAME", f"front{n}") for n in (2, 3, 4)]
        features = tf.transpose(tf.concat(front, 3), (0, 1, 3, 2))
        of_front = np.concatenate([self._scale(f"front{n}", y) for n, y in enumerate(front)])
        of_mid = self.scales.get("mid", np.ones(64, np.float32))
        one = self._across(features, 5, of_front)
        two = self._across(self._turned(one), 6, of_mid) + one
        three = self._across(self._turned(two), 7, of_mid) + two
        self._see("mid", tf.concat([one, two, three], 1))
        both = tf.squeeze(tf.concat([*front, one, two, three], 3), 2)
        scale = np.concatenate([of_front, of_mid, of_mid, of_mid])
        gain, shift = self._norm(9)
        kernel = take("dense/kernel")
        bias = take("dense/bias") + shift @ kernel
        kernel = kernel * (gain * np.repeat(scale, 2))[:, None]
        unit = self.scales.get("dense", np.ones(kernel.shape[1], np.float32))
        highest, mean = tf.reduce_max(both, 1), tf.reduce_mean(both, 1)
        dense = tf.nn.relu(
            highest @ (kernel[::2] / unit) + (mean @ (kernel[1::2] / unit) + bias / unit)
        )
        self._see("dense", dense)
        gain, shift = self._norm(10)
        last = take("dense_1/kernel")
        return dense @ (last * (gain * unit)[:, None]) + (shift @ last + take("dense_1/bias"))

    def _layer(self, x: Any, number: int, padding: str, out: str) -> Any:  # noqa: ANN401
        """A convolution of the front, its normalization, the highest over all mel bands."""
        y, gain, shift = self._convolved(x, number, padding, 1.0)
        if (gain > 0).all():  # then the order does not matter, and this one is cheaper
            y = self._tf.nn.max_pool2d(y, (1, y.shape[2]), 1, "VALID")
            y = y * gain + shift
        else:
            y = y * gain + shift
            y = self._tf.nn.max_pool2d(y, (1, y.shape[2]), 1, "VALID")
        self._see(out, y)
        return y

    def _across(self, x: Any, number: int, scale: Floats) -> Any:  # noqa: ANN401
        """A convolution over time, of all channels (count, time, channels, 1) at once."""
        y, gain, shift = self._convolved(self._pad(x), number, "VALID", scale[:, None, None])
        return y * gain + shift

    def _convolved(
        self,
        x: Any,  # noqa: ANN401
        number: int,
        padding: str,
        scale: Floats | float,
    ) -> tuple[Any, Floats, Floats]:
        """What ReLU leaves, and gain and shift of the normalization that follows."""
        tf, name = self._tf, "conv2d" + (f"_{number}" if number else "")
        kernel, bias = self._take(f"{name}/kernel") * scale, self._take(f"{name}/bias")
        unit = self.scales.get(name, np.ones(len(bias), np.float32))
        y = tf.nn.relu(tf.nn.conv2d(x, kernel / unit, 1, padding) + bias / unit)
        self._see(name, y)
        gain, shift = self._norm(number + 1)
        out = self.scales.get(f"front{number}" if number < 5 else "mid", np.float32(1.0))
        return y, gain * unit / out, shift / out

    def _take(self, name: str) -> Floats:
        return np.asarray(self._reader.get_tensor(self._prefix + name), np.float32)

    def _norm(self, number: int) -> tuple[Floats, Floats]:
        name = "batch_normalization" + (f"_{number}" if number else "")
        variance = self._take(f"{name}/moving_variance")
        gain = self._take(f"{name}/gamma") / np.sqrt(variance + EPSILON)
        return gain, self._take(f"{name}/beta") - self._take(f"{name}/moving_mean") * gain

    def _scale(self, name: str, y: Any) -> Floats:  # noqa: ANN401
        return self.scales.get(name, np.ones(y.shape[-1], np.float32))

    def _see(self, name: str, y: Any) -> None:  # noqa: ANN401
        """Remember the most that each channel, the last axis, was."""
        if self._seen is not None:
            most = np.abs(np.asarray(y)).reshape(-1, y.shape[-1]).max(axis=0)
            self._seen[name] = np.maximum(most, self._seen.get(name, most))

    def _pad(self, x: Any) -> Any:  # noqa: ANN401
        return self._tf.pad(x, [[0, 0], [3, 3], [0, 0], [0, 0]])

    def _turned(self, x: Any) -> Any:  # noqa: ANN401
        """Channels where the mel bands were."""
        return self._tf.transpose(x, (0, 1, 3, 2))
