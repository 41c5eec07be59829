"""How good the model is while it trains, and the best model so far."""

import json
import math
import os
import pathlib
import sys
from collections.abc import Sequence

import tensorflow as tf
import tqdm

from keras_gan.callbacks.step_callback import (
    StepCallback,
    is_due,
    require_interval,
    steps_of_epoch,
)
from keras_gan.callbacks.stop import StopOnSignal
from keras_gan.checkpoints import CheckpointFolder, other_training, steps_taken
from keras_gan.epoch_table import EpochTable
from keras_gan.errors import Diverged, InputError
from keras_gan.evaluators import Evaluator
from keras_gan.files import json_text, write_atomically
from keras_gan.ownership import is_own


class Evaluate(StepCallback):
    """Measures a model every so many epochs or steps, and when training ends.

    The values join the logs of the epoch or the step for the callbacks after this one,
    such as `TensorBoardPoints`. Put it before those, and before `Checkpoint`.

    The best model by one measure is kept with all its training state in
    `best_directory`, as `Checkpoint` keeps the newest ones, beside `best.json`: the
    measure, its value and protocol, the epoch counted from 1, and the step. A resumed
    run replaces it by a better one only. A run whose weights are no longer finite is
    told of once, measures NaN, and is never the best.

    A run that stopped before the row of its last epoch, on a full disk, gets it now.

    Training is not touched, its random state included.

    Args:
        evaluator: what measures, such as a `DistributionEvaluator`; `together` makes
            one of several.
        names: measures to take, keys of the evaluator's `measures`.
        every_epochs: epochs from one measurement to the next; None is 1 where
            `every_steps` is None too.
        path: CSV file with a row for each measurement, or None: the epoch, counted from
            0 as Keras counts them, the step, and the values.
        best_directory: where the best model is kept, or None.
        best: measure that decides; None takes the first of `names`.
        extra_variables: further `tf.Variable` objects, by name, to save with it.
        signals: `StopOnSignal` of the same training, which then ends at once, without
            a measurement in the middle of an epoch.
        every_steps: steps from one measurement to the next, whatever the length of an
            epoch; None counts epochs.

    Raises:
        InputError: for an interval below 1 or two of them, no list of measures, a
            measure that is not known or, when training begins, cannot be taken of
            this model with these features and images, data of unknown length without
            `steps_per_epoch`, or a `best_directory` with the best model of another
            training.

    Example:

    ```python
    from keras_gan import features
    from keras_gan.callbacks import Evaluate, restore_newest
    from keras_gan.evaluators import DistributionEvaluator

    evaluate = Evaluate(
        DistributionEvaluator(images, features.get("random", images)),
        ["frechet_distance", "precision", "recall"],
        path="measures.csv",
        best_directory="best",
    )
    gan.fit(images.batches(64), epochs=2, callbacks=[evaluate])
    restore_newest(gan, "best")
    ```
    """

    def __init__(
        self,
        evaluator: Evaluator,
        names: Sequence[str] = ("frechet_distance",),
        every_epochs: int | None = None,
        path: str | os.PathLike | None = None,
        best_directory: str | os.PathLike | None = None,
        best: str | None = None,
        extra_variables: dict[str, tf.Variable] | None = None,
        signals: StopOnSignal | None = None,
        every_steps: int | None = None,
    ):
        super().__init__()
        require_interval("every_epochs", every_epochs)
        require_interval("every_steps", every_steps)
        if every_epochs is not None and every_steps is not None:
            raise InputError(
                f"every_epochs is {every_epochs} and every_steps {every_steps}; give "
                "one of them."
            )
        self.evaluator = evaluator
        self.names = [] if isinstance(names, str) else list(names)
        if not self.names:
            raise InputError(
                f"names is {names!r}; a list of measures is accepted, such as "
                "['frechet_distance']."
            )
        self.every_epochs = every_epochs or 1
        self.every_steps = every_steps
        self.best = self.names[0] if best is None else best
        known = evaluator.measures
        comparable = [n for n in self.names if n in known and known[n].better]
        if self.best not in comparable:
            raise InputError(
                f"best is {self.best!r}; a measure that is taken is accepted: "
                f"{', '.join(comparable) or 'none of names is one'}."
            )
        self.best_directory = best_directory and pathlib.Path(best_directory)
        self.extra_variables = extra_variables
        self.signals = signals
        self._table = path and EpochTable(path)

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.evaluator.check(self.names, self.model)
        self._told = False
        self._protocol = self.evaluator.protocol(self.model)
        step, length = steps_taken(self.model), steps_of_epoch(self)
        self._measured = step
        self._values: dict[str, float] = {}
        if self.best_directory:
            self._folder = CheckpointFolder(
                self.model, self.best_directory, self.extra_variables, keep=1
            )
            own, steps = is_own(self.model, self.best_directory), self._folder.steps()
            if steps and not own:
                raise InputError(other_training(self.best_directory, steps, step))
            self._best_value = self._value_before() if step else None
        if self._table:
            self._table.begin(step, length, is_own(self.model, self._table.path))
            measured = [0, *self._table.steps()]
            if step and measured[-1] == step and not self._was_due(measured[-2], step):
                self._table.drop_last()  # it was there because training ended
                del measured[-1]
        if self._table and step > measured[-1] and self._was_due(measured[-1], step):
            epoch = (step - 1) // length
            if self.every_steps or self._is_due(epoch):
                self._measure(epoch, step, {})  # a full disk had no room for it

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        step = self.step_after(batch)
        if self.every_steps and is_due(self._measured, step, self.every_steps):
            self._measure(self._epoch, step, logs)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        step = steps_taken(self.model)
        if step == self._measured:
            if logs is not None:
                logs.update(self._values)
        elif self._is_due(epoch):
            self._measure(epoch, step, logs)

    def _was_due(self, before, step):
        """Returns whether a measurement at a step does not come from a run's end."""
        if self.every_steps:
            return is_due(before, step, self.every_steps)
        return step % steps_of_epoch(self) == 0

    def _measure(self, epoch, step, logs):
        self._measured = step
        try:
            self.model.require_finite()  # its average stays finite for longer
            values = self.evaluator.measure(self.model, self.names)
        except Diverged as error:
            values = dict.fromkeys(self.names, math.nan)
            self._tell(step, error)
        self._values = values
        logs.update(values)
        if self._table:
            self._table.add(epoch, {"step": step, **values})
        if self.best_directory:
            self._keep_if_best(epoch, values[self.best])

    def _is_due(self, epoch):
        if self.model.stop_training and steps_taken(self.model) % steps_of_epoch(self):
            # Training ends here, in the middle of an epoch.
            return self.signals is None or self.signals.received is None
        last = epoch + 1 == self.params["epochs"]
        return last or (not self.every_steps and (epoch + 1) % self.every_epochs == 0)

    def _tell(self, step, error):
        if not self._told:
            text = f"step {step}: the run has diverged: {error}"
            tqdm.tqdm.write(text, file=sys.stderr)
        self._told = True

    def _keep_if_best(self, epoch, value):
        if not self.evaluator.measures[self.best].improves(value, self._best_value):
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
        write_atomically(self.best_directory / "best.json", json_text(facts))

    def _value_before(self):
        """Returns the best value of the run so far, None where none compares."""
        try:
            facts = json.loads((self.best_directory / "best.json").read_bytes())
        except FileNotFoundError:
            return None
        same = (facts["measure"], facts["protocol"]) == (self.best, self._protocol)
        return facts["value"] if same else None
