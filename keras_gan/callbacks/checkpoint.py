"""Saving everything that training depends on, and going on from there."""

import os
import sys
import time

import keras
import tensorflow as tf
import tqdm

from keras_gan.callbacks.step_callback import StepCallback, steps_of_epoch
from keras_gan.checkpoints import CheckpointFolder, restore_newest, steps_taken
from keras_gan.distribution import workers_of
from keras_gan.errors import Diverged


class Checkpoint(StepCallback):
    """Saves the whole state of training during `fit`, so that it can go on exactly.

    `restore` before `fit` continues a run, from the middle of an epoch too: the first
    epoch is then as much shorter as had been done. `fit` needs `steps_per_epoch`, and
    data that begins at the model's step (`first_step` of `Images.batches`).

    Where the directory holds checkpoints of another training, `fit` raises InputError
    before the first step: they are neither overwritten nor gone back to.

    A state with NaN or infinite values is not saved, and that is told of once.
    `saved_step` is the step of the newest checkpoint.

    Args:
        directory: where the checkpoints lie.
        every_steps: steps between checkpoints; None saves every `every_minutes`.
        every_minutes: minutes between checkpoints, if `every_steps` is None.
        keep: how many checkpoints stay.
        extra_variables: further named `tf.Variable` objects to save with the model.

    Of several workers the chief saves, and all of them restore: the directory must be
    one that all can read. All of them need this callback.

    Put it after those whose work it should save; only `SyncStop` comes later.

    Example:

    ```python
    from keras_gan.callbacks import Checkpoint

    checkpoint = Checkpoint("checkpoints")
    checkpoint.restore(gan)
    steps = images.steps_per_epoch(64)
    gan.fit(
        images.batches(64, first_step=int(gan.step)),
        steps_per_epoch=steps,
        initial_epoch=int(gan.step) // steps,
        epochs=2,
        callbacks=[checkpoint],
    )
    ```
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        every_steps: int | None = None,
        every_minutes: float = 5.0,
        keep: int | None = 3,
        extra_variables: dict[str, tf.Variable] | None = None,
    ):
        super().__init__()
        self.directory = str(directory)
        self.every_steps = every_steps
        self.every_minutes = every_minutes
        self.keep = keep
        self.extra_variables = extra_variables
        self._interrupted_metrics: list | None = None

    def restore(self, model: keras.Model) -> bool:
        """Gives a compiled model the newest checkpoint; False where there is none.

        Raises:
            InputError: where no checkpoint can be read, or the newest belongs to
                another model.
        """
        if restore_newest(model, self.directory, self.extra_variables) is None:
            return False
        self._interrupted_metrics = [
            [keras.ops.convert_to_numpy(variable) for variable in metric.variables]
            for metric in model.metrics
        ]
        return True

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._steps = steps_of_epoch(self)
        self._folder = CheckpointFolder(
            self.model, self.directory, self.extra_variables, self.keep
        )
        workers = workers_of(self.model.distribute_strategy)
        self._chief = workers.chief
        self._told = False
        self._saved_time = time.monotonic()
        self.saved_step = steps_taken(self.model)
        with workers.all_or_none():
            if workers.chief:
                self._folder.require_own()
        if self.saved_step == 0 or not self._folder.paths():
            # A folder that cannot be written is known now, not after minutes.
            self.save(self.saved_step)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        done = self._steps_before_epoch % self._steps
        interrupted = self._interrupted_metrics if done > 0 else None
        self._cut = interrupted is not None
        self._epoch_length = self._steps - (done if self._cut else 0)
        if interrupted is not None:
            # `fit` has just reset the means that this epoch had already gathered.
            for metric, values in zip(self.model.metrics, interrupted, strict=True):
                for variable, value in zip(metric.variables, values, strict=True):
                    variable.assign(value)
        self._interrupted_metrics = None

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        step = self.step_after(batch)
        if batch + 1 < self._epoch_length:
            self._save_if_due(step)
        elif self._cut:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        # Not at the epoch's last batch: a run killed between the two would go on with
        # the next epoch and lack this one's metrics.
        step = steps_taken(self.model)
        if self._cut and step % self._steps == 0:
            # It ended the interrupted epoch only, not training. Who else asked to stop
            # asks again after the next batch.
            self.model.stop_training = False
        if self.model.stop_training:
            self._save_once(step)  # before others take their time at the end
        else:
            self._save_if_due(step)

    def on_train_end(self, logs: dict | None = None) -> None:
        self._save_once(steps_taken(self.model))

    def _save_once(self, step):
        if step > self.saved_step:
            self.save(step)

    def _save_if_due(self, step):
        if self.every_steps is not None:
            due = step - self.saved_step >= self.every_steps
        else:
            due = time.monotonic() - self._saved_time >= 60 * self.every_minutes
        if due:
            self.save(step)

    def save(self, step: int) -> None:
        """Writes a checkpoint of the given step, if all of it is finite."""
        self._saved_time = time.monotonic()
        try:
            if self._chief:
                self._folder.save(step)
        except Diverged as error:
            if not self._told:
                tqdm.tqdm.write(f"no checkpoint: {error}", file=sys.stderr)
            self._told = True
        else:
            self.saved_step = step
