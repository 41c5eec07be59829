"""Failures of a run that its losses do not name."""

import collections
import dataclasses
import json
import math
import os
import pathlib
import sys

import numpy as np
import tqdm

from keras_gan import losses
from keras_gan.callbacks.step_callback import (
    RecentMeans,
    StepCallback,
    interval_at,
    require_interval,
    steps_of_epoch,
)
from keras_gan.checkpoints import steps_taken
from keras_gan.errors import Diverged, InputError
from keras_gan.files import json_text, set_aside, write_whole
from keras_gan.ownership import is_own

# V of a discriminator that says 1/2 of everything, and the sum of both players' losses
# at the equilibrium, log 4 + log 2, in nats.
COIN_VALUE = -math.log(4)
EQUILIBRIUM_LOSSES = math.log(8)

# Windows of steps that a state lasts before it counts: 250 steps at first. Healthy runs
# pass through any of them in their first 250 steps.
PATIENCE = 5
# D(x) above, D(G(z)) below 1 minus it. Healthy runs of the recipes stay under 0.95; the
# run of `gan-mnist-paper` that drew only ones went from 0.98 to 0.999.
AHEAD = 0.98
# Nats of V below the coin's. At a healthy equilibrium V comes before D's update and was
# 0.02 below it; discriminators that did not learn were soon 0.08 to 10 below.
BEHIND = 0.05
# D(x) - D(G(z)) under which the two are not told apart. A discriminator that does tell
# and has a low V all the same is overconfident, not behind.
TOLD_APART = 0.05
# Windows of steps that a generator is behind before it counts: 400 steps at first. Hard
# images, such as the pixel characters below, take longer to learn than others.
CATCHING_UP = 8
# D(x) - D(G(z)) over which the generator may be far behind. Healthy runs had 0.8 in
# their first 100 steps, 0.5 at step 150 and then 0.02 (`ring`) to 0.5
# (`dcgan-cifar10`). `dcgan-64` on 10,000 pixel characters had 0.59 to 0.68 up to step
# 700 and 0.80 at step 1,000; with a transparent background 0.53 to 0.63 from step 200
# to 600. `dcgan-mnist` with a generator's learning rate of 0.1 went from 0.6 to 0.78.
APART = 0.5
# Share of the real images' variance, or of their kinds, under which that gap counts. A
# discriminator without a penalty learns the images by heart in time, while the pictures
# are fine: on 500 faces the gap grew to 0.91 at step 2,500, and the faces had 0.60 of
# the variance and 0.73 of the kinds; on 200 faces they had 0.53 and 0.60 at least. The
# pixel characters had two shapes and two colours at step 350 with 0.16 of the variance,
# more at step 650 with 0.39, and many at step 900 with 0.44.
NARROW = 0.4
# Share of the real images' variance. In looks 50 steps apart, healthy runs fell back to
# 0.43 (`dcgan-cifar10`, steps 500 to 600); the run with the rate of 0.1 ended at 0.05.
# `gan-mnist-paper` draws one image until step 900: this is reported, and its end too.
DIVERSE = 0.25
# Kinds of images, as `_Kinds` counts them, beside those of as many real ones. From step
# 250 on, healthy runs had 0.42 (`ring`), 0.54 (`dcgan-cifar10`) and 0.6 to 1 (`digits`,
# 200 digits, `dcgan-mnist`, faces, 60 and 40 emoji), or grew by 0.3 in 200 steps
# (`gan-mnist`). The run with the rate of 0.1 had 0.02 to 0.09.
FEW_KINDS = 0.3
# How much either share grows within PATIENCE windows where a generator still learns.
# The slowest healthy start, `gan-mnist`, grew by 0.2 in 200 steps.
LEARNING = 0.05
# Windows in which losses are watched for swings: room for at least two of them.
SWING_WINDOW = 8
# Share of their size that the losses go to and fro by at a mean window. Healthy runs
# had 0.02 to 0.22 in epochs of 28 to 938 steps, and 0.01 to 0.18 in windows of 50, the
# most in their first hump; games that circled had 0.4 to 2.
SWING = 0.3
# Under it an oscillation has ended; apart from SWING, so that no run flickers.
CALM = 0.2

