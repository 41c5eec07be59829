"""One row of numbers for each epoch."""

import csv
import os
import pathlib

import keras

from keras_gan.callbacks.step_callback import steps_taken


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
        part = path.with_name(path.name + ".part")
        with part.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0] if rows else [])
            if rows:
                writer.writeheader()
            writer.writerows(row for row in rows if int(row["epoch"]) < epoch)
        os.replace(part, path)
