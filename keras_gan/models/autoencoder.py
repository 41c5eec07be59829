"""The autoencoder, and the variational one of Kingma and Welling 2013."""

import math
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gan import checks, losses, serving
from keras_gan.errors import InputError
from keras_gan.models.elements import Labels
from keras_gan.models.latent_model import LatentModel, inputs_of
from keras_gan.pixels import PixelRange
from keras_gan.symptoms import Blur, IgnoredLatents, PosteriorCollapse, Symptom

ESTIMATORS = ("closed_form", "sampled")
# So that the exponential of a log variance stays finite.
_LARGEST_LOG_VARIANCE = 20.0
_OBSERVED = 100  # images of which one draw makes black and white ones
_ROWS = 1000  # that the decoder makes at a time for a likelihood: they fit a cache
# Nats of a latent unit above which it tells something of the image.
ACTIVE = 0.01


@keras.saving.register_keras_serializable("keras_gan")
class Autoencoder(LatentModel):
    """Two networks that describe an image by a code and draw it again.

    It minimises -log p(x|z) of the code z = encoder(x). Nothing makes its codes follow
    a distribution, so it reconstructs images and cannot generate any.

    The data of `fit` is float32 images [batch, *image_shape] in `value_range`, or with
    `num_classes` pairs (image, label). Calling the model is calling the decoder.

    Args:
        encoder: Keras model from images, or `[image, label]`, to codes, float32
            [batch, latent_dim].
        decoder: Keras model from codes, or `[latent, label]`, to images; or to [image,
            log scale] for a likelihood without a scale of its own.
        latent_dim: size of a code.
        value_range: (low, high) of the decoder's values: (-1, 1) for a tanh output,
            (0, 1) for a sigmoid.
        num_classes: number of classes of a conditional model.
        seed: decides all that training draws.

    Raises:
        InputError: for a value that is not accepted.

    Example:

    ```python
    from keras_gan import Autoencoder, datasets, networks

    digits = datasets.read("digits")
    model = Autoencoder(
        networks.mlp_encoder(digits.shape, 8, (64,), variational=False),
        networks.mlp_decoder(digits.shape, 8, (64,)),
        latent_dim=8,
        value_range=(0, 1),
    )
    model.compile("adam", likelihood="bernoulli")
    model.fit(digits.batches(100, value_range=(0, 1)), epochs=1)
    assert model.reconstruct(digits.array[:4]).shape == (4, 8, 8, 1)
    ```
    """

    # -log p(x|z) in nats.
    reported: tuple[str, ...] = ("reconstruction",)
    headline: ClassVar[dict[str, str]] = {"reconstruction": "reconstruction"}
    images_from = "decoder"
    value_range: tuple[float, float]
    pixels: PixelRange
    outputs: ClassVar[dict[str, str]] = {"reconstruction": "image"}
    inputs: tuple[str, ...] = ("image",)
    symptoms: tuple[Symptom, ...] = (
        IgnoredLatents(output="reconstruction"),
        Blur(output="reconstruction"),
    )
    elements_hint = "It takes (image, label) if it was built with num_classes."
    # Of the encoder's outputs.
    code_names: tuple[str, ...] = ("latent",)
    draws_per_step = 2  # the latents and what is observed of the images

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        latent_dim: int,
        value_range: tuple[float, float] = (-1.0, 1.0),
        num_classes: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            latent_dim,
            value_range=checks.interval("value_range", value_range),
            num_classes=num_classes,
            seed=seed,
            **kwargs,
        )
        self.encoder = checks.network("encoder", encoder)
        self.decoder = checks.network("decoder", decoder)
        latent, label = self.example_inputs()
        image, scale = _pair(self.decoder(inputs_of(latent, label), training=False))
        self._gives_scale = scale is not None
        self._check_codes(self.encoder(inputs_of(image, label), training=False))
        self.image_shape = tuple(image.shape[1:])
        self._encoded = tf.function(self._codes, autograph=False, reduce_retracing=True)

    def _check_codes(self, codes):
        expected = (1, self.latent_dim)
        if isinstance(codes, list | tuple) or tuple(codes.shape) != expected:
            raise InputError(
                f"the encoder gives {_shapes(codes)} for one image; it must give one "
                f"code, {expected}."
            )

    def networks(self) -> dict[str, keras.Model]:
        return {"encoder": self.encoder, "decoder": self.decoder}

    # Training ------------------------------------------------------------------

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Takes one step down the gradient of both networks together."""
        batch = self.seen(data)
        networks = self.encoder, self.decoder
        weights = [v for network in networks for v in network.trainable_variables]
        with tf.GradientTape() as tape:
            loss, values = self._loss(batch, self.step_seed, training=True)
            loss += sum(term for network in networks for term in network.losses)
            scaled = self.scaled(loss, self.optimizer)
        self.optimizer.apply(tape.gradient(scaled, weights), weights)
        self.step.assign_add(1)
        return self.report(values)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Measures held-out images in inference mode; no weight changes."""
        batch = self.elements_of(data)
        _, values = self._loss(batch, self.held_out_seed, training=False)
        return self.report_held_out(values, tf.shape(batch["image"])[0])

    def _loss(self, batch, seed, training):
        """Returns what a step minimises, and the numbers that it reports."""
        label = batch.get("label")
        image = self.likelihood.observed(batch["image"], seed(1))
        code = self._codes(image, label, training)
        loss = -tf.reduce_mean(self._log_p_of_image(image, code, label, training))
        return loss, {"reconstruction": loss}

    def _codes(self, image, label, training):
        codes = self.encoder(inputs_of(image, label), training=training)
        return tf.nest.map_structure(lambda code: tf.cast(code, "float32"), codes)

    def _log_p_of_image(self, image, latent, label, training):
        """Returns log p(x|z) of each image, float32 [batch]."""
        mean, scale = _pair(self.decoder(inputs_of(latent, label), training=training))
        return self.likelihood.log_prob(image, mean, scale)

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer | str,
        likelihood: losses.Likelihood | str = "gaussian",
        **kwargs: Any,
    ) -> None:
        """Sets how the networks are trained.

        Args:
            optimizer: Keras optimizer, or its name.
            likelihood: name or instance from `keras_gan.losses`.
            **kwargs: `jit_compile`, `steps_per_execution` and `run_eagerly` of
                `keras.Model.compile`.

        Raises:
            InputError: for a value that is not accepted.
        """
        likelihood = losses.get_likelihood(likelihood)
        self._check_likelihood(likelihood)
        super().compile(**kwargs)
        self.set_optimizers(optimizer=(optimizer, [self.encoder, self.decoder]))
        self.likelihood = likelihood

    def _check_likelihood(self, likelihood):
        name, needed = type(likelihood).__name__, likelihood.value_range
        if needed is not None and needed != self.value_range:
            raise InputError(
                f"the likelihood {name} needs images in {needed}, and the model has "
                f"the range {self.value_range}. Build the model with value_range="
                f"{needed}, and a decoder whose images lie in it."
            )
        if likelihood.needs_scale and not self._gives_scale:
            raise InputError(
                f"the likelihood is {name}(None), which needs a scale of the decoder, "
                f"and the decoder has one output. Use {name}(), or the decoder "
                "networks.with_learned_scale(decoder)."
            )

    # What it makes -------------------------------------------------------------

    def encode(self, images: np.ndarray, labels: Labels = None) -> np.ndarray:
        """Returns the codes of images: of a `VAE` the means of their posteriors.

        Args:
            images: uint8 [count, *image_shape], 0 to 255, or floats in `value_range`.
            labels: of a conditional model, one integer for all or one for each image.

        Grey images are taken as they are, also by an encoder that a Bernoulli
        likelihood showed black and white ones: `VAE.observed` makes such ones.

        Returns:
            float32 [count, latent_dim].

        Raises:
            InputError: for other images or labels.
        """
        return self.codes(images, labels)[self.code_names[0]]

    def codes(self, images: np.ndarray, labels: Labels = None) -> dict[str, np.ndarray]:
        """Returns all that the encoder says of images, by the names in `code_names`.

        Args:
            images, labels: as in `encode`.

        Returns:
            Name -> float32 [count, latent_dim].

        Raises:
            InputError: for other images or labels.
        """
        parts = zip(*self._encoded_parts(images, labels), strict=True)
        return dict(zip(self.code_names, map(np.concatenate, parts), strict=True))

    def decode(
        self, latent: tf.Tensor | np.ndarray | Sequence, labels: Labels = None
    ) -> np.ndarray:
        """Returns the images of codes, uint8 [count, *image_shape].

        Args:
            latent, labels, raises: as of `render`, another name of this.
        """
        return self.render(latent, labels)

    def reconstruct(self, images: np.ndarray, labels: Labels = None) -> np.ndarray:
        """Returns the images of the codes of images, uint8 [count, *image_shape].

        Args:
            images, labels: as in `encode`.
        """
        return self.decode(self.encode(images, labels), labels)

    # Without a prior there is nothing to truncate.
    def samples(  # type: ignore[override]
        self, count: int, seed: int = 0, examples: Mapping | None = None
    ) -> dict[str, np.ndarray]:
        """Returns images and their reconstructions; see `GenerativeModel`."""
        examples = examples or {}
        images, labels = examples["image"], examples.get("label")
        return {"image": images, "reconstruction": self.reconstruct(images, labels)}

    @property
    def generate(self) -> Any:  # no method, so that nobody finds that it has one
        raise AttributeError(
            f"{type(self).__name__} has no prior, so it cannot generate images. Use "
            "reconstruct(images), or train a VAE."
        )

    sample_latent = generate

    def _checked_images(self, images):
        """Returns images as float32 in the model's range."""
        shape = ", ".join(map(str, self.image_shape))
        try:
            images = np.asarray(images)
        except ValueError:  # rows of several lengths
            raise InputError(
                f"images are {reprlib.repr(images)}. Use (count, {shape})."
            ) from None
        if images.shape[1:] != self.image_shape or not len(images):
            raise InputError(
                f"images have the shape {images.shape}. Use (count, {shape})."
            )
        if images.dtype == np.uint8:
            return self.pixels.to_float(images)
        element = self.elements["image"]
        element.check_kind("image", images)
        element.check("image", images, self.value_range)
        return images.astype("float32")

    def _encoded_parts(self, images, labels):
        """Yields the outputs of the encoder as arrays, for some images at a time."""
        images = self._checked_images(images)
        labels = self._checked_labels(labels, len(images))
        for start in range(0, len(images), _ROWS):
            rows = slice(start, start + _ROWS)
            label = None if labels is None else tf.constant(labels[rows])
            codes = self._encoded(tf.constant(images[rows]), label, training=False)
            yield [code.numpy() for code in tf.nest.flatten(codes)]

    def signatures(
        self, networks: Mapping[str, keras.Model]
    ) -> dict[str, serving.Signature]:
        return self._of_images(networks, serving.DEFAULT)

    def _of_images(self, networks, name):
        """Returns the functions that reconstruct, called `name`, and that encode."""
        image = serving.image(self.image_shape, self.value_range)

        def reconstruct(inputs, training=False):
            label = inputs[1] if isinstance(inputs, list) else None
            code, _ = _pair(networks["encoder"](inputs, training=training))
            decoded = networks["decoder"](inputs_of(code, label), training=training)
            return _pair(decoded)[0]

        return {
            **serving.image_to_image(
                reconstruct, image, image, self.num_classes, name=name
            ),
            **serving.image_to_latent(
                networks["encoder"],
                image,
                self.latent_dim,
                self.num_classes,
                outputs=self.code_names,
            ),
        }

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for name in ("latent_distribution", "latent_bounds"):  # of a prior
            del config[name]
        return config


