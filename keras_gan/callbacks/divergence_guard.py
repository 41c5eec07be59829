"""Noticing that training has diverged before anything is lost by it."""

import json
import os
import pathlib
import sys

import tensorflow as tf
import tqdm

from keras_gan.callbacks.checkpoint import Checkpoint
from keras_gan.callbacks.step_callback import StepCallback
from keras_gan.checkpoints import restore_newest, steps_taken
from keras_gan.errors import Diverged, InputError
from keras_gan.files import json_text, set_aside, write_atomically
from keras_gan.optimizers import lower_learning_rate, schedule_of
from keras_gan.ownership import is_own


class DivergenceGuard(StepCallback):
    """Looks for losses or weights that are not finite; goes back or ends training.

    Going back restores networks, average and optimizers from the newest checkpoint and
    multiplies all learning rates by `factor`. The step counts on: the steps since that
    checkpoint are lost, and those that follow see other latent vectors and other images
    than those that went wrong.

    Gradients of float16 that overflow are none of it: `LossScaleOptimizer` leaves such
    a step out, and neither the weights nor the losses, which come unscaled, show it.

    Put it before callbacks that use the model, and the `Checkpoint` last.

    Args:
        checkpoint: `Checkpoint` of the same training.
        every_steps: steps from one look to the next; each waits for the device once.
        retries: how many times at most it goes back, all parts of a resumed run
            together; 0 ends training at once.
        factor: of the learning rates, in (0, 1).
        path: JSON file that lists each time that it went back, or None: the step, the
            problem, and the step of the checkpoint.

    `failure` says in one sentence why training was ended, and is None where it was not.

    Raises:
        InputError: for arguments out of range.

    Example:

    ```python
    from keras_gan.callbacks import Checkpoint, DivergenceGuard, SampleGrid

    checkpoint = Checkpoint("checkpoints", every_steps=1000)
    guard = DivergenceGuard(checkpoint, retries=3)
    callbacks = [guard, SampleGrid("samples"), checkpoint]
    gan.fit(images.batches(64), epochs=2, callbacks=callbacks)
    if guard.failure:
        raise SystemExit(guard.failure)
    ```
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        every_steps: int = 100,
        retries: int = 0,
        factor: float = 0.5,
        path: str | os.PathLike | None = None,
    ):
        super().__init__()
        if every_steps < 1:
            raise InputError(f"every_steps is {every_steps}; it must be at least 1.")
        if retries < 0:
            raise InputError(f"retries is {retries}; it must be at least 0.")
        if not 0 < factor < 1:
            raise InputError(f"factor is {factor}; it must lie between 0 and 1.")
        self.checkpoint = checkpoint
        self.every_steps = every_steps
        self.retries = retries
        self.factor = factor
        self.path = path and pathlib.Path(path)
        self.failure = None
        self._returns: list[dict] = []

    def on_train_begin(self, logs: dict | None = None) -> None:
        step = self._checked = steps_taken(self.model)
        self.failure = None
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not is_own(self.model, self.path) and self.path.exists():
                set_aside(self.path)
        if self.path and self.path.exists():
            known = len(self._returns)
            # A run that died had gone on after the checkpoint that it is resumed from.
            found = json.loads(self.path.read_bytes())
            self._returns = [entry for entry in found if entry["step"] <= step]
            # Lowered rates are in the checkpoint, but schedules are not.
            for _ in self._returns[known:]:
                self._lower([o for o in self._optimizers() if schedule_of(o)])

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        step = self.step_after(batch)
        if step // self.every_steps > self._checked // self.every_steps:
            self._check(step)
        if self.failure:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        # The next epoch begins new means, which would hide what the last steps brought.
        step = steps_taken(self.model)
        if step > self._checked:
            self._check(step)

    def _check(self, step):
        try:
            self.model.require_finite()
        except Diverged as error:
            problem = (
                f"the run has diverged: {error} At step {self._checked} none were."
            )
            if len(self._returns) >= self.retries or not self._go_back(step, problem):
                self._stop(problem)
        self._checked = step

    def _stop(self, problem):
        self.failure = (
            f"{problem} Training went back {len(self._returns)} times, and nothing "
            "that diverged was saved. Lower the learning rates, add a penalty such as "
            "r1, or go on with half the rates from the checkpoint of step "
            f"{self.checkpoint.saved_step}."
        )
        self.model.stop_training = True

    def _go_back(self, step, problem):
        state = self.model.training_state()
        kept = [(v, tf.identity(v)) for name in ("step", "seeds") for v in state[name]]
        path = restore_newest(self.model, self.checkpoint.directory)
        if path is None:
            return False  # the model was not finite when training began
        restored_step = int(path.rpartition("-")[2])
        for variable, value in kept:
            variable.assign(value)
        self.model.reset_metrics()
        self._lower(self._optimizers())
        self._returns.append(
            {"step": step, "problem": problem, "checkpoint": restored_step}
        )
        if self.path:
            write_atomically(self.path, json_text(self._returns))
        # Whoever resumes has the lower rates, and the next return builds on them.
        self.checkpoint.save(step)
        rates = [f"{float(o.learning_rate):.3g}" for o in self._optimizers()]
        tqdm.tqdm.write(
            f"{problem} Gone back to the checkpoint of step {restored_step}, time "
            f"{len(self._returns)} of {self.retries}, with learning rates "
            f"{' and '.join(rates)}.",
            file=sys.stderr,
        )
        return True

    def _optimizers(self):
        return list(self.model.optimizers().values())

    def _lower(self, optimizers):
        for optimizer in optimizers:
            lower_learning_rate(optimizer, self.factor)
        if any(schedule_of(optimizer) for optimizer in optimizers):
            self.model.make_train_function(force=True)
