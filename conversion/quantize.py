"""Keras to TFLite with everything in int8, weights per channel."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Images = npt.NDArray[np.uint8]


class Quantized(NamedTuple):
    """A converted network: the file, what the float network says of the checked images, logits
    (n, outputs) averaged over each and its mirror image, and its multiply-adds for one look."""

    content: bytes
    logits: npt.NDArray[np.float32]
    multiply_adds: int


def quantize_file(keras_file: Path, calibration: Images, checked: Images) -> Quantized:
    """Convert a Keras file, in a process of its own; `calibration` and `checked` are images
    (n, side, side, 3), RGB.

    Once TensorFlow is loaded, tflite-runtime refuses every model ("vector::reserve"): the
    process that compares the runtimes must not load it.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_quantize_file, keras_file, calibration, checked).result()


def _quantize_file(keras_file: Path, calibration: Images, checked: Images) -> Quantized:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras  # noqa: PLC0415 - see quantize_file

    import training.fake_quantize  # noqa: F401, PLC0415 - a layer that the file may hold

    model = keras.models.load_model(keras_file, compile=False)
    # Both ways, as the device's reader looks.
    ways = [model.predict(x.astype(np.float32), verbose=0) for x in (checked, checked[:, :, ::-1])]
    logits = np.asarray((ways[0] + ways[1]) / 2, np.float32)
    cost = multiply_adds(model)
    take_pixels(model)
    return Quantized(_quantize(model, calibration), logits, cost)


def take_pixels(model: Any) -> None:  # noqa: ANN401 - keras has no types
    """Let the first convolution see pixel - 128, which int8 holds exactly.

    Of pixel / 127.5 - 1 it holds no value exactly, for zero lies between two pixels, and the
    converter gave the product and the sum one range, of 1.5 times the width that either needs:
    that made a fifth of what quantization cost. At the picture's edge the padding now means 128
    instead of 127.5.
    """
    scaling, convolution, norm = (
        next((each for each in model.layers if type(each).__name__ == name), None)
        for name in ("Rescaling", "Conv2D", "BatchNormalization")
    )
    if scaling is None or convolution is None or norm is None:
        return
    if (scaling.scale, scaling.offset) == (1.0, -128.0):
        return
    (kernel,) = convolution.get_weights()
    convolution.set_weights([kernel * scaling.scale])
    gain, bias, mean, variance = norm.get_weights()
    shift = 128 * scaling.scale + scaling.offset
    norm.set_weights([gain, bias, mean - shift * kernel.sum((0, 1, 2)), variance])
    scaling.scale, scaling.offset = 1.0, -128.0


def _quantize(model: Any, calibration: Images) -> bytes:  # noqa: ANN401 - keras has no types
    """The TFLite file of a Keras model; ranges are taken from images (n, side, side, 3), or from
    the model where `training.quantized` put them into it."""
    import tensorflow as tf  # noqa: PLC0415 - see quantize_file
    from tensorflow.python.framework.convert_to_constants import (  # noqa: PLC0415
        convert_variables_to_constants_v2,
    )

    shape = (1, *calibration.shape[1:])
    traced = tf.function(lambda x: model(x, training=False))
    fixed = traced.get_concrete_function(tf.TensorSpec(shape, tf.float32))
    frozen = convert_variables_to_constants_v2(fixed)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if not any(type(layer).__name__ == "FakeQuantize" for layer in model.layers):
        converter.representative_dataset = lambda: _examples(calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def _examples(calibration: Images) -> Iterator[list[npt.NDArray[np.float32]]]:
    """The images, one with a black and a white pixel: the input's scale is to be 1 and its zero
    point -128. Whole pictures of black or white would widen ranges for nothing."""
    for number, image in enumerate(calibration):
        example = image[np.newaxis].astype(np.float32)
        if number == 0:
            example[0, 0, 0], example[0, -1, -1] = 0, 255
        yield [example]


def multiply_adds(model: Any) -> int:  # noqa: ANN401
    """Multiply-adds of one picture: convolutions and dense layers."""
    total = 0
    for layer in model.layers:
        if type(layer).__name__ in ("Conv2D", "DepthwiseConv2D"):
            _, height, width, _ = layer.output.shape
            total += int(np.prod(layer.kernel.shape)) * height * width
        elif type(layer).__name__ == "Dense":
            total += int(np.prod(layer.kernel.shape))
    return total
