"""Directions of latent space that follow from a network's weights, or from samples."""

import keras
import numpy as np
import pytest

from keras_gan import InputError, latent_directions, networks
from keras_gan.networks.layers import SpectralNormalization

# Of four latents the second moves the features most, then the last.
KERNEL = np.zeros((4, 6), "float32")
KERNEL[1, :3], KERNEL[3, 3:], KERNEL[0, 0] = 3, 1, 0.1


def with_kernel(network, kernel, **others):
    layer = next(one for one in network.layers if hasattr(one, "kernel"))
    layer.set_weights([kernel, *([np.zeros(6)] if layer.use_bias else [])])
    return network


def dense(classes=None):
    # One-hot labels enter behind the latents: their weights are the strongest here.
    rows = np.full((classes or 0, 6), 50, "float32")
    network = networks.mlp_generator((2, 3, 1), 4, (6,), num_classes=classes)
    return with_kernel(network, np.concatenate([KERNEL, rows]))


def transposed():
    layers = [
        keras.Input((4,)),
        keras.layers.Reshape((1, 1, 4)),
        keras.layers.Conv2DTranspose(3, (1, 2), use_bias=False),
    ]
    kernel = KERNEL.reshape(4, 1, 2, 3).transpose(1, 2, 3, 0)
    return with_kernel(keras.Sequential(layers), kernel)


def normalized():
    layer = SpectralNormalization(keras.layers.Dense(6, use_bias=False))
    network = keras.Sequential([keras.Input((4,)), layer])
    layer.kernel.assign(KERNEL)
    return network


def nested():
    return keras.Sequential([keras.Input((4,)), dense()])


@pytest.mark.parametrize(
    "network", [dense, lambda: dense(3), transposed, normalized, nested], ids=range(5)
)
def test_the_first_kernel_tells_what_changes_features_most(network):
    vectors, strengths = latent_directions.of_first_layer(network(), 4, 3)
    np.testing.assert_allclose(vectors[:2], np.eye(4)[[1, 3]], atol=0.02)
    np.testing.assert_allclose(strengths, np.linalg.svd(KERNEL)[1], atol=1e-5)


def test_batch_normalization_is_part_of_the_first_layer():
    network = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(6, use_bias=False),
            keras.layers.BatchNormalization(),
        ]
    )
    with_kernel(network, KERNEL)
    # It makes features of the second latent a ninth as large: now the last leads.
    variance = np.float32([81] * 3 + [1] * 3)
    network.layers[1].moving_variance.assign(variance)
    vectors, _ = latent_directions.of_first_layer(network, 4)
    np.testing.assert_allclose(vectors[:2], np.eye(4)[[3, 1]], atol=0.2)


@pytest.mark.parametrize(
    ("first", "found"),
    [
        (keras.layers.LayerNormalization(name="norm"), "norm, a LayerNormalization"),
        (keras.layers.LSTM(4, name="cell"), "cell, a LSTM"),
        (keras.layers.Dense(4, name="wide"), "wide, a Dense"),  # takes 4 latents twice
    ],
    ids=range(3),
)
def test_another_first_layer_is_refused(first, found):
    network = keras.Sequential([keras.Input((4,))], name="painter")
    if not found.startswith("norm"):
        network.add(keras.layers.RepeatVector(2))
    if found.startswith("wide"):
        network.add(keras.layers.Flatten())
    network.add(first)
    network.add(keras.layers.Dense(4))  # would be taken for the first one
    with pytest.raises(InputError, match=rf"painter takes no 4 latents .*{found}"):
        latent_directions.of_first_layer(network, 4)


def test_a_network_without_a_kernel_is_refused():
    network = keras.Sequential([keras.Input((4,)), keras.layers.Reshape((2, 2, 1))])
    with pytest.raises(InputError, match=r"takes no 4 latents .*it has none"):
        latent_directions.of_first_layer(network, 4)
