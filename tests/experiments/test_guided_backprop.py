"""Guided backpropagation against numpy, and what the experiment reports."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.feature_selection import f_classif

from keras_gan.errors import InputError
from keras_gan.experiments.guided_backprop import (
    Field,
    crop,
    guided,
    guided_gradients,
    kurtosis,
    receptive_fields,
    set_statistics,
    share_between_classes,
    strongest,
)
from keras_gan.networks import dcgan_discriminator, maxout_discriminator

SLOPE = 0.2


def chain(shape, *filters, padding="valid", strides=1):
    """Returns convolutions of 3x3 with biases, each with a leaky rectifier."""
    image = x = keras.Input(shape)
    for i, count in enumerate(filters):
        initial = keras.initializers.RandomNormal(0, 0.5, seed=i)
        x = keras.layers.Conv2D(
            count,
            3,
            strides,
            padding,
            kernel_initializer=initial,
            bias_initializer=initial,
        )(x)
        x = keras.layers.LeakyReLU(SLOPE)(x)
    return keras.Model(image, x)


def as_matrix(layer, shape):
    """Returns a valid convolution with stride 1 as numpy [outputs, inputs] and bias."""
    kernel, bias = layer.get_weights()
    height, width, _ = shape
    rows = []
    for y in range(height - 2):
        for x in range(width - 2):
            for c in range(kernel.shape[-1]):
                row = np.zeros(shape)
                row[y : y + 3, x : x + 3] = kernel[..., c]
                rows.append(row.ravel())
    return np.array(rows), np.tile(bias, (height - 2) * (width - 2))


def images(count, *shape, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *shape)).astype("float32")


def test_gradient_of_one_convolution_is_its_kernel_where_the_unit_is_on():
    network = chain((6, 6, 2), 3)
    kernel, _ = network.layers[1].get_weights()
    x = images(20, 6, 6, 2)
    units = np.array([[1, 2, 1]] * 20)
    gradients = guided_gradients(guided(network), [x], units)
    on = network(x).numpy()[:, 1, 2, 1] > 0
    assert 0 < on.sum() < 20
    expected = np.zeros((6, 6, 2))
    expected[1:4, 2:5] = kernel[..., 1]
    for gradient, is_on in zip(gradients, on, strict=True):
        np.testing.assert_allclose(gradient, expected * is_on, atol=1e-7)


def test_gradient_of_two_convolutions_by_brute_force():
    network = chain((7, 6, 2), 4, 3)
    first, bias1 = as_matrix(network.layers[1], (7, 6, 2))
    second, bias2 = as_matrix(network.layers[3], (5, 4, 4))
    x = images(30, 7, 6, 2)
    units = np.random.default_rng(1).integers(0, [3, 2, 3], (30, 3))
    gradients = guided_gradients(guided(network), [x], units)
    cut = 0
    for image, unit, gradient in zip(x, units, gradients, strict=True):
        z1 = first @ image.ravel() + bias1
        z2 = second @ np.where(z1 > 0, z1, SLOPE * z1) + bias2
        chosen = np.ravel_multi_index(unit, (3, 2, 3))
        back = second[chosen] * (z2[chosen] > 0)
        kept = np.where((z1 > 0) & (back > 0), back, 0)
        cut += (kept != back).sum()
        expected = (first.T @ kept).reshape(image.shape)
        np.testing.assert_allclose(gradient, expected, atol=1e-5)
    assert cut > 100


@pytest.mark.parametrize(
    "settings", [{}, {"batch_normalization": False}, {"spectral_normalization": True}]
)
def test_forward_the_copy_is_the_network_with_the_statistics_of_the_batch(settings):
    network = dcgan_discriminator((16, 16, 1), 4, seed=1, **settings)
    rectifiers = [x for x in network.layers if isinstance(x, keras.layers.LeakyReLU)]
    original = keras.Model(network.inputs, rectifiers[-1].output)
    x = images(64, 16, 16, 1)
    copy = guided(network)
    set_statistics(copy, [x])
    expected = original([x], training=True).numpy()
    assert (expected < 0).any()
    np.testing.assert_allclose(copy([x], training=False), expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (32, 32), (24, 48)])
def test_receptive_field_is_where_the_gradient_is(shape):
    network = dcgan_discriminator((*shape, 1), 2, seed=1, batch_normalization=False)
    copy = guided(network)
    rows, columns = receptive_fields(copy)
    rectifiers = [x for x in network.layers if isinstance(x, keras.layers.LeakyReLU)]
    plain = keras.Model(network.inputs, rectifiers[-1].output)
    height, width = plain.output.shape[1:3]
    for row, column in ((0, 0), (height // 2, width // 2), (height - 1, width - 1)):
        image = tf.constant(images(1, *shape, 1))
        with tf.GradientTape() as tape:
            tape.watch(image)
            unit = tf.reduce_sum(plain([image])[0, row, column])
        seen = tape.gradient(unit, image).numpy()[0, ..., 0] != 0
        for axis, field, i in ((1, rows, row), (0, columns, column)):
            pixels = np.flatnonzero(seen.any(axis=axis))
            start = field.start + i * field.step
            first, end = (
                max(start, 0),
                min(start + field.size, len(seen.any(axis=axis))),
            )
            assert (pixels.min(), pixels.max() + 1) == (first, end)


def test_receptive_field_of_the_papers_discriminator():
    # By hand: 5, then 4 more times 2, 4 and 8; "same" puts 1 of 3 pixels before.
    fields = receptive_fields(guided(dcgan_discriminator((64, 64, 3), 1)))
    assert fields == (Field(-1 - 2 - 4 - 8, 16, 5 + 8 + 16 + 32),) * 2


def test_crop():
    picture = np.arange(1, 37, dtype="uint8").reshape(1, 6, 6, 1)
    fields = Field(-1, 2, 3), Field(-2, 3, 4)
    units = np.array([[0, 2, 5]])
    patch = crop(picture, fields, units)[0, ..., 0]
    grey = [128, 128]
    np.testing.assert_array_equal(patch, [grey + grey, [5, 6, *grey], [11, 12, *grey]])


def test_strongest_finds_what_was_planted():
    network = chain((12, 12, 1), 1, padding="same", strides=2)
    template = np.random.default_rng(5).normal(size=(3, 3, 1, 1))
    network.layers[1].set_weights([template, np.zeros(1)])
    x = images(600, 12, 12, 1) / 20
    copy = guided(network)
    fields = receptive_fields(copy)
    planted = np.random.default_rng(1).choice(600, 40, replace=False)
    places = np.random.default_rng(2).integers(0, 5, (40, 2))
    for row, (y, column) in zip(planted, places, strict=True):
        top = fields[0].start + y * fields[0].step
        left = fields[1].start + column * fields[1].step
        x[row, top : top + 3, left : left + 3] += template[..., 0]
    peaks, found = strongest(copy, lambda rows: [x[rows]], 600)
    assert peaks.shape == (600, 1)
    assert set(peaks[:, 0].argsort()[-40:]) == set(planted)
    np.testing.assert_array_equal(found[planted, 0], places)


def test_kurtosis_of_known_distributions():
    rng = np.random.default_rng(0)
    constant = np.ones((200_000, 1))
    normal, laplace = rng.normal(size=(200_000, 2)), rng.laplace(size=(200_000, 2))
    assert kurtosis(np.hstack([normal, constant])) == pytest.approx(0, abs=0.05)
    assert kurtosis(laplace) == pytest.approx(3, abs=0.3)
    assert kurtosis(constant) is None


def test_share_between_classes_is_that_of_the_f_test():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 300)
    peaks = rng.normal(size=(300, 5)) + labels[:, None] * np.arange(5)
    f, _ = f_classif(peaks, labels)
    expected = (3 * f / (3 * f + 296)).mean()
    assert share_between_classes(peaks, labels) == pytest.approx(expected)
    assert share_between_classes(labels[:, None], labels) == pytest.approx(1)
    assert share_between_classes(np.ones((300, 2)), labels) is None


def test_a_network_without_feature_maps():
    with pytest.raises(InputError, match="no convolutional layer"):
        guided(maxout_discriminator((8, 8, 1)))


def test_report(experiment, run_folder, conditional_folder):
    arguments = ("--samples", 60, "--features", 2, "--patches", 3)
    _, report, picture = experiment("guided-backprop", run_folder, *arguments)
    assert report["measured"].keys() == {"trained", "random"}
    for values in report["measured"].values():
        assert 0 < values["between_classes"] < 1
    assert report["measured"]["trained"] != report["measured"]["random"]
    # 8x8 pixels take one stride of two; its recipe has no batch norm.
    for part in ("5x5 pixels", "60 training images", "no batch norm", "seed 0"):
        assert part in report["protocol"]
    _, more, wider = experiment(
        "guided-backprop", run_folder, *arguments[:2], "--patches", 5, out="more"
    )
    # Only what is shown differs, and all two features are shown.
    assert more["measured"] == report["measured"]
    assert wider.shape[0] == picture.shape[0]
    assert wider.shape[1] > picture.shape[1]
    _, report, _ = experiment(
        "guided-backprop", conditional_folder, *arguments, out="classes"
    )
    assert report["measured"]["trained"]["between_classes"] is None
    assert "its own class" in report["protocol"]
