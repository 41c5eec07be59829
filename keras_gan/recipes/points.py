"""Recipes of small networks for points in a plane."""

import dataclasses
from typing import ClassVar

from keras_gan import networks
from keras_gan.models import GAN
from keras_gan.recipes.gan import AdamRecipe


@dataclasses.dataclass(frozen=True)
class PointsRecipe(AdamRecipe):
    """Small fully connected networks for points in a plane, trained with Adam.

    The latent vector has as few dimensions as the points: the fewer it has, the less
    latent space lies at the borders between modes, where samples fall between them.

    Example:

    ```python
    from keras_gan.recipes.points import PointsRecipe

    recipe = PointsRecipe("points on a circle", data="ring", epochs=10)
    gan = recipe.build({"image_shape": (2,), "num_classes": None})
    assert gan.generate(5).shape == (5, 2)
    ```
    """

    family: ClassVar[str] = "gan-points"
    rank: ClassVar[int] = 1

    features: str | None = "pixels"
    latent_dim: int = 2
    batch_size: int = 256
    sample_steps: int | None = 250
    steps_per_execution: int = 25
    penalty: str | None = "r1"
    generator_learning_rate: float = 4e-3
    discriminator_learning_rate: float = 4e-3
    beta_1: float = 0.0
    generator_average: float | None = 0.999

    def build_model(self, image_shape: tuple[int, ...], num_classes: int | None) -> GAN:
        (dimensions,) = image_shape
        return self.build_between(
            *(networks.points_generator, networks.points_discriminator),
            *(dimensions, num_classes),
            value_range=None,
        )


RECIPES: dict[str, PointsRecipe] = {
    "ring": PointsRecipe(
        "points of 8 Gaussians on a circle, all of which it finds",
        data="ring",
        steps=15_000,
        penalty_weight=0.1,
        halving_steps=2500,
    ),
    "grid": PointsRecipe(
        "points of 25 Gaussians on a square, all of which it finds",
        data="grid",
        steps=20_000,
        penalty_weight=0.2,
        halving_steps=3500,
    ),
}
