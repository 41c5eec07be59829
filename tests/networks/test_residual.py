"""Residual networks: their sizes, their filters and their initial weights."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

from keras_gan import InputError, networks
from keras_gan.networks import residual_discriminator, residual_generator
from keras_gan.networks.layers import SelectLabel, SmoothHalving

RNG = np.random.default_rng(0)
LINE = np.array([1, 3, 3, 1]) / 8
FILTER = np.outer(LINE, LINE)


def halved(maps):
    """Returns the maps after the filter at every second pixel, by scipy."""
    full = [signal.convolve2d(np.pad(m, 1), FILTER, "valid") for m in maps]
    return np.stack(full)[:, ::2, ::2]


def parameters_of_maps(maps, first, ends):
    """Returns the parameters that the widths of the maps lead to.

    Args:
        maps: channels of each size, from the start on.
        first: parameters for each channel of the smallest maps.
        ends: parameters between the largest maps and the image.
    """
    halves = [c // 2 for c in maps]
    blocks = sum(
        c * h + h + 9 * h * h + h + h * c for c, h in zip(maps, halves, strict=True)
    )
    changes = sum(a * b for a, b in itertools.pairwise(maps) if a != b)
    return first * maps[0] + blocks + changes + ends


@pytest.mark.parametrize(
    ("side", "base", "most", "maps"),
    [
        (32, 32, 128, [128, 128, 64, 32]),
        (64, 24, 256, [256, 192, 96, 48, 24]),
        (128, 16, 256, [256, 256, 128, 64, 32, 16]),
    ],
)
def test_parameters_follow_from_the_widths(side, base, most, maps):
    shape = (side, side, 3)
    generator = residual_generator(shape, 64, base, most)
    ends = 3 * base
    assert generator.count_params() == parameters_of_maps(maps, 64 * 16, ends)
    discriminator = residual_discriminator(shape, base, most)
    assert discriminator.count_params() == parameters_of_maps(maps, 16 + 1, ends)
    half = residual_discriminator(shape, 2 * base, most, full_size_blocks=False)
    ends = 16 * 3 * 2 * base
    assert half.count_params() == parameters_of_maps(maps[:-1], 16 + 1, ends)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize(
    ("shape", "classes"), [((28, 28, 1), None), ((16, 24, 4), 3), ((8, 8, 3), 2)]
)
def test_each_size_is_made_and_read(shape, classes, full):
    sizes = {"base_filters": 4, "num_classes": classes, "full_size_blocks": full}
    generator = residual_generator(shape, 5, blocks=2, seed=1, **sizes)
    discriminator = residual_discriminator(shape, blocks=2, seed=2, **sizes)
    latent = tf.constant(RNG.normal(size=(4, 5)), "float32")
    label = [] if classes is None else [tf.constant([0, 1, 0, 1])]
    images = generator([latent, *label] if label else latent)
    assert images.shape == (4, *shape)
    assert np.abs(images).max() <= 1
    logits = discriminator([images, *label] if label else images)
    assert logits.shape == (4, 1)
    if label:
        other = [1 - label[0]]
        assert np.abs(generator([latent, *other]) - images).max() > 1e-3
        assert np.abs(discriminator([images, *other]) - logits).max() > 1e-3


def test_a_size_that_strides_cannot_reach_is_refused():
    for network in (residual_generator, residual_discriminator):
        with pytest.raises(InputError, match="34x34 cannot be made"):
            network((34, 34, 3))


def test_halving_is_the_filter_of_the_paper():
    maps = RNG.normal(size=(2, 8, 12, 3)).astype("float32")
    found = SmoothHalving()(maps).numpy()
    for channel in range(3):
        expected = halved(maps[..., channel])
        np.testing.assert_allclose(found[..., channel], expected, atol=1e-6)


def test_doubling_is_the_same_filter_between_the_borders():
    maps = RNG.normal(size=(1, 6, 4, 1)).astype("float32")
    layers = residual_generator((8, 8, 1), 2, 4).layers
    (doubling,) = (x for x in layers if isinstance(x, keras.layers.UpSampling2D))
    spread = np.zeros((12, 8))
    spread[::2, ::2] = maps[0, ..., 0]
    expected = 4 * signal.convolve2d(np.pad(spread, (2, 1)), FILTER, "valid")
    found = doubling(maps).numpy()[0, ..., 0]
    inside = (slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-6)


def test_signals_keep_their_scale_at_first():
    """The blocks are 0, and what is left has variance 1 without the filters."""
    generator = residual_generator((32, 32, 3), 64, 16, 64, seed=1)
    latent = RNG.normal(size=(64, 64)).astype("float32")
    starts = (x for x in generator.layers if isinstance(x, keras.layers.Reshape))
    start = keras.Model(generator.input, next(starts).output)(latent)
    assert 0.8 < np.std(start) < 1.2
    blocks = [x for x in generator.layers if isinstance(x, keras.layers.Add)]
    assert len(blocks) == 4
    for block in blocks:
        into, out = (
            keras.Model(generator.input, x)(latent)
            for x in (block.input[0], block.output)
        )
        np.testing.assert_array_equal(into, out)
    convolutions = {x.kernel_size: x for x in of_convolutions(generator)}
    wide = convolutions[3, 3].kernel
    gain = (2 / 1.04) ** 0.5 * 4**-0.25
    expected = gain / (9 * wide.shape[2]) ** 0.5
    assert np.std(wide) == pytest.approx(expected, rel=0.1)


def of_convolutions(network):
    return [x for x in network.layers if type(x) is keras.layers.Conv2D]


@pytest.mark.parametrize("full", [True, False])
def test_a_logit_does_not_depend_on_the_other_images(full):
    discriminator = residual_discriminator((8, 8, 3), 4, full_size_blocks=full, seed=1)
    images = tf.constant(RNG.uniform(-1, 1, (6, 8, 8, 3)), "float32")
    alone = discriminator(images[:1], training=True)
    together = discriminator(images, training=True)[:1]
    np.testing.assert_allclose(alone, together, atol=1e-6)
    kinds = {type(x).__name__ for x in discriminator.layers}
    assert not any("Normalization" in kind for kind in kinds)


def test_the_logit_is_that_of_the_label():
    rows = tf.constant(RNG.normal(size=(3, 4)), "float32")
    chosen = SelectLabel()([rows, tf.constant([2, 0, 3])]).numpy()
    assert chosen[:, 0].tolist() == [rows[0, 2], rows[1, 0], rows[2, 3]]


def test_spectral_normalization_reaches_every_kernel():
    normal, plain = (
        residual_discriminator((8, 8, 3), 4, spectral_normalization=on, seed=1)
        for on in (True, False)
    )
    wrapped = [x for x in normal.layers if type(x).__name__ == "SpectralNormalization"]
    assert len(wrapped) == sum(hasattr(x, "kernel") for x in plain.layers)


def test_filters_double_up_to_the_most():
    assert networks.residual_filters(4, 16, 100) == [100, 64, 32, 16]
