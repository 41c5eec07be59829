"""Translation between two sets of unpaired images, of Zhu et al. 2017."""

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gan import checks, losses
from keras_gan.errors import InputError
from keras_gan.models.chart import Chart
from keras_gan.models.game import discriminator_ahead
from keras_gan.models.image_pool import ImagePool
from keras_gan.models.translator import (
    Translator,
    judgement,
    require_equal_channels,
)
from keras_gan.symptoms import (
    CycleByHiding,
    OneOutputForAll,
    OutputEqualsInput,
    Symptom,
)


@keras.saving.register_keras_serializable("keras_gan")
class CycleGAN(Translator):
    """Two generators, a to b and b to a, whose cycles must lead back.

    Both generators minimise together the losses of two games, plus `cycle_weight` times
    the mean absolute differences of a from b_to_a(a_to_b(a)) and of b from its cycle,
    plus `identity_weight` times those of b from a_to_b(b) and of a from b_to_a(a). Each
    difference reaches all generators in it. The discriminators see images of pools of
    earlier ones.

    The data of `fit` is (a, b), float32 [batch, height, width, channels] in
    `value_range`; the rows of a and b have nothing to do with each other.

    Args:
        generator_ab: Keras model from images of a to images of b, of any or of one
            size.
        generator_ba: the way back.
        discriminator_a: Keras model from images of a to logits of any shape.
        discriminator_b: the same for b.
        cycle_weight: of the cycles.
        identity_weight: of images that are of the target already; it needs as many
            channels in a as in b.
        adversarial_weight: of the games; 0 trains the generators alone.
        pool_size: images of each pool, at least a batch; 0 shows the newest images.
        image_size: side length or (height, width) of the images of `fit`, which the
            pools hold. If the generators take one size, None takes that.
        value_range: (low, high) of the values of images: (-1, 1) for a tanh output.
        seed: decides all that training draws.

    Raises:
        InputError: for a value that is not accepted.

    Example:

    ```python
    from keras_gan import CycleGAN, datasets, networks

    domains = datasets.unpaired(
        a=datasets.read("digits", image_size=16, channels=3),
        b=datasets.read("digits-tinted", image_size=16),
    )
    shape = domains["a"].shape


    def generator(seed):
        return networks.residual_translator(
            shape, base_filters=2, blocks=1, seed=seed
        )


    def discriminator(seed):
        return networks.patch_discriminator(
            shape, layers=1, base_filters=2, normalization="instance", seed=seed
        )


    model = CycleGAN(generator(1), generator(2), discriminator(3), discriminator(4))
    model.compile("adam", "adam")
    model.fit(domains.batches(8), steps_per_epoch=2)
    assert model.translate(domains["b"].array[:4], to="a").shape == (4, 16, 16, 3)
    ```

    Source: Zhu et al. 2017, arXiv 1703.10593.
    """

    # The loss of the generators and its parts; for each side the loss of its
    # discriminator, and how real it finds images: 1 is real.
    reported = (
        "generator_loss",
        "cycle",
        "identity",
        *("discriminator_a_loss", "real_a", "fake_a"),
        *("discriminator_b_loss", "real_b", "fake_b"),
    )
    headline: ClassVar[dict[str, str]] = {
        "cycle": "cycle",
        "D(a)": "real_a",
        "D(b to a)": "fake_a",
        "D(b)": "real_b",
        "D(a to b)": "fake_b",
    }
    outputs: ClassVar[dict[str, str]] = {"a_to_b": "b", "b_to_a": "a"}
    inputs = ("a", "b")
    draws_per_step = 2  # of the pools
    ways: ClassVar = {"b": ("a", "generator_ab"), "a": ("b", "generator_ba")}
    averages = ("generator_ab", "generator_ba")
    averaged_generator_ab: keras.Model | None = None
    averaged_generator_ba: keras.Model | None = None
    elements_hint = "CycleGAN takes (a, b)."

    def __init__(
        self,
        generator_ab: keras.Model,
        generator_ba: keras.Model,
        discriminator_a: keras.Model,
        discriminator_b: keras.Model,
        cycle_weight: float = 10.0,
        identity_weight: float = 5.0,
        adversarial_weight: float = 1.0,
        pool_size: int = 50,
        image_size: int | tuple[int, int] | None = None,
        value_range: tuple[float, float] = (-1.0, 1.0),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(value_range, seed, **kwargs)
        self.generator_ab = checks.network("generator_ab", generator_ab)
        self.generator_ba = checks.network("generator_ba", generator_ba)
        self.discriminator_a = checks.network("discriminator_a", discriminator_a)
        self.discriminator_b = checks.network("discriminator_b", discriminator_b)
        self.cycle_weight = checks.not_negative("cycle_weight", cycle_weight)
        self.identity_weight = checks.not_negative("identity_weight", identity_weight)
        self.adversarial_weight = checks.not_negative(
            "adversarial_weight", adversarial_weight
        )
        if not (self.cycle_weight or self.adversarial_weight):
            raise InputError(
                "cycle_weight and adversarial_weight are 0, so the generators have "
                "nothing to learn from. Give at least one of them."
            )
        self._check_networks()
        channels = {name: one.shape[2] for name, one in self.elements.items()}
        if self.identity_weight and channels["a"] != channels["b"]:
            raise InputError(
                f"images of a have {channels['a']} channels and those of b "
                f"{channels['b']}, so no generator can leave an image of its target as "
                f"it is; identity_weight is {self.identity_weight:g}. Use 0, or images "
                "with as many channels."
            )
        self.pool_size = checks.whole_number("pool_size", pool_size, 0)
        self.image_size = self._training_size(image_size)
        self._pools = {}
        if self.pool_size:
            for name in "ab":
                shape = (*self.image_size, channels[name])
                pool = ImagePool(self, f"pool_{name}", self.pool_size, shape)
                self._pools[name] = pool

    def _check_networks(self):
        for kind, one, other in (
            ("generator", "ab", "ba"),
            ("discriminator", "a", "b"),
        ):
            names = f"{kind}_{one}", f"{kind}_{other}"
            if getattr(self, names[0]) is getattr(self, names[1]):
                raise InputError(
                    f"{names[0]} and {names[1]} are one network. Give two: each has "
                    "weights of its own."
                )
        for name, (source, there) in self.ways.items():
            _, back = self.ways[source]
            judge = f"discriminator_{name}"
            shapes = {there: getattr(self, there).output_shape}
            shapes |= {
                taker: getattr(self, taker).input_shape
                for taker in (back, judge)
                # A subclass of Model may judge without having it.
                if hasattr(getattr(self, taker), "input_shape")
            }
            require_equal_channels(name, shapes)

    def _training_size(self, given):
        height, width, _ = self.elements["a"].shape
        size = checks.height_and_width("image_size", given) or (height, width)
        if self.pool_size and None in size:
            raise InputError(
                "the generators take images of any size, and image_size is None. Give "
                "(height, width) of the images of fit, which the pools hold, or "
                "pool_size=0."
            )
        # Now, not at the first batch.
        sides = [side for side in size if side is not None]
        if any(side % self.multiple or side < self.least for side in sides):
            raise InputError(
                f"image_size is {size[0]}x{size[1]}, and the generators take sides "
                f"that are multiples of {self.multiple}, {self.least} pixels at least. "
                "Use such a size."
            )
        return size

    def networks(self) -> dict[str, keras.Model]:
        names = ("generator_ab", "generator_ba", "discriminator_a", "discriminator_b")
        return self.with_averages({name: getattr(self, name) for name in names})

    # The games -----------------------------------------------------------------

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Takes one step of both generators, then one of both discriminators."""
        batch = self.seen(data)
        generators = (
            self.generator_ab.trainable_variables
            + self.generator_ba.trainable_variables
        )
        with tf.GradientTape() as tape:
            loss, values, made = self._generator_loss(batch, training=True)
            scaled = self.scaled(loss, self.generator_optimizer)
        gradients = tape.gradient(scaled, generators)
        shown = {}
        for draw, name in enumerate("ab"):
            shown[name] = made[name]
            if self._pools:
                seed = self.step_seed(draw)
                shown[name] = self._pools[name].exchange(made[name], seed)
        if self.adversarial_weight:
            discriminators = (
                self.discriminator_a.trainable_variables
                + self.discriminator_b.trainable_variables
            )
            with tf.GradientTape() as tape:
                loss, of_games = self._discriminator_losses(batch, shown, True)
                scaled = self.scaled(loss, self.discriminator_optimizer)
            self.discriminator_optimizer.apply(
                tape.gradient(scaled, discriminators), discriminators
            )
            values |= of_games
        self.generator_optimizer.apply(gradients, generators)
        self.update_averages()
        self.step.assign_add(1)
        return self.report(values)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Measures held-out images in inference mode; no weight changes.

        The generators as trained, not their averages, and no pools.
        """
        batch = self.elements_of(data)
        _, values, made = self._generator_loss(batch, training=False)
        if self.adversarial_weight:
            values |= self._discriminator_losses(batch, made, False)[1]
        return self.report_held_out(values, tf.shape(batch["a"])[0])

    def _generator_loss(self, batch, training):
        """Returns the loss of the generators, its parts, and what they made."""
        a, b = batch["a"], batch["b"]

        def to_b(image):
            return tf.cast(self.generator_ab(image, training=training), "float32")

        def to_a(image):
            return tf.cast(self.generator_ba(image, training=training), "float32")

        made = {"b": to_b(a), "a": to_a(b)}
        cycle = _distance(to_a(made["b"]), a) + _distance(to_b(made["a"]), b)
        loss, identity = self.cycle_weight * cycle, tf.zeros([])
        if self.identity_weight:
            identity = _distance(to_b(b), b) + _distance(to_a(a), a)
            loss += self.identity_weight * identity
        if self.adversarial_weight:
            game = sum(
                self.objective.generator_loss(
                    self._logits(name, batch[name], training)
                    if self.objective.generator_needs_real
                    else None,
                    self._logits(name, made[name], training),
                )
                for name in "ab"
            )
            loss += self.adversarial_weight * game
        values = dict.fromkeys(self.reported, tf.zeros([]))
        values |= {"generator_loss": loss, "cycle": cycle, "identity": identity}
        return loss, values, made

    def _discriminator_losses(self, batch, shown, training):
        """Returns the sum of both losses, and the numbers of each game."""
        total, values = 0.0, {}
        for name in "ab":
            images = batch[name], tf.stop_gradient(shown[name])
            logits = [self._logits(name, image, training) for image in images]
            # Halved, so that it learns more slowly than the generators.
            loss = self.objective.discriminator_loss(*logits) / 2
            real, fake = (judgement(self.objective, one) for one in logits)
            total += loss
            values |= {f"discriminator_{name}_loss": loss}
            values |= {f"real_{name}": real, f"fake_{name}": fake}
        return total, values

    def _logits(self, name, image, training):
        discriminator = getattr(self, f"discriminator_{name}")
        return tf.cast(discriminator(image, training=training), "float32")

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer | str,
        discriminator_optimizer: keras.optimizers.Optimizer | str,
        objective: losses.Objective | str | None = None,
        generator_average: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Sets how the games are played.

        Args:
            generator_optimizer: Keras optimizer of both generators, or its name.
            discriminator_optimizer: another one of both discriminators, or its name.
            objective: name or instance from `keras_gan.losses`, of every patch; None is
                `LeastSquares(scale=1)`, as in the paper.
            generator_average: decay in (0, 1) of exponential moving averages of the
                generators' weights, or None. With one, images come from them.
            **kwargs: `jit_compile`, `steps_per_execution` and `run_eagerly` of
                `keras.Model.compile`.

        Raises:
            InputError: for a value that is not accepted.
        """
        super().compile(**kwargs)
        generators = [self.generator_ab, self.generator_ba]
        discriminators = [self.discriminator_a, self.discriminator_b]
        self.set_optimizers(
            generator_optimizer=(generator_optimizer, generators),
            discriminator_optimizer=(discriminator_optimizer, discriminators),
        )
        self.objective = losses.get_objective(objective or losses.LeastSquares(1.0))
        self.set_average(generator_average)

    def check_batch(self, *parts: Any, scaled_to: Mapping | None = None) -> None:
        super().check_batch(*parts, scaled_to=scaled_to)
        rows, sides = len(parts[0]), tuple(parts[0].shape[1:3])
        if self._pools and sides != self.image_size:
            raise InputError(
                f"images of a batch have {sides[0]}x{sides[1]} pixels, and the pools "
                f"hold images of {self.image_size[0]}x{self.image_size[1]}. Build the "
                "model with that image_size."
            )
        if self._pools and rows > self.pool_size:
            raise InputError(
                f"a batch holds {rows} images and pool_size is {self.pool_size}. Use a "
                "pool of at least a batch, or 0."
            )

    # What it makes -------------------------------------------------------------

    def samples(
        self, count: int, seed: int = 0, examples: Mapping | None = None
    ) -> dict[str, np.ndarray]:
        """Returns images, their translations, and these translated back.

        See `GenerativeModel`. Either of a and b may be missing in `examples`.
        """
        examples = examples or {}
        shown: dict[str, np.ndarray] = {}
        for name, other in (("a", "b"), ("b", "a")):
            if name in examples:
                images = examples[name]
                made = self.translate(images, to=other)
                cycled = self.translate(made, to=name)
                shown |= {name: images, f"{name}_to_{other}": made}
                shown |= {f"{name}_cycled": cycled}
        return shown

    @property
    def symptoms(self) -> tuple[Symptom, ...]:
        found: list[Symptom] = []
        for name, source in (("b", "a"), ("a", "b")):
            if self.adversarial_weight:
                numbers = f"real_{name}", f"fake_{name}", f"discriminator_{name}_loss"
                found += discriminator_ahead(self.objective, *numbers, which=name)
            output, way = f"{source}_to_{name}", f"{source} to {name}"
            found += [
                OutputEqualsInput(output=output, source=source, which=way),
                OneOutputForAll(output=output, which=way),
                CycleByHiding(source=source, to=name, which=way),
            ]
        return tuple(found)

    @property
    def charts(self) -> tuple[Chart, ...]:
        return (
            Chart(
                "Mean absolute differences",
                {"of both cycles": "cycle", "of both identities": "identity"},
            ),
            Chart(
                "Losses",
                {
                    "generators": "generator_loss",
                    "discriminator of a": "discriminator_a_loss",
                    "discriminator of b": "discriminator_b_loss",
                },
            ),
            Chart(
                "How real the discriminators find images (1 is real)",
                {
                    "D(a)": "real_a",
                    "D(b to a)": "fake_a",
                    "D(b)": "real_b",
                    "D(a to b)": "fake_b",
                },
            ),
        )

    def get_config(self) -> dict[str, Any]:
        names = ("cycle_weight", "identity_weight", "adversarial_weight")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "pool_size": self.pool_size,
            "image_size": None if None in self.image_size else self.image_size,
        }


def _distance(one, other):
    return tf.reduce_mean(tf.abs(one - other))
