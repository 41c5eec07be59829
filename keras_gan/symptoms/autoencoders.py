"""Failures of autoencoders.

Sources: Bowman et al. 2016, arXiv 1511.06349, section 3.1 (posterior collapse,
warm-up); Rybkin et al. 2021, arXiv 2006.13202 (blur and the scale of the decoder's
errors).
"""

import dataclasses
from collections.abc import Sequence

from keras_gan.symptoms.base import Symptom, Window, mean_of, variety_words

# Nats that all latents of a VAE tell together, under which they tell nothing: the
# answer to a yes or no is 0.7. `vae-digits` had 8 to 10, with 2 latents 2.6 and with
# beta 4 at least 0.6; with beta 10 it had 0.06 to 0.12, and with beta 50 or a decoder
# that is cut off 0.03 at step 250. `vae-mnist` had 0.005 at step 50, 0.12 at step 100
# and 6 at step 250.
COLLAPSED = 0.1
# Share of the images' variance that reconstructions have. Without the latents
# `vae-digits` had less than 0.0005 all along, and with beta 10 up to 0.004. Healthy
# runs had 0.05 or more at step 100; `vae-mnist` had 0.016, and 0.08 at step 150.
ALIKE = 0.02
# Share of the images' sharpness that reconstructions have. `vae-digits` with a Gaussian
# likelihood of sigma 2 stayed at 0.25 to 0.28. Healthy runs came to 0.35 (`vae-digits`
# with 2 latents), 0.55 (`vae-mnist` with Adam), 0.8 (`vae-digits`) and 1 (`ae-mnist`);
# on faces `vae-64` had 0.24 at step 150 and 0.37 at step 350.
BLURRED = 0.3
# By this factor it grows within PATIENCE windows where a model still learns:
# `vae-mnist` went from 0.03 to 0.37 in 1,500 steps, and by 1.1 in its slowest 200.
SHARPENING = 1.05


@dataclasses.dataclass(frozen=True, kw_only=True)
class PosteriorCollapse(Symptom):
    """The posterior of each image is the prior: the latents tell nothing of it.

    Args:
        kl: name of the number of nats that the latents tell of an image.
        active: name of the number of latents that tell more than `ACTIVE`.

    Example:

    ```python
    from keras_gan.symptoms import PosteriorCollapse, Window

    collapse = PosteriorCollapse(kl="kl", active="active_latents")
    numbers = {"kl": 0.02, "active_latents": 0.0}
    windows = [Window(i, i, numbers) for i in range(1, 6)]
    assert collapse.judge(windows)
    ```
    """

    kind = "posterior_collapse"
    name = "the posterior has collapsed to the prior"
    advice = (
        "The latents tell nothing of an image: raise beta slowly (beta_warmup_steps), "
        "lower it, or let the likelihood expect smaller errors (a smaller sigma, or a "
        "scale that the decoder learns)."
    )

    kl: str
    active: str

    def seen(self, window: Window) -> bool:
        means = window.means
        return means[self.kl] < COLLAPSED or means[self.active] < 1

    def describe(self, windows: Sequence[Window]) -> str:
        return (
            f"the latents tell {mean_of(windows, self.kl):.3f} nats of an image, and "
            f"{mean_of(windows, self.active):.1f} of them are active"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class IgnoredLatents(Symptom):
    """Reconstructions are alike though the images differ: the decoder ignores the code.

    Args:
        output: title of the reconstructions.

    Example:

    ```python
    from keras_gan.symptoms import IgnoredLatents, Variety, Window

    alike = {"reconstruction": Variety(diversity=0.001, kinds=0.02)}
    windows = [Window(i, i, {}, alike) for i in range(1, 6)]
    assert IgnoredLatents(output="reconstruction").judge(windows)
    ```
    """

    kind = "ignored_latents"
    name = "the decoder ignores the latents"
    advice = (
        "It draws nearly the same image for all of them. Look whether its first layers "
        "learn: a lower learning rate or another initialisation revives dead ones. In "
        "a VAE also raise beta slowly (beta_warmup_steps) or lower it."
    )

    output: str

    def seen(self, window: Window) -> bool:
        return window.samples[self.output].diversity < ALIKE

    def describe(self, windows: Sequence[Window]) -> str:
        return variety_words(windows, self.output)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Blur(Symptom):
    """Images lack the edges of real ones and do not get sharper.

    Args:
        output: title of the images.

    Example:

    ```python
    from keras_gan.symptoms import Blur, Variety, Window

    soft = {"reconstruction": Variety(diversity=0.5, kinds=0.8, sharpness=0.1)}
    windows = [Window(i, i, {}, soft) for i in range(1, 6)]
    assert Blur(output="reconstruction").judge(windows)
    ```
    """

    kind = "blur"
    name = "the images are blurred"
    advice = (
        "The likelihood takes errors of this size for noise: give it a smaller sigma, "
        "or a scale that the decoder learns (networks.with_learned_scale). If there "
        "are few latents, use more; if beta is above 1, lower it."
    )

    output: str

    def seen(self, window: Window) -> bool:
        variety = window.samples[self.output]
        # Images that are all alike are another failure, whatever they look like.
        return variety.sharpness < BLURRED and variety.diversity >= ALIKE

    def judge(self, windows: Sequence[Window]) -> bool | None:
        present = super().judge(windows)
        first, last = (windows[i].samples[self.output].sharpness for i in (0, -1))
        return None if present and last > SHARPENING * first else present

    def describe(self, windows: Sequence[Window]) -> str:
        first, last = (windows[i].samples[self.output].sharpness for i in (0, -1))
        return (
            f"their sharpness (mean squared Laplacian) is {last:.2g} times that of "
            f"real ones, and was {first:.2g}"
        )
