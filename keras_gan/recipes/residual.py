"""Recipes of residual networks without normalization, after Huang et al. 2024."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import keras
from keras.optimizers.schedules import CosineDecay

from keras_gan import losses, networks
from keras_gan.errors import InputError
from keras_gan.models import GAN
from keras_gan.models.dcgan import MOST_UNITS
from keras_gan.optimizers import Adam
from keras_gan.recipes.augment import Augmented
from keras_gan.recipes.gan import AdamRecipe
from keras_gan.recipes.options import setting

# What changes along a cosine, from the start of the run to its end.
FINAL = ("final_rate", "final_penalty", "final_beta_2")


@dataclasses.dataclass(frozen=True)
class ResidualRecipe(Augmented, AdamRecipe):
    """Residual networks without normalization and the relativistic game.

    Rates, the penalty's weight and beta_2 may change along a cosine from the start of
    the run to its end. They are functions of the step, which a checkpoint holds. A run
    that is made longer gets the schedules of the longer run.

    Example:

    ```python
    from keras_gan.recipes.residual import ResidualRecipe

    recipe = ResidualRecipe("small", image_size=8, base_filters=4, steps=1000)
    gan = recipe.build({"image_shape": (8, 8, 1), "num_classes": None})
    assert type(gan.penalty).__name__ == "R1R2"
    ```
    """

    family: ClassVar[str] = "gan-residual"

    base_filters: int = setting(
        32,
        "channels of the largest maps; those of half their size have twice as many",
        at_least=1,
        at_most=MOST_UNITS,
    )
    most_filters: int = setting(
        256, "channels that no layer exceeds", at_least=1, at_most=MOST_UNITS
    )
    blocks: int = setting(1, "residual blocks of each size of maps", at_least=1)
    full_size_blocks: bool = setting(
        False, "blocks of the image's size too, which take most of the time"
    )
    beta_2: float = setting(
        0.99, "decay of the mean squared gradient of Adam", above=0, below=1
    )
    final_rate: float | None = setting(
        None,
        "share of the learning rates that is left at the end; they fall along a cosine",
        above=0,
        at_most=1,
        unset="rates stay",
    )
    final_penalty: float | None = setting(
        None,
        "share of the penalty's weight at the end; it changes along a cosine",
        above=0,
        unset="the weight stays",
    )
    final_beta_2: float | None = setting(
        None,
        "beta_2 at the end; it changes along a cosine",
        above=0,
        below=1,
        unset="beta_2 stays",
    )
    latent_dim: int = 64
    batch_size: int = 64
    objective: str = "relativistic"
    penalty: str | None = "r1r2"
    penalty_interval: int = 4
    beta_1: float = 0.0
    generator_average: float | None = 0.999

    def __post_init__(self):
        super().__post_init__()
        if self.image_size is not None:
            networks.dcgan_stages(*self.image_shape_asked_for())
        given = {n: getattr(self, n) for n in FINAL if getattr(self, n) is not None}
        if given and self.minutes is not None:
            name, value = next(iter(given.items()))
            raise InputError(
                f"{name} is {value} and minutes {self.minutes}. A cosine needs the "
                f"length of the run in steps: give steps or epochs, or leave {name} "
                "out."
            )
        if self.final_rate is not None and self.halving_steps is not None:
            raise InputError(
                f"final_rate is {self.final_rate} and halving_steps "
                f"{self.halving_steps}. Give one of them."
            )
        if self.final_penalty is not None and self.penalty is None:
            raise InputError(
                f"final_penalty is {self.final_penalty} and there is no penalty. Name "
                "one too."
            )

    def override(self, changes: Mapping[str, Any]) -> Self:
        """Drops the cosines that the changes leave no room for.

        A length in minutes leaves none. Another penalty keeps no cosine of its weight,
        and rates that halve no other way to fall.
        """
        if changes.get("minutes") is not None:
            changes = {**dict.fromkeys(FINAL), **changes}
        if "penalty" in changes:
            changes = {"final_penalty": None, **changes}
        ways = ("halving_steps", "final_rate")
        if changes.keys() & set(ways):
            changes = {**dict.fromkeys(ways), **changes}
        return super().override(changes)

    def build(self, facts: Mapping[str, Any]) -> GAN:
        # The length in steps, which cosines need.
        steps = self.total_steps(facts.get("images", 0))
        recipe = dataclasses.replace(self, epochs=None, steps=steps) if steps else self
        return super(ResidualRecipe, recipe).build(facts)

    def build_model(self, image_shape: tuple[int, ...], num_classes: int | None) -> GAN:
        sizes: dict[str, Any] = {
            "base_filters": self.base_filters,
            "most_filters": self.most_filters,
            "blocks": self.blocks,
            "full_size_blocks": self.full_size_blocks,
        }
        return self.build_between(
            functools.partial(networks.residual_generator, **sizes),
            functools.partial(networks.residual_discriminator, **sizes),
            image_shape,
            num_classes,
            **self.augmentation_options(),
        )

    def build_optimizers(self) -> tuple[keras.optimizers.Optimizer, ...]:
        return tuple(
            Adam(
                self._cosine(rate, self.final_rate, updates),
                beta_1=self.beta_1,
                beta_2=self._cosine(
                    self.beta_2,
                    self.final_beta_2 and self.final_beta_2 / self.beta_2,
                    updates,
                ),
            )
            for rate, updates in self.learning_rates()
        )

    def build_penalty(self) -> losses.Penalty | None:
        penalty = super().build_penalty()
        if penalty is not None and self.final_penalty is not None:
            weight = self._cosine(
                penalty.weight, self.final_penalty, self.discriminator_steps
            )
            penalty = type(penalty)(weight)
        return penalty

    def _cosine(self, first, share, updates):
        """Returns a schedule to a share of the first value, or the value itself.

        Args:
            first: value.
            share: of it that the end has; None for a value that stays.
            updates: that the schedule counts in a step.
        """
        if share is None or not self.steps:  # nobody says how long the run is
            return first
        return CosineDecay(first, updates * self.steps, alpha=share)


RECIPES: dict[str, ResidualRecipe] = {
    "residual-32": ResidualRecipe(
        "residual networks and the relativistic game on CIFAR-10 at 32x32",
        data="tfds:cifar10",
        image_size="32",
        epochs=100,
        flip=True,
        augment="translation",
        base_filters=48,
        # At 0.1, and rates of 1e-3, the images were black after 550 steps.
        penalty_weight=1.0,
        generator_learning_rate=5e-4,
        discriminator_learning_rate=5e-4,
        final_rate=0.25,
    ),
    "residual-64": ResidualRecipe(
        "residual networks at 64x64, for a folder of images",
        data="folder:images",
        image_size="64",
        epochs=100,
        flip=True,
        base_filters=32,
        penalty_weight=4.0,
        generator_learning_rate=5e-4,
        discriminator_learning_rate=5e-4,
        final_rate=0.25,
    ),
    "residual-128": ResidualRecipe(
        "residual networks at 128x128, for a folder of images",
        data="folder:images",
        image_size="128",
        epochs=100,
        flip=True,
        base_filters=32,
        penalty_weight=16.0,
        generator_learning_rate=5e-4,
        discriminator_learning_rate=5e-4,
        final_rate=0.25,
    ),
}
