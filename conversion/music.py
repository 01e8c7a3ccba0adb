"""From the weights of PyPI's `musicnn` to music.tflite with its sidecar, or a reason why not.

The network is that of J. Pons & X. Serra, "musicnn: pre-trained convolutional neural networks for
music audio tagging" (2019): tall and wide filters over a mel spectrogram, three layers over time,
pooling, two dense layers; MSD_musicnn learned 50 tags of Last.fm's on the Million Song Dataset.
Neither the package nor librosa is imported: the checkpoint's variables are all that is taken.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from conversion.convert import ConversionError
from device.inference import available_runtimes
from device.music.decode import decode
from device.music.listen.spectrum import (
    FFT,
    HOP,
    MELS,
    MONO_RATE,
    Frames,
    Mono,
    log_mel,
    magnitudes,
)
from device.music.listen.tagger import NAME, PATCH, MusicSidecar, Tagger

Floats = npt.NDArray[np.float32]

CHECKPOINT = "MSD_musicnn"
LABELS = [
    *("rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s"),
    *("alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists"),
    *("classic rock", "soul", "indie rock", "Mellow", "electronica", "80s", "folk", "90s", "chill"),
    *("instrumental", "punk", "oldies", "blues", "hard rock", "ambient", "acoustic"),
    *("experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country"),
    *("easy listening", "sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock"),
    *("60s", "rnb", "indie pop", "sad", "House", "happy"),
]
"""In the order of the checkpoint's outputs, as the package's own configuration lists them."""
EPSILON = 1e-3
"""Of TF1's batch normalization."""
FLOORS = {"correlation": 0.95, "top5_overlap": 0.80}
"""Least parity of the int8 file with the original float graph on real music: mean correlation over
the tags of a patch of 3 s, share of the five likeliest tags that are the same. 0.98 was aimed at
and not reached."""
MOST_DIFFERENCE = 0.03
"""Largest mean absolute difference of probabilities there."""
FLOAT_OPS = ["MEAN", "REDUCE_MAX", "FULLY_CONNECTED", "ADD", "MUL"]
"""Operations of TFLite that are not quantized: pooling over time, the two dense layers and the
normalizations, 0.3 M of the 1,350 M multiply-adds. A mean over three seconds hardly differs from
piece to piece, by a step or two of eight bits: with everything in int8 the correlation with the
original was 0.84."""
LEAST_SCALE = 0.03
"""Of a tensor's largest channel: what hardly ever speaks is not blown up."""
REBUILT = 1e-3
"""Most that the rebuilt float network may differ from the original graph, in logits."""


class Made(NamedTuple):
    """The file, and what the original graph and the rebuilt network say of the checked patches:
    logits (count, tags)."""

    content: bytes
    original: Floats
    rebuilt: Floats


def convert_music(weights: Path, music: Path, models: Path) -> MusicSidecar:
    """Rebuild, compare, quantize, compare; write the model if it reaches its floors.

    `weights`: the folder that the wheel was unpacked into, or its `musicnn`. `music`: a folder
    with sound files, for ranges and comparison (two halves of each piece).
    """
    folder = next(
        (place for place in (weights / "musicnn", weights) if (place / CHECKPOINT).is_dir()), None
    )
    if folder is None:
        raise ConversionError(
            f"{weights} holds no {CHECKPOINT}: `pip download --no-deps musicnn`, then unzip the "
            "wheel there"
        )
    checked, calibration, real = patches(music)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        made = pool.submit(_make, folder / CHECKPOINT, calibration, checked).result()
    difference = float(np.abs(made.original - made.rebuilt).max())
    if difference > REBUILT:
        raise ConversionError(f"the rebuilt network differs from the original by {difference:.4f}")
    sidecar = _describe(made.content, difference)
    with tempfile.TemporaryDirectory() as name:
        _write(Path(name), made.content, sidecar)
        said = {
            runtime: np.stack([Tagger(Path(name), runtime=runtime).logits(x) for x in checked])
            for runtime in available_runtimes()
        }
    for runtime, logits in said.items():
        figures = parity(made.original[:real], logits[:real])
        sidecar.metrics[f"parity, {runtime}"] = figures
        sidecar.metrics[f"parity on sines and noise, {runtime}"] = parity(
            made.original[real:], logits[real:]
        )
        refuse(runtime, figures)
    _write(models, made.content, sidecar)
    return sidecar


def refuse(runtime: str, figures: dict[str, float]) -> None:
    """ConversionError where the int8 file is too far from the original."""
    short = [
        f"{name} {figures[name]:.3f} < {floor}"
        for name, floor in FLOORS.items()
        if figures[name] < floor
    ]
    if figures["mean_absolute_difference"] > MOST_DIFFERENCE:
        short.append(f"difference {figures['mean_absolute_difference']:.4f} > {MOST_DIFFERENCE}")
    if short:
        raise ConversionError(f"int8 on {runtime} is no match for the original: {', '.join(short)}")


def parity(original: Floats, converted: Floats) -> dict[str, float]:
    """How near two networks are, from logits (count, tags)."""
    one, other = (1 / (1 + np.exp(-x.astype(np.float64))) for x in (original, converted))
    correlations = [np.corrcoef(a, b)[0, 1] for a, b in zip(one, other, strict=True)]
    of_tags = [
        np.corrcoef(original[:, tag], converted[:, tag])[0, 1] for tag in range(one.shape[1])
    ]
    tops = [
        len(set(np.argsort(a)[-5:]) & set(np.argsort(b)[-5:])) / 5
        for a, b in zip(one, other, strict=True)
    ]
    return {
        "patches": len(one),
        "correlation": round(float(np.mean(correlations)), 4),
        "correlation_of_a_tag_median": round(float(np.median(of_tags)), 4),
        "correlation_of_a_tag_least": round(float(np.min(of_tags)), 4),
        "mean_absolute_difference": round(float(np.abs(one - other).mean()), 5),
        "greatest_difference": round(float(np.abs(one - other).max()), 4),
        "top5_overlap": round(float(np.mean(tops)), 4),
    }


