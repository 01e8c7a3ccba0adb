"""Keras to TFLite with everything in int8, weights per channel."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Images = npt.NDArray[np.uint8]


def load_keras(path: Path) -> Any:  # noqa: ANN401 - keras has no types
    """A Keras model from its file."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras  # noqa: PLC0415 - the backend is chosen above

    return keras.models.load_model(path, compile=False)


def quantize(model: Any, calibration: Images) -> bytes:  # noqa: ANN401
    """The TFLite file of a Keras model; ranges are taken from images (n, side, side, 3)."""
    import tensorflow as tf  # noqa: PLC0415 - takes seconds

    def examples() -> Iterator[list[npt.NDArray[np.float32]]]:
        for image in calibration:
            yield [image[np.newaxis].astype(np.float32)]
        # The whole range of a pixel, so that the input's scale is 1 and its zero point -128.
        yield [np.zeros((1, *calibration.shape[1:]), np.float32)]
        yield [np.full((1, *calibration.shape[1:]), 255, np.float32)]

    fixed = tf.function(lambda x: model(x, training=False)).get_concrete_function(
        tf.TensorSpec((1, *calibration.shape[1:]), tf.float32)
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([fixed], model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = examples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def float_logits(model: Any, images: Images) -> npt.NDArray[np.float32]:  # noqa: ANN401
    """What the Keras model says of images, in float32."""
    return np.asarray(model.predict(images.astype(np.float32), batch_size=256, verbose=0))


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
