"""Failures of a run that its losses do not name."""

import collections
import dataclasses
import json
import math
import pathlib
import sys

import keras
import numpy as np
import tqdm

from keras_gan import losses
from keras_gan.callbacks.earlier import is_own
from keras_gan.callbacks.step_callback import steps_of_epoch, steps_taken
from keras_gan.errors import Diverged, InputError
from keras_gan.files import json_text, set_aside, write_whole

# V of a discriminator that says 1/2 of everything, and the sum of both players' losses
# at the equilibrium, log 4 + log 2, in nats.
COIN_VALUE = -math.log(4)
EQUILIBRIUM_LOSSES = math.log(8)

# Epochs that a state lasts before it counts. Healthy runs pass through any of them in
# their first epochs; five in a row were seen in failed ones only.
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
# Share of the real images' variance. Healthy runs rise through it and stay above 0.65;
# the real ones of MNIST have 0.45, and a generator with one image for all has 0.
DIVERSE = 0.5
# How much that share grows within PATIENCE epochs where a generator has yet to learn.
# The slowest healthy start seen, with epochs of 60 steps, grew by 0.3.
LEARNING = 0.05
# Epochs in which losses are watched for swings: room for at least two of them.
SWING_WINDOW = 8
# Share of their size that the losses go to and fro by at a mean epoch. Healthy runs had
# 0.02 to 0.22, the most in the hump of their first epochs; games that circled 0.4 to 2.
SWING = 0.3
# Under it an oscillation has ended; apart from SWING, so that no run flickers.
CALM = 0.2

