"""A Keras layer that rounds to int8 as the TFLite converter is to do it.

Apart from `training.quantized`, for it loads TensorFlow: `conversion` needs the layer, to read a
model that holds it, and not PyTorch.
"""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("attune")
class FakeQuantize(keras.layers.Layer):  # type: ignore[misc] # keras has no types
    """Rounds to 256 steps between `low` and `high`, which the converter then takes as the range
    of the tensor (Jacob et al., 2018)."""

    def __init__(self, low: float, high: float, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.low, self.high = low, high

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """The usual."""
        return tf.quantization.fake_quant_with_min_max_args(x, self.low, self.high)

    def get_config(self) -> dict[str, object]:
        """The usual."""
        return {**super().get_config(), "low": self.low, "high": self.high}
