"""Curves for TensorBoard."""

import os
import pathlib

import numpy as np
import tensorflow as tf

from keras_gan.callbacks.held_out import HeldOut
from keras_gan.callbacks.step_callback import LogCallback
from keras_gan.checkpoints import steps_taken
from keras_gan.files import set_aside
from keras_gan.ownership import is_own


class TensorBoardPoints(LogCallback):
    """Draws curves of the metrics over steps, a point where `MetricsCSV` has a row.

    Measures of `Evaluate` are drawn too. Keras's own callback draws epochs.

    Args:
        directory: where the logs go.
        every_steps: steps between points; None is 100 up to step 1,000 and 500 after
            it.
        held_out: `HeldOut` whose numbers become curves too, or None.

    Example:

    ```python
    from keras_gan.callbacks import TensorBoardPoints

    gan.fit(images.batches(64), epochs=2, callbacks=[TensorBoardPoints("logs")])
    # Then: tensorboard --logdir logs
    ```
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        every_steps: int | None = None,
        held_out: HeldOut | None = None,
    ):
        super().__init__(every_steps, held_out)
        self._folder = pathlib.Path(directory, "train")

    def on_train_begin(self, logs: dict | None = None) -> None:
        super().on_train_begin(logs)
        # TensorBoard would draw both trainings as one line.
        own = is_own(self.model, self._folder)
        if not own and not steps_taken(self.model) and self._folder.exists():
            set_aside(self._folder)
        self._names = {metric.name for metric in self.model.metrics}
        self._writer = tf.summary.create_file_writer(str(self._folder))

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        self._write_measures(logs, self.step_after(batch))

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        self._write_measures(logs, steps_taken(self.model))

    def on_point(self, epoch: int, step: int, means: dict[str, float]) -> None:
        self._write(step, means)

    def on_train_end(self, logs: dict | None = None) -> None:
        super().on_train_end(logs)
        self._writer.close()

    def _write_measures(self, logs, step):
        logs = logs or {}
        if len(logs) > len(self._names):
            self._write(step, {n: v for n, v in logs.items() if n not in self._names})

    def _write(self, step, values):
        with self._writer.as_default():
            for name, value in values.items():
                # TensorFlow caches every Python number that it converts and never
                # frees it, so pass NumPy's.
                tf.summary.scalar(name, np.float32(value), step=np.int64(step))
        self._writer.flush()
