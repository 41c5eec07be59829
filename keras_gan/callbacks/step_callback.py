"""What callbacks that act every so many steps have in common."""

import keras
import numpy as np

from keras_gan.errors import InputError

# Default steps between pictures and between points of the log. Most changes at first,
# and 100 steps of 0.9 s, the slowest at 64x64 on two cores, are one and a half minutes.
_EARLY_INTERVAL = 100
_EARLY_STEPS = 1000
_LATE_INTERVAL = 500


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
    at its end. A look reads ten numbers from the device.

    Args:
        model: `GAN`, whose metrics are `keras.metrics.Mean`.
    """

    def __init__(self, model):
        self._model = model
        self._base = self._totals()
        self._sums = np.zeros_like(self._base)

    def end_epoch(self) -> None:
        """Keeps the sums of an epoch, whose metrics Keras is about to reset."""
        self._gather()
        self._base = np.zeros_like(self._base)

    def take(self) -> dict[str, float]:
        """Returns the mean of each metric since the last look."""
        self._gather()
        means = self._sums[:, 0] / np.maximum(self._sums[:, 1], 1)
        self._sums = np.zeros_like(self._sums)
        names = [metric.name for metric in self._model.metrics]
        return dict(zip(names, means.tolist(), strict=True))

    def _gather(self):
        now = self._totals()
        if now[0, 1] < self._base[0, 1]:
            # `DivergenceGuard` went back and reset the metrics in mid-epoch.
            self._base = np.zeros_like(self._base)
        self._sums += now - self._base
        self._base = now

    def _totals(self):
        """Sum and count of each metric since the epoch began, float64 [metrics, 2]."""
        return np.array(
            [
                [
                    float(keras.ops.convert_to_numpy(variable))
                    for variable in m.variables
                ]
                for m in self._model.metrics
            ]
        )


class StepCallback(keras.callbacks.Callback):
    """Knows the model's step without reading it back from the device at each batch."""

    def on_epoch_begin(self, epoch, logs=None):
        self._steps_before_epoch = steps_taken(self.model)

    def step_after(self, batch: int) -> int:
        """Returns how many steps the model has taken once this batch of `fit` ended."""
        return self._steps_before_epoch + batch + 1
