"""Failures of models that make images from images.

Sources: Isola et al. 2016, arXiv 1611.07004, section 4.1 (a generator that ignores its
input); Chu et al. 2017, arXiv 1712.02950 (a cycle that hides pictures).
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_gan import tiling
from keras_gan.symptoms.autoencoders import ALIKE, IgnoredLatents
from keras_gan.symptoms.base import Symptom, Window

# Share of the distance from source to target that an output keeps from its source. A
# network that returns what it gets has 0; one that does its task has about 1 of pairs.
# In their first 800 steps `pix2pix-digits` had 1.1 and `cyclegan-digits` 0.67 to 0.78.
EQUAL = 0.05
# By this much the diversity of outputs grows where a generator begins to learn.
STIRRING = ALIKE / 10
# Levels of the noise on a translation. Nobody sees noise of this size, and what a
# picture hides does not survive it.
NOISE = 2.0
# Pictures that are looked at.
_LOOKED_AT = 8
# Times the size of that noise by which it moves a picture that comes back. The cycle
# error of `cyclegan-digits` grew by less than 0.001, where the noise is 0.0125; of a
# run that hides, no figures have been measured yet.
HIDDEN = 8.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputEqualsInput(Symptom):
    """The generator returns the picture that it was given.

    Its distance from the source is compared with that of real pictures of the target:
    of a pair its own, else another.

    Args:
        output: title of the translations.
        source: title of what they are made from.

    Example:

    ```python
    from keras_gan.symptoms import OutputEqualsInput, Window

    identity = OutputEqualsInput(output="a_to_b", source="a")
    probes = {identity: {"share": 0.01}}
    assert identity.judge([Window(i, i, {}, probes=probes) for i in range(1, 6)])
    ```
    """

    kind = "output_equals_input"
    name = "the output equals the input"
    advice = (
        "The generator copies what it is given: lower identity_weight and cycle_weight "
        "or raise adversarial_weight in CycleGAN; in pix2pix look whether sources and "
        "targets are the right way round (direction)."
    )

    output: str
    source: str

    def probe(self, model: Any, samples: Mapping, examples: Mapping) -> dict:
        made, source = samples[self.output], samples[self.source]
        target = examples.get(model.outputs[self.output])
        if target is None or not made.shape == source.shape == target.shape:
            return {"share": math.nan}
        apart = _distance(target, source) or math.nan
        return {"share": _distance(made, source) / apart}

    def seen(self, window: Window) -> bool:
        return window.probes[self]["share"] < EQUAL

    def describe(self, windows: Sequence[Window]) -> str:
        share = windows[-1].probes[self]["share"]
        return (
            f"outputs differ from their sources by {share:.1%} of what real pictures "
            "of the target do"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneOutputForAll(IgnoredLatents):
    """Translations are alike though the sources differ: the generator ignores them.

    Args:
        output: title of the translations.

    Example:

    ```python
    from keras_gan.symptoms import OneOutputForAll, Variety, Window

    alike = {"output": Variety(diversity=0.001, kinds=0.02)}
    windows = [Window(i, i, {}, alike) for i in range(1, 6)]
    assert OneOutputForAll(output="output").judge(windows)
    ```
    """

    kind = "one_output_for_all"
    name = "the generator makes one output of all inputs"
    advice = (
        "It ignores its input: lower its learning rate, give the U-Net its skips, "
        "raise the weight of L1 or of the cycle, or show the discriminator the source "
        "(conditional). Look whether each source is beside its own target."
    )

    def judge(self, windows: Sequence[Window]) -> bool | None:
        present = super().judge(windows)
        first, last = (windows[i].samples[self.output].diversity for i in (0, -1))
        return None if present and last - first > STIRRING else present


@dataclasses.dataclass(frozen=True, kw_only=True)
class CycleByHiding(Symptom):
    """A picture comes back because it was hidden in its translation.

    Noise that nobody sees is added to the translation. If the picture then comes back
    far worse, it was hidden in patterns that nobody sees either.

    Args:
        source: element that is translated there and back.
        to: element that it is translated to.

    Example:

    ```python
    from keras_gan.symptoms import CycleByHiding, Window

    hiding = CycleByHiding(source="a", to="b")
    probes = {hiding: {"clean": 0.02, "noisy": 0.4, "noise": 0.0125}}
    assert hiding.judge([Window(i, i, {}, probes=probes) for i in range(1, 6)])
    ```
    """

    kind = "cycle_by_hiding"
    name = "the cycle works by hiding"
    advice = (
        "Translations hold what they do not show. Lower cycle_weight, raise "
        "adversarial_weight or give the discriminator more layers; look whether one "
        "domain shows what the other one lacks."
    )

    source: str
    to: str

    def probe(self, model: Any, samples: Mapping, examples: Mapping) -> dict:
        nothing = dict.fromkeys(("clean", "noisy", "noise"), math.nan)
        pixels = model.elements[self.to].pixels
        if self.source not in examples or pixels is None:
            return nothing
        images = model.elements[self.source].pixels.to_float(
            examples[self.source][:_LOOKED_AT]
        )
        made = np.clip(_made(model, self.to, images), pixels.low, pixels.high)
        rng = np.random.default_rng(0)
        noise = NOISE * pixels.level * rng.standard_normal(made.shape, "float32")
        stirred = np.clip(made + noise, pixels.low, pixels.high)
        # Of values in [-1, 1].
        scale = 127.5 * pixels.level
        return {
            "clean": _distance(_made(model, self.source, made), images) / scale,
            "noisy": _distance(_made(model, self.source, stirred), images) / scale,
            "noise": float(np.abs(noise).mean()) / scale,
        }

    def seen(self, window: Window) -> bool:
        clean, noisy, noise = window.probes[self].values()
        return noisy > 2 * clean and noisy - clean > HIDDEN * noise

    def describe(self, windows: Sequence[Window]) -> str:
        clean, noisy, _ = windows[-1].probes[self].values()
        return (
            f"the cycle error (L1 in [-1, 1]) is {clean:.3f}, and {noisy:.3f} if noise "
            f"of {NOISE:g}/255 is added to the translation"
        )


def _made(model, to, images):
    """Returns what a direction makes of floats of any size."""
    _, network = model.directions[to]
    return tiling.apply(
        lambda part: np.asarray(network(part, training=False), "float32"),
        images,
        multiple=model.multiple,
        least=model.least,
        size=network.input_shape[1:3],
    )


def _distance(one, other):
    return float(np.abs(one.astype("float32") - other.astype("float32")).mean())
