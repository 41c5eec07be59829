"""Failures of the adversarial game.

Sources: Goodfellow et al. 2014, arXiv 1406.2661, sections 3 (a discriminator too
good) and 6 (collapse); Radford et al. 2015, arXiv 1511.06434, section 4 (beta_1
and oscillation); Arjovsky and Bottou 2017, arXiv 1701.04862 (vanishing gradients);
Mescheder et al. 2018, arXiv 1801.04406 (circling, r1).
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from keras_gan.symptoms.base import (
    Symptom,
    Window,
    mean_of,
    range_of,
    variety_words,
)

# V of a discriminator that says 1/2 of everything, and the sum of both players' losses
# at the equilibrium, log 4 + log 2, in nats.
COIN_VALUE = -math.log(4)
EQUILIBRIUM_LOSSES = math.log(8)
# D(x) above, D(G(z)) below 1 minus it. Healthy runs of the recipes stay under 0.95; the
# run of `gan-mnist-paper` that drew only ones went from 0.98 to 0.999.
AHEAD = 0.98
# Share of a coin's loss. Below it the logits of least squares are 0.14 from 1 and 0
# (root mean square). `cyclegan-digits` fell from 0.99 to 0.72 in its first 800 steps.
AHEAD_LOSS = 0.08
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiscriminatorAhead(Symptom):
    """D is sure of nearly every image: the generator's gradient vanishes.

    For games in which the discriminator's logit is the log-odds of a real image.

    Args:
        real: name of the number D(x), the mean probability of real images.
        fake: name of the number D(G(z)), that of generated ones.
        value: name of the number V, or None.

    Example:

    ```python
    from keras_gan.symptoms import DiscriminatorAhead, Window

    ahead = DiscriminatorAhead(real="d_real", fake="d_fake")
    windows = [Window(i, i, {"d_real": 0.99, "d_fake": 0.01}) for i in range(1, 6)]
    assert ahead.judge(windows)
    assert ahead.describe(windows) == "D(x) is 0.990, D(G(z)) 0.010"
    ```
    """

    kind = "discriminator_ahead"
    name = "the discriminator is far ahead"
    advice = (
        "The generator learns little from it: lower the discriminator's learning rate "
        "or steps, add a penalty such as r1, smooth its labels, or, if there are few "
        "images, augment them (color, translation, cutout)."
    )

    real: str
    fake: str
    value: str | None = None

    def seen(self, window: Window) -> bool:
        means = window.means
        return means[self.real] > AHEAD and means[self.fake] < 1 - AHEAD

    def describe(self, windows: Sequence[Window]) -> str:
        return _probabilities(windows, self.real, self.fake, self.value)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiscriminatorAheadByLoss(Symptom):
    """D is sure of nearly every image, in a game whose logit is no log-odds.

    For least squares the mean logit does not tell: it is 1 of real images too if half
    of them have 0 and half 2. The loss does.

    Args:
        loss: name of the discriminator's loss.
        coin: that loss of a discriminator that says the same of all images.

    Example:

    ```python
    from keras_gan.symptoms import DiscriminatorAheadByLoss, Window

    ahead = DiscriminatorAheadByLoss(loss="discriminator_loss", coin=0.25)
    windows = [Window(i, i, {"discriminator_loss": 0.01}) for i in range(1, 6)]
    assert ahead.judge(windows)
    assert ahead.describe(windows) == "its loss is 0.010, and that of a coin 0.250"
    ```
    """

    kind = DiscriminatorAhead.kind
    name = DiscriminatorAhead.name
    advice = DiscriminatorAhead.advice

    loss: str
    coin: float

    def seen(self, window: Window) -> bool:
        return window.means[self.loss] < AHEAD_LOSS * self.coin

    def describe(self, windows: Sequence[Window]) -> str:
        return (
            f"its loss is {mean_of(windows, self.loss):.3f}, and that of a coin "
            f"{self.coin:.3f}"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiscriminatorBehind(Symptom):
    """D cannot tell, and not because there is nothing to tell: a coin does better.

    For games in which the discriminator's logit is the log-odds of a real image.

    Args:
        real: name of the number D(x), the mean probability of real images.
        fake: name of the number D(G(z)), that of generated ones.
        value: name of the number V, in nats.

    Example:

    ```python
    from keras_gan.symptoms import DiscriminatorBehind, Window

    behind = DiscriminatorBehind(real="d_real", fake="d_fake", value="value")
    means = {"d_real": 0.5, "d_fake": 0.5, "value": -1.6}
    assert behind.judge([Window(i, i, means) for i in range(1, 6)])
    ```
    """

    kind = "discriminator_behind"
    name = "the discriminator is far behind"
    advice = (
        f"A coin has V {COIN_VALUE:.3f}, so the generator learns to please a bad "
        "judge: raise the discriminator's learning rate or steps, or weaken its "
        "penalty."
    )

    real: str
    fake: str
    value: str

    def seen(self, window: Window) -> bool:
        means = window.means
        cannot_tell = means[self.real] - means[self.fake] < TOLD_APART
        return cannot_tell and means[self.value] < COIN_VALUE - BEHIND

    def describe(self, windows: Sequence[Window]) -> str:
        return _probabilities(windows, self.real, self.fake, self.value)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratorBehind(Symptom):
    """D tells most images apart, and the generator draws little of what is real.

    For games in which the discriminator's logit is the log-odds of a real image.

    Args:
        real: name of the number D(x), the mean probability of real images.
        fake: name of the number D(G(z)), that of generated ones.
        output: title of the samples.

    Example:

    ```python
    from keras_gan.symptoms import GeneratorBehind, Variety, Window

    behind = GeneratorBehind(real="d_real", fake="d_fake", output="sample")
    numbers = {"d_real": 0.9, "d_fake": 0.1}, {"sample": Variety(0.2, 0.3)}
    assert behind.judge([Window(i, i, *numbers) for i in range(1, 9)])
    ```
    """

    kind = "generator_behind"
    name = "the generator is far behind"
    advice = (
        "The discriminator recognises most of its images, and they vary too little: "
        "add a penalty such as r1, lower the discriminator's learning rate, or, if "
        "there are few images, augment them (color, translation, cutout)."
    )
    length = CATCHING_UP

    real: str
    fake: str
    output: str

    def seen(self, window: Window) -> bool:
        variety = window.samples[self.output]
        narrow = variety.diversity < NARROW or variety.kinds < NARROW
        return narrow and window.means[self.real] - window.means[self.fake] > APART

    def describe(self, windows: Sequence[Window]) -> str:
        return (
            f"D(x) is {mean_of(windows, self.real):.2f} and D(G(z)) "
            f"{mean_of(windows, self.fake):.2f}; {variety_words(windows, self.output)}"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Oscillation(Symptom):
    """The losses of the players go far to and fro and get nowhere.

    Args:
        losses: names of the numbers, such as "generator_loss".

    Example:

    ```python
    from keras_gan.symptoms import Oscillation, Window

    circling = Oscillation(losses=("generator_loss",))
    swing = [Window(i, i, {"generator_loss": 2.0 + i % 2}) for i in range(8)]
    assert circling.judge(swing)
    ```
    """

    kind = "oscillation"
    name = "the losses oscillate"
    advice = (
        "The players circle around the equilibrium: lower both learning rates, Adam's "
        "beta_1 to 0.5 or less, or add a penalty such as r1."
    )
    length = SWING_WINDOW

    losses: tuple[str, ...]

    def judge(self, windows: Sequence[Window]) -> bool | None:
        swing = self.swing(windows)
        if swing > SWING:
            return True
        return None if swing > CALM else False

    def swing(self, windows: Sequence[Window]) -> float:
        """Returns the share of the losses' size that a mean window goes to and fro.

        It is the way from the first window's losses to the last one's, less the direct
        way: 0 for a steady rise or fall, whatever its size.
        """
        values = np.array([[w.means[name] for name in self.losses] for w in windows])
        steps = np.diff(values, axis=0)
        detour = abs(steps).sum(axis=0) - abs(steps.sum(axis=0))
        size = max(abs(values).mean(axis=0).sum(), EQUILIBRIUM_LOSSES)
        return float(detour.sum() / len(steps) / size)

    def describe(self, windows: Sequence[Window]) -> str:
        length = round((windows[-1].last - windows[0].first + 1) / len(windows))
        ranges = [range_of(windows, name) for name in self.losses]
        players = [
            name.removesuffix("_loss").replace("_", " ") + "'s" for name in self.losses
        ]
        players[0] += " went"
        went = [f"the {p} through {r}" for p, r in zip(players, ranges, strict=True)]
        return (
            f"each {length} steps they go to and fro by {self.swing(windows):.0%} of "
            f"their size; {', '.join(went)}"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModeCollapse(Symptom):
    """Samples of different latent vectors are alike and do not grow apart.

    Args:
        output: title of the samples.

    Example:

    ```python
    from keras_gan.symptoms import ModeCollapse, Variety, Window

    alike = {"sample": Variety(diversity=0.1, kinds=0.1)}
    windows = [Window(i, i, {}, alike) for i in range(1, 6)]
    assert ModeCollapse(output="sample").judge(windows)
    ```
    """

    kind = "mode_collapse"
    name = "the generator's images are too much alike"
    advice = (
        "Modes have collapsed, or the generator has not begun to learn: lower its "
        "learning rate or raise the discriminator's, try the relativistic objective "
        "with the penalty r1r2, or go back to a checkpoint from before."
    )

    output: str

    def seen(self, window: Window) -> bool:
        variety = window.samples[self.output]
        return variety.diversity < DIVERSE or variety.kinds < FEW_KINDS

    def judge(self, windows: Sequence[Window]) -> bool | None:
        present = super().judge(windows)
        first, last = (windows[i].samples[self.output] for i in (0, -1))
        # A share that cannot be taken is NaN, which is greater than nothing.
        learning = (
            last.diversity - first.diversity > LEARNING
            or last.kinds - first.kinds > LEARNING
        )
        return None if present and learning else present

    def describe(self, windows: Sequence[Window]) -> str:
        return variety_words(windows, self.output)


def _probabilities(windows, real, fake, value):
    text = f"D(x) is {mean_of(windows, real):.3f}, D(G(z)) {mean_of(windows, fake):.3f}"
    return text if value is None else f"{text}, V {mean_of(windows, value):.3f}"
