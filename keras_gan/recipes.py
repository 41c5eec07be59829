"""Named settings that are known to work.

A recipe is everything that a run depends on except where it is written. Each field is
also an option of `train.py`, and a run's `config.json` holds them all.
"""

import dataclasses
import math
from typing import ClassVar

import keras
import tensorflow as tf

from keras_gan import distribution, losses, networks, seeding
from keras_gan.datasets import conversion, storage
from keras_gan.errors import InputError, did_you_mean
from keras_gan.models import DCGAN, GAN
from keras_gan.models.dcgan import MOST_UNITS
from keras_gan.models.gan import MOST_LATENT, UPDATES
from keras_gan.optimizers import Adam, RisingMomentumSGD
from keras_gan.settings import keras_defaults

_MOST_IMAGES = 2**20  # of a batch
_MOST_PIXELS = 4096  # of a side
_KINDS = {1: "points", 3: "images"}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of a run that do not depend on the kind of model.

    Args:
        summary: the recipe in one line.
        data: source, a string as `datasets.read` takes it.
        data_dir: where TensorFlow Datasets keeps its files.
        memory_budget: most memory for the images, such as "500MiB" or "2GB"; what
            exceeds it is read from a temporary file.
        on_bad_image: "skip" leaves out files that cannot be read, up to one in twenty;
            "fail" none.
        image_size: "SIDE" or "HEIGHTxWIDTH" in pixels; None as the source has it.
        channels: 1 grey, 3 colour, 4 with alpha; None as the source has it.
        fit: what happens to a picture of another shape, as `datasets.read` takes it.
        conditional: learn the labels of the data too.
        latent_dim: size of the latent vector.
        generator_learning_rate, discriminator_learning_rate: at the start.
        batch_size: real images of each discriminator update, on all replicas together.
        epochs, steps, minutes: how long a run is; exactly one of them is set.
        seed: decides weights, latent vectors and the order of images.
        objective, penalty, discriminator_steps, update: as in `GAN.compile`.
        penalty_weight: None takes the penalty's own.
        penalty_interval: as in `GAN.compile`.
        generator_average: as in `GAN.compile`; 0 also stands for none.
        spectral_normalization: in the discriminator.
        mixed_precision: "bfloat16", "float16" or None; float16 is slow on a processor
            unless `jit` is "on".
        jit: XLA "on", "off" or "auto", which is on with one GPU.
        steps_per_execution: at most so many steps run before callbacks see one; fewer
            where an epoch, a sample grid or a checkpoint ends between. Pays where steps
            take milliseconds; a signal waits for them.
        strategy: key of `distribution.STRATEGIES`: where it trains.
        deterministic: repeat bit for bit, somewhat slower.
        checkpoint_steps: steps between checkpoints; None is every five minutes.
        sample_steps: steps between sample grids; None is 100 up to step 1,000 and 500
            after it.
        evaluate_epochs: epochs between measures of the images.
        evaluate_steps: steps between them instead. Where both are None, they are taken
            at the end alone, and no best model is kept.
        features: what the measures compare, as `features.get` takes it.
        divergence_steps: steps between looks for values that are not finite.
        divergence_retries: how many times a run that has diverged goes back to its
            newest checkpoint with half the learning rates; 0 ends it.

    Raises:
        InputError: for a value that no run can have.
    """

    rank: ClassVar[int] = 3  # dimensions of the array of one example

    summary: str
    data: str = "digits"
    data_dir: str | None = None
    memory_budget: str = storage.MEMORY_BUDGET
    on_bad_image: str = "skip"
    image_size: str | None = None
    channels: int | None = None
    fit: str = "crop"
    conditional: bool = False
    latent_dim: int = 100
    generator_learning_rate: float = 2e-4
    discriminator_learning_rate: float = 2e-4
    batch_size: int = 128
    epochs: int | None = None
    steps: int | None = None
    minutes: float | None = None
    seed: int = 0
    objective: str = "non_saturating"
    penalty: str | None = None
    penalty_weight: float | None = None
    penalty_interval: int = 1
    discriminator_steps: int = 1
    update: str = "alternating"
    generator_average: float | None = None
    spectral_normalization: bool = False
    mixed_precision: str | None = None
    jit: str = "auto"
    steps_per_execution: int = 1
    strategy: str = "one-device"
    deterministic: bool = False
    checkpoint_steps: int | None = None
    sample_steps: int | None = None
    evaluate_epochs: int | None = None
    evaluate_steps: int | None = None
    features: str = "random"
    divergence_steps: int = 100
    divergence_retries: int = 0

    def __post_init__(self):
        for name in ("channels", "epochs", "steps"):
            self._require(name, lambda value: value >= 1, "at least 1")
        self._require_size("latent_dim", MOST_LATENT)
        self._require_size("batch_size", _MOST_IMAGES)
        for name in ("discriminator_steps", "checkpoint_steps", "sample_steps"):
            self._require(name, lambda value: value >= 1, "at least 1")
        for name in ("evaluate_epochs", "evaluate_steps", "divergence_steps"):
            self._require(name, lambda value: value >= 1, "at least 1")
        for name in ("penalty_interval", "steps_per_execution"):
            self._require(name, lambda value: value >= 1, "at least 1")
        self._require("divergence_retries", lambda value: value >= 0, "at least 0")
        for name in (
            *("generator_learning_rate", "discriminator_learning_rate"),
            *("penalty_weight", "minutes"),
        ):
            self._require(name, lambda value: 0 < value < math.inf, "above 0, finite")
        self._require("seed", lambda value: 0 <= value < 2**31, "from 0 to 2147483647")
        for name, accepted in {
            "jit": ("auto", "on", "off"),
            "on_bad_image": ("skip", "fail"),
            "fit": tuple(conversion.FITS),
            "strategy": tuple(distribution.STRATEGIES),
            "mixed_precision": ("bfloat16", "float16"),
            "update": UPDATES,
        }.items():
            self._require(name, accepted.__contains__, " or ".join(accepted), accepted)
        if self.jit == "on" and self.strategy != "one-device":
            raise InputError(
                f"jit is on and strategy is {self.strategy}; XLA compiles for "
                "one-device only, so jit must be off or auto."
            )
        lengths = [self.epochs, self.steps, self.minutes]
        if sum(length is not None for length in lengths) != 1:
            raise InputError(
                f"epochs is {self.epochs}, steps {self.steps}, minutes {self.minutes}; "
                "exactly one of them decides how long a run is."
            )
        if self.evaluate_epochs is not None and self.evaluate_steps is not None:
            raise InputError(
                f"evaluate_epochs is {self.evaluate_epochs} and evaluate_steps "
                f"{self.evaluate_steps}; give one of them."
            )
        self.image_shape_asked_for()
        storage.bytes_of(self.memory_budget)
        losses.get_objective(self.objective)
        losses.get_penalty(self.penalty)

    def _require_size(self, name, most, least=1):
        self._require(
            name, lambda value: least <= value <= most, f"from {least} to {most}"
        )

    def _require(self, name, accepted, description, choices=()):
        value = getattr(self, name)
        if value is not None and not accepted(value):
            raise InputError(
                f"{name} is {value!r}; it must be {description}."
                f"{did_you_mean(value, choices)}"
            )

    @property
    def images_per_step(self) -> int:
        """Real images that one step uses, those of all discriminator updates."""
        return self.batch_size * self.discriminator_steps

    def image_shape_asked_for(self) -> tuple[int, int] | None:
        """Returns (height, width) of `image_size`, or None where it is not set."""
        if self.image_size is None:
            return None
        sides = str(self.image_size).lower().split("x")
        if len(sides) > 2 or not all(side.isdecimal() for side in sides):
            raise InputError(
                f"image_size is {self.image_size!r}; accepted are one number of "
                "pixels, such as 64, or HEIGHTxWIDTH, such as 48x64."
            )
        # Text of thousands of digits is no number to Python.
        if max(map(len, sides)) > 5 or not all(
            1 <= int(s) <= _MOST_PIXELS for s in sides
        ):
            raise InputError(
                f"image_size is {self.image_size!r}; sides must be from 1 to "
                f"{_MOST_PIXELS} pixels."
            )
        return int(sides[0]), int(sides[-1])

    def override(self, changes: dict) -> "Recipe":
        """Returns this recipe with other values for some fields.

        Another length or interval of measures replaces the recipe's, and another
        penalty comes with its own weight and at each step.

        Raises:
            InputError: for a field that the recipe does not have.
        """
        fields = {field.name for field in dataclasses.fields(self)}
        for name in changes:
            if name not in fields:
                raise InputError(
                    f"{name} is no setting of this recipe; it has "
                    f"{', '.join(sorted(fields - {'summary'}))}."
                    f"{did_you_mean(name, fields)}"
                )
        lengths = {"epochs", "steps", "minutes"}
        if lengths & changes.keys():
            changes = {**dict.fromkeys(lengths), **changes}
        intervals = {"evaluate_epochs", "evaluate_steps"}
        if intervals & changes.keys():
            changes = {**dict.fromkeys(intervals), **changes}
        if "penalty" in changes:
            changes = {"penalty_weight": None, "penalty_interval": 1, **changes}
        return dataclasses.replace(self, **changes)

    def build(self, image_shape: tuple[int, ...], num_classes: int | None):
        """Returns a compiled `GAN` for images of that shape.

        Raises:
            InputError: for settings that the model does not accept.
        """
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

    def steps_at_a_time(self, *boundaries: int | None) -> int:
        """Returns how many steps run at a time, at most `steps_per_execution`.

        Args:
            boundaries: steps at whose multiples something happens: the length of an
                epoch, of the run, the step that it begins at; None and 0 are none.
        """
        if self.strategy != "one-device":
            return 1  # TensorFlow fails at conditions of several steps on replicas
        own = (self.sample_steps, self.checkpoint_steps, self.evaluate_steps)
        lengths = (*boundaries, *own)
        common = math.gcd(*(length for length in lengths if length))
        return max(n for n in range(1, self.steps_per_execution + 1) if common % n == 0)

    def build_model(self, image_shape, num_classes):
        """Returns the `GAN`, not yet compiled."""
        raise NotImplementedError

    def build_optimizers(self):
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

    def initialize(self, gan, images) -> None:
        """Sets what the networks take from the data before the first step."""


@dataclasses.dataclass(frozen=True)
class AdamRecipe(Recipe):
    """Settings of a run whose players both use Adam.

    Args:
        beta_1: of Adam.
        halving_steps: steps in which both learning rates halve, over and over; None
            keeps them.
    """

    beta_1: float = 0.5
    halving_steps: int | None = None

    def __post_init__(self):
        super().__post_init__()
        self._require("beta_1", lambda value: 0 <= value < 1, "in [0, 1)")
        self._require("halving_steps", lambda value: value >= 1, "at least 1")

    def build_optimizers(self):
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
    """Settings of Radford et al. 2015 where nothing else is said.

    Args:
        base_filters: as in `DCGAN`.
        batch_normalization: in the discriminator.
        hidden_units: as in `DCGAN`; 0 also stands for none.
        translation: as in `DCGAN`.
    """

    base_filters: int = 128
    batch_normalization: bool = True
    hidden_units: int | None = None
    translation: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        self._require("translation", lambda value: 0 <= value <= 0.5, "in [0, 0.5]")
        self._require_size("base_filters", MOST_UNITS)
        self._require_size("hidden_units", MOST_UNITS, least=0)
        if self.image_size is not None:
            networks.dcgan_stages(*self.image_shape_asked_for())

    def build_model(self, image_shape, num_classes):
        return DCGAN(
            image_shape,
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
    """

    rank: ClassVar[int] = 1

    features: str = "pixels"
    latent_dim: int = 2
    batch_size: int = 256
    sample_steps: int | None = 250
    steps_per_execution: int = 25
    penalty: str | None = "r1"
    generator_learning_rate: float = 4e-3
    discriminator_learning_rate: float = 4e-3
    beta_1: float = 0.0
    generator_average: float | None = 0.999

    def build_model(self, image_shape, num_classes):
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
    """Networks of Goodfellow et al. 2014 for MNIST, trained with Adam."""

    steps_per_execution: int = 10

    def build_model(self, image_shape, num_classes):
        return _build_mlp(self, image_shape, num_classes)


