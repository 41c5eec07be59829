"""How good the images are while the model trains, and the best model so far."""

import json
import math
import pathlib
import sys

import keras
import tqdm

from keras_gan.callbacks.checkpoint import CheckpointFolder, other_training
from keras_gan.callbacks.earlier import is_own
from keras_gan.callbacks.step_callback import steps_of_epoch, steps_taken
from keras_gan.epoch_table import EpochTable
from keras_gan.errors import Diverged, InputError
from keras_gan.evaluate import MEASURES
from keras_gan.files import json_text, write_whole


class Evaluate(keras.callbacks.Callback):
    """Measures generated images every so many epochs, and where training ends.

    The values join the epoch's logs, so that callbacks after this one have them, such
    as Keras's TensorBoard. Put it before those, and before `Checkpoint`.

    The best model by one measure is kept with all its training state in
    `best_directory`, as `Checkpoint` keeps the newest ones, beside `best.json`: the
    measure, its value and protocol, the epoch counted from 1, and the step. A resumed
    run replaces it by a better one only. A run whose weights are no longer finite is
    told of once, measures NaN, and is never the best.

    A run that stopped before the row of its last epoch, on a full disk, gets it now.

    Training is not touched, its random state included.

    Args:
        real: `evaluate.RealImages`.
        names: measures to take, keys of `evaluate.MEASURES`.
        every_epochs: epochs from one measurement to the next.
        path: CSV file with a row for each measurement, or None. Epochs count from 0
            in it, as Keras counts them.
        best_directory: where the best model is kept, or None.
        best: measure that decides; None takes the first of `names`.
        also: further named `tf.Variable` objects to save with the best model.
        signals: `StopOnSignal` of the same training, which then ends at once, without
            a measurement in the middle of an epoch.

    Raises:
        InputError: for `every_epochs` below 1, no list of measures, a measure that is
            not known or, when training begins, cannot be taken with these features,
            data of unknown length without `steps_per_epoch`, or a `best_directory`
            with the best model of another training.

    Example:

    ```python
    images = datasets.read("digits", image_size=16)
    real = RealImages(images, features.get("classifier", images))
    gan.fit(
        images.batches(64),
        epochs=50,
        callbacks=[
            Evaluate(
                real,
                ["frechet_distance", "precision", "recall"],
                every_epochs=5,
                path="measures.csv",
                best_directory="best",
            )
        ],
    )
    restore_newest(gan, "best")
    ```
    """

    def __init__(
        self,
        real,
        names=("frechet_distance",),
        every_epochs=1,
        path=None,
        best_directory=None,
        best=None,
        also=None,
        signals=None,
    ):
        super().__init__()
        if every_epochs < 1:
            raise InputError(f"every_epochs is {every_epochs}; it must be at least 1.")
        self.real = real
        self.names = [] if isinstance(names, str) else list(names)
        if not self.names:
            raise InputError(
                f"names is {names!r}; a list of measures is accepted, such as "
                "['frechet_distance']."
            )
        self.every_epochs = every_epochs
        self.best = self.names[0] if best is None else best
        comparable = [n for n in self.names if n in MEASURES and MEASURES[n].better]
        if self.best not in comparable:
            raise InputError(
                f"best is {self.best!r}; a measure that is taken is accepted: "
                f"{', '.join(comparable) or 'none of names is one'}."
            )
        self.best_directory = best_directory and pathlib.Path(best_directory)
        self.also = also
        self.signals = signals
        self._table = path and EpochTable(path)

    def on_train_begin(self, logs=None):
        self.real.check(self.names)
        self._told = False
        self._protocol = self.real.protocol(self.model)
        step = steps_taken(self.model)
        epochs, steps = divmod(step, steps_of_epoch(self))
        if self._table:
            self._table.begin(epochs, is_own(self.model, self._table.path))
        if self.best_directory:
            self._folder = CheckpointFolder(
                self.model, self.best_directory, self.also, keep=1
            )
            own, steps = is_own(self.model, self.best_directory), self._folder.steps()
            if steps and not own:
                raise InputError(other_training(self.best_directory, steps, step))
            self._best_value = self._value_before() if step else None
        if self._table and epochs and not steps and not self._table.has(epochs - 1):
            self.on_epoch_end(epochs - 1, {})  # a full disk had no room for it

    def on_epoch_end(self, epoch, logs=None):
        if not self._is_due(epoch):
            return
        try:
            self.model.require_finite()  # its average stays finite for longer
            values = self.real.measure(self.model, self.names)
        except Diverged as error:
            values = dict.fromkeys(self.names, math.nan)
            self._tell(epoch, error)
        logs.update(values)
        if self._table:
            self._table.add(epoch, values)
        if self.best_directory:
            self._keep_if_best(epoch, values[self.best])

    def _is_due(self, epoch):
        if self.model.stop_training and steps_taken(self.model) % steps_of_epoch(self):
            # Training ends here, in the middle of an epoch.
            return self.signals is None or self.signals.received is None
        last = epoch + 1 == self.params["epochs"]
        return last or (epoch + 1) % self.every_epochs == 0

    def _tell(self, epoch, error):
        if not self._told:
            text = f"epoch {epoch + 1}: the run has diverged: {error}"
            tqdm.tqdm.write(text, file=sys.stderr)
        self._told = True

    def _keep_if_best(self, epoch, value):
        if not MEASURES[self.best].improves(value, self._best_value):
            return
        self._best_value = value
        step = steps_taken(self.model)
        self._folder.save(step)
        facts = {
            "measure": self.best,
            "value": value,
            "epoch": epoch + 1,
            "step": step,
            "protocol": self._protocol,
        }
        write_whole(self.best_directory / "best.json", json_text(facts))

    def _value_before(self):
        """Returns the best value of the run so far, None where none compares."""
        try:
            facts = json.loads((self.best_directory / "best.json").read_bytes())
        except FileNotFoundError:
            return None
        same = (facts["measure"], facts["protocol"]) == (self.best, self._protocol)
        return facts["value"] if same else None
