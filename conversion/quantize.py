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
    """A converted network: the file, what the float network says of the checked images, and its
    multiply-adds."""

    content: bytes
    logits: npt.NDArray[np.float32]
    multiply_adds: int


def quantize_file(keras_file: Path, calibration: Images, checked: Images) -> Quantized:
    """Convert a Keras file, in a process of its own.

    Once TensorFlow is loaded, tflite-runtime refuses every model ("vector::reserve"): the
    process that compares the runtimes must not load it.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_quantize_file, keras_file, calibration, checked).result()


def _quantize_file(keras_file: Path, calibration: Images, checked: Images) -> Quantized:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras  # noqa: PLC0415 - see quantize_file

    model = keras.models.load_model(keras_file, compile=False)
    # Both ways, as the device's reader looks.
    ways = [model.predict(x.astype(np.float32), verbose=0) for x in (checked, checked[:, :, ::-1])]
    logits = np.asarray((ways[0] + ways[1]) / 2, np.float32)
    return Quantized(_quantize(model, calibration), logits, multiply_adds(model))


def _quantize(model: Any, calibration: Images) -> bytes:  # noqa: ANN401 - keras has no types
    """The TFLite file of a Keras model; ranges are taken from images (n, side, side, 3)."""
    import tensorflow as tf  # noqa: PLC0415 - see quantize_file
    from tensorflow.python.framework.convert_to_constants import (  # noqa: PLC0415
        convert_variables_to_constants_v2,
    )

    shape = (1, *calibration.shape[1:])

    def examples() -> Iterator[list[npt.NDArray[np.float32]]]:
        for image in calibration:
            yield [image[np.newaxis].astype(np.float32)]
        # The whole range of a pixel, so that the input's scale is 1 and its zero point -128.
        yield [np.zeros(shape, np.float32)]
        yield [np.full(shape, 255, np.float32)]

    traced = tf.function(lambda x: model(x, training=False))
    fixed = traced.get_concrete_function(tf.TensorSpec(shape, tf.float32))
    frozen = convert_variables_to_constants_v2(fixed)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = examples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def multiply_adds(model: Any) -> int:  # noqa: ANN401
    """Multiply-adds of one picture: convolutions and dense layers."""
    total = 0
    for layer in model.layers:
        if type(layer).__name__ == "Conv2D":
            _, height, width, _ = layer.output.shape
            total += int(np.prod(layer.kernel.shape)) * height * width
        elif type(layer).__name__ == "Dense":
            total += int(np.prod(layer.kernel.shape))
    return total