@keras.saving.register_keras_serializable("keras_gan")
class VAE(Autoencoder):
    """A decoder p(x|z) with the prior N(0, I), and an encoder q(z|x) of its latents.

    `fit` maximises a lower bound of log p(x), the log-likelihood of the images. The
    encoder gives [mean, log variance] of a normal posterior with independent latents.

    Args:
        encoder: Keras model from images, or `[image, label]`, to two tensors, float32
            [batch, latent_dim].
        decoder, latent_dim, value_range, num_classes, seed: as of `Autoencoder`.

    Raises:
        InputError: for a value that is not accepted.

    Example:

    ```python
    from keras_gan import VAE, datasets, networks

    digits = datasets.read("digits")
    vae = VAE(
        networks.mlp_encoder(digits.shape, latent_dim=8, hidden_units=(64,)),
        networks.mlp_decoder(digits.shape, latent_dim=8, hidden_units=(64,)),
        latent_dim=8,
        value_range=(0, 1),
    )
    vae.compile("adam", likelihood="bernoulli")
    vae.fit(digits.batches(100, value_range=(0, 1)), epochs=1)
    assert vae.generate(16, seed=1).shape == (16, 8, 8, 1)
    print(vae.log_likelihood(digits.array[:4], samples=50))
    ```

    Source: Kingma and Welling 2013, arXiv 1312.6114; for more than one importance
    sample Burda et al. 2015, arXiv 1509.00519.
    """

    # Minus the bound with beta, which is minimised beside the weight decay; the bound
    # of log p(x), with beta 1;
    # -log p(x|z) and the divergence of posterior and prior, all in nats; and how many
    # latents tell something of an image.
    reported = ("loss", "bound", "reconstruction", "kl", "active_latents")
    headline: ClassVar[dict[str, str]] = {
        "bound": "bound",
        "reconstruction": "reconstruction",
        "KL": "kl",
    }
    outputs: ClassVar[dict[str, str]] = {"sample": "image", "reconstruction": "image"}
    inputs = ()
    symptoms = (
        PosteriorCollapse(kl="kl", active="active_latents"),
        *Autoencoder.symptoms,
    )
    code_names = ("mean", "log_variance")

    def _check_codes(self, codes):
        expected = (1, self.latent_dim)
        many = isinstance(codes, list | tuple) and len(codes) == 2
        if not many or any(tuple(code.shape) != expected for code in codes):
            raise InputError(
                f"the encoder gives {_shapes(codes)} for one image; it must give mean "
                f"and log variance, two tensors {expected}."
            )

    def _codes(self, image, label, training):
        """Returns mean and log variance of q(z|x), float32 [batch, latent_dim]."""
        mean, log_variance = super()._codes(image, label, training)
        largest = _LARGEST_LOG_VARIANCE
        return mean, tf.clip_by_value(log_variance, -largest, largest)

    # The bound -----------------------------------------------------------------

    def _loss(self, batch, seed, training):
        """Returns minus the bound, weighted by beta, and the numbers of a step.

        With one sample of the posterior the bound is the paper's: of estimator A or B
        (equations 6 and 7). With k samples it is log mean w of the importance weights
        w = p(x|z) p(z) / q(z|x), which is tighter.
        """
        image, label = batch["image"], batch.get("label")
        image = self.likelihood.observed(image, seed(1))
        mean, log_variance = self._codes(image, label, training)
        k = self.importance_samples

        def repeated(tensor):
            return tensor if tensor is None or k == 1 else tf.repeat(tensor, k, axis=0)

        noise = self.prior.draw(k * tf.shape(mean)[0], seed(0))
        latent = _latents(repeated(mean), repeated(log_variance), noise)
        log_p = self._log_p_of_image(repeated(image), latent, repeated(label), training)
        kl_of_latents = _divergence(mean, log_variance)
        kl = tf.reduce_sum(kl_of_latents, axis=1)
        divergence = kl
        if self.estimator == "sampled":
            divergence = _sampled_divergence(latent, noise, repeated(log_variance))

        def bound(beta):
            log_weights = tf.reshape(log_p - beta * divergence, [-1, k])
            return tf.reduce_mean(_log_mean_exp(log_weights))

        beta = self._beta_now()
        loss = -bound(beta)
        active = tf.reduce_mean(kl_of_latents, axis=0) > ACTIVE
        return loss, {
            "loss": loss,
            "bound": bound(1.0),
            "reconstruction": -tf.reduce_mean(log_p),
            "kl": tf.reduce_mean(kl),
            "active_latents": tf.reduce_sum(tf.cast(active, "float32")),
        }

    def _beta_now(self):
        """Returns beta, which rises from 0 to its value in the steps of the warm-up."""
        if not self.beta_warmup_steps:
            return self.beta
        share = tf.cast(self.step, "float32") / self.beta_warmup_steps
        return self.beta * tf.minimum(share, 1.0)

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer | str,
        likelihood: losses.Likelihood | str = "gaussian",
        beta: float = 1.0,
        beta_warmup_steps: int = 0,
        importance_samples: int = 1,
        estimator: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Sets how the bound is estimated and maximised.

        Args:
            optimizer, likelihood, **kwargs: as of `Autoencoder.compile`.
            beta: weight of the divergence from the prior; at 1 the bound is one of the
                likelihood. The numbers reported have it at 1 in any case.
            beta_warmup_steps: steps in which beta rises from 0.
            importance_samples: k, samples of the posterior for each image.
            estimator: "closed_form" integrates the divergence (estimator B of 2013),
                "sampled" draws it too (A), as it must be for more than one sample.
                None takes what fits.

        Raises:
            InputError: for a value that is not accepted.
        """
        beta = checks.positive("beta", beta)
        warmup = checks.whole_number("beta_warmup_steps", beta_warmup_steps, 0)
        k = checks.whole_number("importance_samples", importance_samples, 1, 2**20)
        if estimator is None:
            estimator = "closed_form" if k == 1 else "sampled"
        checks.one_of("estimator", estimator, ESTIMATORS)
        if k > 1 and estimator == "closed_form":
            raise InputError(
                f"estimator is 'closed_form' and importance_samples {k}; the bound of "
                "several samples has no closed form. Use 'sampled'."
            )
        super().compile(optimizer, likelihood, **kwargs)
        self.beta = beta
        self.beta_warmup_steps = warmup
        self.importance_samples = k
        self.estimator = estimator
        # Made here, since a trace holds the likelihood.
        options = {"autograph": False, "reduce_retracing": True}
        self._terms = tf.function(self._terms_of, **options)
        self._log_weights = tf.function(self._log_weights_of, **options)

    # The likelihood ------------------------------------------------------------

    def log_likelihood(
        self,
        images: np.ndarray,
        samples: int = 5000,
        seed: int = 0,
        labels: Labels = None,
        each: Callable[[], Any] | None = None,
    ) -> np.ndarray:
        """Returns log p(x) of images in nats, estimated by importance sampling.

        The posterior proposes. The expectation of the estimate is a lower bound, which
        rises to log p(x) with the samples.

        Args:
            images: as in `encode`. The likelihood decides what is observed of them: a
                Bernoulli draws black and white pixels.
            samples: of the posterior of each image, at least 1.
            seed: decides all draws.
            labels: as in `encode`.
            each: is called after each image, such as to show progress.

        Returns:
            float64 [count].

        Raises:
            InputError: for other images, or if the model was not compiled.

        Source: Burda et al. 2015, arXiv 1509.00519, section 5.
        """
        samples = checks.whole_number("samples", samples, 1)
        values = []
        parts = self._observed_parts(images, labels, seed, rows=1)
        for i, (image, label) in enumerate(parts):
            total, done = -np.inf, 0
            while done < samples:
                rows = min(_ROWS, samples - done)
                draw = tf.constant([seed, 2 * i + 1 + (done << 32)], "int64")
                part = self._log_weights(image, label, tf.constant(rows), draw)
                total = np.logaddexp(total, np.float64(part))
                done += rows
            values.append(total - math.log(samples))
            if each is not None:
                each()
        return np.array(values)

    def bound_terms(
        self, images: np.ndarray, seed: int = 0, labels: Labels = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the two terms of the bound of each image, in nats.

        Args:
            images, seed, labels: as in `log_likelihood`, which sees the same black and
                white pixels.

        Returns:
            log p(x|z) of one latent of the posterior, float32 [count], and the
            divergence of each latent from the prior, float32 [count, latent_dim].

        Raises:
            InputError: as `log_likelihood`.
        """
        found = []
        parts = self._observed_parts(images, labels, seed, _OBSERVED)
        for i, (image, label) in enumerate(parts):
            draw = tf.constant([seed, 2 * i + 1], "int64")
            found.append([term.numpy() for term in self._terms(image, label, draw)])
        log_p, divergence = map(np.concatenate, zip(*found, strict=True))
        return log_p, divergence

    def observed(self, images: np.ndarray, seed: int = 0) -> np.ndarray:
        """Returns what the likelihood observes of images, float32 in `value_range`.

        Args:
            images, seed: as in `log_likelihood`.
        """
        self._assert_compile_called("observed")
        seed = checks.whole_number("seed", seed, 0)
        images, parts = self._checked_images(images), []
        for start in range(0, len(images), _OBSERVED):
            part = tf.constant(images[start : start + _OBSERVED])
            draw = tf.constant([seed, 2 * start], "int64")
            parts.append(self.likelihood.observed(part, draw).numpy())
        return np.concatenate(parts)

    def _observed_parts(self, images, labels, seed, rows):
        """Yields what is observed of some images at a time, and their labels."""
        images = self.observed(images, seed)
        labels = self._checked_labels(labels, len(images))
        for start in range(0, len(images), rows):
            part = slice(start, start + rows)
            label = None if labels is None else tf.constant(labels[part])
            yield tf.constant(images[part]), label

    def _terms_of(self, image, label, seed):
        mean, log_variance = self._codes(image, label, training=False)
        noise = self.prior.draw(tf.shape(mean)[0], seed)
        latent = _latents(mean, log_variance, noise)
        log_p = self._log_p_of_image(image, latent, label, training=False)
        return log_p, _divergence(mean, log_variance)

    def _log_weights_of(self, image, label, rows, seed):
        """Returns log sum w of some samples of the posterior of one image."""

        def repeated(tensor):
            return None if tensor is None else tf.repeat(tensor, rows, axis=0)

        mean, log_variance = self._codes(image, label, training=False)
        noise = self.prior.draw(rows, seed)
        latent = _latents(mean, log_variance, noise)
        log_p = self._log_p_of_image(repeated(image), latent, repeated(label), False)
        divergence = _sampled_divergence(latent, noise, log_variance)
        return tf.reduce_logsumexp(log_p - divergence)

    # What it makes -------------------------------------------------------------

    def posterior(
        self, images: np.ndarray, labels: Labels = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns mean and log variance of q(z|x), float32 [count, latent_dim] each.

        Args:
            images, labels: as in `encode`.
        """
        mean, log_variance = self.codes(images, labels).values()
        return mean, log_variance

    generate = LatentModel.generate
    sample_latent = LatentModel.sample_latent

    def samples(
        self,
        count: int,
        seed: int = 0,
        examples: Mapping | None = None,
        truncation: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Returns samples, images and their reconstructions; see `LatentModel`."""
        pictures = LatentModel.samples(self, count, seed, examples, truncation)
        if examples and "image" in examples:
            pictures |= super().samples(count, seed, examples)
        return pictures

    def signatures(
        self, networks: Mapping[str, keras.Model]
    ) -> dict[str, serving.Signature]:
        generating = LatentModel.signatures(self, networks)
        return {**generating, **self._of_images(networks, "reconstruct")}


def _pair(outputs):
    """Returns two outputs of a network; the second is None if it has only one."""
    return outputs if isinstance(outputs, list | tuple) else (outputs, None)


def _shapes(outputs):
    """Returns the shapes of outputs in words."""
    return " and ".join(str(tuple(one.shape)) for one in tf.nest.flatten(outputs))


def _latents(mean, log_variance, noise):
    """Returns samples of posteriors, of which noise of N(0, 1) decides the place."""
    return mean + tf.exp(log_variance / 2) * noise


def _sampled_divergence(latent, noise, log_variance):
    """Returns log q(z|x) - log p(z), in which the constants of the densities cancel."""
    return tf.reduce_sum(latent**2 - noise**2 - log_variance, axis=1) / 2


def _divergence(mean, log_variance):
    """Returns the KL divergence of each latent from N(0, 1): appendix B of 2013."""
    return (mean**2 + tf.exp(log_variance) - log_variance - 1) / 2


def _log_mean_exp(log_weights):
    """Returns the logarithm of the mean of weights, over the last axis."""
    k = log_weights.shape[-1]
    if k == 1:
        return log_weights[:, 0]
    return tf.reduce_logsumexp(log_weights, axis=-1) - math.log(k)
