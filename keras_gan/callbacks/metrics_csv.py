"""Rows of numbers through training."""

import os

import numpy as np

from keras_gan.callbacks.held_out import HeldOut
from keras_gan.callbacks.step_callback import (
    LogCallback,
    RecentMeans,
    steps_of_epoch,
)
from keras_gan.checkpoints import steps_taken
from keras_gan.epoch_table import EpochTable
from keras_gan.ownership import is_own


class MetricsCSV(LogCallback):
    """Writes the means of the model's metrics to a CSV file, a row for each point.

    A row holds the epoch, counted from 0, the step, and the means since the row before
    or since the epoch began, if that is later. Rows come every `every_steps` steps.
    Epochs that are shorter have rows at their ends only, and longer ones have one more
    there. The last row comes when training ends.

    A run that died had gone on after the checkpoint from which it is resumed: rows of
    later steps are dropped before new ones are written. A file with such rows of
    another training is renamed first, to `metrics.1.csv`. A row that was missing from
    the file, on a full disk, is written when the run is resumed.

    Args:
        path: file to write or to go on with; its folder is made.
        every_steps: steps between rows; None is 100 up to step 1,000 and 500 after it.
        held_out: `HeldOut` whose numbers become columns too, or None.

    Raises:
        InputError: for `every_steps` below 1; when training begins, for data of unknown
            length without `steps_per_epoch`.

    Example:

    ```python
    from pathlib import Path
    from keras_gan.callbacks import MetricsCSV

    gan.fit(images.batches(64), epochs=2, callbacks=[MetricsCSV("metrics.csv")])
    print(Path("metrics.csv").read_text())
    ```
    """

    def __init__(
        self,
        path: str | os.PathLike,
        every_steps: int | None = None,
        held_out: HeldOut | None = None,
    ):
        super().__init__(every_steps, held_out)
        self._table = EpochTable(path)

    def on_train_begin(self, logs: dict | None = None) -> None:
        super().on_train_begin(logs)
        step, length = steps_taken(self.model), steps_of_epoch(self)
        self._table.begin(step, length, is_own(self.model, self._table.path))
        steps = [0, *self._table.steps()]
        ends = step % length == 0
        if step and steps[-1] == step and not self._is_point(step, steps[-2], ends):
            self._table.drop_last()  # it was there because training ended
            del steps[-1]
        self._last_point = steps[-1]
        if self._is_point(step, self._last_point, ends):
            self._epoch = (step - 1) // length
            self._means = RecentMeans(self.model, step, self._sums(self._epoch, length))
            self._take(step)
        self._earlier = self._sums(step // length, length)

    def _sums(self, epoch, length):
        """Returns sums and counts of the steps of an epoch that have a row."""
        names = [metric.name for metric in self.model.metrics]
        sums = np.zeros((len(names), 2))
        before = begin = epoch * length
        for row in self._table.rows():
            if begin < row["step"] <= begin + length:
                steps = row["step"] - before
                means = np.array([float(row[name]) for name in names])
                sums = sums + np.stack([means * steps, np.full(len(names), steps)], 1)
                before = row["step"]
        return sums

    def on_point(self, epoch: int, step: int, means: dict[str, float]) -> None:
        # The model's own: what other callbacks add does not come with every row.
        self._table.add(epoch, {"step": step, **dict(sorted(means.items()))})