def patches(music: Path) -> tuple[Floats, Floats, int]:
    """Patches to compare on and, from other moments of the same pieces, to take ranges from,
    shape (count, PATCH, MELS); how many of the first are music, the rest are sines and noise."""
    checked, calibration = [], []
    files = sorted(path for path in music.rglob("*") if path.suffix in (".ogg", ".mp3", ".flac"))
    if not files:
        raise ConversionError(f"{music} holds no .ogg, .mp3 or .flac to compare on")
    for path in files:
        mels = _mels(str(path))
        whole = mels[: len(mels) // PATCH * PATCH].reshape(-1, PATCH, MELS)
        checked.append(whole[1::6])
        calibration.append(whole[::6])
    rng = np.random.default_rng(1)
    time = np.arange(PATCH * HOP + FFT) / MONO_RATE
    made = [
        *(0.3 * np.sin(2 * np.pi * hertz * time) for hertz in (110, 440, 1760, 5000)),
        *(level * rng.standard_normal(len(time)) for level in (0.001, 0.03, 0.3)),
    ]
    tones = [log_mel(magnitudes(Frames(FFT, HOP).feed(x.astype(np.float32))))[:PATCH] for x in made]
    real = sum(map(len, checked))
    silence = np.zeros((1, PATCH, MELS), np.float32)
    return (
        np.concatenate([*checked, np.stack(tones)]),
        np.concatenate([*calibration, silence, np.stack(tones[-1:])]),
        real,
    )


def _mels(path: str) -> Floats:
    mono, frames = Mono(), Frames(FFT, HOP)
    parts = [log_mel(magnitudes(frames.feed(mono.feed(block)))) for block in decode(path)]
    return np.concatenate([*parts, log_mel(magnitudes(frames.feed(mono.end())))])


def _make(checkpoint: Path, calibration: Floats, checked: Floats) -> Made:
    """In a process of its own, for TensorFlow and tflite-runtime do not go together."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf  # noqa: PLC0415 - gigabytes, and see above

    original = _run_original(tf, checkpoint, checked)
    network = _Network(tf, checkpoint)
    network.equalize(calibration[..., None])
    rebuilt = np.concatenate([network(patch[None, ..., None]) for patch in checked])
    shape = tf.TensorSpec((1, PATCH, MELS, 1), tf.float32)
    concrete = tf.function(network).get_concrete_function(shape)
    return Made(_quantized(tf, concrete, calibration), original, rebuilt)


def _quantized(tf: Any, concrete: Any, calibration: Floats) -> bytes:  # noqa: ANN401 - tensorflow has no types
    """The file: int8 convolutions; the few operations of FLOAT_OPS, input and output stay float."""
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([x[None, :, :, None]] for x in calibration)
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter,
        debug_dataset=converter.representative_dataset,
        debug_options=tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=FLOAT_OPS),
    )
    return bytes(debugger.get_nondebug_quantized_model())


def _run_original(tf: Any, checkpoint: Path, checked: Floats) -> Floats:  # noqa: ANN401 - tensorflow has no types
    """Logits of the graph that the checkpoint was saved with, its variables made constants.

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


class _Network:
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


def _describe(content: bytes, rebuilt: float) -> MusicSidecar:
    return MusicSidecar(
        task=NAME,
        labels=LABELS,
        input={
            "shape": [1, PATCH, MELS, 1],
            "sample_rate": MONO_RATE,
            "fft": FFT,
            "hop": HOP,
            "mels": MELS,
            "values": "log10(10000 x + 1) of the mel power, Slaney's scale and norm",
        },
        quantization="int8 convolutions, weights per channel (99.9 % of the multiply-adds); float "
        "input, normalizations, pooling over time, dense layers and output",
        sha256=hashlib.sha256(content).hexdigest(),
        licence="ISC: Copyright (c) Music Technology Group, Universitat Pompeu Fabra 2019. Code "
        "developed by Jordi Pons. Permission to use, copy, modify, and/or distribute this "
        "software for any purpose with or without fee is hereby granted, provided that the above "
        "copyright notice and this permission notice appear in all copies. THE SOFTWARE IS "
        'PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES.',
        data={
            "name": f"{CHECKPOINT} of PyPI's musicnn 0.1.0 (Pons and Serra, 2019)",
            "train": "Million Song Dataset with Last.fm's 50 most used tags, by its authors",
        },
        metrics={
            "bytes": len(content),
            "rebuilt float network, greatest difference of a logit": round(rebuilt, 6),
            "published area under the ROC curve, float": 0.8802,
        },
        intended_use="tags that help to choose music by mood at home; they err, most of all on "
        "music unlike Western pop",
    )


def _write(folder: Path, content: bytes, sidecar: MusicSidecar) -> None:
    """Both whole before the first is renamed."""
    text = msgspec.json.format(msgspec.json.encode(sidecar), indent=2) + b"\n"
    for suffix, data in ((".tflite", content), (".json", text)):
        (folder / f"{NAME}{suffix}.part").write_bytes(data)
    for suffix in (".tflite", ".json"):
        (folder / f"{NAME}{suffix}.part").replace(folder / f"{NAME}{suffix}")