# Real images of which the variance is taken.
_REAL_IMAGES = 1024


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was seen of a run.

    Args:
        kind: "discriminator_ahead", "discriminator_behind", "oscillation" or
            "mode_collapse".
        epoch: at whose end it was seen, counted from 1 as in the progress line.
        message: one or two sentences for a person.
        ended: whether the failure has ended, not begun.
    """

    kind: str
    epoch: int
    message: str
    ended: bool = False


@dataclasses.dataclass(frozen=True)
class Epoch:
    """The numbers of one epoch: the metrics of `GAN` and the diversity at its end.

    Args:
        number: counted from 1.
        diversity: variance of generated images divided by that of real ones.
    """

    number: int
    discriminator_loss: float
    generator_loss: float
    d_real: float
    d_fake: float
    value: float
    diversity: float


class Symptom:
    """One failure: how the last epochs show it, and what people do about it.

    A subclass gives `kind`, `name` and `advice`, and defines `seen` and `describe`.
    """

    kind: str
    name: str
    advice: str
    window = PATIENCE

    def suits(self, objective) -> bool:
        """Returns whether it can be told from the logits of that game."""
        return True

    def seen(self, epoch: Epoch) -> bool:
        """Returns whether one epoch shows it."""
        raise NotImplementedError

    def judge(self, epochs: list[Epoch]) -> bool | None:
        """Returns whether the `window` of epochs shows it; None where it is unclear."""
        seen = [self.seen(epoch) for epoch in epochs]
        if all(seen):
            return True
        return None if any(seen) else False

    def describe(self, epochs: list[Epoch]) -> str:
        """Returns the numbers that tell."""
        raise NotImplementedError


class _Probabilities(Symptom):
    """Of games in which the discriminator's logit is the log-odds of a real image."""

    def suits(self, objective):
        return objective.logit_is_log_odds

    def describe(self, epochs):
        return (
            f"D(x) is {_mean(epochs, 'd_real'):.3f}, D(G(z)) "
            f"{_mean(epochs, 'd_fake'):.3f}, V {_mean(epochs, 'value'):.3f}"
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

    def seen(self, epoch):
        return epoch.d_real > AHEAD and epoch.d_fake < 1 - AHEAD


class DiscriminatorBehind(_Probabilities):
    """D cannot tell, and not because there is nothing to tell: a coin does better."""

    kind = "discriminator_behind"
    name = "the discriminator is far behind"
    advice = (
        f"A coin has V {COIN_VALUE:.3f}, so the generator learns to please a bad "
        "judge: raise the discriminator's learning rate or steps, or weaken its "
        "penalty."
    )

    def seen(self, epoch):
        cannot_tell = epoch.d_real - epoch.d_fake < TOLD_APART
        return cannot_tell and epoch.value < COIN_VALUE - BEHIND


class Oscillation(Symptom):
    """Both losses go far to and fro and get nowhere."""

    kind = "oscillation"
    name = "the losses oscillate"
    advice = (
        "The players circle around the equilibrium: lower both learning rates, Adam's "
        "beta_1 to 0.5 or less, or add a penalty such as r1."
    )
    window = SWING_WINDOW

    def suits(self, objective):
        # A critic's values have no scale, and drift where nothing is wrong.
        return not isinstance(objective, losses.Wasserstein)

    def judge(self, epochs):
        swing = self.swing(epochs)
        if swing > SWING:
            return True
        return None if swing > CALM else False

    def swing(self, epochs: list[Epoch]) -> float:
        """Returns the share of the losses' size that a mean epoch goes to and fro.

        It is the way from the first epoch's losses to the last one's, less the direct
        way: 0 for a steady rise or fall, whatever its size.
        """
        values = np.array([(e.discriminator_loss, e.generator_loss) for e in epochs])
        steps = np.diff(values, axis=0)
        detour = abs(steps).sum(axis=0) - abs(steps.sum(axis=0))
        size = max(abs(values).mean(axis=0).sum(), EQUILIBRIUM_LOSSES)
        return float(detour.sum() / len(steps) / size)

    def describe(self, epochs):
        return (
            f"each epoch they go to and fro by {self.swing(epochs):.0%} of their size; "
            f"the discriminator's went through {_range(epochs, 'discriminator_loss')}, "
            f"the generator's through {_range(epochs, 'generator_loss')}"
        )


class ModeCollapse(Symptom):
    """Images of different latent vectors are alike and do not grow apart."""

    kind = "mode_collapse"
    name = "the generator's images are too much alike"
    advice = (
        "Modes have collapsed, or the generator never began to learn: lower its "
        "learning rate or raise the discriminator's, try the relativistic objective "
        "with the penalty r1r2, or go back to a checkpoint from before."
    )

    def seen(self, epoch):
        return epoch.diversity < DIVERSE

    def judge(self, epochs):
        present = super().judge(epochs)
        learning = epochs[-1].diversity - epochs[0].diversity > LEARNING
        return None if present and learning else present

    def describe(self, epochs):
        return (
            f"their variance is {epochs[-1].diversity:.2g} times that of real images, "
            f"and was {epochs[0].diversity:.2g}"
        )


SYMPTOMS = (DiscriminatorAhead(), DiscriminatorBehind(), Oscillation(), ModeCollapse())


class Diagnosis(keras.callbacks.Callback):
    """Warns of the failures of adversarial training, once each time one begins or ends.

    It looks at the metrics of each epoch, and at the images that the generator makes
    of the same latent vectors:

    - the discriminator is far ahead: D(x) and 1 - D(G(z)) above 0.98;
    - or far behind: D(x) and D(G(z)) alike, and V of the game below that of a coin;
    - oscillation: both losses go back and forth from epoch to epoch;
    - mode collapse: the images vary less than half as much as real ones.

    Each is judged on the last 5 or 8 epochs. The first two need probabilities, which
    the objectives "minimax" and "non_saturating" have; losses of "wasserstein" are not
    watched for oscillation. A generator that draws one kind of image in many ways
    vanishes in no variance: count its modes (`metrics.mode_coverage`, `metrics.
    density_coverage`).

    Writes each warning to stderr, above a progress bar, and keeps it in `findings`, a
    list of `Finding`. Training is not touched, its random state included. A run that
    is resumed is watched anew, and its file goes on.

    Args:
        real: images of the data as `GAN.generate` gives them: uint8 [N, *image_shape]
            (`Images.array`), or floats where `value_range` is None. Where they are all
            alike, mode collapse is not looked for.
        count: generated images at the end of each epoch, at least 2.
        seed: decides their latent vectors.
        path: JSON file with the list of all findings of the run, or None.

    Raises:
        InputError: for a count below 2; when training begins, for real images that
            the model could not have made, or with a `path` for data of unknown length
            without `steps_per_epoch`.

    Example:

    ```python
    images = datasets.read("digits", image_size=16)
    diagnosis = Diagnosis(images.array)
    gan.fit(images.batches(64), epochs=50, callbacks=[diagnosis])
    for finding in diagnosis.findings:
        print(finding.epoch, finding.kind, finding.message)
    ```

    Sources: Goodfellow et al. 2014, arXiv 1406.2661, sections 3 (a discriminator too
    good) and 6 (collapse); Radford et al. 2015, arXiv 1511.06434, section 4 (beta_1
    and oscillation); Arjovsky and Bottou 2017, arXiv 1701.04862 (vanishing gradients);
    Mescheder et al. 2018, arXiv 1801.04406 (circling, r1).
    """

    def __init__(self, real, count=64, seed=0, path=None):
        super().__init__()
        if count < 2:
            raise InputError(f"count is {count}; it must be at least 2.")
        self.real = real
        self.count = count
        self.seed = seed
        self.path = path and pathlib.Path(path)
        self.findings = []

    def on_train_begin(self, logs=None):
        self._real_variance = self._variance_of_real_images()
        self._latent = self.model.sample_latent(self.count, self.seed)
        self._symptoms = [s for s in SYMPTOMS if s.suits(self.model.objective)]
        self._epochs = collections.deque(maxlen=max(s.window for s in SYMPTOMS))
        self._since = {}
        self.findings = []
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._set_aside_others()
            self._earlier = self._findings_before_resume()
            self._write()

    def on_epoch_end(self, epoch, logs=None):
        names = [metric.name for metric in self.model.metrics]
        numbers = {name: float(logs[name]) for name in names}
        if not np.isfinite(list(numbers.values())).all():
            return  # no number of a run that diverged tells anything
        try:
            images = self.model.render(self._latent)
        except Diverged:
            return
        diversity = _variance(images) / self._real_variance
        self._epochs.append(Epoch(epoch + 1, diversity=diversity, **numbers))
        for symptom in self._symptoms:
            if len(self._epochs) >= symptom.window:
                self._examine(symptom, list(self._epochs)[-symptom.window :])

    def _examine(self, symptom, epochs):
        present = symptom.judge(epochs)
        since = self._since.get(symptom.kind)
        if present is True and since is None:
            self._since[symptom.kind] = since = epochs[0].number
            message = (
                f"{symptom.name} since epoch {since}: {symptom.describe(epochs)}. "
                f"{symptom.advice}"
            )
        elif present is False and since is not None:
            del self._since[symptom.kind]
            message = (
                f"no longer so since epoch {epochs[0].number}: {symptom.name} (had "
                f"begun at epoch {since}); now {symptom.describe(epochs)}."
            )
        else:
            return
        finding = Finding(symptom.kind, epochs[-1].number, message, ended=not present)
        self.findings.append(finding)
        if self.path:
            self._write()
        tqdm.tqdm.write(f"epoch {finding.epoch}: {message}", file=sys.stderr)

    def _set_aside_others(self):
        own = is_own(self.model, self.path)
        if not own and self.path.exists() and json.loads(self.path.read_bytes()):
            set_aside(self.path)

    def _findings_before_resume(self):
        epochs = steps_taken(self.model) // steps_of_epoch(self)
        if not epochs or not self.path.exists():
            return []
        found = json.loads(self.path.read_bytes())
        # A run that died had gone on after the checkpoint from which it is resumed.
        return [finding for finding in found if finding["epoch"] <= epochs]

    def _write(self):
        found = [*self._earlier, *map(dataclasses.asdict, self.findings)]
        write_whole(self.path, json_text(found))

    def _variance_of_real_images(self):
        dtype = "float" if self.model.value_range is None else "uint8"
        kind = "f" if dtype == "float" else "u"
        shape = self.real.shape
        if self.real.dtype.kind != kind or shape[1:] != self.model.image_shape:
            raise InputError(
                f"the real images have dtype {self.real.dtype} and shape {shape}; "
                f"the model makes {dtype} [N, *{self.model.image_shape}]."
            )
        # Sorted, for an array that is read from a file.
        order = np.random.default_rng(0).permutation(len(self.real))
        variance = _variance(self.real[np.sort(order[:_REAL_IMAGES])])
        return variance or math.nan  # a share of nothing shows nothing


def _variance(images):
    """Returns the variance about the mean image, summed over the pixels.

    It is half the mean squared distance between two of the images.
    """
    if len(images) < 2:
        return 0.0
    return float(np.var(images, axis=0, dtype="float64", ddof=1).sum())


def _values(epochs, name):
    return [getattr(epoch, name) for epoch in epochs]


def _mean(epochs, name):
    return float(np.mean(_values(epochs, name)))


def _range(epochs, name):
    return f"{min(_values(epochs, name)):.2f} to {max(_values(epochs, name)):.2f}"
