"""What callbacks that act every so many steps have in common."""

import keras
import numpy as np

from keras_gan.callbacks.held_out import HeldOut
from keras_gan.checkpoints import steps_taken
from keras_gan.errors import InputError

# Default steps between pictures and between points of the log. Most changes at first,
# and 100 steps of 0.9 s, the slowest at 64x64 on two cores, are one and a half minutes.
_EARLY_INTERVAL = 100
_EARLY_STEPS = 1000
_LATE_INTERVAL = 500


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


def require_interval(name: str, value: int | None) -> None:
    """Raises InputError for an interval below 1; None stands for the default."""
    if value is not None and value < 1:
        raise InputError(f"{name} is {value}; it must be at least 1.")


def interval_at(step: int, every_steps: int | None = None) -> int:
    """Returns the steps between two actions of a callback around a step.

    Args:
        step: of the model.
        every_steps: interval that was asked for; None is 100 steps up to step 1,000
            and 500 after it.
    """
    if every_steps is not None:
        return every_steps
    return _EARLY_INTERVAL if step <= _EARLY_STEPS else _LATE_INTERVAL


def is_due(before: int, step: int, every_steps: int | None = None) -> bool:
    """Returns whether a callback that acted or looked at step `before` acts at `step`.

    It acts at multiples of the interval. Where several steps run at a time, it acts at
    the first step after the multiple.

    Args:
        before, step: of the model.
        every_steps: as in `interval_at`.
    """
    interval = interval_at(step, every_steps)
    return step // interval > before // interval


class RecentMeans:
    """Means of a model's metrics since the last look, across the ends of epochs.

    Keras resets the metrics at the start of each epoch, so `end_epoch` must be called
    at its end.

    Args:
        model: a `GenerativeModel`, whose metrics are `keras.metrics.Mean`.
        step: of the model now.
        earlier: sums and counts of this epoch's steps before the first look, float64
            [metrics, 2]; None takes those of this moment.

    Example:

    ```python
    from keras_gan.callbacks.step_callback import RecentMeans

    recent = RecentMeans(gan, step=int(gan.step))
    gan.fit(images.batches(64), epochs=1)
    steps, means = recent.take(step=int(gan.step))
    assert steps == images.steps_per_epoch(64)
    print(means)
    ```
    """

    def __init__(
        self, model: keras.Model, step: int, earlier: np.ndarray | None = None
    ):
        self._model = model
        self._ended = np.zeros((len(model.metrics), 2))  # sums of epochs that ended
        now = model.metric_sums(step)
        # Sums that were there before the last look.
        self._before = now if earlier is None or _fewer(now, earlier) else earlier

    def end_epoch(self, step: int) -> None:
        """Keeps the sums of an epoch, whose metrics Keras is about to reset."""
        self._ended = self._ended + self._model.metric_sums(step)

    def take(self, step: int) -> tuple[int, dict[str, float]]:
        """Returns how many steps there were since the last look, and their means.

        Args:
            step: of the model now.
        """
        now = self._ended + self._model.metric_sums(step)
        if _fewer(now, self._before):
            # `DivergenceGuard` went back and reset the metrics in mid-epoch.
            self._before = self._ended
        recent = now - self._before
        steps = int(recent[0, 1])
        means = recent[:, 0] / max(steps, 1)
        # From the means: a resumed run has them, but not the sums.
        self._before = self._before + np.stack([means * steps, recent[:, 1]], axis=1)
        names = [metric.name for metric in self._model.metrics]
        return steps, dict(zip(names, means.tolist(), strict=True))


def _fewer(sums, others):
    return sums[0, 1] < others[0, 1]


class StepCallback(keras.callbacks.Callback):
    """Knows the model's step without reading it back from the device at each batch.

    Example:

    ```python
    from keras_gan.callbacks.step_callback import StepCallback


    class SaveGenerator(StepCallback):
        def on_train_batch_end(self, batch, logs=None):
            step = self.step_after(batch)
            if step % 2 == 0:
                self.model.generator.save(f"generator_{step}.keras")


    gan.fit(images.batches(64), epochs=1, callbacks=[SaveGenerator()])
    ```
    """

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._steps_before_epoch = steps_taken(self.model)

    def step_before(self, batch: int) -> int:
        """Returns how many steps the model had taken when this batch of `fit` began."""
        return self._steps_before_epoch + batch

    def step_after(self, batch: int) -> int:
        """Returns how many steps the model has taken once this batch of `fit` ended."""
        return self._steps_before_epoch + batch + 1


class LogCallback(StepCallback):
    """Gets the means of the metrics at each point of the log.

    There is a point every so many steps. Its means are those since the point before,
    or since the epoch began if that is later: a checkpoint holds no other sums, so a
    resumed run has the same points. Epochs that are shorter than the interval have
    points at their ends only; longer ones have one more at their end. The last point
    comes when training ends.

    A subclass defines `on_point`.

    Args:
        every_steps: steps between points; None is 100 up to step 1,000 and 500 after
            it.
        held_out: `HeldOut` whose numbers a point has too, or None.

    Example:

    ```python
    from keras_gan.callbacks.step_callback import LogCallback


    class Print(LogCallback):
        def on_point(self, epoch, step, means):
            print(step, means)


    gan.fit(images.batches(64), epochs=2, callbacks=[Print(every_steps=100)])
    ```
    """

    def __init__(self, every_steps: int | None = None, held_out: HeldOut | None = None):
        super().__init__()
        require_interval("every_steps", every_steps)
        self.every_steps = every_steps
        self.held_out = held_out

    def on_point(self, epoch: int, step: int, means: dict[str, float]) -> None:
        """Receives the epoch, counted from 0, the step, and the means."""
        raise NotImplementedError

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._last_point = steps_taken(self.model)
        self._earlier = None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._epoch = epoch
        self._means: RecentMeans | None = None

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        if self._means is None:
            # Not earlier: `Checkpoint` puts the sums of a resumed epoch back when the
            # epoch begins.
            step = self.step_before(batch)
            self._means = RecentMeans(self.model, step, self._earlier)
            self._earlier = None

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        step = self.step_after(batch)
        steps = self.params["steps"]
        # The end of an epoch is on_epoch_end's: a checkpoint of it comes after its row.
        if step % (steps or step + 1) and self._is_point(step, self._last_point, False):
            self._take(step)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        step = steps_taken(self.model)
        if self._is_point(step, self._last_point, True):
            self._take(step)

    def on_train_end(self, logs: dict | None = None) -> None:
        step = steps_taken(self.model)
        if step > self._last_point:
            self._take(step)

    def _is_point(self, step, before, ends_epoch):
        """Returns whether there is a point at a step, after one at the step before."""
        steps = self.params["steps"]
        long = steps is None or steps >= interval_at(step, self.every_steps)
        if long and ends_epoch:
            return step > before
        return (long or ends_epoch) and is_due(before, step, self.every_steps)

    def _take(self, step):
        steps, means = self._means.take(step)
        self._last_point = step
        if steps:
            if self.held_out is not None:
                means = means | self.held_out.at(self.model, step)
            self.on_point(self._epoch, step, means)
