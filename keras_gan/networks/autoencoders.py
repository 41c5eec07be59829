"""Encoders and decoders: fully connected as in 2013, and a convolutional encoder."""

import math
from typing import Any

import keras

from keras_gan import seeding
from keras_gan.networks.conditioning import label_input, with_label
from keras_gan.networks.convolutional import (
    KERNEL_SIZE,
    Initializers,
    dcgan_stages,
    filters_of,
)


def mlp_encoder(
    image_shape: tuple[int, ...],
    latent_dim: int = 20,
    hidden_units: tuple[int, ...] = (500,),
    variational: bool = True,
    stddev: float | None = None,
    weight_decay: float = 0.0,
    num_classes: int | None = None,
    seed: int | None = None,
) -> keras.Model:
    """Returns an encoder of tanh layers: images to codes.

    With `mlp_decoder` and 20 latents it has the 815,824 parameters of the paper's
    model of MNIST.

    Args:
        image_shape: shape of one image, or (dimensions,) of one vector.
        latent_dim: size of a code.
        hidden_units: width of each hidden layer.
        variational: give [mean, log variance] of the posterior, for a `VAE`; False
            gives the code alone, for an `Autoencoder`.
        stddev: of normal initial weights, 0.01 in the paper; None takes Glorot's.
        weight_decay: half the square of each weight is a loss with this factor.
        num_classes: with it, the model takes `[image, label]` and the one-hot label
            enters every layer.
        seed: makes the initial weights the same each time.

    Source: Kingma and Welling 2013, arXiv 1312.6114, section 3 and appendix C.
    """
    dense = _Dense(stddev, weight_decay, seed)
    image = keras.Input(image_shape, dtype="float32", name="image")
    label = label_input(num_classes)
    x = keras.layers.Flatten("channels_last")(image)
    for units in hidden_units:
        x = dense(units, "tanh")(with_label(x, label, num_classes))
    x = with_label(x, label, num_classes)
    inputs = image if label is None else [image, label]
    return keras.Model(inputs, _code(x, latent_dim, variational, dense), name="encoder")


def mlp_decoder(
    image_shape: tuple[int, ...],
    latent_dim: int = 20,
    hidden_units: tuple[int, ...] = (500,),
    output_activation: str | None = "sigmoid",
    learned_scale: bool = False,
    stddev: float | None = None,
    weight_decay: float = 0.0,
    num_classes: int | None = None,
    seed: int | None = None,
) -> keras.Model:
    """Returns a decoder of tanh layers: codes to images.

    Args:
        image_shape, latent_dim, stddev, weight_decay, num_classes, seed: as of
            `mlp_encoder`; `num_classes` makes it take `[latent, label]`.
        hidden_units: width of each hidden layer.
        output_activation: "sigmoid" gives values in [0, 1], "tanh" values in [-1, 1],
            None unbounded values.
        learned_scale: give [image, log scale of each pixel] instead of the image, for
            a `Gaussian` or `DiscretizedLogistic` likelihood without a scale.

    Source: Kingma and Welling 2013, arXiv 1312.6114, appendix C.
    """
    dense = _Dense(stddev, weight_decay, seed)
    latent = keras.Input((latent_dim,), dtype="float32", name="latent")
    label = label_input(num_classes)
    x = latent
    for units in hidden_units:
        x = dense(units, "tanh")(with_label(x, label, num_classes))
    x = with_label(x, label, num_classes)
    size = math.prod(image_shape)
    image = keras.layers.Reshape(image_shape)(dense(size, name="output")(x))
    # Half precision would leave too few grey levels.
    image = keras.layers.Activation(output_activation, dtype="float32", name="image")(
        image
    )
    outputs = image
    if learned_scale:
        scale = dense(size, name="log_scale", dtype="float32")(x)
        outputs = [image, keras.layers.Reshape(image_shape, dtype="float32")(scale)]
    inputs = latent if label is None else [latent, label]
    return keras.Model(inputs, outputs, name="decoder")


