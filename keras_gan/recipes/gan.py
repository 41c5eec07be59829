"""What the recipes of all generative adversarial networks have."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import keras
import tensorflow as tf

from keras_gan import losses, seeding
from keras_gan.datasets import Images
from keras_gan.errors import InputError
from keras_gan.models import GAN
from keras_gan.models.gan import UPDATES
from keras_gan.models.latent_model import MOST_LATENT
from keras_gan.optimizers import Adam
from keras_gan.recipes.base import OneSource
from keras_gan.recipes.options import setting
from keras_gan.settings import keras_defaults

_KINDS = {1: "points", 3: "images"}


@dataclasses.dataclass(frozen=True)
class GANRecipe(OneSource):
    """Settings of a GAN between any two networks, trained by any two optimizers.

    A subclass makes them: `build_model` and `build_optimizers`.

    Example:

    ```python
    import keras
    from keras_gan import DCGAN
    from keras_gan.recipes.gan import GANRecipe


    class Mine(GANRecipe):
        def build_model(self, image_shape, num_classes):
            return DCGAN(image_shape, self.latent_dim, base_filters=4)

        def build_optimizers(self):
            return keras.optimizers.Adam(2e-4), keras.optimizers.SGD(0.01)


    mine = Mine("two optimizers", steps=1000)
    gan = mine.build({"image_shape": (8, 8, 1), "num_classes": None})
    ```
    """

    rank: ClassVar[int] = 3  # dimensions of the array of one example

    conditional: bool = setting(False, "learn the labels of the data too")
    latent_dim: int = setting(
        100, "size of the latent vector", at_least=1, at_most=MOST_LATENT
    )
    generator_learning_rate: float = setting(2e-4, "at the start", above=0)
    discriminator_learning_rate: float = setting(2e-4, "at the start", above=0)
    objective: str = setting(
        "non_saturating", "what the players minimise", choices=losses.OBJECTIVES
    )
    penalty: str | None = setting(
        None, "gradient penalty of the discriminator", choices=losses.PENALTIES
    )
    penalty_weight: float | None = setting(
        None, "weight of the penalty", above=0, unset="the penalty's own"
    )
    penalty_interval: int = setting(
        1, "discriminator updates from one penalty to the next", at_least=1
    )
    discriminator_steps: int = setting(
        1, "discriminator updates per generator update", at_least=1
    )
    update: str = setting(
        "alternating", "whether both players learn by turns", choices=UPDATES
    )
    generator_average: float | None = setting(
        None, "decay of the generator's moving average; 0 is none", at_least=0, below=1
    )
    spectral_normalization: bool = setting(False, "in the discriminator")
    freeze_discriminator_layers: int = setting(
        0,
        "first layers of the discriminator that stay as --start-from has them",
        at_least=0,
    )

    def __post_init__(self):
        super().__post_init__()
        if self.freeze_discriminator_layers and self.start_from is None:
            raise InputError(
                f"freeze_discriminator_layers is {self.freeze_discriminator_layers} "
                "and start_from is none: layers with new weights have to train. Name a "
                "run in start_from, or leave freeze_discriminator_layers out."
            )
        if self.flip and self.rank != 3:
            raise InputError("flip is on and the data are points. Only images flip.")

    @property
    def examples_per_step(self) -> int:
        return self.batch_size * self.discriminator_steps

    @property
    def labelled(self) -> bool:
        return self.conditional

    def override(self, changes: Mapping[str, Any]) -> Self:
        """Another penalty comes with its own weight and at each step."""
        if "penalty" in changes:
            changes = {"penalty_weight": None, "penalty_interval": 1, **changes}
        return super().override(changes)

    def evaluators(self, images: Images, held_out: Images | None) -> dict[str, Any]:
        return self.distances(images)

    def build(self, facts: Mapping[str, Any]) -> GAN:
        image_shape, num_classes = tuple(facts["image_shape"]), facts.get("num_classes")
        if len(image_shape) != self.rank:
            raise InputError(
                f"{self.data!r} gives {_KINDS[len(image_shape)]}; this recipe takes "
                f"{_KINDS[self.rank]}."
            )
        penalty = self.build_penalty()
        try:
            with keras_defaults(self.dtype_policy):
                gan = self.build_model(image_shape, num_classes)
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            shape = "x".join(map(str, image_shape))
            raise InputError(
                f"the networks for images of {shape} with latent_dim {self.latent_dim} "
                "do not fit into memory; lower latent_dim, or their filters or units."
            ) from error
        with keras_defaults():
            generator_optimizer, discriminator_optimizer = self.build_optimizers()
            gan.compile(
                generator_optimizer,
                discriminator_optimizer,
                objective=self.objective,
                penalty=penalty,
                penalty_interval=self.penalty_interval,
                discriminator_steps=self.discriminator_steps,
                update=self.update,
                generator_average=self.generator_average or None,
                freeze_discriminator_layers=self.freeze_discriminator_layers,
                jit_compile=self.jit_compile,
            )
        return gan

    def build_penalty(self) -> losses.Penalty | None:
        """Returns the penalty with its weight.

        Raises:
            InputError: for settings of a penalty if there is none.
        """
        penalty = losses.get_penalty(self.penalty)
        if self.penalty_weight is not None:
            if penalty is None:
                raise InputError(
                    f"penalty_weight is {self.penalty_weight} and there is no penalty; "
                    "name one too."
                )
            penalty = type(penalty)(self.penalty_weight)
        if self.penalty_interval > 1 and penalty is None:
            raise InputError(
                f"penalty_interval is {self.penalty_interval} and there is no penalty; "
                "name one too."
            )
        return penalty

    def build_model(self, image_shape: tuple[int, ...], num_classes: int | None) -> GAN:
        """Returns the `GAN`, not yet compiled."""
        raise NotImplementedError

    def build_between(
        self,
        generator: Callable[..., keras.Model],
        discriminator: Callable[..., keras.Model],
        shape: Any,
        num_classes: int | None,
        **options: Any,
    ) -> GAN:
        """Returns the `GAN` between two networks whose seeds come from the recipe's.

        Args:
            generator, discriminator: functions of `keras_gan.networks`.
            shape: of one example, as both take it.
            num_classes: of a conditional model, or None.
            **options: of `GAN`, such as its `value_range`.
        """
        rng = seeding.generator(self.seed)
        return GAN(
            generator(
                shape,
                self.latent_dim,
                num_classes=num_classes,
                seed=seeding.draw(rng),
            ),
            discriminator(
                shape,
                num_classes=num_classes,
                spectral_normalization=self.spectral_normalization,
                seed=seeding.draw(rng),
            ),
            self.latent_dim,
            num_classes=num_classes,
            seed=self.seed,
            **options,
        )

    def build_optimizers(self) -> tuple[keras.optimizers.Optimizer, ...]:
        """Returns new optimizers of the generator and of the discriminator."""
        raise NotImplementedError

    def learning_rates(self) -> list[tuple[float, int]]:
        """Returns rate and updates in a step, of the generator and the discriminator.

        Schedules of an optimizer count its updates.
        """
        return [
            (self.generator_learning_rate, 1),
            (self.discriminator_learning_rate, self.discriminator_steps),
        ]


@dataclasses.dataclass(frozen=True)
class AdamRecipe(GANRecipe):
    """Settings of a run whose players both use Adam.

    Example:

    ```python
    from keras_gan import DCGAN
    from keras_gan.recipes.gan import AdamRecipe


    class Mine(AdamRecipe):
        def build_model(self, image_shape, num_classes):
            return DCGAN(image_shape, self.latent_dim, base_filters=4)


    mine = Mine("small", steps=1000)
    gan = mine.build({"image_shape": (8, 8, 1), "num_classes": None})
    ```
    """

    beta_1: float = setting(
        0.5, "decay of the mean gradient of Adam", at_least=0, below=1
    )
    halving_steps: int | None = setting(
        None, "steps in which both learning rates halve, over and over", at_least=1
    )

    def build_optimizers(self) -> tuple[keras.optimizers.Optimizer, ...]:
        return tuple(
            Adam(self._schedule(rate, updates), beta_1=self.beta_1)
            for rate, updates in self.learning_rates()
        )

    def _schedule(self, rate, updates):
        if self.halving_steps is None:
            return rate
        return keras.optimizers.schedules.ExponentialDecay(
            rate, updates * self.halving_steps, decay_rate=0.5
        )
