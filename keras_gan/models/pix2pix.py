"""The conditional adversarial network of Isola et al. 2016, from images to images."""

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gan import checks, losses
from keras_gan.errors import InputError
from keras_gan.models.chart import Chart
from keras_gan.models.game import discriminator_ahead
from keras_gan.models.translator import (
    Translator,
    judgement,
    require_equal_channels,
)
from keras_gan.symptoms import OneOutputForAll, OutputEqualsInput, Symptom


@keras.saving.register_keras_serializable("keras_gan")
class Pix2Pix(Translator):
    """A generator that turns images into others, judged by patches and by L1.

    It minimises `adversarial_weight` times its loss in the game, on every patch that
    the discriminator judges, plus `l1_weight` times the mean absolute difference from
    the true image.

    The data of `fit` is pairs (source, target), float32 [batch, height, width,
    channels] in `value_range`. Calling the model is calling the generator.

    In training the generator's dropout is the only noise. `translate` and all exports
    leave it out, and normalise each image by its own statistics. The authors keep both
    as in training; at their batch of one image the statistics are the same.

    Args:
        generator: Keras model from source to target images, of any or of one size.
        discriminator: Keras model from `[source, target]`, or from target images alone,
            to logits of any shape, without a sigmoid.
        l1_weight: of the mean absolute difference in `value_range`; 0 leaves it out.
        adversarial_weight: of the game; 0 trains the generator alone.
        value_range: (low, high) of the values of images: (-1, 1) for a tanh output.
        seed: decides all that training draws.

    Raises:
        InputError: for a value that is not accepted.

    Example:

    ```python
    from keras_gan import Pix2Pix, datasets, networks

    pairs = datasets.read_pairs("outlines", image_size=32)
    source, target = pairs["source"].shape, pairs["target"].shape
    model = Pix2Pix(
        networks.unet(source, target, base_filters=4),
        networks.patch_discriminator(target, source, layers=1, base_filters=4),
    )
    model.compile("adam", "adam")
    model.fit(pairs.batches(8), steps_per_epoch=2)
    assert model.translate(pairs["source"].array[:4]).shape == (4, 32, 32, 1)
    ```

    Source: Isola et al. 2016, arXiv 1611.07004.
    """

    # The loss of the generator and its parts, of the discriminator, and how real it
    # finds target and output: 1 is real.
    reported = ("generator_loss", "l1", "discriminator_loss", "d_real", "d_fake")
    headline: ClassVar[dict[str, str]] = {
        "L1": "l1",
        "D loss": "discriminator_loss",
        "D(target)": "d_real",
        "D(output)": "d_fake",
    }
    outputs: ClassVar[dict[str, str]] = {"output": "target"}
    inputs = ("source",)
    ways: ClassVar = {"target": ("source", "generator")}
    averages = ("generator",)
    averaged_generator: keras.Model | None = None
    elements_hint = "Pix2Pix takes (source, target)."

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        l1_weight: float = 100.0,
        adversarial_weight: float = 1.0,
        value_range: tuple[float, float] = (-1.0, 1.0),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(value_range, seed, **kwargs)
        self.generator = checks.network("generator", generator)
        self.discriminator = checks.network("discriminator", discriminator)
        self.l1_weight = checks.not_negative("l1_weight", l1_weight)
        self.adversarial_weight = checks.not_negative(
            "adversarial_weight", adversarial_weight
        )
        if not (self.l1_weight or self.adversarial_weight):
            raise InputError(
                "l1_weight and adversarial_weight are 0, so the generator has nothing "
                "to learn from. Give at least one of them."
            )
        # Whether the discriminator sees the source too.
        self.conditional = len(discriminator.inputs) == 2
        *condition, judged = (one.shape for one in discriminator.inputs)
        taken, made = generator.input_shape, generator.output_shape
        shapes = {"target": {"generator": made, "discriminator": judged}}
        if self.conditional:
            shapes["source"] = {"generator": taken, "discriminator": condition[0]}
        for name, each in shapes.items():
            require_equal_channels(name, each)

    def networks(self) -> dict[str, keras.Model]:
        return self.with_averages(
            {"generator": self.generator, "discriminator": self.discriminator}
        )

    # The game ------------------------------------------------------------------

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Plays one round: the discriminator's update, then the generator's.

        Both see the same output, which is generated once.
        """
        batch = self.seen(data)
        source, target = batch["source"], batch["target"]
        with tf.GradientTape() as generation:
            output = tf.cast(self.generator(source, training=True), "float32")
        discriminator_loss, logits = tf.zeros([]), (tf.zeros([]), tf.zeros([]))
        if self.adversarial_weight:
            weights = self.discriminator.trainable_variables
            with tf.GradientTape() as tape:
                logits = self._logits(source, target), self._logits(source, output)
                # Halved, so that it learns more slowly than the generator.
                discriminator_loss = self.objective.discriminator_loss(*logits) / 2
                loss = self.scaled(discriminator_loss, self.discriminator_optimizer)
            self.discriminator_optimizer.apply(tape.gradient(loss, weights), weights)
        weights = self.generator.trainable_variables
        # From the loss to the output, which needs no gradient of the discriminator's
        # weights, and from there to the generator's.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(output)
            generator_loss, l1 = self._generator_loss(source, output, target)
            loss = self.scaled(generator_loss, self.generator_optimizer)
        of_output = tape.gradient(loss, output)
        gradients = generation.gradient(output, weights, of_output)
        self.generator_optimizer.apply(gradients, weights)
        self.update_averages()
        self.step.assign_add(1)
        return self.report(
            self._numbers(generator_loss, l1, discriminator_loss, logits)
        )

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Measures held-out pairs in inference mode; no weight changes.

        The generator as trained, not its average.
        """
        batch = self.elements_of(data)
        source, target = batch["source"], batch["target"]
        output = tf.cast(self.generator(source, training=False), "float32")
        discriminator_loss, logits = tf.zeros([]), (tf.zeros([]), tf.zeros([]))
        if self.adversarial_weight:
            images = target, output
            logits = tuple(self._logits(source, image, False) for image in images)
            discriminator_loss = self.objective.discriminator_loss(*logits) / 2
        generator_loss, l1 = self._generator_loss(source, output, target, False)
        numbers = self._numbers(generator_loss, l1, discriminator_loss, logits)
        return self.report_held_out(numbers, tf.shape(source)[0])

    def _logits(self, source, image, training=True):
        inputs = [source, image] if self.conditional else image
        return tf.cast(self.discriminator(inputs, training=training), "float32")

    def _generator_loss(self, source, output, target, training=True):
        """Returns what the generator minimises, and the mean absolute difference."""
        l1 = tf.reduce_mean(tf.abs(output - target))
        loss = self.l1_weight * l1
        if self.adversarial_weight:
            real = None
            if self.objective.generator_needs_real:
                real = self._logits(source, target, training)
            fake = self._logits(source, output, training)
            loss += self.adversarial_weight * self.objective.generator_loss(real, fake)
        return loss, l1

    def _numbers(self, generator_loss, l1, discriminator_loss, logits):
        real, fake = (judgement(self.objective, one) for one in logits)
        return {
            "generator_loss": generator_loss,
            "l1": l1,
            "discriminator_loss": discriminator_loss,
            "d_real": real,
            "d_fake": fake,
        }

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer | str,
        discriminator_optimizer: keras.optimizers.Optimizer | str,
        objective: losses.Objective | str = "non_saturating",
        generator_average: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Sets how the game is played.

        Args:
            generator_optimizer: Keras optimizer, or its name.
            discriminator_optimizer: another Keras optimizer, or its name.
            objective: name or instance from `keras_gan.losses`, of every patch.
            generator_average: decay in (0, 1) of an exponential moving average of the
                generator's weights, or None. With one, images come from it.
            **kwargs: `jit_compile`, `steps_per_execution` and `run_eagerly` of
                `keras.Model.compile`.

        Raises:
            InputError: for a value that is not accepted.
        """
        super().compile(**kwargs)
        self.set_optimizers(
            generator_optimizer=(generator_optimizer, [self.generator]),
            discriminator_optimizer=(discriminator_optimizer, [self.discriminator]),
        )
        self.objective = losses.get_objective(objective)
        self.set_average(generator_average)

    # What it makes -------------------------------------------------------------

    def samples(
        self, count: int, seed: int = 0, examples: Mapping | None = None
    ) -> dict[str, np.ndarray]:
        """Returns sources, outputs and, if given, targets; see `GenerativeModel`."""
        examples = examples or {}
        if "source" not in examples:
            raise InputError(
                "Pix2Pix makes pictures from sources, and examples has none. Give "
                'examples={"source": images}.'
            )
        source = examples["source"]
        shown = {"source": source, "output": self.translate(source)}
        return shown | {n: examples[n] for n in ("target",) if n in examples}

    @property
    def symptoms(self) -> tuple[Symptom, ...]:
        found: list[Symptom] = []
        if self.adversarial_weight:
            numbers = "d_real", "d_fake", "discriminator_loss"
            found += discriminator_ahead(self.objective, *numbers)
        found.append(OutputEqualsInput(output="output", source="source"))
        return (*found, OneOutputForAll(output="output"))

    @property
    def charts(self) -> tuple[Chart, ...]:
        return (
            Chart("Mean absolute difference from the target", {"L1": "l1"}),
            Chart(
                "Losses",
                {"discriminator": "discriminator_loss", "generator": "generator_loss"},
            ),
            Chart(
                "How real the discriminator finds images (1 is real)",
                {"D(target)": "d_real", "D(output)": "d_fake"},
            ),
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "l1_weight": self.l1_weight,
            "adversarial_weight": self.adversarial_weight,
        }