def convolutional_encoder(
    image_shape: tuple[int, int, int],
    latent_dim: int = 32,
    base_filters: int = 32,
    variational: bool = True,
    num_classes: int | None = None,
    seed: int | None = None,
) -> keras.Model:
    """Returns an encoder with the strided convolutions of DCGAN's discriminator.

    Its decoder is `dcgan_generator`.

    Args:
        image_shape: (height, width, channels); see `dcgan_stages` for the sizes.
        latent_dim, variational, num_classes, seed: as of `mlp_encoder`.
        base_filters: channels of the first feature map; each map after it has twice as
            many, up to eight times.

    Raises:
        InputError: for a size that strides of two cannot reach.
    """
    initial = Initializers(seed)
    dense = _Dense(None, 0.0, initial.seed())
    image = keras.Input(image_shape, dtype="float32", name="image")
    label = label_input(num_classes)
    x = image
    for filters in reversed(filters_of(dcgan_stages(*image_shape[:2]), base_filters)):
        x = keras.layers.Conv2D(
            filters,
            KERNEL_SIZE,
            strides=2,
            padding="same",
            data_format="channels_last",
            **initial.kernel(),
        )(with_label(x, label, num_classes))
        x = initial.batch_normalization()(x)
        x = keras.layers.LeakyReLU(0.2)(x)
    x = keras.layers.Flatten("channels_last")(x)
    x = with_label(x, label, num_classes)
    inputs = image if label is None else [image, label]
    return keras.Model(inputs, _code(x, latent_dim, variational, dense), name="encoder")


@keras.saving.register_keras_serializable("keras_gan")
class LearnedScale(keras.layers.Layer):
    """Gives one log scale, a weight, for all pixels of all images.

    Args:
        initial: where it begins.
        **kwargs: of `keras.layers.Layer`.

    Example: a decoder whose errors have one size, which it learns.

    ```python
    import keras
    from keras_gan import networks

    decoder = networks.with_learned_scale(networks.dcgan_generator((8, 8, 1), 4, 8))
    image, log_scale = decoder(keras.ops.zeros([2, 4]))
    assert log_scale.shape == (2, 1, 1, 1)
    ```

    Source: Rybkin et al. 2021, arXiv 2006.13202, section 3.
    """

    def __init__(self, initial: float = -1.0, **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.initial = initial

    def build(self, shape: tuple[int | None, ...]) -> None:
        start = keras.initializers.Constant(self.initial)
        self.log_scale = self.add_weight((), initializer=start, name="log_scale")

    def call(self, image: keras.KerasTensor) -> keras.KerasTensor:
        rows = [keras.ops.shape(image)[0], *[1] * (len(image.shape) - 1)]
        return keras.ops.broadcast_to(self.log_scale, rows)

    def compute_output_shape(
        self, shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (shape[0], *[1] * (len(shape) - 1))

    def get_config(self) -> dict:
        return {**super().get_config(), "initial": self.initial}


def with_learned_scale(decoder: keras.Model, initial: float = -1.0) -> keras.Model:
    """Returns a decoder with a second output: one learned log scale for all pixels.

    Args:
        decoder: gives an image. Its weights are shared.
        initial: log scale to begin with.
    """
    image = decoder.output
    log_scale = LearnedScale(initial, name="log_scale")(image)
    return keras.Model(decoder.input, [image, log_scale], name="decoder")


class _Dense:
    """Makes fully connected layers with one kind of initial weights, seeded."""

    def __init__(self, stddev, weight_decay, seed):
        self._stddev = stddev
        self._decay = weight_decay
        self._rng = seeding.generator(seed)

    def __call__(self, units, activation=None, **kwargs):
        seed = seeding.draw(self._rng)
        weights = keras.initializers.GlorotUniform(seed)
        if self._stddev is not None:
            weights = keras.initializers.RandomNormal(0.0, self._stddev, seed=seed)
        decay = keras.regularizers.L2(self._decay / 2) if self._decay else None
        return keras.layers.Dense(
            units,
            activation,
            kernel_initializer=weights,
            kernel_regularizer=decay,
            bias_regularizer=decay,
            **kwargs,
        )


def _code(x, latent_dim, variational, dense):
    """Returns the outputs of an encoder, float32 in any precision."""
    mean = dense(latent_dim, name="mean", dtype="float32")(x)
    if not variational:
        return mean
    return [mean, dense(latent_dim, name="log_variance", dtype="float32")(x)]
