"""The fully connected networks of Goodfellow et al. 2014, as published for MNIST."""

import math

import keras
import numpy as np

from keras_gan import seeding
from keras_gan.networks.conditioning import label_input, with_label
from keras_gan.networks.layers import Dropout, Maxout, SpectralNormalization


def mlp_generator(
    image_shape: tuple[int, ...],
    latent_dim: int = 100,
    hidden_units: tuple[int, ...] = (1200, 1200),
    output_activation: str | None = "sigmoid",
    num_classes: int | None = None,
    seed: int | None = None,
) -> keras.Model:
    """Returns a generator of ReLU layers and one output layer.

    For MNIST it has 2,503,984 parameters.

    Args:
        image_shape: shape of one image, or (dimensions,) of one vector.
        latent_dim: size of the latent vector.
        hidden_units: width of each hidden layer.
        output_activation: "sigmoid" gives values in [0, 1] as in the paper, "tanh"
            values in [-1, 1], None unbounded values.
        num_classes: with it, the model takes `[latent, label]` and the one-hot label
            enters every layer.
        seed: makes the initial weights the same each time.

    Source: Goodfellow et al. 2014, arXiv 1406.2661, section 5, and its published code.
    """
    rng = seeding.generator(seed)

    def weights():
        return keras.initializers.RandomUniform(-0.05, 0.05, seed=seeding.draw(rng))

    latent = keras.Input((latent_dim,), dtype="float32", name="latent")
    label = label_input(num_classes)
    x = latent
    for units in hidden_units:
        x = with_label(x, label, num_classes)
        x = keras.layers.Dense(units, "relu", kernel_initializer=weights())(x)
    x = with_label(x, label, num_classes)
    x = keras.layers.Dense(
        math.prod(image_shape), kernel_initializer=weights(), name="output"
    )(x)
    x = keras.layers.Reshape(image_shape)(x)
    # Half precision would leave too few grey levels.
    x = keras.layers.Activation(output_activation, dtype="float32", name="image")(x)
    inputs = latent if label is None else [latent, label]
    return keras.Model(inputs, x, name="generator")


def maxout_discriminator(
    image_shape: tuple[int, ...],
    units: tuple[int, ...] = (240, 240),
    pieces: int = 5,
    num_classes: int | None = None,
    spectral_normalization: bool = False,
    seed: int | None = None,
) -> keras.Model:
    """Returns a discriminator of maxout layers with dropout, ending in one logit.

    For MNIST it has 1,231,441 parameters. Dropout keeps 0.8 of the input and 0.5 of the
    hidden units. The norm of each unit's incoming weights is at most 1.9365.

    Args:
        image_shape: shape of one image, or (dimensions,) of one vector.
        units: width of each maxout layer.
        pieces: linear pieces of each maxout unit.
        num_classes: with it, the model takes `[image, label]` and the one-hot label
            enters every layer.
        spectral_normalization: divide each layer's kernel by its largest singular
            value (Miyato et al. 2018, arXiv 1802.05957).
        seed: makes the initial weights and the dropout masks the same each time.

    Source: Goodfellow et al. 2014, arXiv 1406.2661, section 5, and its published code.
    """
    rng = seeding.generator(seed)

    def weights():
        return {
            "kernel_initializer": keras.initializers.RandomUniform(
                -0.005, 0.005, seed=seeding.draw(rng)
            ),
            "kernel_constraint": keras.constraints.MaxNorm(1.9365, axis=0),
        }

    def dropout(rate):
        return Dropout(rate, seed=seeding.draw(rng))

    def normalized(layer):
        return SpectralNormalization(layer) if spectral_normalization else layer

    image = keras.Input(image_shape, dtype="float32", name="image")
    label = label_input(num_classes)
    x = keras.layers.Flatten("channels_last")(image)
    rate = 0.2
    for width in units:
        x = dropout(rate)(x)
        x = with_label(x, label, num_classes)
        x = normalized(Maxout(width, pieces, **weights()))(x)
        rate = 0.5
    x = dropout(rate)(x)
    x = with_label(x, label, num_classes)
    logit = keras.layers.Dense(1, dtype="float32", **weights())
    inputs = image if label is None else [image, label]
    return keras.Model(inputs, normalized(logit)(x), name="discriminator")


def set_output_bias(generator: keras.Model, mean_image: np.ndarray) -> None:
    """Starts the generator of `mlp_generator` at the mean image of the data.

    The output layer's bias becomes the inverse sigmoid of the mean pixel values, so
    that the first samples already have the right brightness everywhere.

    Args:
        generator: made by `mlp_generator` with a sigmoid output.
        mean_image: float, shape of one image, in [0, 1].

    Source: the published code of Goodfellow et al. 2014.
    """
    # Pixels that are always black have no finite inverse sigmoid.
    mean = np.clip(np.asarray(mean_image, "float32").ravel(), 1e-4, 1 - 1e-4)
    generator.get_layer("output").bias.assign(np.log(mean / (1 - mean)))
