"""Pictures of what the generator makes while it learns."""

import pathlib
import sys

import tqdm

from keras_gan import pictures
from keras_gan.callbacks.step_callback import (
    StepCallback,
    is_due,
    require_interval,
    steps_taken,
)
from keras_gan.errors import Diverged


class SampleGrid(StepCallback):
    """Saves a picture of samples from the same latent vectors again and again.

    Writes `step_00000000.png` and so on, one before training and then at each
    interval. Images stand in a grid, of a conditional model with a column for each
    class; points in the plane. Samples that are not finite leave no picture.

    Args:
        directory: where the pictures go; made if it does not exist.
        every_steps: steps between pictures; None is 100 up to step 1,000 and 500 after
            it.
        count: samples in a picture; None makes 64 images or 2,000 points.
        seed: decides the latent vectors.
        animation: path of an animated GIF of all the grids in `directory`, written when
            training ends, or None.
        real: real points to be drawn beneath the generated ones, float [N, D].

    Raises:
        InputError: for `every_steps` below 1.
    """

    def __init__(
        self,
        directory,
        every_steps=None,
        count=None,
        seed=0,
        animation=None,
        real=None,
    ):
        super().__init__()
        require_interval("every_steps", every_steps)
        self.directory = pathlib.Path(directory)
        self.every_steps = every_steps
        self.count = count
        self.seed = seed
        self.animation = animation and pathlib.Path(animation)
        self.real = real

    def on_train_begin(self, logs=None):
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.animation:
            self.animation.parent.mkdir(parents=True, exist_ok=True)
        self._drawn_step = None
        self._drawing = pictures.drawing_of(self.model, self.real)
        count = self._drawing.count if self.count is None else self.count
        self._latent = self.model.sample_latent(count, self.seed)
        self._draw(steps_taken(self.model))

    def on_train_batch_end(self, batch, logs=None):
        step = self.step_after(batch)
        if is_due(self._drawn_step, step, self.every_steps):
            self._draw(step)

    def on_train_end(self, logs=None):
        self._draw(steps_taken(self.model))
        if self.animation:
            frames = sorted(self.directory.glob("step_*.png"))
            if frames:
                pictures.save_animation(frames, self.animation)

    def _draw(self, step):
        if step == self._drawn_step:
            return
        self._drawn_step = step
        path = self.directory / f"step_{step:08d}.png"
        try:
            samples = self.model.render(self._latent)
        except Diverged as error:
            tqdm.tqdm.write(f"no picture of step {step}: {error}", file=sys.stderr)
            return
        pictures.save(self._drawing.draw(samples), path)