@dataclasses.dataclass(frozen=True)
class PaperMLPRecipe(Recipe):
    """Networks and settings of Goodfellow et al. 2014 for MNIST.

    Learning rates decay by 1 / 1.000004 each step.

    Args:
        initial_momentum, final_momentum: of gradient descent.
        momentum_steps: steps of the linear rise between them, 250 epochs of MNIST.
        marginal_bias: start the generator's output at the mean image, as the authors
            did. Within minutes it led to a generator of ones only; from 0 all digits
            appear.
    """

    initial_momentum: float = 0.5
    final_momentum: float = 0.7
    momentum_steps: int = 125_000
    marginal_bias: bool = False
    steps_per_execution: int = 10

    def __post_init__(self):
        super().__post_init__()
        self._require("momentum_steps", lambda value: value >= 1, "at least 1")
        self._require("initial_momentum", lambda value: 0 <= value < 1, "in [0, 1)")
        self._require("final_momentum", lambda value: 0 < value < 1, "in (0, 1)")

    def build_model(self, image_shape, num_classes):
        return _build_mlp(self, image_shape, num_classes)

    def build_optimizers(self):
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

    def initialize(self, gan, images):
        if self.marginal_bias:
            mean_image = images.array.mean(axis=0) / 255
            networks.set_output_bias(gan.generator, mean_image)


RECIPES: dict[str, Recipe] = {
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


def get(name: str) -> Recipe:
    """Returns the recipe of that name.

    Raises:
        InputError: where there is none.
    """
    if name not in RECIPES:
        raise InputError(
            f"recipe {name!r} is not known; accepted are {', '.join(RECIPES)}."
            f"{did_you_mean(name, RECIPES)}"
        )
    return RECIPES[name]
