"""Saving everything that training depends on, and going on from there."""

import time
import warnings

import keras
import tensorflow as tf

from keras_gan.callbacks.step_callback import StepCallback, steps_taken
from keras_gan.distribution import Workers
from keras_gan.errors import InputError


def checkpoint_manager(model, directory, also, keep) -> tf.train.CheckpointManager:
    """Returns what saves the whole training state of a compiled `GAN`.

    Args:
        model: `GAN`, compiled.
        directory: where the checkpoints lie.
        also: further named `tf.Variable` objects to save with the model, or None.
        keep: how many checkpoints stay; None keeps all.
    """
    return tf.train.CheckpointManager(
        tf.train.Checkpoint(**model.training_state(), **(also or {})),
        str(directory),
        max_to_keep=keep,
        step_counter=model.step.value,
    )


def restore_newest(model, directory, also=None) -> str | None:
    """Gives a compiled model the state of the newest checkpoint that can be read.

    Args:
        model: `GAN`, compiled.
        directory: where `Checkpoint` wrote.
        also: further named `tf.Variable` objects that were saved with the model.

    Returns:
        Path of the checkpoint, or None where there is none.

    Raises:
        InputError: where no checkpoint can be read, or the newest belongs to another
            model.
    """
    manager = checkpoint_manager(model, directory, also, keep=None)
    checkpoint = manager.checkpoint
    problems = []
    for path in reversed(manager.checkpoints):
        try:
            # What the model has must be in the file; the file may hold more.
            status = checkpoint.read(path).expect_partial()
            status.assert_existing_objects_matched()
        except (AssertionError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"checkpoint {path} belongs to another model: {reason}"
            ) from error
        except tf.errors.OpError as error:
            reason = (error.message or "no reason given").splitlines()[0]
            problems.append(f"{path} ({reason})")
            warnings.warn(
                f"checkpoint {problems[-1]} cannot be read; trying the one before.",
                stacklevel=2,
            )
        else:
            return path
    if problems:
        raise InputError(
            f"no checkpoint in {directory} can be read: {'; '.join(problems)}."
        )
    return None


class Checkpoint(StepCallback):
    """Saves the whole state of training during `fit`, so that it can go on exactly.

    `restore` before `fit` continues a run, from the middle of an epoch too: the first
    epoch is then as much shorter as had been done. `fit` needs `steps_per_epoch`, and
    data that begins at the model's step (`first_step` of `Images.batches`).

    Args:
        directory: where the checkpoints lie.
        every_steps: steps between checkpoints; None saves every `every_minutes`.
        every_minutes: minutes between checkpoints, if `every_steps` is None.
        keep: how many checkpoints stay.
        also: further named `tf.Variable` objects to save with the model.

    Of several workers the chief saves, and all of them restore: the directory must be
    one that all can read. All of them need this callback.

    Put it last in the list of callbacks, so that it saves what the others have done.

    Example:

    ```python
    checkpoint = Checkpoint("checkpoints")
    checkpoint.restore(gan)
    steps = images.steps_per_epoch(128)
    gan.fit(
        images.batches(128, first_step=int(gan.step)),
        steps_per_epoch=steps,
        initial_epoch=int(gan.step) // steps,
        epochs=20,
        callbacks=[checkpoint],
    )
    ```
    """

    def __init__(
        self, directory, every_steps=None, every_minutes=5.0, keep=3, also=None
    ):
        super().__init__()
        self.directory = str(directory)
        self.every_steps = every_steps
        self.every_minutes = every_minutes
        self.keep = keep
        self.also = also
        self._interrupted_metrics = None

    def restore(self, model) -> bool:
        """Gives a compiled model the newest checkpoint; False where there is none.

        Raises:
            InputError: where no checkpoint can be read, or the newest belongs to
                another model.
        """
        if restore_newest(model, self.directory, self.also) is None:
            return False
        self._interrupted_metrics = [
            [keras.ops.convert_to_numpy(variable) for variable in metric.variables]
            for metric in model.metrics
        ]
        return True

    def on_train_begin(self, logs=None):
        self._manager = checkpoint_manager(
            self.model, self.directory, self.also, self.keep
        )
        self._saves = Workers(self.model.distribute_strategy).chief
        self._saved_step = steps_taken(self.model)
        self._saved_time = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        done = self._steps_before_epoch % self.params["steps"]
        self._cut = done > 0 and self._interrupted_metrics is not None
        self._epoch_length = self.params["steps"] - (done if self._cut else 0)
        if self._cut:
            # `fit` has just reset the means that this epoch had already gathered.
            for metric, values in zip(
                self.model.metrics, self._interrupted_metrics, strict=True
            ):
                for variable, value in zip(metric.variables, values, strict=True):
                    variable.assign(value)
        self._interrupted_metrics = None

    def on_train_batch_end(self, batch, logs=None):
        step = self.step_after(batch)
        if batch + 1 < self._epoch_length:
            self._save_if_due(step)
        elif self._cut:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        # Not at the epoch's last batch: a run killed between the two would go on with
        # the next epoch and lack this one's metrics.
        self._save_if_due(steps_taken(self.model))
        if self._cut:
            # It ended the interrupted epoch only, not training. Who else asked to stop
            # asks again after the next batch.
            self.model.stop_training = False

    def on_train_end(self, logs=None):
        step = steps_taken(self.model)
        if self._saves and (step > self._saved_step or not self._manager.checkpoints):
            self.save(step)

    def _save_if_due(self, step):
        if self.every_steps is not None:
            due = step - self._saved_step >= self.every_steps
        else:
            due = time.monotonic() - self._saved_time >= 60 * self.every_minutes
        if due and self._saves:
            self.save(step)

    def save(self, step: int) -> None:
        """Writes a checkpoint of the given step."""
        self._manager.save(checkpoint_number=step)
        self._saved_step = step
        self._saved_time = time.monotonic()
