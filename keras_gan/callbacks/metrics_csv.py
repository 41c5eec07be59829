"""One row of numbers for each epoch."""

import csv
import io
import pathlib

import keras

from keras_gan.callbacks.step_callback import steps_taken
from keras_gan.files import write_whole


class MetricsCSV(keras.callbacks.CSVLogger):
    """Keras's CSV log, made for runs that are resumed and have no validation.

    A run that died had gone on after the checkpoint from which it is resumed: rows of
    the epoch that begins now and later ones are dropped before new ones are written.

    Args:
        path: file to write or to go on with.
    """

    def __init__(self, path):
        super().__init__(path, append=True)

    def on_train_begin(self, logs=None):
        self._drop_from(steps_taken(self.model) // self.params["steps"])
        super().on_train_begin(logs)

    def on_epoch_end(self, epoch, logs=None):
        # Left to itself, CSVLogger adds an empty val_ column for each of these.
        self.keys = self.keys or sorted(logs)
        super().on_epoch_end(epoch, logs)

    def _drop_from(self, epoch):
        path = pathlib.Path(self.filename)
        if not path.exists():
            return
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        kept = io.StringIO(newline="")
        if rows:
            writer = csv.DictWriter(kept, rows[0])
            writer.writeheader()
            writer.writerows(row for row in rows if int(row["epoch"]) < epoch)
        write_whole(path, kept.getvalue())
