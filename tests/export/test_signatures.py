"""What a server can be asked for, against numbers from elsewhere."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import stats

import export
from export import signatures
from export.generator import describe
from keras_gan import GAN, networks
from keras_gan.experiments import latent as paths

_SEEDS = tf.range(-1000, 1000, dtype="int64")


@pytest.fixture
def uniform(gan):
    return describe(gan, "model")


@pytest.fixture
def normal():
    gan = GAN(
        networks.mlp_generator((2, 2, 1), latent_dim=7, hidden_units=(3,)),
        networks.maxout_discriminator((2, 2, 1), units=(2,)),
        latent_dim=7,
        value_range=(0, 1),
    )
    return describe(gan, "model")


def drawn(generator, truncation, seeds=_SEEDS):
    # Thousands of rows one by one would take long outside a graph.
    draw = tf.function(lambda *rows: signatures.draw(generator, *rows))
    return draw(seeds, tf.fill(seeds.shape, truncation)).numpy()


@pytest.mark.parametrize("truncation", [0.3, 2.0, np.inf])
def test_vectors_come_from_the_truncated_distributions(truncation, normal, uniform):
    latent = drawn(normal, truncation)
    assert np.abs(latent).max() <= truncation
    law = stats.truncnorm(-truncation, truncation)
    assert stats.kstest(latent.ravel(), law.cdf).pvalue > 0.01
    latent = drawn(uniform, truncation)
    bound = min(truncation, 1)
    law = stats.uniform(-bound, 2 * bound)
    assert stats.kstest(latent.ravel(), law.cdf).pvalue > 0.01


def test_every_row_and_dimension_is_drawn_by_itself(normal):
    latent = drawn(normal, np.inf)
    correlation = np.corrcoef(latent, rowvar=False)
    assert np.abs(correlation - np.eye(7)).max() < 0.1  # 4.5 standard errors
    successive = np.corrcoef(latent[:100])
    # As much as independent rows of seven values are alike by chance.
    assert abs(np.square(successive - np.eye(100)).sum() / 9900 - 1 / 6) < 0.02
    assert len(np.unique(latent, axis=0)) == 2000


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_a_row_depends_on_its_own_seed_alone(kind, request):
    generator = request.getfixturevalue(kind)
    whole = drawn(generator, 1.0)
    alone = [drawn(generator, 1.0, _SEEDS[i : i + 1])[0] for i in (0, 7, 1999)]
    np.testing.assert_array_equal(alone, whole[[0, 7, 1999]])
    # One bad request in a merged batch harms no other.
    truncation = np.float32([1.0, np.nan, -1.0, 1.0])
    merged = signatures.draw(generator, _SEEDS[:4], truncation).numpy()
    np.testing.assert_array_equal(merged[[0, 3]], whole[[0, 3]])


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_truncation_moves_the_same_vector_to_the_centre(kind, request):
    generator = request.getfixturevalue(kind)
    assert not drawn(generator, 0.0).any()
    far, near = drawn(generator, np.inf), drawn(generator, 0.5)
    np.testing.assert_array_equal(np.sign(far), np.sign(near))
    assert (np.abs(near) <= np.abs(far)).all()


def test_interpolation_is_that_of_the_experiments(normal, uniform):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 7)).astype("float32")
    fraction = np.linspace(0, 1, 9, dtype="float32")
    rows = [np.tile(a, (9, 1)), np.tile(b, (9, 1)), fraction]
    np.testing.assert_allclose(
        signatures.between(normal, *rows), paths.spherical(a, b, 9), atol=1e-5
    )
    np.testing.assert_allclose(
        signatures.between(uniform, *rows), paths.linear(a, b, 9), atol=1e-6
    )


@pytest.mark.parametrize("factor", [0, 1, -1, 1 + 1e-6])
def test_vectors_without_an_arc_are_joined_by_a_straight_line(factor, normal):
    a = np.float32([[1, 2, 3, 4, 5, 6, 7]])
    middle = signatures.between(normal, a, factor * a, np.float32([0.5])).numpy()
    np.testing.assert_allclose(middle, (1 + factor) / 2 * a, atol=1e-5)


@pytest.mark.parametrize("exported", ["dcgan", "conditional", "mlp"], indirect=True)
def test_a_saved_model_samples_what_the_model_renders(exported):
    _, gan, folder, _ = exported
    loaded = tf.saved_model.load(folder / "model/1").signatures
    assert set(loaded) == {"serving_default", "sample", "sample_png", "interpolate"}
    inputs = {"seed": _SEEDS[:5], "truncation": tf.fill([5], 0.8)}
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
    np.testing.assert_allclose(
        sampled["latent"],
        drawn(describe(gan, "model"), 0.8, _SEEDS[:5]),
        rtol=0,
        atol=1e-6,
    )
    pictures = loaded["sample_png"](**inputs)["png_bytes"].numpy()
    for png, image in zip(pictures, sampled["image"], strict=True):
        read = np.asarray(Image.open(io.BytesIO(png)))
        np.testing.assert_array_equal(read, image[..., 0])


@pytest.mark.parametrize("exported", ["conditional"], indirect=True)
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
    sampled = loaded["sample"](seed=_SEEDS[:4], truncation=tf.fill([4], np.inf))
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
