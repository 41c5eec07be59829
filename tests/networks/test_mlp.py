"""The 2014 paper's networks against its published figures."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan.networks import (
    Maxout,
    maxout_discriminator,
    mlp_generator,
    set_output_bias,
)

MNIST = (28, 28, 1)
MAX_NORM = 1.9365


def small_discriminator(**kwargs):
    return maxout_discriminator((4, 3), units=(6, 5), pieces=2, **kwargs)


def small_generator(**kwargs):
    return mlp_generator((4, 3), latent_dim=5, hidden_units=(6, 7), **kwargs)


def test_parameters_of_the_paper():
    generator, discriminator = mlp_generator(MNIST), maxout_discriminator(MNIST)
    assert generator.count_params() == 2_503_984
    assert discriminator.count_params() == 1_231_441
    assert generator.output_shape == (None, *MNIST)
    assert discriminator.output_shape == (None, 1)


@pytest.mark.parametrize(
    ("build", "bound"), [(mlp_generator, 0.05), (maxout_discriminator, 5e-3)]
)
def test_initial_weights_fill_their_interval(build, bound):
    for variable in build(MNIST, seed=1).trainable_variables:
        values = variable.numpy()
        if variable.name == "bias":
            assert not values.any()
        else:
            assert 0.95 * bound < np.abs(values).max() <= bound
            assert values.mean() == pytest.approx(0, abs=bound / 10)


def test_generator_activations():
    *_, first, second, output, _, image = mlp_generator(MNIST).layers
    assert first.activation is second.activation is keras.activations.relu
    assert (first.units, second.units, output.units) == (1200, 1200, 784)
    assert output.activation is keras.activations.linear
    assert image.activation is keras.activations.sigmoid


@pytest.mark.parametrize(
    ("activation", "lowest", "highest"),
    [("sigmoid", 0, 1), ("tanh", -1, 1), (None, -100, 100)],
)
def test_generator_range(activation, lowest, highest):
    generator = small_generator(output_activation=activation)
    generator.get_layer("output").bias.assign(np.linspace(-100, 100, 12))
    images = generator(np.ones((2, 5), "float32")).numpy()
    assert images.min() == pytest.approx(lowest, abs=1)
    assert images.max() == pytest.approx(highest, abs=1)


def test_discriminator_layers():
    network = maxout_discriminator(MNIST)
    rates = [x.rate for x in network.layers if isinstance(x, keras.layers.Dropout)]
    assert rates == [0.2, 0.5, 0.5]
    hidden = [x for x in network.layers if isinstance(x, Maxout)]
    assert [x.output.shape for x in hidden] == [(None, 240), (None, 240)]
    assert [x.pieces for x in hidden] == [5, 5]
    assert network.layers[-1].activation is keras.activations.linear


def test_discriminator_equals_a_numpy_computation():
    network = small_discriminator(seed=1)
    # Larger weights than the initial ones, so that every piece wins somewhere.
    rng = np.random.default_rng(0)
    network.set_weights([rng.normal(size=w.shape) for w in network.get_weights()])
    x = rng.normal(size=(9, 4, 3)).astype("float32")
    k1, b1, k2, b2, k3, b3 = network.get_weights()
    hidden = (x.reshape(9, 12) @ k1 + b1).reshape(9, 6, 2).max(axis=2)
    hidden = (hidden @ k2 + b2).reshape(9, 5, 2).max(axis=2)
    np.testing.assert_allclose(network(x), hidden @ k3 + b3, rtol=1e-4, atol=1e-5)


def test_dropout_acts_in_training_only():
    network = small_discriminator(seed=1)
    network.set_weights([w + 0.1 for w in network.get_weights()])
    x = np.ones((4, 4, 3), "float32")
    assert np.ptp(network(x)) == pytest.approx(0, abs=1e-6)
    assert np.ptp(network(x, training=True)) > 0.01


def test_column_norms_are_held_through_training():
    network = small_discriminator(seed=1)
    optimizer = keras.optimizers.SGD(50.0)
    x = np.random.default_rng(0).normal(size=(32, 4, 3)).astype("float32")
    for _ in range(5):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(network(x + 1.0, training=False))
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
    for kernel in [v.numpy() for v in network.trainable_variables if v.ndim == 2]:
        norms = np.linalg.norm(kernel, axis=0)
        assert norms.max() == pytest.approx(MAX_NORM, abs=1e-4)


@pytest.mark.parametrize("build", [small_generator, small_discriminator])
def test_the_seed_decides_the_initial_weights(build):
    first, again, other = (build(seed=s).get_weights() for s in (1, 1, 2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(first, other, strict=True):
        assert not a.any() or np.abs(a - b).max() > 1e-3


def test_the_seed_decides_the_dropout_masks():
    x = np.ones((16, 4, 3), "float32")
    first, again, other = (
        small_discriminator(seed=s)(x, training=True).numpy() for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_output_bias_starts_at_the_mean_image():
    generator = small_generator(seed=1)
    mean = np.random.default_rng(0).uniform(0.01, 0.99, size=(4, 3))
    set_output_bias(generator, mean)
    bias = generator.get_layer("output").bias.numpy().astype("float64")
    np.testing.assert_allclose(1 / (1 + np.exp(-bias)), mean.ravel(), rtol=1e-5)
    for variable in generator.trainable_variables:
        if variable.name == "kernel":
            variable.assign(tf.zeros_like(variable))
    images = generator(np.ones((2, 5), "float32"))
    np.testing.assert_allclose(images, [mean, mean], rtol=1e-5)


def test_output_bias_is_finite_for_black_and_white_pixels():
    generator = small_generator()
    set_output_bias(generator, np.array([0.0] * 6 + [1.0] * 6).reshape(4, 3))
    assert np.isfinite(generator.get_layer("output").bias.numpy()).all()
    images = generator(np.zeros((1, 5), "float32")).numpy().ravel()
    np.testing.assert_allclose(images, [0.0] * 6 + [1.0] * 6, atol=1e-3)


@pytest.mark.parametrize("build", [small_generator, small_discriminator])
def test_the_label_enters_every_layer(build):
    network = build(num_classes=3, seed=1)
    kernels = [v.shape for v in network.trainable_variables if v.name == "kernel"]
    plain = [v.shape for v in build().trainable_variables if v.name == "kernel"]
    assert kernels == [(rows + 3, columns) for rows, columns in plain]
    inputs = [np.ones((3, *network.inputs[0].shape[1:]), "float32"), np.arange(3)]
    assert (np.ptp(np.reshape(network(inputs), (3, -1)), axis=0) > 0).all()


@pytest.mark.parametrize("conditional", [None, 3])
@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("build", [small_generator, small_discriminator])
def test_saved_networks_give_the_same_outputs(build, spectral, conditional, tmp_path):
    options = {}
    if build is small_discriminator:
        options = {"spectral_normalization": spectral}
    network = build(num_classes=conditional, seed=1, **options)
    inputs = np.random.default_rng(0).normal(size=(3, *network.inputs[0].shape[1:]))
    if conditional:
        inputs = [inputs, np.arange(3)]
    network(inputs, training=True)
    network.save(tmp_path / "network.keras")
    copy = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(network(inputs), copy(inputs))


@pytest.mark.parametrize("spectral", [False, True])
def test_logits_and_images_are_float32_under_half_precision(spectral, half_precision):
    assert small_generator().output.dtype == "float32"
    network = small_discriminator(spectral_normalization=spectral)
    assert network.output.dtype == "float32"
    assert network.layers[2].compute_dtype == "bfloat16"