# Real images of which the variance is taken.
_REAL_IMAGES = 1024
# Real images among which each image finds the one most like it.
_REFERENCES = 512
# Images below which kinds are not counted.
_FEWEST_COUNTED = 16
# Pixels along a side that are compared.
_COMPARED_SIDE = 32


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was seen of a run.

    Args:
        kind: "discriminator_ahead", "discriminator_behind", "generator_behind",
            "oscillation" or "mode_collapse".
        step: at which it was seen.
        epoch: in which it was seen, counted from 1 as in the progress line.
        message: one or two sentences for a person.
        ended: whether the failure has ended, not begun.
    """

    kind: str
    step: int
    epoch: int
    message: str
    ended: bool = False


@dataclasses.dataclass(frozen=True)
class Window:
    """The numbers of some steps: means of the metrics of `GAN`, and of its images.

    Args:
        first, last: its steps; the first step of all is 1.
        diversity: variance of generated images at its end, divided by that of real
            ones.
        kinds: kinds of generated images at its end, divided by those of real ones.
    """

    first: int
    last: int
    discriminator_loss: float
    generator_loss: float
    d_real: float
    d_fake: float
    value: float
    diversity: float
    kinds: float


class Symptom:
    """One failure: how the last windows show it, and what people do about it.

    A subclass gives `kind`, `name` and `advice`, and defines `seen` and `describe`.
    """

    kind: str
    name: str
    advice: str
    length = PATIENCE

    def suits(self, objective: losses.Objective) -> bool:
        """Returns whether it can be told from the logits of that game."""
        return True

    def seen(self, window: Window) -> bool:
        """Returns whether one window shows it."""
        raise NotImplementedError

    def judge(self, windows: list[Window]) -> bool | None:
        """Returns whether `length` windows show it; None where that is unclear."""
        seen = [self.seen(window) for window in windows]
        if all(seen):
            return True
        return None if any(seen) else False

    def describe(self, windows: list[Window]) -> str:
        """Returns the numbers that tell."""
        raise NotImplementedError


class _Probabilities(Symptom):
    """Of games in which the discriminator's logit is the log-odds of a real image."""

    def suits(self, objective: losses.Objective) -> bool:
        return objective.logit_is_log_odds

    def describe(self, windows: list[Window]) -> str:
        return (
            f"D(x) is {_mean(windows, 'd_real'):.3f}, D(G(z)) "
            f"{_mean(windows, 'd_fake'):.3f}, V {_mean(windows, 'value'):.3f}"
        )


class DiscriminatorAhead(_Probabilities):
    """D is sure of nearly every image: the generator's gradient vanishes."""

    kind = "discriminator_ahead"
    name = "the discriminator is far ahead"
    advice = (
        "The generator learns little from it: lower the discriminator's learning rate "
        "or steps, add a penalty such as r1, smooth its labels, or, where images are "
        "few, move them (translation 0.125)."
    )

    def seen(self, window: Window) -> bool:
        return window.d_real > AHEAD and window.d_fake < 1 - AHEAD


class GeneratorBehind(_Probabilities):
    """D tells most images apart, and the generator draws little of what is real."""

    kind = "generator_behind"
    name = "the generator is far behind"
    advice = (
        "The discriminator recognises most of its images, and they vary too little: "
        "add a penalty such as r1, lower the discriminator's learning rate, or, if the "
        "data has few images, move them (translation 0.125)."
    )
    length = CATCHING_UP

    def seen(self, window: Window) -> bool:
        narrow = window.diversity < NARROW or window.kinds < NARROW
        return narrow and window.d_real - window.d_fake > APART

    def describe(self, windows: list[Window]) -> str:
        return (
            f"D(x) is {_mean(windows, 'd_real'):.2f} and D(G(z)) "
            f"{_mean(windows, 'd_fake'):.2f}; {_variety(windows)}"
        )


class DiscriminatorBehind(_Probabilities):
    """D cannot tell, and not because there is nothing to tell: a coin does better."""

    kind = "discriminator_behind"
    name = "the discriminator is far behind"
    advice = (
        f"A coin has V {COIN_VALUE:.3f}, so the generator learns to please a bad "
        "judge: raise the discriminator's learning rate or steps, or weaken its "
        "penalty."
    )

    def seen(self, window: Window) -> bool:
        cannot_tell = window.d_real - window.d_fake < TOLD_APART
        return cannot_tell and window.value < COIN_VALUE - BEHIND


