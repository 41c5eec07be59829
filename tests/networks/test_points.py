"""Networks for points."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan.networks import points_discriminator, points_generator


def test_sizes_by_hand():
    generator = points_generator(2, 16)
    hidden = 2 * (128 * 128 + 128)
    assert generator.count_params() == (16 * 128 + 128) + hidden + (128 * 2 + 2)
    assert generator.output_shape == (None, 2)
    discriminator = points_discriminator(2)
    assert discriminator.count_params() == (2 * 128 + 128) + hidden + (128 + 1)
    assert discriminator.output_shape == (None, 1)


def test_points_and_logits_have_no_bounds():
    generator, discriminator = points_generator(3, 4), points_discriminator(3)
    far = np.full((1, 4), 1e6, "float32")
    assert np.abs(generator(far)).max() > 1e3
    assert np.abs(discriminator(far[:, :3])).max() > 1e3


def test_a_logit_depends_on_its_own_point_alone():
    discriminator = points_discriminator(2, (8, 8), seed=0)
    points = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
    together = discriminator(points, training=True).numpy()
    alone = [discriminator(points[i : i + 1], training=True)[0] for i in range(5)]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


@pytest.mark.parametrize("build", [points_generator, points_discriminator])
def test_seed_decides_the_weights(build):
    arguments = (2, 4) if build is points_generator else (2,)
    first, again, other = (
        build(*arguments, seed=seed).get_weights() for seed in (1, 1, 2)
    )
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])


def test_labels_matter_to_both():
    generator = points_generator(2, 4, (8, 8), num_classes=3, seed=0)
    discriminator = points_discriminator(2, (8, 8), num_classes=3, seed=0)
    labels = tf.range(3)
    points = generator([tf.ones([3, 4]), labels]).numpy()
    logits = discriminator([tf.ones([3, 2]), labels]).numpy()
    assert len(np.unique(points, axis=0)) == len(np.unique(logits)) == 3


def test_spectral_normalization_is_on_every_layer_with_a_kernel():
    discriminator = points_discriminator(2, (8, 8), spectral_normalization=True)
    wrapped = [
        layer
        for layer in discriminator.layers
        if isinstance(layer, keras.layers.SpectralNormalization)
    ]
    assert len(wrapped) == 3


def test_outputs_stay_in_single_precision(half_precision):
    assert points_generator(2, 4).output.dtype == "float32"
    assert points_discriminator(2).output.dtype == "float32"
