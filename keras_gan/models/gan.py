"""The adversarial game of Goodfellow et al. 2014 as a Keras model."""

import functools
import itertools
from collections.abc import Callable
from typing import Any, ClassVar

import keras
import tensorflow as tf

from keras_gan import checks, losses
from keras_gan.augmentation import DiscriminatorAugmentation
from keras_gan.errors import InputError
from keras_gan.models import game, starting
from keras_gan.models.averaging import Averaged
from keras_gan.models.chart import Chart
from keras_gan.models.latent_model import LatentModel, images_of, inputs_of
from keras_gan.symptoms import Symptom

UPDATES = ("alternating", "simultaneous")
# Draws of the augmentation in one update of the discriminator. The first ones are those
# of its own calls, then of the generator's update, then of the penalty.
_CALLS, _OF_GENERATOR, _OF_PENALTY = 16, 2, 4


@keras.saving.register_keras_serializable("keras_gan")
class GAN(Averaged, LatentModel):
    """Two networks that play the minimax game; `fit` trains both on images alone.

    The data of `fit` is float32 images [batch, *image_shape] in `value_range`, or with
    `num_classes` pairs (image, label). Calling the model is calling the generator.

    Args:
        generator: Keras model from `latent`, float32 [batch, latent_dim], to images;
            with `num_classes` from `[latent, label]`.
        discriminator: Keras model from images (or `[image, label]`) to one logit each,
            [batch, 1], without a sigmoid.
        latent_dim: size of the latent vector.
        latent_distribution: "normal" (mean 0, variance 1) or "uniform".
        latent_bounds: (low, high) of the uniform distribution.
        value_range: (low, high) of the generator's values: (-1, 1) for a tanh output,
            (0, 1) for a sigmoid, None for vectors without bounds.
        num_classes: number of classes of a conditional model; labels are integers from
            0 to num_classes - 1.
        seed: decides every latent vector that training draws.
        augmentation: random changes of all images, real and generated, that the
            discriminator sees in training: names with commas between them, such as
            "color,translation,cutout", or objects; see `keras_gan.augmentation`.
        augmentation_target: None changes every image. A number, such as 0.6, makes the
            probability of a change follow how far the discriminator has memorised the
            images: it starts at 0, and rises while the mean sign of D(x)'s logit on
            training images is above the target (Karras et al. 2020, arXiv 2006.06676,
            section 3.1).

    Raises:
        InputError: for a value that is not accepted.

    Example:

    ```python
    import keras
    from keras_gan import GAN, datasets, networks

    digits = datasets.read("digits")
    gan = GAN(
        networks.mlp_generator(digits.shape, latent_dim=16, hidden_units=(64,)),
        networks.maxout_discriminator(digits.shape, units=(32,)),
        latent_dim=16,
        value_range=(0, 1),
    )
    gan.compile(
        generator_optimizer=keras.optimizers.Adam(2e-4, beta_1=0.5),
        discriminator_optimizer=keras.optimizers.Adam(2e-4, beta_1=0.5),
    )
    gan.fit(digits.batches(100, value_range=(0, 1)), epochs=1)
    assert gan.generate(16, seed=1).shape == (16, 8, 8, 1)
    ```

    Source: Goodfellow et al. 2014, arXiv 1406.2661.
    """

    # The losses of both players; D(x) and D(G(z)), probabilities; and V of the game in
    # nats, which is -log 4 = -1.386 at its equilibrium.
    reported: tuple[str, ...] = (
        "discriminator_loss",
        "generator_loss",
        "d_real",
        "d_fake",
        "value",
    )
    headline: ClassVar[dict[str, str]] = {
        "D loss": "discriminator_loss",
        "G loss": "generator_loss",
        "D(x)": "d_real",
        "D(G(z))": "d_fake",
    }
    # With `augmentation_target`: its probability, and the mean sign of D(x)'s logit.
    not_measured = ("augmentation_p", "d_real_sign")
    images_from, averages = "generator", ("generator",)
    averaged_generator: keras.Model | None = None
    freeze_discriminator_layers = 0
    _froze: tuple[int, ...] = ()  # places of the layers that compile froze
    elements_hint = "A GAN takes (image, label) if it was built with num_classes."

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        latent_dim: int,
        latent_distribution: str = "normal",
        latent_bounds: tuple[float, float] = (-1.0, 1.0),
        value_range: tuple[float, float] | None = (-1.0, 1.0),
        num_classes: int | None = None,
        seed: int | None = None,
        augmentation: Any = None,
        augmentation_target: float | None = None,
        **kwargs: Any,
    ):
        self._augmentation = DiscriminatorAugmentation(
            augmentation, augmentation_target
        )
        if augmentation_target is not None:
            self.reported = (*self.reported, *self.not_measured)
            strength, signs = self.not_measured
            # Of this model, which reports more than others of its class.
            more = {"p": strength, "sign D(x)": signs}
            self.headline = {**self.headline, **more}  # type: ignore[misc]
        super().__init__(
            *(latent_dim, latent_distribution, latent_bounds, value_range),
            *(num_classes, seed),
            **kwargs,
        )
        self.generator = checks.network("generator", generator)
        self.discriminator = checks.network("discriminator", discriminator)
        # Running both makes all weights.
        latent, label = self.example_inputs()
        image = images_of(self.generator, latent, label, training=False)
        logit = self.discriminator(inputs_of(image, label), training=False)
        if tuple(logit.shape) != (1, 1):
            raise InputError(
                f"the discriminator gives shape {tuple(logit.shape)} for one image; it "
                "must give one logit, (1, 1)."
            )
        self.image_shape = tuple(image.shape[1:])
        self._augmentation.require_images(self.image_shape, self.value_range)
        if augmentation_target is not None:
            self._strength, self._signs = (
                self.add_weight(
                    (),
                    initializer="zeros",
                    dtype="float32",
                    trainable=False,
                    aggregation="only_first_replica",
                    name=name,
                )
                for name in self.not_measured
            )

    @property
    def augmentation_p(self) -> float:
        """The probability that the discriminator sees an image changed."""
        if not self._augmentation.members:
            return 0.0
        return float(keras.ops.convert_to_numpy(self._p()))

    @augmentation_p.setter
    def augmentation_p(self, p: float) -> None:
        if self._augmentation.target is None:
            raise InputError(
                f"augmentation_p is {p} and there is no augmentation_target; the "
                "probability is fixed without one."
            )
        self._strength.assign(p)

    def _p(self):
        if self._augmentation.target is None:
            return tf.ones([])
        return tf.convert_to_tensor(self._strength)

    def get_config(self) -> dict[str, Any]:
        # What compile froze belongs to the config of compile.
        self._set_trainable(True)
        try:
            config = super().get_config()
        finally:
            self._set_trainable(False)
        if self._augmentation.members:
            config["augmentation"] = [
                keras.saving.serialize_keras_object(one)
                for one in self._augmentation.members
            ]
            config["augmentation_target"] = self._augmentation.target
        return config

    def networks(self) -> dict[str, keras.Model]:
        return self.with_averages(
            {"generator": self.generator, "discriminator": self.discriminator}
        )

    @property
    def inference_generator(self) -> keras.Model:
        """The network that images come from: the averaged generator if there is one."""
        return self.inference_network()

    def average_inputs(self, name: str) -> tf.Tensor | list[tf.Tensor]:
        return inputs_of(*self.example_inputs())

    # The game ------------------------------------------------------------------

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Plays one iteration of algorithm 1: k discriminator updates, one generator's.

        The generator's update goes back through the samples that the last
        discriminator update saw, so that each sample is generated once.
        """
        batch = self.seen(data)
        images, labels = batch["image"], batch.get("label")
        for i in range(self.discriminator_steps):
            real, label = self.part(images, i), self.part(labels, i)
            latent = self.prior.draw(tf.shape(real)[0], self.step_seed(2 * i))
            with tf.GradientTape() as generation:
                fake = images_of(self.generator, latent, label, training=True)
                terms = [fake, *self.generator.losses]
            discriminator_loss, gradients, logits = self._discriminator_gradients(
                label, real, tf.stop_gradient(fake), i
            )
            strength = self._adapt(logits[0], i)
            last = i == self.discriminator_steps - 1
            if last and self.update == "simultaneous":
                generators = self._generator_gradients(
                    generation, terms, label, real, i
                )
            self.discriminator_optimizer.apply(
                gradients, self.discriminator.trainable_variables
            )
        if self.update == "alternating":
            generators = self._generator_gradients(generation, terms, label, real, i)
        generator_loss, gradients = generators
        self.generator_optimizer.apply(gradients, self.generator.trainable_variables)
        self.update_averages()
        self.step.assign_add(1)
        return self.report(
            {
                "discriminator_loss": discriminator_loss,
                "generator_loss": generator_loss,
                **_judgements(*logits),
                **strength,
            }
        )

    def _adapt(self, real_logits, i):
        """Changes the strength of the augmentation after discriminator update `i`.

        Returns:
            What `train_step` reports of it.
        """
        if self._augmentation.target is None:
            return {}
        signs = tf.reduce_sum(tf.sign(real_logits))
        images = tf.cast(tf.shape(real_logits)[0], "float32")
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            signs, images = context.all_reduce("SUM", (signs, images))
        mean, p = tf.math.divide_no_nan(signs, images), self._p()
        later, left = self._augmentation.adapted(
            p, self._signs + mean, self._update(i), images
        )
        self._strength.assign(later)
        self._signs.assign(left)
        return dict(zip(self.not_measured, (p, mean), strict=True))

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Measures held-out images; no weight changes.

        Generator and discriminator as trained, not the average, both in inference mode:
        without dropout, and batch norm with its moving averages. The losses are those
        of the objective alone, without penalty. The labels are those of the images.

        A discriminator that learns its images by heart gives them a higher D(x) than
        held-out ones: compare `evaluate` on both. The `d_real` of training is no match
        if there is dropout or batch norm, because it is not of inference mode.
        """
        batch = self.elements_of(data)
        real, label = batch["image"], batch.get("label")
        rows = tf.shape(real)[0]
        latent = self.prior.draw(rows, self.held_out_seed())
        fake = images_of(self.generator, latent, label, training=False)
        logits = self._logits(real, label, False), self._logits(fake, label, False)
        of_real = logits[0] if self.objective.generator_needs_real else None
        return self.report_held_out(
            {
                "discriminator_loss": self.objective.discriminator_loss(*logits),
                "generator_loss": self.objective.generator_loss(of_real, logits[1]),
                **_judgements(*logits),
            },
            rows,
        )

    def _discriminator_gradients(self, label, real, sample, i):
        """Returns the loss, gradients and logits of discriminator update `i`."""
        discriminate = self._discriminating(label, i, first=0)
        with tf.GradientTape() as tape:
            logits = discriminate(real), discriminate(sample)
            loss = self.objective.discriminator_loss(*logits)
            scaled_loss = self.scaled(
                loss + sum(self.discriminator.losses), self.discriminator_optimizer
            )
        gradients = tape.gradient(scaled_loss, self.discriminator.trainable_variables)
        if self.penalty is not None:
            penalty, of_penalty = self._penalty_if_due(
                self._discriminating(label, i, _OF_PENALTY), real, sample, i
            )
            loss += penalty
            gradients = [
                b if a is None else tf.add_n([a, b])
                for a, b in zip(gradients, of_penalty, strict=True)
            ]
        return loss, gradients, logits

    def _penalty_if_due(self, discriminate, real, sample, i):
        """Returns the penalty of discriminator update `i`, and its gradients.

        Zeros between updates in which it is due. The gradients are taken here because
        XLA does not compile those of a condition.
        """
        variables = [v.value for v in self.discriminator.trainable_variables]

        def due():
            with tf.GradientTape() as tape:
                penalty = self.penalty_interval * self.penalty.at(self._update(i))(
                    discriminate, real, sample, self.step_seed(2 * i + 1)
                )
                loss = self.scaled(penalty, self.discriminator_optimizer)
            # It does not depend on the last bias, for one.
            return penalty, tape.gradient(loss, variables, unconnected_gradients="zero")

        def not_due():
            return tf.zeros([]), [tf.zeros_like(v) for v in variables]

        if self.penalty_interval == 1:
            return due()
        return tf.cond(self._update(i) % self.penalty_interval == 0, due, not_due)

    def _generator_gradients(self, generation, terms, label, real, i):
        """Returns the generator's loss and gradients.

        The chain rule in two halves: from the loss to the samples, which needs no
        gradient of the discriminator's weights, and from there to the generator's.
        """
        fake, *regularization = terms
        discriminate = self._discriminating(label, i, _OF_GENERATOR)
        real_logits = None
        if self.objective.generator_needs_real:
            real_logits = discriminate(real)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(fake)
            loss = self.objective.generator_loss(real_logits, discriminate(fake))
            scaled_loss = self.scaled(loss, self.generator_optimizer)
        unit = self.scaled(tf.ones([]), self.generator_optimizer)
        gradients = generation.gradient(
            terms,
            self.generator.trainable_variables,
            output_gradients=[tape.gradient(scaled_loss, fake)]
            + [unit] * len(regularization),
        )
        return loss, gradients

    def _update(self, i):
        """Returns the number of discriminator update `i` of this step, from 0."""
        return self.step * self.discriminator_steps + i

    def _discriminating(self, label, i, first) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns the function from images to logits by which the players learn.

        Args:
            label: of the images.
            i: update of the discriminator in this step.
            first: number of the first call's draw in this update. Each later call
                draws again.
        """
        if not self._augmentation.members:
            return functools.partial(self._logits, label=label)
        p, calls = self._p(), itertools.count(first)

        def discriminate(image):
            # Other draws of training have seeds of at least 0.
            seed = tf.constant(-1 - self.seed, "int64")
            draw = tf.cast(self._update(i), "int64") * _CALLS + next(calls)
            seen = self._augmentation(
                image, tf.stack([seed, draw]), p, self.value_range
            )
            return self._logits(seen, label)

        return discriminate

    def _logits(self, image, label, training=True):
        logits = self.discriminator(inputs_of(image, label), training=training)
        return tf.cast(logits, "float32")

    @property
    def updates_per_step(self) -> int:
        return self.discriminator_steps

    @property
    def draws_per_step(self) -> int:
        return 2 * self.discriminator_steps  # latent vectors and penalty of each update

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer | str,
        discriminator_optimizer: keras.optimizers.Optimizer | str,
        objective: losses.Objective | str = "non_saturating",
        penalty: losses.Penalty | str | None = None,
        penalty_interval: int = 1,
        discriminator_steps: int = 1,
        update: str = "alternating",
        generator_average: float | None = None,
        freeze_discriminator_layers: int = 0,
        **kwargs: Any,
    ) -> None:
        """Sets how the game is played.

        Args:
            generator_optimizer: Keras optimizer, or its name.
            discriminator_optimizer: another Keras optimizer, or its name.
            objective: name or instance from `keras_gan.losses`.
            penalty: name or instance from `keras_gan.losses`, or None.
            penalty_interval: n, the penalty enters every n-th update of the
                discriminator only, multiplied by n (Karras et al. 2020, arXiv
                1912.04958, section 3.1). It is most of a step's work at 1.
            discriminator_steps: k, updates of the discriminator before each update of
                the generator. A batch of `fit` holds the images of all k.
            update: "alternating" shows the generator the updated discriminator, as
                algorithm 1 does; "simultaneous" computes both updates from the same
                networks, as the authors' code did.
            generator_average: decay in (0, 1) of an exponential moving average of the
                generator's weights, such as 0.999, or None. With one, images are
                generated and exported from it.
            freeze_discriminator_layers: first layers of the discriminator that do not
                train, each with its normalization, which then takes its moving
                averages. It helps a model that starts from one of other images, if
                its own are few (Mo et al. 2020, arXiv 2002.10964).
            **kwargs: `jit_compile`, `steps_per_execution` and `run_eagerly` of
                `keras.Model.compile`.

        Raises:
            InputError: for a value that is not accepted.
        """
        checks.one_of("update", update, UPDATES)
        discriminator_steps = checks.whole_number(
            "discriminator_steps", discriminator_steps, 1
        )
        penalty_interval = checks.whole_number("penalty_interval", penalty_interval, 1)
        self._check_lazy_penalty(penalty_interval)
        layers = self._first_layers(freeze_discriminator_layers)
        super().compile(**kwargs)
        self._set_trainable(True)  # what an earlier compile froze
        # Others were frozen by the user and stay so in any case.
        self._froze = tuple(i for i, layer in enumerate(layers) if layer.trainable)
        self.freeze_discriminator_layers = freeze_discriminator_layers
        self._set_trainable(False)
        self.set_optimizers(
            generator_optimizer=(generator_optimizer, [self.generator]),
            discriminator_optimizer=(discriminator_optimizer, [self.discriminator]),
        )
        objective = losses.get_objective(objective)
        target = self._augmentation.target
        if target is not None and not objective.logit_is_log_odds:
            raise InputError(
                f"augmentation_target is {target} and the objective is "
                f"{type(objective).__name__}, for which the sign of a logit says "
                "nothing. Use minimax or non_saturating, or leave augmentation_target "
                "out."
            )
        self.objective = objective
        self.penalty = losses.get_penalty(penalty)
        self.penalty_interval = penalty_interval
        self.discriminator_steps = discriminator_steps
        self.update = update
        self.set_average(generator_average)

    # A property, since Keras saves a layer under the first attribute that has it.
    @property
    def frozen_layers(self) -> tuple[keras.Layer, ...]:
        return self._first_layers(self.freeze_discriminator_layers)

    def _set_trainable(self, value):
        """Sets whether the layers that compile froze train."""
        if self._froze:
            layers = self.frozen_layers
            for place in self._froze:
                layers[place].trainable = value

    def _first_layers(self, count):
        """Returns the layers with weights up to kernel `count` of the discriminator."""
        layers = starting.layers_by_kernel(self.discriminator)
        checks.whole_number("freeze_discriminator_layers", count, 0, len(layers) - 1)
        return tuple(layer for group in layers[:count] for layer in group)

    def _check_lazy_penalty(self, interval):
        replicas = self.distribute_strategy.num_replicas_in_sync
        if interval > 1 < replicas and any(
            isinstance(layer, keras.layers.BatchNormalization)
            for layer in self.discriminator.layers
        ):
            # TensorFlow has no collective operation within a condition.
            raise InputError(
                f"penalty_interval is {interval}; with {replicas} replicas and batch "
                "norm in the discriminator it must be 1."
            )

    # What its numbers show -----------------------------------------------------

    @property
    def symptoms(self) -> tuple[Symptom, ...]:
        """What `callbacks.Diagnosis` looks for, as far as the objective can show it."""
        return game.symptoms(self.objective)

    @property
    def charts(self) -> tuple[Chart, ...]:
        target, names = self._augmentation.target, self.not_measured
        if target is None:
            return game.charts(self.objective)
        lines = dict(zip(("probability", "mean sign of D(x)"), names, strict=True))
        adaptive = Chart("Augmentation", lines, {"target": target}, (-1.02, 1.02))
        return (*game.charts(self.objective), adaptive)

    @property
    def charts_note(self) -> str:
        return game.charts_note(self.objective)


def _judgements(real_logits, fake_logits):
    """Returns D(x), D(G(z)) and the value of the game."""
    log_d_real = -tf.nn.softplus(-real_logits)
    log_not_d_fake = -tf.nn.softplus(fake_logits)
    return {
        "d_real": tf.reduce_mean(tf.sigmoid(real_logits)),
        "d_fake": tf.reduce_mean(tf.sigmoid(fake_logits)),
        "value": tf.reduce_mean(log_d_real) + tf.reduce_mean(log_not_d_fake),
    }
