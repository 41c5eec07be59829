"""Pictures of what the model makes while it learns."""

import os
import pathlib
import sys
from collections.abc import Mapping, Sequence

import numpy as np
import tqdm

from keras_gan import examples, pictures
from keras_gan.callbacks.step_callback import (
    StepCallback,
    is_due,
    require_interval,
)
from keras_gan.checkpoints import steps_taken
from keras_gan.errors import Diverged, InputError
from keras_gan.files import set_aside
from keras_gan.ownership import is_own


class SampleGrid(StepCallback):
    """Saves a picture of samples of the same seed again and again.

    Writes `step_00000000.png` and so on, one before training and then at each
    interval. Images stand in a grid, those of a class together under its name; each
    class has the same latent vectors. Points are drawn in the plane, series as lines,
    volumes as middle slices. A model with samples of several titles gets a column for
    each and a row for each example. Samples that are not finite leave no picture.
    Later pictures of another training are moved to a folder beside it first.

    Args:
        directory: where the pictures go; made if it does not exist.
        every_steps: steps between pictures; None is 100 up to step 1,000 and 500 after
            it.
        count: samples in a picture, at least 1; None makes 64 images (64 to 100 if
            that shows all classes equally often) or 2,000 points.
        seed: decides the latent vectors.
        animation: path of an animated GIF of all the grids in `directory`, written when
            training ends, or None.
        real: real points to be drawn beneath the generated ones, float [N, D]; or name
            of an element -> its rows, from which a model makes pictures.
        class_names: one for each class of a conditional model; None takes numbers.

    Raises:
        InputError: for `every_steps` or `count` below 1; when training begins, if the
            model makes pictures from others and `real` has none.

    Example:

    ```python
    from pathlib import Path
    from keras_gan.callbacks import SampleGrid

    grid = SampleGrid("samples", every_steps=2, count=16, animation="training.gif")
    gan.fit(images.batches(64), epochs=2, callbacks=[grid])
    assert Path("samples/step_00000002.png").exists()
    ```
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        every_steps: int | None = None,
        count: int | None = None,
        seed: int = 0,
        animation: str | os.PathLike | None = None,
        real: np.ndarray | Mapping[str, np.ndarray] | None = None,
        class_names: Sequence[str] | None = None,
    ):
        super().__init__()
        require_interval("every_steps", every_steps)
        if count is not None and count < 1:
            raise InputError(f"count is {count}; it must be at least 1, or None.")
        self.directory = pathlib.Path(directory)
        self.every_steps = every_steps
        self.count = count
        self.seed = seed
        self.animation = animation and pathlib.Path(animation)
        self.real = real
        self.class_names = class_names

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.animation:
            self.animation.parent.mkdir(parents=True, exist_ok=True)
        step = steps_taken(self.model)
        if not is_own(self.model, self.directory):
            self._set_aside_others(step)
        self._drawn_step = -1  # none yet
        self._drawing = pictures.drawing_of(self.model, self.real, self.class_names)
        count = self._drawing.count if self.count is None else self.count
        self._count = count
        self._labels = self._drawing.labels(count)
        self._examples = examples.spread(self.model, self.real, count, self._labels)
        self._draw(step)

    def _set_aside_others(self, step):
        """Keeps pictures of another training out of the way and of the animation."""
        others = [path for path in self._frames() if _step_of(path) > step]
        if others:
            set_aside(self.directory, others)
            if self.animation and self.animation.exists():
                set_aside(self.animation)

    def _frames(self):
        return sorted(self.directory.glob("step_*.png"), key=_step_of)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        step = self.step_after(batch)
        if is_due(self._drawn_step, step, self.every_steps):
            self._draw(step)

    def on_train_end(self, logs: dict | None = None) -> None:
        step = steps_taken(self.model)
        self._draw(step)
        if self.animation:
            # A run that died may have gone on after the step from which it is resumed.
            frames = [path for path in self._frames() if _step_of(path) <= step]
            if frames:
                pictures.save_animation(frames, self.animation)

    def _draw(self, step):
        if step == self._drawn_step:
            return
        self._drawn_step = step
        path = self.directory / f"step_{step:08d}.png"
        try:
            samples = self.model.samples(self._count, self.seed, self._examples)
        except Diverged as error:
            tqdm.tqdm.write(f"no picture of step {step}: {error}", file=sys.stderr)
            return
        pictures.save(self._drawing.draw(samples, self._labels), path)


def _step_of(path):
    """Returns the step that a picture's name says; that of another name is 0."""
    digits = path.stem.removeprefix("step_")
    return int(digits) if digits.isdecimal() else 0
