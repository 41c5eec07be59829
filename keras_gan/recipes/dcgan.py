"""Recipes of the convolutional networks of Radford et al. 2015."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from keras_gan import augmentation, networks
from keras_gan.errors import InputError
from keras_gan.models import DCGAN, GAN
from keras_gan.models.dcgan import MOST_UNITS
from keras_gan.recipes.augment import Augmented
from keras_gan.recipes.gan import AdamRecipe
from keras_gan.recipes.options import setting


@dataclasses.dataclass(frozen=True)
class DCGANRecipe(Augmented, AdamRecipe):
    """Convolutional networks; the defaults are those of Radford et al. 2015.

    Example:

    ```python
    from keras_gan.recipes.dcgan import DCGANRecipe

    recipe = DCGANRecipe("small", image_size=8, base_filters=4, steps=1000)
    gan = recipe.build({"image_shape": (8, 8, 1), "num_classes": None})
    ```
    """

    family: ClassVar[str] = "gan"

    base_filters: int = setting(
        128, "channels next to the image", at_least=1, at_most=MOST_UNITS
    )
    batch_normalization: bool = setting(True, "in the discriminator")
    hidden_units: int | None = setting(
        None,
        "units of a fully connected layer in both networks; 0 is none",
        at_least=0,
        at_most=MOST_UNITS,
    )
    translation: float = setting(
        0.0,
        "move what the discriminator sees by up to this share of its sides",
        at_least=0,
        at_most=0.5,
    )

    def __post_init__(self):
        super().__post_init__()
        if self.translation and self._augments_translation(self.augment):
            raise InputError(
                f"translation is {self.translation} and augment is {self.augment}. "
                "Only one of them may move images. Set translation to 0."
            )
        if self.image_size is not None:
            networks.dcgan_stages(*self.image_shape_asked_for())

    @staticmethod
    def _augments_translation(augment):
        members = augmentation.get(augment)
        return any(isinstance(one, augmentation.Translation) for one in members)

    def override(self, changes: Mapping[str, Any]) -> Self:
        """A translation among the augmentations replaces the recipe's own."""
        augment = changes.get("augment")
        if isinstance(augment, str) and self._augments_translation(augment):
            changes = {"translation": 0.0, **changes}
        return super().override(changes)

    def build_model(self, image_shape: tuple[int, ...], num_classes: int | None) -> GAN:
        height, width, channels = image_shape
        return DCGAN(
            (height, width, channels),
            self.latent_dim,
            self.base_filters,
            num_classes,
            batch_normalization=self.batch_normalization,
            spectral_normalization=self.spectral_normalization,
            hidden_units=self.hidden_units or None,
            translation=self.translation,
            seed=self.seed,
            **self.augmentation_options(),
        )


RECIPES: dict[str, DCGANRecipe] = {
    "digits": DCGANRecipe(
        "small DCGAN on the 1,797 digits that come with scikit-learn",
        data="digits",
        image_size="16",
        base_filters=32,
        batch_size=64,
        epochs=200,
        # An epoch has 28 steps: grids and measures at its end, and seven steps at a
        # time, keep all that is not training below a twentieth of the time.
        sample_steps=140,
        steps_per_execution=7,
        evaluate_steps=700,
        # So few images are soon learned by heart by a discriminator without a penalty.
        penalty="r1",
        penalty_weight=0.3,
        batch_normalization=False,
        generator_learning_rate=1e-3,
        discriminator_learning_rate=1e-3,
        generator_average=0.99,
    ),
    "dcgan-mnist": DCGANRecipe(
        "DCGAN on MNIST at 28x28",
        data="tfds:mnist",
        image_size="28",
        base_filters=32,
        # The convolutions see 5x5 pixels at a time; this layer sees whole digits.
        hidden_units=256,
        batch_size=64,
        epochs=20,
        # At 2e-3 the discriminator ran away with some orders of the images.
        generator_learning_rate=1e-3,
        discriminator_learning_rate=1e-3,
        beta_1=0.0,
        halving_steps=5000,
        generator_average=0.999,
    ),
    "dcgan-mnist-paper": DCGANRecipe(
        "networks and settings of Radford et al. 2015 on MNIST",
        data="tfds:mnist",
        image_size="28",
        base_filters=64,
        hidden_units=1024,
        epochs=100,
    ),
    "dcgan-cifar10": DCGANRecipe(
        "DCGAN on CIFAR-10 at 32x32",
        data="tfds:cifar10",
        image_size="32",
        base_filters=32,
        batch_size=64,
        epochs=100,
        # Without these two the discriminator learns the images by heart.
        penalty="r1",
        penalty_weight=0.03,
        penalty_interval=8,
        translation=0.125,
        # At 1e-3 and 64 filters the generator collapsed.
        generator_learning_rate=5e-4,
        discriminator_learning_rate=5e-4,
        halving_steps=25_000,
        generator_average=0.9995,
    ),
    "stacked-mnist": DCGANRecipe(
        "DCGAN on three MNIST digits in three channels, whose 1,000 modes it finds",
        data="stacked-mnist",
        base_filters=32,
        hidden_units=512,
        latent_dim=64,
        batch_size=64,
        epochs=10,
        penalty="r1",
        penalty_weight=0.3,
        penalty_interval=4,
        generator_learning_rate=1e-3,
        discriminator_learning_rate=1e-3,
        beta_1=0.0,
        halving_steps=8000,
        generator_average=0.999,
        sample_steps=500,
    ),
    "dcgan-64": DCGANRecipe(
        "DCGAN with a quarter of the paper's channels at 64x64, for a folder of images",
        data="folder:images",
        image_size="64",
        base_filters=32,
        batch_size=64,
        epochs=100,
        generator_learning_rate=5e-4,
        discriminator_learning_rate=5e-4,
        halving_steps=10_000,
        generator_average=0.999,
    ),
    "dcgan-64-paper": DCGANRecipe(
        "networks and settings of Radford et al. 2015 at 64x64; best on a GPU",
        data="folder:images",
        image_size="64",
        epochs=100,
    ),
}
