"""Generative adversarial networks: their settings, and the recipes with a name."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import keras
import tensorflow as tf

from keras_gan import features, losses, networks, seeding
from keras_gan.datasets import Images
from keras_gan.errors import InputError
from keras_gan.evaluators import DistributionEvaluator, coverage_of, most_images
from keras_gan.models import DCGAN, GAN
from keras_gan.models.dcgan import MOST_UNITS
from keras_gan.models.gan import MOST_LATENT, UPDATES
from keras_gan.optimizers import Adam, RisingMomentumSGD
from keras_gan.recipes.base import OneSource
from keras_gan.recipes.options import setting
from keras_gan.settings import keras_defaults

MEASURED_IMAGES = 2000  # cheap enough to measure during training
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
        if len(images) < 4:
            return {}  # two halves of one image each have no covariance
        coverage = coverage_of(self.data)
        count = MEASURED_IMAGES if coverage is None else coverage.samples
        extractor = features.get(self.features, images)
        samples = DistributionEvaluator(
            images,
            extractor,
            count=min(count, most_images(images, extractor)),
            source=self.data,
            data_dir=self.data_dir,
        )
        return {"samples": samples}

    def build(self, facts: Mapping[str, Any]) -> GAN:
        image_shape, num_classes = tuple(facts["image_shape"]), facts.get("num_classes")
        if len(image_shape) != self.rank:
            raise InputError(
                f"{self.data!r} gives {_KINDS[len(image_shape)]}; this recipe takes "
                f"{_KINDS[self.rank]}."
            )
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
        mixed = self.mixed_precision
        # Networks take the policy that is in force while they are built.
        try:
            with keras_defaults(f"mixed_{mixed}" if mixed else "float32"):
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
                jit_compile={"on": True, "off": False, "auto": "auto"}[self.jit],
            )
        return gan

    def build_model(self, image_shape: tuple[int, ...], num_classes: int | None) -> GAN:
        """Returns the `GAN`, not yet compiled."""
        raise NotImplementedError

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


@dataclasses.dataclass(frozen=True)
class DCGANRecipe(AdamRecipe):
    """Convolutional networks; the defaults are those of Radford et al. 2015.

    Example:

    ```python
    from keras_gan.recipes.gan import DCGANRecipe

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
        if self.image_size is not None:
            networks.dcgan_stages(*self.image_shape_asked_for())

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
        )


@dataclasses.dataclass(frozen=True)
class PointsRecipe(AdamRecipe):
    """Small fully connected networks for points in a plane, trained with Adam.

    The latent vector has as few dimensions as the points: the fewer it has, the less
    latent space lies at the borders between modes, where samples fall between them.

    Example:

    ```python
    from keras_gan.recipes.gan import PointsRecipe

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
        rng = seeding.generator(self.seed)
        (dimensions,) = image_shape
        return GAN(
            networks.points_generator(
                dimensions,
                self.latent_dim,
                num_classes=num_classes,
                seed=seeding.draw(rng),
            ),
            networks.points_discriminator(
                dimensions,
                num_classes=num_classes,
                spectral_normalization=self.spectral_normalization,
                seed=seeding.draw(rng),
            ),
            self.latent_dim,
            value_range=None,
            num_classes=num_classes,
            seed=self.seed,
        )


def _build_mlp(recipe, image_shape, num_classes):
    """Returns the `GAN` of Goodfellow et al. 2014 for MNIST."""
    rng = seeding.generator(recipe.seed)
    bound = 3**0.5
    return GAN(
        networks.mlp_generator(
            image_shape,
            recipe.latent_dim,
            num_classes=num_classes,
            seed=seeding.draw(rng),
        ),
        networks.maxout_discriminator(
            image_shape,
            num_classes=num_classes,
            spectral_normalization=recipe.spectral_normalization,
            seed=seeding.draw(rng),
        ),
        recipe.latent_dim,
        latent_distribution="uniform",
        latent_bounds=(-bound, bound),
        value_range=(0.0, 1.0),
        num_classes=num_classes,
        seed=recipe.seed,
    )


@dataclasses.dataclass(frozen=True)
class MLPRecipe(AdamRecipe):
    """Networks of Goodfellow et al. 2014 for MNIST, trained with Adam.

    Example:

    ```python
    from keras_gan.recipes.gan import MLPRecipe

    recipe = MLPRecipe("fully connected", batch_size=64, steps=1000)
    gan = recipe.build({"image_shape": (8, 8, 1), "num_classes": None})
    ```
    """

    family: ClassVar[str] = "gan-mlp"

    steps_per_execution: int = 10

    def build_model(self, image_shape: tuple[int, ...], num_classes: int | None) -> GAN:
        return _build_mlp(self, image_shape, num_classes)


@dataclasses.dataclass(frozen=True)
class PaperMLPRecipe(GANRecipe):
    """Networks and settings of Goodfellow et al. 2014 for MNIST.

    Learning rates decay by 1 / 1.000004 each step.

    Example:

    ```python
    from keras_gan.recipes.gan import PaperMLPRecipe

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
