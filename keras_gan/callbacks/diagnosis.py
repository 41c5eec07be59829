"""Failures of a run that its losses do not name."""

import collections
import dataclasses
import json
import math
import os
import pathlib
import sys
from collections.abc import Mapping

import numpy as np
import tqdm

from keras_gan import examples
from keras_gan.callbacks.step_callback import (
    RecentMeans,
    StepCallback,
    interval_at,
    require_interval,
    steps_of_epoch,
)
from keras_gan.checkpoints import steps_taken
from keras_gan.errors import Diverged, InputError
from keras_gan.files import json_text, set_aside, write_atomically
from keras_gan.ownership import is_own
from keras_gan.symptoms import Variety, Window

# Real images of which the variance is taken.
_REAL_IMAGES = 1024
# Real images among which each image finds the one most like it.
_REFERENCES = 512
# Real images whose sharpness is taken.
_SHARPNESS_IMAGES = 256
# Most pixels along the shorter side of images whose sharpness is taken.
_SHARPNESS_SIDE = 16
# Images below which kinds are not counted.
_FEWEST_COUNTED = 16
# Pixels along a side that are compared.
_COMPARED_SIDE = 32
# Most pixels along a side of pictures that a model takes in any size.
_SIDE = 64


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was seen of a run.

    Args:
        kind: that of the symptom, such as "mode_collapse".
        step: at which it was seen.
        epoch: in which it was seen, counted from 1 as in the progress line.
        message: one or two sentences for a person.
        ended: whether the failure has ended, not begun.

    Example:

    ```python
    from keras_gan.callbacks import Finding

    finding = Finding("oscillation", step=400, epoch=3, message="The losses swing.")
    state = "ended" if finding.ended else "began"
    print(f"epoch {finding.epoch}: {finding.kind} {state}. {finding.message}")
    ```
    """

    kind: str
    step: int
    epoch: int
    message: str
    ended: bool = False


class Diagnosis(StepCallback):
    """Warns of the failures of training, once each time one begins or ends.

    It looks at the means of the metrics over windows of steps, and at samples of the
    same seed at their ends, for the `symptoms` of the model. Those of a `GAN` are:

    - the discriminator is far ahead: D(x) and 1 - D(G(z)) above 0.98;
    - or far behind: D(x) and D(G(z)) alike, and V of the game below that of a coin;
    - the generator is far behind: D(x) - D(G(z)) above 0.5, and the images vary less
      than 0.4 times as much as real ones or are of less than 0.4 times as many kinds;
    - oscillation: both losses go back and forth from window to window;
    - mode collapse: the images vary less than a quarter as much as real ones, or are of
      less than a third as many kinds. Each image has the kind of the real image that is
      most like it, and kinds are counted as those of real images are.

    Those of an `Autoencoder` are the last two of these, and of a `VAE` all three:

    - posterior collapse: all latents together tell less than 0.1 nats of an image, or
      fewer than one of them tells more than 0.01;
    - the decoder ignores the latents: reconstructions vary less than a fiftieth as much
      as the images;
    - blur: the reconstructions' mean squared Laplacian is less than 0.3 times that of
      the images, and does not grow.

    Those of models that make images from images:

    - the discriminator is far ahead, as above; for least squares, its loss is less than
      0.08 times that of a coin;
    - the output equals the input: it differs from its source by less than a twentieth
      of what real images of the target do;
    - one output for all inputs: outputs vary less than a fiftieth as much as real ones;
    - a cycle that works by hiding: an image comes back far worse if noise of 2/255 is
      added to its translation.

    Each is judged on the last 5 or 8 windows, whatever the length of an epoch. The
    first three of a `GAN` need probabilities, which the objectives "minimax" and
    "non_saturating" have; losses of "wasserstein" are not watched for oscillation.
    `keras_gan.symptoms` has their thresholds and sources.

    Writes each warning to stderr, above a progress bar, and keeps it in `findings`, a
    list of `Finding`. Training is not touched, its random state included. A resumed run
    is watched from its first step on, and its file goes on.

    Args:
        real: images of the data as the model makes them: uint8 [N, *shape]
            (`Images.array`), or floats if it makes these. With several elements, name
            of an element -> its rows. If they are all alike, mode collapse is not
            looked for. Of large pictures that the model takes in any size, it looks at
            the middle.
        count: samples at the end of each window, at least 2; None takes the model's
            `diagnosed_samples`: 64, or 16 of a model that translates images.
        seed: decides the samples.
        path: JSON file with the list of all findings of the run, or None.
        every_steps: steps of a window; None is 50 up to step 1,000 and 250 after it.

    Raises:
        InputError: for a count below 2 or `every_steps` below 1; when training begins,
            for real images that the model could not have made.

    Example:

    ```python
    from keras_gan.callbacks import Diagnosis

    diagnosis = Diagnosis(images.array)
    gan.fit(images.batches(64), epochs=2, callbacks=[diagnosis])
    for finding in diagnosis.findings:
        print(finding.step, finding.kind, finding.message)
    ```
    """

    def __init__(
        self,
        real: np.ndarray | Mapping[str, np.ndarray],
        count: int | None = None,
        seed: int = 0,
        path: str | os.PathLike | None = None,
        every_steps: int | None = None,
    ):
        super().__init__()
        if count is not None and count < 2:
            raise InputError(f"count is {count}; it must be at least 2.")
        require_interval("every_steps", every_steps)
        self.real = real
        self.count = count
        self.seed = seed
        self.path = path and pathlib.Path(path)
        self.every_steps = every_steps
        self.findings: list[Finding] = []

    def on_train_begin(self, logs: dict | None = None) -> None:
        # Read once: a model may make them at each question.
        self._symptoms = list(self.model.symptoms)
        self._windows: collections.deque = collections.deque(
            maxlen=max((s.length for s in self._symptoms), default=1)
        )
        if self._symptoms:
            self._rows = {
                name: self._middle(name, rows)
                for name, rows in examples.by_element(self.model, self.real).items()
            }
            self._count = self.count or self.model.diagnosed_samples
            self._examples = examples.spread(self.model, self._rows, self._count)
            self._real = {
                title: _Real(rows, self._count)
                for title, rows in self._compared().items()
            }
        self._recent: RecentMeans | None = None
        self._looked = steps_taken(self.model)
        self._since: dict[str, int] = {}
        self.findings = []
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._set_aside_others()
            self._earlier = self._findings_before_resume()
            self._write()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._epoch = epoch + 1

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        if self._recent is None:
            # Not earlier: `Checkpoint` puts the sums of a resumed epoch back when the
            # epoch begins.
            self._recent = RecentMeans(self.model, self.step_before(batch))

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        step = self.step_after(batch)
        every = self.every_steps or interval_at(step) // 2
        if self._recent is not None and step // every > self._looked // every:
            self._look(step, self._recent.take(step)[1])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self._recent is not None:
            self._recent.end_epoch(steps_taken(self.model))

    def _look(self, step, means):
        first, self._looked = self._looked + 1, step
        if not self._symptoms:
            return
        if not np.isfinite(list(means.values())).all():
            return  # no number of a run that diverged tells anything
        try:
            samples = self.model.samples(self._count, self.seed, self._examples)
        except Diverged:
            return
        varieties = {
            title: real.variety(samples[title]) for title, real in self._real.items()
        }
        probes = {
            symptom: symptom.probe(self.model, samples, self._examples)
            for symptom in self._symptoms
        }
        self._windows.append(Window(first, step, means, varieties, probes))
        for symptom in self._symptoms:
            if len(self._windows) >= symptom.length:
                self._examine(symptom, list(self._windows)[-symptom.length :])

    def _examine(self, symptom, windows):
        present = symptom.judge(windows)
        since = self._since.get(symptom)
        first, last = windows[0].first, windows[-1].last
        if present is True and since is None:
            self._since[symptom] = since = first
            message = (
                f"{symptom.title} since step {since}: {symptom.describe(windows)}. "
                f"{symptom.advice}"
            )
        elif present is False and since is not None:
            del self._since[symptom]
            message = (
                f"no longer so since step {first}: {symptom.title} (had begun at step "
                f"{since}); now {symptom.describe(windows)}."
            )
        else:
            return
        finding = Finding(symptom.kind, last, self._epoch, message, ended=not present)
        self.findings.append(finding)
        if self.path:
            self._write()
        tqdm.tqdm.write(f"step {last}: {message}", file=sys.stderr)

    def _set_aside_others(self):
        own = is_own(self.model, self.path)
        if not own and self.path.exists() and json.loads(self.path.read_bytes()):
            set_aside(self.path)

    def _findings_before_resume(self):
        step = steps_taken(self.model)
        if not step or not self.path.exists():
            return []
        found = json.loads(self.path.read_bytes())
        # A run that died had gone on after the checkpoint from which it is resumed.
        return [finding for finding in found if self._step_of(finding) <= step]

    def _step_of(self, finding):
        if "step" in finding:
            return finding["step"]
        return finding["epoch"] * steps_of_epoch(self)  # of an older version

    def _write(self):
        found = [*self._earlier, *map(dataclasses.asdict, self.findings)]
        write_atomically(self.path, json_text(found))

    def _middle(self, name, rows):
        """Returns the middle of pictures if the model takes them in any size.

        Whole ones, of which training sees small windows, would take longer to translate
        than the training itself.
        """
        element = self.model.elements.get(name)
        if None not in getattr(element, "shape", ()) or rows.ndim != 4:
            return rows
        sides = [min(side, max(_SIDE, element.multiple)) for side in rows.shape[1:3]]
        top, left = np.subtract(rows.shape[1:3], sides) // 2
        return rows[:, top : top + sides[0], left : left + sides[1]]

    def _compared(self):
        """Returns title -> the real images that the samples under it resemble.

        Raises:
            InputError: for real images that the model could not have made, or none.
        """
        rows, found = self._rows, {}
        for title, name in self.model.outputs.items():
            if name not in rows:
                raise InputError(
                    f"no real images of {name} were given, which {title} is compared "
                    f"with. Give rows of each element by its name: "
                    f"{', '.join(dict.fromkeys(self.model.outputs.values()))}."
                )
            real, element = rows[name], self.model.elements[name]
            dtype = "float" if element.pixels is None else "uint8"
            if real.dtype.kind != dtype[0] or not element.fits(real.shape[1:]):
                raise InputError(
                    f"the real images have dtype {real.dtype} and shape {real.shape}; "
                    f"the model makes {dtype} [N, *{element.shape}]."
                )
            found[title] = real
        return found


class _Real:
    """Real images that samples are compared with.

    Args:
        images: [N, *shape].
        count: how many samples are looked at.
    """

    def __init__(self, images, count):
        # Sorted, for an array that is read from a file.
        order = np.random.default_rng(0).permutation(len(images))
        images = images[np.sort(order[:_REAL_IMAGES])]
        # A share of nothing shows nothing.
        self._variance = _variance(images) or math.nan
        self._kinds = _Kinds(images, count)
        self._sharpness = _sharpness(images[:_SHARPNESS_IMAGES]) or math.nan

    def variety(self, samples) -> Variety:
        """Returns how samples compare with real ones."""
        return Variety(
            _variance(samples) / self._variance,
            self._kinds.share(samples),
            _sharpness(samples) / self._sharpness,
        )


class _Kinds:
    """Counts the kinds of images: those real images that are most like one of them.

    Images of few kinds are like few real ones, in however many ways each is drawn.
    Real images that are not among those compared with show how many are to be expected.

    Args:
        real: images, [N, *image_shape].
        count: how many images are looked at.
    """

    def __init__(self, real, count):
        rows = _rows(real)[np.random.default_rng(1).permutation(len(real))]
        half = len(rows) // 2
        self._count = min(count, half)
        self._references = rows[:half][:_REFERENCES]
        self._squares = (self._references**2).sum(axis=1)
        self._expected = math.nan
        if self._count >= _FEWEST_COUNTED and np.ptp(rows):
            self._expected = self._found(rows[half:])

    def share(self, images) -> float:
        """Returns the kinds of images divided by those of as many real ones.

        NaN where there are too few images to tell.
        """
        if math.isnan(self._expected):
            return math.nan
        return self._found(_rows(images)) / self._expected

    def _found(self, rows):
        products = rows[: self._count] @ self._references.T
        return len(np.unique((self._squares - 2 * products).argmin(axis=1)))


def _rows(images):
    """Returns images as rows of some thousand numbers at most, float32 [N, D]."""
    if images.ndim == 4:
        strides = [-(-side // _COMPARED_SIDE) for side in images.shape[1:3]]
        images = images[:, :: strides[0], :: strides[1]]
    return images.reshape(len(images), -1).astype("float32")


def _variance(images):
    """Returns the variance about the mean image, summed over the pixels.

    It is half the mean squared distance between two of the images.
    """
    if len(images) < 2:
        return 0.0
    return float(np.var(images, axis=0, dtype="float64", ddof=1).sum())


def _sharpness(images):
    """Returns the mean squared Laplacian of images [N, H, W, C], NaN of other data.

    It is that of images reduced to few pixels, since the finest grain of photographs is
    noise, which a model does well to leave out.
    """
    if images.ndim != 4 or min(images.shape[1:3]) < 3:
        return math.nan
    factor = -(-min(images.shape[1:3]) // _SHARPNESS_SIDE)
    count, height, width, channels = images.shape
    height, width = height // factor, width // factor
    x = images[:, : height * factor, : width * factor].astype("float32")
    x = x.reshape(count, height, factor, width, factor, channels).mean(axis=(2, 4))
    inner = x[:, 1:-1, 1:-1]
    across = x[:, 1:-1, :-2] + x[:, 1:-1, 2:]
    along = x[:, :-2, 1:-1] + x[:, 2:, 1:-1]
    return float(np.mean((across + along - 4 * inner) ** 2))
