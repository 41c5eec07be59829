"""Encoders and decoders against the sizes of the published ones."""

import numpy as np
import pytest

from keras_gan import networks

MNIST = (28, 28, 1)


@pytest.mark.parametrize(
    ("latent_dim", "parameters"),
    [
        (2, 788_788),
        (3, 790_290),
        (5, 793_294),
        (10, 800_804),
        (20, 815_824),
        (200, 1_086_184),
    ],
)
def test_the_networks_of_2013_have_the_size_of_the_paper(latent_dim, parameters):
    pair = (
        networks.mlp_encoder(MNIST, latent_dim),
        networks.mlp_decoder(MNIST, latent_dim),
    )
    assert sum(network.count_params() for network in pair) == parameters


def test_frey_faces_and_the_networks_of_burda_have_the_sizes_of_the_papers():
    frey = (
        networks.mlp_encoder((28, 20, 1), 20, (200,)),
        networks.mlp_decoder((28, 20, 1), 20, (200,), learned_scale=True),
    )
    burda = (
        networks.mlp_encoder(MNIST, 50, (200, 200)),
        networks.mlp_decoder(MNIST, 50, (200, 200)),
    )
    assert sum(network.count_params() for network in frey) == 349_560
    assert sum(network.count_params() for network in burda) == 425_284


def test_initial_weights_are_seeded_and_as_wide_as_asked_for():
    one, same, other = (
        networks.mlp_encoder(MNIST, stddev=0.01, seed=seed) for seed in (1, 1, 2)
    )
    kernel = one.layers[2].kernel.numpy()
    assert kernel.std() == pytest.approx(0.01, rel=0.01)
    np.testing.assert_array_equal(kernel, same.layers[2].kernel)
    assert (kernel != other.layers[2].kernel.numpy()).any()


def test_weight_decay_is_half_the_squared_weights():
    decoder = networks.mlp_decoder((4,), 2, (3,), weight_decay=0.1)
    expected = 0.05 * sum((w**2).sum() for w in decoder.get_weights())
    assert sum(map(float, decoder.losses)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("num_classes", [None, 3])
def test_a_convolutional_encoder_gives_the_posterior_of_each_image(num_classes):
    encoder = networks.convolutional_encoder((16, 8, 3), 5, 4, num_classes=num_classes)
    images = np.zeros((2, 16, 8, 3), "float32")
    inputs = images if num_classes is None else [images, np.array([0, 2])]
    mean, log_variance = encoder(inputs)
    assert mean.shape == log_variance.shape == (2, 5)


def test_a_learned_scale_is_one_weight_beside_the_image():
    decoder = networks.dcgan_generator((8, 8, 1), 4, 4)
    scaled = networks.with_learned_scale(decoder)
    image, log_scale = scaled(np.zeros((3, 4), "float32"))
    assert image.shape == (3, 8, 8, 1)
    np.testing.assert_array_equal(log_scale, np.full((3, 1, 1, 1), -1))
    assert scaled.count_params() == decoder.count_params() + 1
