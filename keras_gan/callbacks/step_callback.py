"""What callbacks that act every so many steps have in common."""

import keras

from keras_gan.errors import InputError


def steps_taken(model) -> int:
    """Returns how many steps a `GAN` has taken."""
    # Also right under a strategy, where the variable is one of several copies.
    return int(keras.ops.convert_to_numpy(model.step))


def steps_of_epoch(callback: keras.callbacks.Callback) -> int:
    """Returns how many steps each epoch of a callback's `fit` has.

    Raises:
        InputError: where neither `fit` nor the data's length says so.
    """
    steps = callback.params["steps"]
    if steps is None:
        raise InputError(
            f"{type(callback).__name__} counts epochs by their steps, and the data's "
            "length is not known; give fit steps_per_epoch."
        )
    return steps


class StepCallback(keras.callbacks.Callback):
    """Knows the model's step without reading it back from the device at each batch."""

    def on_epoch_begin(self, epoch, logs=None):
        self._steps_before_epoch = steps_taken(self.model)

    def step_after(self, batch: int) -> int:
        """Returns how many steps the model has taken once this batch of `fit` ended."""
        return self._steps_before_epoch + batch + 1
