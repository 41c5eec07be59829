"""Fully connected networks for points in the plane or in a few dimensions."""

import keras

from keras_gan import seeding
from keras_gan.networks.conditioning import label_input, with_label
from keras_gan.networks.layers import SpectralNormalization


def points_generator(
    dimensions: int,
    latent_dim: int,
    hidden_units: tuple[int, ...] = (128, 128, 128),
    scale: float = 4.0,
    num_classes: int | None = None,
    seed: int | None = None,
) -> keras.Model:
    """Returns a generator of ReLU layers with a linear, unbounded output.

    Args:
        dimensions: of a point.
        latent_dim: size of the latent vector.
        hidden_units: width of each hidden layer.
        scale: typical distance of the points from the origin.
        num_classes: with it, the model takes `[latent, label]` and the one-hot label
            enters every layer.
        seed: makes the initial weights the same each time.
    """
    rng = seeding.generator(seed)
    latent = keras.Input((latent_dim,), dtype="float32", name="latent")
    label = label_input(num_classes)
    x = latent
    for units in hidden_units:
        x = with_label(x, label, num_classes)
        x = keras.layers.Dense(units, "relu", **_weights(rng))(x)
    x = with_label(x, label, num_classes)
    x = keras.layers.Dense(dimensions, dtype="float32", **_weights(rng))(x)
    x = keras.layers.Rescaling(scale, dtype="float32", name="image")(x)
    inputs = latent if label is None else [latent, label]
    return keras.Model(inputs, x, name="generator")


def points_discriminator(
    dimensions: int,
    hidden_units: tuple[int, ...] = (128, 128, 128),
    scale: float = 4.0,
    num_classes: int | None = None,
    spectral_normalization: bool = False,
    seed: int | None = None,
) -> keras.Model:
    """Returns a discriminator of leaky ReLU layers, ending in one logit.

    The logit of a point does not depend on the rest of the batch, as gradient penalties
    require.

    Args:
        dimensions: of a point.
        hidden_units: width of each hidden layer.
        scale: typical distance of the points from the origin.
        num_classes: with it, the model takes `[image, label]` and the one-hot label
            enters every layer.
        spectral_normalization: divide each layer's kernel by its largest singular
            value (Miyato et al. 2018, arXiv 1802.05957).
        seed: makes the initial weights the same each time.
    """
    rng = seeding.generator(seed)

    def normalized(layer):
        return SpectralNormalization(layer) if spectral_normalization else layer

    point = keras.Input((dimensions,), dtype="float32", name="image")
    label = label_input(num_classes)
    x = keras.layers.Rescaling(1 / scale)(point)
    # With biases of 0, all units of the first layer would have their kink at the
    # origin, and the logit could not change sharply elsewhere.
    bias = keras.initializers.RandomNormal(stddev=1.0, seed=seeding.draw(rng))
    for units in hidden_units:
        x = with_label(x, label, num_classes)
        layer = keras.layers.Dense(units, bias_initializer=bias, **_weights(rng))
        x = normalized(layer)(x)
        bias = "zeros"
        x = keras.layers.LeakyReLU(0.2)(x)
    x = with_label(x, label, num_classes)
    logit = keras.layers.Dense(1, dtype="float32", **_weights(rng))
    inputs = point if label is None else [point, label]
    return keras.Model(inputs, normalized(logit)(x), name="discriminator")


def _weights(rng):
    return {"kernel_initializer": keras.initializers.HeNormal(seeding.draw(rng))}
