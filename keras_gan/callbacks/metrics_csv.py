"""One row of numbers for each epoch."""

import keras

from keras_gan.callbacks.earlier import is_own
from keras_gan.callbacks.step_callback import steps_of_epoch, steps_taken
from keras_gan.epoch_table import EpochTable


class MetricsCSV(keras.callbacks.Callback):
    """Writes the model's metrics of each epoch to a CSV file.

    A run that died had gone on after the checkpoint from which it is resumed: rows of
    the epoch that begins now and later ones are dropped before new ones are written.
    A file with such rows of another training is renamed first, to `metrics.1.csv`.
    One that stopped before the row of its last epoch, on a full disk, gets it now.

    Args:
        path: file to write or to go on with; its folder is made.

    Raises:
        InputError: when training begins, for data of unknown length without
            `steps_per_epoch`.
    """

    def __init__(self, path):
        super().__init__()
        self._table = EpochTable(path)

    def on_train_begin(self, logs=None):
        epochs, steps = divmod(steps_taken(self.model), steps_of_epoch(self))
        self._table.begin(epochs, is_own(self.model, self._table.path))
        if epochs and not steps and not self._table.has(epochs - 1):
            # A checkpoint of an epoch's end holds that epoch's means.
            means = {m.name: float(m.result()) for m in self.model.metrics}
            self.on_epoch_end(epochs - 1, means)

    def on_epoch_end(self, epoch, logs=None):
        # The model's own: what other callbacks add does not come with every epoch.
        names = sorted(metric.name for metric in self.model.metrics)
        self._table.add(epoch, {name: logs[name] for name in names})
