"""A callback that fails must not take the run with it."""

import sys
import traceback
from collections.abc import Iterable

import keras
import tensorflow as tf
import tqdm

from keras_gan.checkpoints import steps_taken
from keras_gan.errors import KerasGANError, first_line_of


def _passing_on(hook):
    # Keras gives some arguments by name, which an own callback may call otherwise.
    def pass_on(self, *arguments, **named):
        self._run(hook, *arguments, *named.values())

    pass_on.__name__ = hook
    return pass_on


class Failsafe(keras.callbacks.Callback):
    """Runs other callbacks; if one fails, training ends as if asked to.

    The others run on to the end, so that a `Checkpoint` among them saves the last step.
    The one that failed is not called again. What Keras raises for a user's mistake,
    `KerasGANError`, and Ctrl-C pass through.

    Args:
        callbacks: list of Keras callbacks, in their order.

    `failure` says in one line which one failed, when and why; it is None if none did.

    Example:

    ```python
    from keras_gan.callbacks import Failsafe, SampleGrid

    failsafe = Failsafe([SampleGrid("samples")])
    gan.fit(images.batches(64), epochs=2, callbacks=[failsafe])
    if failsafe.failure:
        print(failsafe.failure)
    ```
    """

    def __init__(self, callbacks: Iterable[keras.callbacks.Callback]):
        super().__init__()
        self.callbacks = list(callbacks)
        self.failure = None

    def set_params(self, params: dict) -> None:
        super().set_params(params)
        self._run("set_params", params)

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        self._run("set_model", model)

    on_train_begin = _passing_on("on_train_begin")
    on_train_end = _passing_on("on_train_end")
    on_epoch_begin = _passing_on("on_epoch_begin")
    on_epoch_end = _passing_on("on_epoch_end")
    on_train_batch_begin = _passing_on("on_train_batch_begin")
    on_test_begin = _passing_on("on_test_begin")
    on_test_end = _passing_on("on_test_end")
    on_test_batch_begin = _passing_on("on_test_batch_begin")
    on_test_batch_end = _passing_on("on_test_batch_end")
    on_predict_begin = _passing_on("on_predict_begin")
    on_predict_end = _passing_on("on_predict_end")
    on_predict_batch_begin = _passing_on("on_predict_batch_begin")
    on_predict_batch_end = _passing_on("on_predict_batch_end")

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if self.failure:  # Keras forgets it where a fit begins
            self.model.stop_training = True
        self._run("on_train_batch_end", batch, logs)

    def _run(self, hook, *arguments):
        for callback in list(self.callbacks):
            try:
                getattr(callback, hook)(*arguments)
            except KerasGANError:
                raise
            except Exception as error:
                self._fail(callback, error)

    def _fail(self, callback, error):
        self.callbacks.remove(callback)
        if not isinstance(error, OSError | tf.errors.OpError):
            traceback.print_exception(error)  # a mistake in code, not of the machine
        failure = (
            f"{type(callback).__name__} failed at step {steps_taken(self.model)}: "
            f"{type(error).__name__}: {first_line_of(error)}"
        )
        self.failure = self.failure or failure
        # At once: a callback after this one may have to tell other workers.
        self.model.stop_training = True
        tqdm.tqdm.write(failure, file=sys.stderr)
