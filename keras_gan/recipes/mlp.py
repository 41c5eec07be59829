"""Recipes of the fully connected networks of Goodfellow et al. 2014."""

import dataclasses
from typing import ClassVar

import keras

from keras_gan import networks
from keras_gan.datasets import Images
from keras_gan.models import GAN
from keras_gan.optimizers import RisingMomentumSGD
from keras_gan.recipes.augment import Augmented
from keras_gan.recipes.gan import AdamRecipe, GANRecipe
from keras_gan.recipes.options import setting


def _build_mlp(recipe, image_shape, num_classes):
    """Returns the `GAN` of Goodfellow et al. 2014 for MNIST."""
    bound = 3**0.5
    return recipe.build_between(
        *(networks.mlp_generator, networks.maxout_discriminator),
        *(image_shape, num_classes),
        latent_distribution="uniform",
        latent_bounds=(-bound, bound),
        value_range=(0.0, 1.0),
        **recipe.augmentation_options(),
    )


@dataclasses.dataclass(frozen=True)
class MLPRecipe(Augmented, AdamRecipe):
    """Networks of Goodfellow et al. 2014 for MNIST, trained with Adam.

    Example:

    ```python
    from keras_gan.recipes.mlp import MLPRecipe

    recipe = MLPRecipe("fully connected", batch_size=64, steps=1000)
    gan = recipe.build({"image_shape": (8, 8, 1), "num_classes": None})
    ```
    """

    family: ClassVar[str] = "gan-mlp"

    steps_per_execution: int = 10

    def build_model(self, image_shape: tuple[int, ...], num_classes: int | None) -> GAN:
        return _build_mlp(self, image_shape, num_classes)


@dataclasses.dataclass(frozen=True)
class PaperMLPRecipe(Augmented):
    """Networks and settings of Goodfellow et al. 2014 for MNIST.

    Learning rates decay by 1 / 1.000004 each step.

    Example:

    ```python
    from keras_gan.recipes.mlp import PaperMLPRecipe

    recipe = PaperMLPRecipe("as in 2014", final_momentum=0.6, steps=1000)
    gan = recipe.build({"image_shape": (8, 8, 1), "num_classes": None})
    ```
    """

    family: ClassVar[str] = "gan-mlp-paper"

    initial_momentum: float = setting(
        0.5, "of gradient descent at the start", at_least=0, below=1
    )
    final_momentum: float = setting(0.7, "after its rise", above=0, below=1)
    momentum_steps: int = setting(
        125_000, "steps of its linear rise; this is 250 epochs of MNIST", at_least=1
    )
    # As the authors did. Within minutes it led to a generator of ones only; from 0 all
    # digits appear.
    marginal_bias: bool = setting(
        False, "start the generator's output at the mean image"
    )
    steps_per_execution: int = 10

    def build_model(self, image_shape: tuple[int, ...], num_classes: int | None) -> GAN:
        return _build_mlp(self, image_shape, num_classes)

    def build_optimizers(self) -> tuple[keras.optimizers.Optimizer, ...]:
        return tuple(
            RisingMomentumSGD(
                # The authors' floor of 1e-6 is reached after 2.9 million steps.
                keras.optimizers.schedules.ExponentialDecay(
                    rate, decay_steps=updates, decay_rate=1 / 1.000004
                ),
                self.initial_momentum,
                self.final_momentum,
                updates * self.momentum_steps,
            )
            for rate, updates in self.learning_rates()
        )

    def initialize(self, gan: GAN, images: Images) -> None:
        if self.marginal_bias:
            mean_image = images.array.mean(axis=0) / 255
            networks.set_output_bias(gan.generator, mean_image)


RECIPES: dict[str, GANRecipe] = {
    "gan-mnist": MLPRecipe(
        "networks of Goodfellow et al. 2014 on MNIST, trained with Adam",
        data="tfds:mnist",
        batch_size=100,
        epochs=240,
        penalty="r1",
        penalty_weight=0.1,
        penalty_interval=4,
        generator_learning_rate=1e-3,
        discriminator_learning_rate=1e-3,
        beta_1=0.0,
        halving_steps=60_000,
        generator_average=0.9998,
    ),
    "gan-mnist-paper": PaperMLPRecipe(
        "networks and settings of Goodfellow et al. 2014 on MNIST",
        data="tfds:mnist",
        batch_size=100,
        epochs=250,
        update="simultaneous",
        generator_learning_rate=0.1,
        # The authors' code halves the discriminator's loss; ours is the paper's V.
        discriminator_learning_rate=0.05,
    ),
}
