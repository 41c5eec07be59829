"""Pixels: what the levels 0 to 255 of a picture mean to a network."""

import dataclasses

import numpy as np
import tensorflow as tf

from keras_gan import checks


@dataclasses.dataclass(frozen=True)
class PixelRange:
    """The values that a network has in place of the levels 0 to 255.

    Everything that turns pictures into values, or values into pictures, asks this
    object, so a picture is the same in data, samples and exports. Arrays may have any
    shape and number of channels. An array gives an array and a tensor a tensor.

    Args:
        low, high: the values of the levels 0 and 255.

    Raises:
        InputError: if they are not finite numbers with `low` below `high`.

    Example:

    ```python
    import numpy as np
    from keras_gan.pixels import PixelRange

    tanh = PixelRange(-1, 1)
    values = tanh.to_float(np.array([0, 255], "uint8"))
    assert values.tolist() == [-1.0, 1.0]
    assert tanh.to_uint8(values).tolist() == [0, 255]
    ```
    """

    low: float
    high: float

    def __post_init__(self):
        low, high = checks.interval("value_range", (self.low, self.high))
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    @property
    def level(self) -> float:
        """The difference between two neighbouring levels."""
        return (self.high - self.low) / 255

    def to_float(self, levels: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
        """Returns the values of levels, float32 of the same shape.

        Args:
            levels: uint8 of any shape.
        """
        if tf.is_tensor(levels):
            levels = tf.cast(levels, "float32")
        else:
            levels = levels.astype("float32")
        return levels / 255.0 * (self.high - self.low) + self.low

    def to_uint8(self, values: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
        """Returns the nearest levels, uint8 of the same shape.

        Values outside the range become 0 or 255.

        Args:
            values: finite floats of any shape.
        """
        levels = (values - self.low) * (255 / (self.high - self.low))
        if tf.is_tensor(levels):
            return tf.cast(tf.clip_by_value(tf.round(levels), 0, 255), "uint8")
        return np.rint(levels).clip(0, 255).astype("uint8")
