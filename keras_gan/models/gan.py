"""The adversarial game of Goodfellow et al. 2014 as a Keras model."""

import inspect
import math
import numbers
import reprlib

import keras
import numpy as np
import tensorflow as tf

from keras_gan import checks, losses, seeding
from keras_gan.errors import Diverged, InputError
from keras_gan.latents import Prior
from keras_gan.models import fit_data, inherited
from keras_gan.models.averaging import Twin, twin_of

UPDATES = ("alternating", "simultaneous")
MOST_LATENT = 2**16  # dimensions; more are a slip of the pen
_RENDER_BATCH = 256
_COMPILE_OPTIONS = ("jit_compile", "steps_per_execution", "run_eagerly")


@keras.saving.register_keras_serializable("keras_gan")
class GAN(inherited.TrainsByItself):
    """Two networks that play the minimax game; `fit` trains both on images alone.

    The data of `fit` is float32 images [batch, *image_shape] in `value_range`, or with
    `num_classes` pairs (image, label). Calling the model is calling the generator.

    Args:
        generator: Keras model from `latent`, float32 [batch, latent_dim], to images, or
            from `[latent, label]` where `num_classes` is given.
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

    Raises:
        InputError: for a value that is not accepted.

    Example:

    ```python
    gan = GAN(
        networks.mlp_generator((28, 28, 1)),
        networks.maxout_discriminator((28, 28, 1)),
        latent_dim=100,
        value_range=(0, 1),
    )
    gan.compile(
        generator_optimizer=keras.optimizers.Adam(2e-4, beta_1=0.5),
        discriminator_optimizer=keras.optimizers.Adam(2e-4, beta_1=0.5),
    )
    gan.fit(images, epochs=20)
    gan.generate(16, seed=1)
    ```

    Source: Goodfellow et al. 2014, arXiv 1406.2661.
    """

    def __init__(
        self,
        generator,
        discriminator,
        latent_dim,
        latent_distribution="normal",
        latent_bounds=(-1.0, 1.0),
        value_range=(-1.0, 1.0),
        num_classes=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name, network in {
            "generator": generator,
            "discriminator": discriminator,
        }.items():
            if not isinstance(network, keras.Model):
                raise InputError(
                    f"{name} is a {type(network).__name__}; it must be a keras.Model."
                )
        latent_dim = checks.whole_number("latent_dim", latent_dim, 1, MOST_LATENT)
        if num_classes is not None:
            num_classes = checks.whole_number("num_classes", num_classes, 1)
        if seed is not None:
            seed = checks.whole_number("seed", seed, 0)
        self.generator = generator
        self.discriminator = discriminator
        self.averaged_generator = None
        self.latent_dim = latent_dim
        self.latent_distribution = latent_distribution
        self.latent_bounds = checks.interval("latent_bounds", latent_bounds)
        self._prior = Prior(latent_dim, latent_distribution, self.latent_bounds)
        self.value_range = value_range
        if value_range is not None:
            self.value_range = checks.interval("value_range", value_range)
        self.num_classes = num_classes
        rng = seeding.generator(seed)
        self.seed = seeding.draw(rng) if seed is None else seed
        self._generate_rng = rng
        # Layer by layer, a few small images would take three times as long.
        self._compiled_images = tf.function(
            self._images_from, autograph=False, reduce_retracing=True
        )
        self.step = self.add_weight(
            (), initializer="zeros", dtype="int64", trainable=False, name="step"
        )
        self.image_shape = self._build_networks()
        self.built = True
        self._trackers = {
            name: _MeanOverEpoch(name=name, dtype="float32")
            for name in (
                "discriminator_loss",
                "generator_loss",
                "d_real",
                "d_fake",
                "value",
            )
        }

    def _build_networks(self):
        """Makes all weights by running both networks; returns the shape of an image."""
        label = None if self.num_classes is None else tf.zeros([1], "int64")
        image = self._images_from(
            self.generator, tf.zeros([1, self.latent_dim]), label, training=False
        )
        logit = self.discriminator(_inputs(image, label), training=False)
        if tuple(logit.shape) != (1, 1):
            raise InputError(
                f"the discriminator gives shape {tuple(logit.shape)} for one image; it "
                "must give one logit, (1, 1)."
            )
        return tuple(image.shape[1:])

    # The game ------------------------------------------------------------------

    def compile(
        self,
        generator_optimizer,
        discriminator_optimizer,
        objective="non_saturating",
        penalty=None,
        penalty_interval=1,
        discriminator_steps=1,
        update="alternating",
        generator_average=None,
        **kwargs,
    ):
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
                generator's weights, such as 0.999, or None. Where there is one, images
                are generated and exported from it.
            **kwargs: `jit_compile`, `steps_per_execution` and `run_eagerly` of
                `keras.Model.compile`; its other arguments mean nothing here.

        Raises:
            InputError: for a value that is not accepted.
        """
        if update not in UPDATES:
            raise InputError(
                f"update is {update!r}; accepted are {', '.join(UPDATES)}."
            )
        for name in kwargs:
            if name not in _COMPILE_OPTIONS:
                raise InputError(
                    f"compile was given {name}, and a GAN makes nothing of it; both "
                    "players have an optimizer, their objective and penalty, and "
                    "callbacks.Evaluate measures the images."
                )
        discriminator_steps = checks.whole_number(
            "discriminator_steps", discriminator_steps, 1
        )
        penalty_interval = checks.whole_number("penalty_interval", penalty_interval, 1)
        if generator_average is not None and not (
            isinstance(generator_average, numbers.Real) and 0 < generator_average < 1
        ):
            raise InputError(
                f"generator_average is {generator_average!r}; it must lie between 0 "
                "and 1, or be None."
            )
        self._check_lazy_penalty(penalty_interval)
        super().compile(optimizer=None, **kwargs)
        self.generator_optimizer = self._optimizer(generator_optimizer)
        self.discriminator_optimizer = self._optimizer(discriminator_optimizer)
        # Under float16 each player's own wrapper may hold the same optimizer.
        players = (self.generator_optimizer, self.discriminator_optimizer)
        first, second = (getattr(p, "inner_optimizer", p) for p in players)
        if first is second:
            raise InputError(
                "both players were given the same optimizer object; each needs its own."
            )
        # Built now, not at the first step, so that a checkpoint finds its variables.
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)
        self.objective = losses.get_objective(objective)
        self.penalty = losses.get_penalty(penalty)
        self.penalty_interval = penalty_interval
        self.discriminator_steps = discriminator_steps
        self.update = update
        self.generator_average = generator_average
        if generator_average is None:
            self.averaged_generator = None
        elif self.averaged_generator is None:
            self.averaged_generator = self._twin_of_generator()
        self._watch = fit_data.BatchWatch(
            self.distribute_strategy, self.value_range, self.num_classes
        )
        self._finite_parts = tf.function(self._which_are_finite, autograph=False)
        self._compile_kwargs = kwargs

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

    def _optimizer(self, identifier):
        optimizer = keras.optimizers.get(identifier)
        # Gradients of float16 activations underflow unless the loss is scaled up.
        if any(
            layer.dtype_policy.name == "mixed_float16"
            for layer in self.generator.layers + self.discriminator.layers
        ) and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        return optimizer

    def _twin_of_generator(self):
        label = None if self.num_classes is None else tf.zeros([1], "int64")
        latent = tf.linspace(-1.0, 1.0, self.latent_dim)[tf.newaxis]
        return twin_of(self.generator, _inputs(latent, label))

    def train_step(self, data):
        """Plays one iteration of algorithm 1: k discriminator updates, one generator's.

        The generator's update goes back through the samples that the last
        discriminator update saw, so that each sample is generated once.
        """
        images, labels = self._elements(data)
        images = tf.cast(images, "float32")  # data sets may hold other floats
        self._watch.see(images, labels, self.step)
        for i in range(self.discriminator_steps):
            real = self._part(images, i)
            label = None if labels is None else tf.cast(self._part(labels, i), "int64")
            latent = self._latent(tf.shape(real)[0], self._step_seed(2 * i))
            with tf.GradientTape() as generation:
                fake = self._images_from(self.generator, latent, label, training=True)
                generation_terms = [fake, *self.generator.losses]

            def discriminate(image, label=label):
                logit = self.discriminator(_inputs(image, label), training=True)
                return tf.cast(logit, "float32")

            with tf.GradientTape() as tape:
                sample = tf.stop_gradient(fake)
                real_logits = discriminate(real)
                fake_logits = discriminate(sample)
                discriminator_loss = self.objective.discriminator_loss(
                    real_logits, fake_logits
                )
                loss = self._scaled(
                    discriminator_loss + sum(self.discriminator.losses),
                    self.discriminator_optimizer,
                )
            variables = self.discriminator.trainable_variables
            gradients = tape.gradient(loss, variables)
            if self.penalty is not None:
                penalty, of_penalty = self._penalty_if_due(
                    discriminate, real, sample, i
                )
                discriminator_loss += penalty
                gradients = [
                    b if a is None else tf.add_n([a, b])
                    for a, b in zip(gradients, of_penalty, strict=True)
                ]
            last = i == self.discriminator_steps - 1
            if self.update == "simultaneous" and last:
                generator_loss, generator_gradients = self._generator_gradients(
                    generation, generation_terms, discriminate, real
                )
            self.discriminator_optimizer.apply(gradients, variables)

        if self.update == "alternating":
            generator_loss, generator_gradients = self._generator_gradients(
                generation, generation_terms, discriminate, real
            )
        self.generator_optimizer.apply(
            generator_gradients, self.generator.trainable_variables
        )
        if self.averaged_generator is not None:
            self._update_average()
        self.step.assign_add(1)
        return self._report(
            discriminator_loss, generator_loss, real_logits, fake_logits
        )

    def _penalty_if_due(self, discriminate, real, sample, i):
        """Returns the penalty of discriminator update `i`, and its gradients.

        Zeros between updates in which it is due. The gradients are taken here because
        XLA does not compile those of a condition.
        """
        variables = [v.value for v in self.discriminator.trainable_variables]

        def due():
            with tf.GradientTape() as tape:
                penalty = self.penalty_interval * self.penalty(
                    discriminate, real, sample, self._step_seed(2 * i + 1)
                )
                loss = self._scaled(penalty, self.discriminator_optimizer)
            # It does not depend on the last bias, for one.
            return penalty, tape.gradient(loss, variables, unconnected_gradients="zero")

        def not_due():
            return tf.zeros([]), [tf.zeros_like(v) for v in variables]

        if self.penalty_interval == 1:
            return due()
        update = self.step * self.discriminator_steps + i
        return tf.cond(update % self.penalty_interval == 0, due, not_due)

    def _generator_gradients(self, generation, generation_terms, discriminate, real):
        """Returns the generator's loss and gradients.

        The chain rule in two halves: from the loss to the samples, which needs no
        gradient of the discriminator's weights, and from there to the generator's.
        """
        fake, *regularization = generation_terms
        real_logits = None
        if self.objective.generator_needs_real:
            real_logits = discriminate(real)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(fake)
            loss = self.objective.generator_loss(real_logits, discriminate(fake))
            scaled_loss = self._scaled(loss, self.generator_optimizer)
        unit = self._scaled(tf.ones([]), self.generator_optimizer)
        gradients = generation.gradient(
            generation_terms,
            self.generator.trainable_variables,
            output_gradients=[tape.gradient(scaled_loss, fake)]
            + [unit] * len(regularization),
        )
        return loss, gradients

    def _part(self, batch, i):
        """Returns the part of the batch that discriminator update `i` sees."""
        if self.discriminator_steps == 1:
            return batch
        count = tf.shape(batch)[0]
        size = tf.maximum(count // self.discriminator_steps, 1)
        # Every k-th image, so that the parts of replicas, which have neighbouring
        # pieces of a batch, make up the part that one device would see.
        rows = i + self.discriminator_steps * tf.range(size)
        # A last batch with fewer images than updates shows one of them again.
        return tf.gather(batch, tf.minimum(rows, count - 1))

    def _scaled(self, loss, optimizer):
        # Keras optimizers add up the gradients of all replicas.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return optimizer.scale_loss(loss / replicas)

    def _update_average(self):
        # Early on the average would remember the random start, so its decay grows
        # from 0.1 to the value asked for, as tf.train.ExponentialMovingAverage's does.
        step = tf.cast(self.step, "float32")
        decay = tf.minimum(self.generator_average, (1.0 + step) / (10.0 + step))
        pairs = [
            (average, variable)
            for average, variable in zip(
                self.averaged_generator.weights, self.generator.weights, strict=True
            )
            if "float" in variable.dtype
        ]
        sums = [tf.cast(tf.reduce_sum(variable), "float32") for _, variable in pairs]
        # A generator that diverges does not take its average along.
        rate = tf.where(tf.reduce_all(tf.math.is_finite(sums)), 1 - decay, 0.0)
        for average, variable in pairs:
            average.assign_sub(
                tf.math.multiply_no_nan(
                    average - variable, tf.cast(rate, variable.dtype)
                )
            )

    def _report(self, discriminator_loss, generator_loss, real_logits, fake_logits):
        log_d_real = -tf.nn.softplus(-real_logits)
        log_not_d_fake = -tf.nn.softplus(fake_logits)
        values = {
            "discriminator_loss": discriminator_loss,
            "generator_loss": generator_loss,
            "d_real": tf.reduce_mean(tf.sigmoid(real_logits)),
            "d_fake": tf.reduce_mean(tf.sigmoid(fake_logits)),
            "value": tf.reduce_mean(log_d_real) + tf.reduce_mean(log_not_d_fake),
        }
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            values = context.all_reduce("MEAN", values)
        for name, value in values.items():
            self._trackers[name].update_state(value)
        results = {name: metric.result() for name, metric in self._trackers.items()}
        if isinstance(context.strategy, tf.distribute.MultiWorkerMirroredStrategy):
            # There Keras takes their mean over an axis, which scalars lack (3.15.1).
            results = {name: value[tf.newaxis] for name, value in results.items()}
        return results

    @property
    def metrics(self):
        """Means over an epoch.

        The losses of both players; `d_real` and `d_fake`, the probabilities D(x) and
        D(G(z)); `value`, V of the game in nats, -log 4 = -1.386 at its equilibrium.
        """
        return list(self._trackers.values())

    # Latent vectors and images -------------------------------------------------

    def _latent(self, count, seed):
        return self._prior.draw(count, seed)

    def _step_seed(self, draw):
        """Returns the seed of one draw of the current step, the same on replicas."""
        draws = 2 * self.discriminator_steps
        index = tf.cast(self.step, "int64") * draws + draw
        return tf.stack([tf.constant(self.seed, "int64"), index])

    def _images_from(self, network, latent, label, training):
        return tf.cast(network(_inputs(latent, label), training=training), "float32")

    @property
    def inference_generator(self):
        """The network that images come from: the averaged generator if there is one."""
        if self.averaged_generator is not None:
            return self.averaged_generator
        return self.generator

    @property
    def batch_norm_statistics(self) -> str | None:
        """What batch norm normalizes by when images are made; None without any.

        Moving averages: an image must not depend on its neighbours in the batch.
        """
        names = {weight.name for weight in self.inference_generator.weights}
        return "moving averages" if "moving_mean" in names else None

    def call(self, inputs, training=False):
        """Returns images, float32 [batch, *image_shape] in `value_range`.

        Args:
            inputs: latent, float32 [batch, latent_dim]; or `[latent, label]`.
            training: True runs the generator being trained, with batch statistics;
                False the `inference_generator`.
        """
        network = self.generator if training else self.inference_generator
        return network(inputs, training=training)

    def sample_latent(self, count, seed=None):
        """Returns latent vectors, float32 [count, latent_dim].

        Args:
            count: how many, at least 1.
            seed: int; the same seed gives the same vectors. Without one each call
                gives others, in a sequence that the model's own seed decides.

        Raises:
            InputError: for a count below 1 or a seed that is no 64-bit integer.
        """
        count = checks.whole_number("count", count, 1, 2**31 - 1)
        if seed is None:
            seed = seeding.draw(self._generate_rng)
        seed = checks.whole_number("seed", seed, -(2**63))
        # Training counts its draws from 0 up, so -1 is never one of them.
        return self._latent(count, tf.constant([seed, -1], "int64"))

    def generate(self, count, seed=None, labels=None):
        """Returns generated images.

        Args:
            count: how many images, at least 1.
            seed: int; the same seed gives the same images. None gives others each call.
            labels: of a conditional model, one integer for all or one for each image;
                None takes the classes in turn.

        Returns:
            uint8 [count, *image_shape], 0 to 255; float32 where `value_range` is None.

        Raises:
            InputError: for a count below 1 or labels that the model does not have.
            Diverged: where a value is NaN or infinite.
        """
        latent = self.sample_latent(count, seed)
        return self.render(latent, labels)

    def render(self, latent, labels=None):
        """Returns the images of given latent vectors.

        Args:
            latent: finite numbers [count, latent_dim]: a tensor, an array or lists.
            labels: as in `generate`.

        Returns:
            As `generate`.

        Raises:
            InputError: for other latent vectors, or labels that the model does not
                have.
            Diverged: where a value is NaN or infinite.
        """
        # A tensor, as Keras takes no array beside that of the labels.
        latent = tf.constant(self._checked_latent(latent))
        labels = self._checked_labels(labels, len(latent))
        parts = []
        for start in range(0, len(latent), _RENDER_BATCH):
            rows = slice(start, start + _RENDER_BATCH)
            label = None if labels is None else tf.constant(labels[rows])
            parts.append(
                self._compiled_images(
                    self.inference_generator, latent[rows], label, training=False
                )
            )
        values = np.concatenate(parts)
        if not np.isfinite(values).all():
            raise Diverged("the generator makes NaN or infinite values.")
        if self.value_range is None:
            return values
        low, high = self.value_range
        return (
            np.rint((values - low) * (255 / (high - low))).clip(0, 255).astype("uint8")
        )

    def _checked_latent(self, latent):
        try:
            latent = np.asarray(latent).astype("float32")
        except (TypeError, ValueError):
            raise InputError(
                f"latent is {reprlib.repr(latent)}; it must be numbers of shape "
                f"(count, {self.latent_dim})."
            ) from None
        if latent.ndim != 2 or latent.shape[1] != self.latent_dim or not len(latent):
            raise InputError(
                f"latent has the shape {latent.shape}; it must be "
                f"(count, {self.latent_dim})."
            )
        if not np.isfinite(latent).all():
            raise InputError("latent holds NaN or infinite values; give finite ones.")
        return latent

    def _checked_labels(self, labels, count):
        if self.num_classes is None:
            if labels is not None:
                raise InputError(
                    "labels were given to a model without classes; build it with "
                    "num_classes to use them."
                )
            return None
        if labels is None:
            labels = np.arange(count) % self.num_classes
        try:
            labels = np.asarray(labels)
        except ValueError:  # rows of several lengths
            raise InputError(
                f"labels are {reprlib.repr(labels)}; accepted is one integer, or one "
                f"for each of the {count} images."
            ) from None
        if labels.dtype.kind not in "iu" or labels.shape not in ((), (count,)):
            raise InputError(
                f"labels have dtype {labels.dtype} and shape {labels.shape}; accepted "
                f"is one integer, or one for each of the {count} images."
            )
        if labels.min() < 0 or labels.max() >= self.num_classes:
            raise InputError(
                f"labels go from {labels.min()} to {labels.max()}; the classes are 0 "
                f"to {self.num_classes - 1}."
            )
        return np.broadcast_to(labels, (count,)).astype("int64")

    # Data ----------------------------------------------------------------------

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains as `keras.Model.fit` does, after a look at the data.

        It looks at all of an array, and at the first batch of anything else. Later
        batches are watched while they train, and a fault is told at the end of its
        epoch, or before a checkpoint.

        Args:
            x: images, or batches of them: an array, a `tf.data.Dataset`, a
                `keras.utils.PyDataset` or a generator. The attribute `value_range` of
                a data set says to what range its images were scaled; a data set of
                `keras_gan.datasets` has it, and any other may be given it. The look
                begins the data set once more than training does. A
                `tf.data.Dataset.from_generator` over what can be read only once loses
                a batch by that: give the generator itself.
            y: labels, where `x` is an array and the model conditional.
            *args, **kwargs: of `keras.Model.fit`. Those that a GAN makes nothing of,
                such as `class_weight` and `validation_data`, are refused.

        Raises:
            InputError: where the data is not what the networks were made for: another
                shape, dtype or range, NaN, labels without `num_classes`, weights.
        """
        self._assert_compile_called("fit")
        signature = inspect.signature(keras.Model.fit)
        given = signature.bind(self, x, y, *args, **kwargs).arguments
        given.pop("self")
        inherited.refuse_without_effect("fit", given)
        callbacks = inherited.checked_callbacks(given.get("callbacks"), self)
        scaled_to = fit_data.known_range(x)
        given["x"], batches, sizes = fit_data.look(
            x, y, given.get("batch_size"), given.get("steps_per_epoch")
        )
        for batch in batches:
            self._check_batch(batch, scaled_to)
        self._check_split(sizes)
        replicas = self.distribute_strategy.num_replicas_in_sync
        if replicas > 1:
            if given.get("steps_per_epoch") is None and fit_data.ends_unforeseen(
                given["x"]
            ):
                raise InputError(
                    f"the data does not say how many batches it has, and {replicas} "
                    "replicas cannot tell where it ends; give fit steps_per_epoch."
                )
            given["x"] = fit_data.in_own_memory(given["x"])
        # Keras warns of data that it cannot shuffle.
        if not (fit_data.is_array(x) or isinstance(x, keras.utils.PyDataset)):
            given.setdefault("shuffle", False)
        self._watch.clear()
        # Last, so that a DivergenceGuard may go back past a faulty batch.
        given["callbacks"] = [*callbacks, _TellOfFaultyData()]
        return super().fit(**given)

    def train_on_batch(self, x, y=None, *args, **kwargs):
        """Trains one step as `keras.Model.train_on_batch` does.

        Raises:
            InputError: as `fit`; but images in the upper half of the range are taken
                as such.
        """
        self._assert_compile_called("train_on_batch")
        signature = inspect.signature(keras.Model.train_on_batch)
        given = signature.bind(self, x, y, *args, **kwargs).arguments
        inherited.refuse_without_effect("train_on_batch", given)
        self._check_batch((x, y), self.value_range)
        return super().train_on_batch(x, y, *args, **kwargs)

    def _maybe_symbolic_build(self, *args, **kwargs):
        # Both networks are built. Keras would take a batch off the data to see what to
        # build, and fails at that where data has labels and several workers (3.15.1).
        pass

    def _check_split(self, sizes):
        replicas = self.distribute_strategy.num_replicas_in_sync
        parts = replicas * self.discriminator_steps
        for size in sizes:
            if replicas > 1 and (size is None or size % parts):
                raise InputError(
                    f"a batch holds {size or 'any number of'} images; with {replicas} "
                    f"replicas each must hold a multiple of {parts}, the last one too "
                    "(drop_remainder=True)."
                )

    def _elements(self, data):
        """Returns the images and labels of a batch of the kind that networks take.

        Raises:
            InputError: for any other: another dtype or shape, weights.
        """
        images, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        if weights is not None:
            raise InputError(
                "the data comes with sample weights, and a GAN makes nothing of them; "
                "give images, or images and labels."
            )
        for name, part in {"images": images, "labels": labels}.items():
            if isinstance(part, dict | list | tuple):
                raise InputError(
                    f"the {name} of a batch are a {type(part).__name__}; they must be "
                    "one array."
                )
        shape = tuple(images.shape[1:])
        if not _is_floating(images) or shape != self.image_shape:
            raise InputError(
                f"the data has dtype {_dtype(images)} and shape {shape}; the networks "
                f"take floats of shape {self.image_shape}."
            )
        if (labels is None) != (self.num_classes is None):
            raise InputError(
                f"the data comes {'without' if labels is None else 'with'} labels and "
                f"num_classes is {self.num_classes}; a conditional model needs both, "
                "any other neither."
            )
        if labels is not None and (
            not _dtype(labels).is_integer or len(labels.shape) != 1
        ):
            raise InputError(
                f"labels have dtype {_dtype(labels).name} and shape "
                f"{tuple(labels.shape)}; they must be integers, one for each image."
            )
        return images, labels

    def _check_batch(self, batch, scaled_to=None):
        """Raises InputError where values of a batch are not what the networks take.

        Args:
            batch: as `fit` gets it.
            scaled_to: (low, high) where it is known to what the images were scaled.
        """
        images, labels = self._elements(batch)
        images = np.asarray(images)
        if len(images) < self.discriminator_steps:
            raise InputError(
                f"the first batch holds {len(images)} images; "
                f"{self.discriminator_steps} discriminator steps need at least as many."
            )
        lowest, highest = float(images.min()), float(images.max())
        if not (math.isfinite(lowest) and math.isfinite(highest)):
            raise InputError(
                "the first batch holds NaN or infinite values; only finite ones are "
                "accepted."
            )
        if self.value_range is not None:
            self._check_range(lowest, highest, scaled_to)
        if labels is not None:
            self._checked_labels(labels, len(images))

    def _check_range(self, lowest, highest, scaled_to):
        low, high = self.value_range
        slack = fit_data.slack(self.value_range)
        outside = lowest < low - slack or highest > high + slack
        # Images in [0, 1] also lie within [-1, 1], where they would all be grey.
        wider = low <= 0 and high >= 1 and high - low > 1
        shifted = wider and lowest >= -slack and highest <= 1 + slack
        if scaled_to is not None:
            shifted = scaled_to != self.value_range
        if outside or shifted:
            pale = ""
            if not outside and scaled_to is None:
                pale = (
                    " If they are scaled and only pale, say so: give fit a data set, "
                    f"and set its attribute value_range = ({low:g}, {high:g})."
                )
            raise InputError(
                f"the first batch has values from {lowest:g} to {highest:g}; the "
                f"generator makes [{low:g}, {high:g}], so scale the images to that, "
                "have keras_gan.datasets scale them, or give GAN another value_range."
                f"{pale}"
            )

    # Saving --------------------------------------------------------------------

    def training_state(self):
        """Returns all that training depends on, as named lists of `tf.Variable`.

        Networks, average, both optimizers, seeds of layers, running means of the epoch
        and the step, which decides the latent vectors and the place in the data.
        `tf.train.Checkpoint(**gan.training_state())` saves and restores all of it.
        """
        average = self.averaged_generator
        state = {
            "generator": self.generator.weights,
            "discriminator": self.discriminator.weights,
            "averaged_generator": [] if average is None else average.weights,
            "generator_optimizer": self.generator_optimizer.variables,
            "discriminator_optimizer": self.discriminator_optimizer.variables,
            "seeds": self._seed_states(),
            "metrics": [v for metric in self.metrics for v in metric.variables],
            "step": [self.step],
        }
        return {
            name: [variable.value for variable in variables]
            for name, variables in state.items()
        }

    def require_finite(self) -> None:
        """Raises Diverged where any of `training_state` is NaN or infinite.

        It raises InputError where all is finite, but data of `fit` was not what the
        networks take. It waits for the device. The means of the epoch keep what any of
        its steps brought, so that a look now and then misses no step.
        """
        finite = self._finite_parts().numpy()
        names = self.training_state()
        broken = [name for name, yes in zip(names, finite, strict=True) if not yes]
        if broken:
            fault = self._watch.fault()
            cause = f", after {fault}" if fault else ""
            raise Diverged(
                f"at step {int(self.step.numpy())} values of {' and '.join(broken)} "
                f"are NaN or infinite{cause}."
            )
        self._watch.require_sound()

    def _which_are_finite(self):
        return tf.stack(
            [
                tf.reduce_all([tf.reduce_all(tf.math.is_finite(v)) for v in floating])
                for floating in map(_floating, self.training_state().values())
            ]
        )

    def _seed_states(self):
        """Returns the states of random layers, which Keras counts among no weights."""
        known = {id(v) for v in self.weights}
        known.update(id(v) for metric in self.metrics for v in metric.variables)
        return [v for v in self.variables if id(v) not in known]

    def save_own_variables(self, store):
        super().save_own_variables(store)
        for i, state in enumerate(self._seed_states()):
            store[f"seed_{i}"] = state

    def load_weights(self, filepath, *args, **kwargs):
        """Reads weights as `keras.Model.load_weights` does.

        Raises:
            InputError: where the file has an average of the generator and the model
                has none, or the other way round.
        """
        saved = inherited.saved_average(filepath)
        if saved is not None and saved != (self.averaged_generator is not None):
            raise InputError(
                f"{filepath} holds {'an' if saved else 'no'} average of the generator, "
                f"and the model has {'none' if saved else 'one'}; compile it "
                f"{'with' if saved else 'without'} generator_average to read the file."
            )
        super().load_weights(filepath, *args, **kwargs)

    def load_own_variables(self, store):
        self.step.assign(store["0"])
        for i, state in enumerate(self._seed_states()):
            state.assign(store[f"seed_{i}"])

    def get_config(self):
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            **self._game_config(),
        }

    def _game_config(self):
        return {
            "latent_dim": self.latent_dim,
            "latent_distribution": self.latent_distribution,
            "latent_bounds": self.latent_bounds,
            "value_range": self.value_range,
            "num_classes": self.num_classes,
            "seed": self.seed,
            "name": self.name,
            "averaged": self._kind_of_average(),
        }

    def _kind_of_average(self):
        """Returns whether there is an average; "twin" decides how a file holds it."""
        if isinstance(self.averaged_generator, Twin):
            return "twin"
        return self.averaged_generator is not None

    @classmethod
    def from_config(cls, config):
        networks = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("generator", "discriminator")
            if name in config
        }
        config = {**config, **networks}
        averaged = config.pop("averaged", False)
        gan = cls(**config)
        # Here, not in compile, so that a model loaded without compiling has it too.
        if averaged == "twin":
            gan.averaged_generator = Twin(gan.generator)
        elif averaged:
            gan.averaged_generator = gan._twin_of_generator()
        return gan

    def get_compile_config(self):
        if not self.compiled:
            return {}
        parts = (
            "generator_optimizer",
            "discriminator_optimizer",
            "objective",
            "penalty",
        )
        return {
            **{
                name: keras.saving.serialize_keras_object(getattr(self, name))
                for name in parts
            },
            "penalty_interval": self.penalty_interval,
            "discriminator_steps": self.discriminator_steps,
            "update": self.update,
            "generator_average": self.generator_average,
            **self._compile_kwargs,
        }

    def compile_from_config(self, config):
        config = keras.saving.deserialize_keras_object(config)
        # Older files may hold arguments that had no effect.
        for name in inherited.COMPILE_WITHOUT_EFFECT & config.keys():
            del config[name]
        self.compile(**config)


class _MeanOverEpoch(keras.metrics.Mean):
    """A mean of values that all replicas have in common.

    Any worker can read it alone, and save it, without asking the others.
    """

    def add_variable(self, shape, initializer, dtype=None, aggregation=None, name=None):
        aggregation = "only_first_replica"
        return super().add_variable(shape, initializer, dtype, aggregation, name)


class _TellOfFaultyData(keras.callbacks.Callback):
    """Ends training after an epoch in which a batch was not what the model takes."""

    def on_epoch_end(self, epoch, logs=None):
        self.model._watch.require_sound()


def _dtype(data):
    return tf.as_dtype(getattr(data.dtype, "name", data.dtype))


def _is_floating(data):
    return _dtype(data).is_floating


def _inputs(tensor, label):
    """Returns what a network takes: the tensor alone, or with the label."""
    return tensor if label is None else [tensor, label]


def _floating(variables):
    return [variable for variable in variables if variable.dtype.is_floating]