class Oscillation(Symptom):
    """Both losses go far to and fro and get nowhere."""

    kind = "oscillation"
    name = "the losses oscillate"
    advice = (
        "The players circle around the equilibrium: lower both learning rates, Adam's "
        "beta_1 to 0.5 or less, or add a penalty such as r1."
    )
    length = SWING_WINDOW

    def suits(self, objective: losses.Objective) -> bool:
        # A critic's values have no scale, and drift where nothing is wrong.
        return not isinstance(objective, losses.Wasserstein)

    def judge(self, windows: list[Window]) -> bool | None:
        swing = self.swing(windows)
        if swing > SWING:
            return True
        return None if swing > CALM else False

    def swing(self, windows: list[Window]) -> float:
        """Returns the share of the losses' size that a mean window goes to and fro.

        It is the way from the first window's losses to the last one's, less the direct
        way: 0 for a steady rise or fall, whatever its size.
        """
        values = np.array([(e.discriminator_loss, e.generator_loss) for e in windows])
        steps = np.diff(values, axis=0)
        detour = abs(steps).sum(axis=0) - abs(steps.sum(axis=0))
        size = max(abs(values).mean(axis=0).sum(), EQUILIBRIUM_LOSSES)
        return float(detour.sum() / len(steps) / size)

    def describe(self, windows: list[Window]) -> str:
        length = round((windows[-1].last - windows[0].first + 1) / len(windows))
        return (
            f"each {length} steps they go to and fro by {self.swing(windows):.0%} of "
            "their size; the discriminator's went through "
            f"{_range(windows, 'discriminator_loss')}, the generator's through "
            f"{_range(windows, 'generator_loss')}"
        )


class ModeCollapse(Symptom):
    """Images of different latent vectors are alike and do not grow apart."""

    kind = "mode_collapse"
    name = "the generator's images are too much alike"
    advice = (
        "Modes have collapsed, or the generator has not begun to learn: lower its "
        "learning rate or raise the discriminator's, try the relativistic objective "
        "with the penalty r1r2, or go back to a checkpoint from before."
    )

    def seen(self, window: Window) -> bool:
        return window.diversity < DIVERSE or window.kinds < FEW_KINDS

    def judge(self, windows: list[Window]) -> bool | None:
        present = super().judge(windows)
        first, last = windows[0], windows[-1]
        # A share that cannot be taken is NaN, which is greater than nothing.
        learning = (
            last.diversity - first.diversity > LEARNING
            or last.kinds - first.kinds > LEARNING
        )
        return None if present and learning else present

    def describe(self, windows: list[Window]) -> str:
        return _variety(windows)


SYMPTOMS = (
    DiscriminatorAhead(),
    DiscriminatorBehind(),
    GeneratorBehind(),
    Oscillation(),
    ModeCollapse(),
)


