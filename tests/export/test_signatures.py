"""What a server can be asked for, against numbers from elsewhere."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import export
from keras_gan import GAN, networks
from keras_gan.latents import Prior


@pytest.mark.parametrize("exported", ["averaged", "mlp"], indirect=True)
def test_a_saved_model_samples_what_the_model_renders(exported):
    _, gan, folder, _ = exported
    loaded = tf.saved_model.load(folder / "model/1").signatures
    assert set(loaded) == {"serving_default", "sample", "sample_png", "interpolate"}
    seeds_and_truncation = tf.range(-1000, -995, dtype="int64"), tf.fill([5], 0.8)
    inputs = dict(zip(("seed", "truncation"), seeds_and_truncation, strict=True))
    labels = None
    if gan.num_classes is not None:
        labels = np.array([2, 0, 1, 2, 0])
        inputs["label"] = tf.constant(labels)
    sampled = {
        name: value.numpy() for name, value in loaded["sample"](**inputs).items()
    }
    assert set(sampled) == {"image", "latent"}
    np.testing.assert_array_equal(
        sampled["image"], gan.render(sampled["latent"], labels)
    )
    prior = Prior(gan.latent_dim, gan.latent_distribution, gan.latent_bounds)
    np.testing.assert_allclose(
        sampled["latent"],
        prior.from_seeds(*seeds_and_truncation),
        rtol=0,
        atol=1e-6,
    )
    pictures = loaded["sample_png"](**inputs)["png_bytes"].numpy()
    for png, image in zip(pictures, sampled["image"], strict=True):
        read = np.asarray(Image.open(io.BytesIO(png)))
        np.testing.assert_array_equal(read, image[..., 0])


@pytest.mark.parametrize("exported", ["averaged"], indirect=True)
def test_a_saved_model_walks_between_two_vectors(exported):
    _, gan, folder, _ = exported
    walk = tf.saved_model.load(folder / "model/1").signatures["interpolate"]
    a, b = gan.sample_latent(2, seed=4).numpy()
    images = walk(
        latent_a=np.tile(a, (3, 1)),
        latent_b=np.tile(b, (3, 1)),
        fraction=np.float32([0, 0.25, 1]),
        label=np.array([1, 1, 1]),
    )["image"]
    way = [a, 0.75 * a + 0.25 * b, b]
    expected = gan([np.stack(way), np.array([1, 1, 1])])
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-5)


def test_points_are_served_as_numbers(tmp_path):
    gan = GAN(
        networks.points_generator(2, latent_dim=3, hidden_units=(4,)),
        networks.points_discriminator(2, hidden_units=(4,)),
        latent_dim=3,
        value_range=None,
        seed=0,
    )
    row = export.to_saved_model(gan, tmp_path / "points")
    assert row.passed
    loaded = tf.saved_model.load(row.path).signatures
    assert set(loaded) == {"serving_default", "sample", "interpolate"}
    sampled = loaded["sample"](
        seed=tf.range(4, dtype="int64"), truncation=tf.fill([4], np.inf)
    )
    assert sampled["image"].dtype == tf.float32
    np.testing.assert_allclose(sampled["image"], gan(sampled["latent"]), atol=1e-5)


def test_python_in_a_graph_is_refused(gan, tmp_path):
    class InPython(keras.layers.Layer):
        def call(self, x):
            y = tf.numpy_function(lambda x: x, [x], tf.float32)
            y.set_shape(x.shape)
            return y

    latent = keras.Input((8,))
    gan.generator = keras.Model(
        latent, keras.layers.Reshape((2, 4, 1))(InPython()(latent))
    )
    gan.image_shape = (2, 4, 1)
    with pytest.raises(export.VerificationError, match="runs Python"):
        export.to_saved_model(gan, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