class Diagnosis(StepCallback):
    """Warns of the failures of adversarial training, once each time one begins or ends.

    It looks at the means of the metrics over windows of steps, and at the images that
    the generator makes of the same latent vectors at their ends:

    - the discriminator is far ahead: D(x) and 1 - D(G(z)) above 0.98;
    - or far behind: D(x) and D(G(z)) alike, and V of the game below that of a coin;
    - the generator is far behind: D(x) - D(G(z)) above 0.5, and the images vary less
      than 0.4 times as much as real ones or are of less than 0.4 times as many kinds;
    - oscillation: both losses go back and forth from window to window;
    - mode collapse: the images vary less than a quarter as much as real ones, or are of
      less than a third as many kinds. Each image has the kind of the real image that is
      most like it, and kinds are counted as those of real images are.

    Each is judged on the last 5 or 8 windows, whatever the length of an epoch. The
    first three need probabilities, which the objectives "minimax" and
    "non_saturating" have; losses of "wasserstein" are not watched for oscillation.

    Writes each warning to stderr, above a progress bar, and keeps it in `findings`, a
    list of `Finding`. Training is not touched, its random state included. A resumed run
    is watched from its first step on, and its file goes on.

    Args:
        real: images of the data as `GAN.generate` gives them: uint8 [N, *image_shape]
            (`Images.array`), or floats where `value_range` is None. Where they are all
            alike, mode collapse is not looked for.
        count: generated images at the end of each window, at least 2.
        seed: decides their latent vectors.
        path: JSON file with the list of all findings of the run, or None.
        every_steps: steps of a window; None is 50 up to step 1,000 and 250 after it.

    Raises:
        InputError: for a count below 2 or `every_steps` below 1; when training begins,
            for real images that the model could not have made.

    Example:

    ```python
    images = datasets.read("digits", image_size=16)
    diagnosis = Diagnosis(images.array)
    gan.fit(images.batches(64), epochs=50, callbacks=[diagnosis])
    for finding in diagnosis.findings:
        print(finding.step, finding.kind, finding.message)
    ```

    Sources: Goodfellow et al. 2014, arXiv 1406.2661, sections 3 (a discriminator too
    good) and 6 (collapse); Radford et al. 2015, arXiv 1511.06434, section 4 (beta_1
    and oscillation); Arjovsky and Bottou 2017, arXiv 1701.04862 (vanishing gradients);
    Mescheder et al. 2018, arXiv 1801.04406 (circling, r1).
    """

    def __init__(
        self,
        real: np.ndarray,
        count: int = 64,
        seed: int = 0,
        path: str | os.PathLike | None = None,
        every_steps: int | None = None,
    ):
        super().__init__()
        if count < 2:
            raise InputError(f"count is {count}; it must be at least 2.")
        require_interval("every_steps", every_steps)
        self.real = real
        self.count = count
        self.seed = seed
        self.path = path and pathlib.Path(path)
        self.every_steps = every_steps
        self.findings: list[Finding] = []

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._check_real_images()
        # Sorted, for an array that is read from a file.
        order = np.random.default_rng(0).permutation(len(self.real))
        real = self.real[np.sort(order[:_REAL_IMAGES])]
        # A share of nothing shows nothing.
        self._real_variance = _variance(real) or math.nan
        self._kinds = _Kinds(real, self.count)
        self._latent = self.model.sample_latent(self.count, self.seed)
        self._symptoms = [s for s in SYMPTOMS if s.suits(self.model.objective)]
        self._windows: collections.deque = collections.deque(
            maxlen=max(s.length for s in SYMPTOMS)
        )
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
        if not np.isfinite(list(means.values())).all():
            return  # no number of a run that diverged tells anything
        try:
            images = self.model.render(self._latent)
        except Diverged:
            return
        diversity = _variance(images) / self._real_variance
        self._windows.append(
            Window(
                first,
                step,
                diversity=diversity,
                kinds=self._kinds.share(images),
                **means,
            )
        )
        for symptom in self._symptoms:
            if len(self._windows) >= symptom.length:
                self._examine(symptom, list(self._windows)[-symptom.length :])

    def _examine(self, symptom, windows):
        present = symptom.judge(windows)
        since = self._since.get(symptom.kind)
        first, last = windows[0].first, windows[-1].last
        if present is True and since is None:
            self._since[symptom.kind] = since = first
            message = (
                f"{symptom.name} since step {since}: {symptom.describe(windows)}. "
                f"{symptom.advice}"
            )
        elif present is False and since is not None:
            del self._since[symptom.kind]
            message = (
                f"no longer so since step {first}: {symptom.name} (had begun at step "
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
        write_whole(self.path, json_text(found))

    def _check_real_images(self):
        dtype = "float" if self.model.value_range is None else "uint8"
        kind = "f" if dtype == "float" else "u"
        shape = self.real.shape
        if self.real.dtype.kind != kind or shape[1:] != self.model.image_shape:
            raise InputError(
                f"the real images have dtype {self.real.dtype} and shape {shape}; "
                f"the model makes {dtype} [N, *{self.model.image_shape}]."
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


def _variety(windows):
    first, last = windows[0], windows[-1]
    text = (
        f"the images' variance is {last.diversity:.2g} times that of real ones, and "
        f"was {first.diversity:.2g}"
    )
    if math.isnan(last.kinds):
        return text
    return f"{text}; they are of {last.kinds:.0%} as many kinds as real ones"


def _values(windows, name):
    return [getattr(window, name) for window in windows]


def _mean(windows, name):
    return float(np.mean(_values(windows, name)))


def _range(windows, name):
    return f"{min(_values(windows, name)):.2f} to {max(_values(windows, name)):.2f}"
