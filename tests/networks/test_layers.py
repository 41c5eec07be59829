"""The project's layers against numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan.networks import (
    ConcatenateLabel,
    InstanceNormalization,
    Maxout,
    ReflectionPadding,
    StatelessBatchNormalization,
)
from keras_gan.networks.layers import (
    Dropout,
    HalfTurn,
    RandomTranslation,
    SpectralNormalization,
)

RNG = np.random.default_rng(0)


def test_maxout_is_the_largest_of_its_pieces():
    layer = Maxout(3, 4, bias_initializer="random_normal")
    x = RNG.normal(size=(5, 7)).astype("float32")
    found = layer(x)
    kernel, bias = layer.get_weights()
    assert kernel.shape == (7, 12)
    expected = np.empty((5, 3))
    for unit in range(3):
        pieces = slice(4 * unit, 4 * unit + 4)
        expected[:, unit] = (x @ kernel[:, pieces] + bias[pieces]).max(axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert layer.compute_output_shape((None, 7)) == (None, 3)


def test_maxout_acts_on_the_last_axis():
    layer = Maxout(2, 3)
    x = RNG.normal(size=(4, 5, 6)).astype("float32")
    found = layer(x)
    assert found.shape == layer.compute_output_shape(x.shape) == (4, 5, 2)
    np.testing.assert_allclose(found[:, 3], layer(x[:, 3]), atol=1e-6)


def test_the_activation_of_maxout_is_that_of_its_outputs():
    x = RNG.normal(size=(5, 7)).astype("float32")
    layer = Maxout(3, 4)
    linear = layer(x)
    layer.activation = keras.activations.softmax
    np.testing.assert_allclose(layer(x), keras.ops.softmax(linear), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"units": 3, "pieces": 0}, "pieces is 0"),
        ({"units": 3, "pieces": 2.0}, "pieces is 2.0"),
        ({"units": "3", "pieces": 2}, "units is '3'"),
        ({"units": 3, "pieces": 2, "dtype": "int8_from_float32"}, "int8_from"),
    ],
)
def test_maxout_refuses_what_it_cannot_do(settings, said):
    with pytest.raises(ValueError, match=said):
        Maxout(**settings)
    Maxout(np.int64(3), np.int64(2))


def test_maxout_configuration_round_trip():
    layer = Maxout(3, 4, use_bias=False, kernel_constraint="max_norm", name="m")
    copy = Maxout.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert copy.compute_output_shape((None, 7)) == (None, 3)


@pytest.mark.parametrize("shape", [(4, 6), (4, 2, 3, 5)])
def test_concatenate_label_appends_the_one_hot_label_everywhere(shape):
    features = RNG.normal(size=shape).astype("float32")
    label = np.array([2, 0, 1, 2])
    layer = ConcatenateLabel(3)
    one_hot = np.eye(3)[label].reshape(4, *[1] * (len(shape) - 2), 3)
    one_hot = np.broadcast_to(one_hot, (*shape[:-1], 3))
    expected = np.concatenate([features, one_hot], axis=-1)
    found = layer([features, label])
    np.testing.assert_array_equal(found, expected)
    assert layer.compute_output_shape([shape, (4,)]) == expected.shape


def test_concatenate_label_with_symbolic_batch_and_half_precision():
    maps = keras.Input((2, 2, 5))
    label = keras.Input((), dtype="int64")
    outputs = ConcatenateLabel(3, dtype="mixed_float16")([maps, label])
    assert outputs.shape == (None, 2, 2, 8)
    assert outputs.dtype == "float16"
    found = keras.Model([maps, label], outputs)(
        [np.ones((4, 2, 2, 5), "float32"), np.array([0, 1, 2, 2])]
    )
    np.testing.assert_array_equal(found[3, 0, 1], [1, 1, 1, 1, 1, 0, 0, 1])


def test_concatenate_label_configuration_round_trip():
    layer = ConcatenateLabel(7, name="c")
    assert ConcatenateLabel.from_config(layer.get_config()).num_classes == 7


def moves(images, moved, most):
    """Returns by which (down, right) each image was moved, zeros moving in."""
    padded = np.pad(images, [(0, 0), (most, most), (most, most), (0, 0)])
    height, width = images.shape[1:3]
    places = [(i, j) for i in range(2 * most + 1) for j in range(2 * most + 1)]
    candidates = [padded[:, i : i + height, j : j + width] for i, j in places]
    equal = np.stack([(c == moved).all(axis=(1, 2, 3)) for c in candidates])
    assert (equal.sum(axis=0) == 1).all()
    return most - np.array(places)[equal.argmax(axis=0)]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_random_translation_moves_each_image_on_its_own(jit_compile):
    images = RNG.normal(size=(500, 8, 12, 2)).astype("float32")
    layer = RandomTranslation(0.25, seed=1)
    train = tf.function(lambda: layer(images, training=True), jit_compile=jit_compile)
    first, second = (moves(images, train().numpy(), 3) for _ in range(2))
    for axis, most in enumerate([2, 3]):
        found, counts = np.unique(first[:, axis], return_counts=True)
        assert found.tolist() == list(range(-most, most + 1))
        # Five standard deviations of a count.
        share = 1 / (2 * most + 1)
        error = 5 * np.sqrt(len(images) * share * (1 - share))
        np.testing.assert_allclose(counts, len(images) * share, atol=error)
    assert abs(np.corrcoef(first.T)[0, 1]) < 5 / np.sqrt(len(images))
    assert abs((first == second).all(axis=1).mean() - 1 / 35) < 0.05
    again = RandomTranslation(0.25, seed=1)(images, training=True).numpy()
    np.testing.assert_array_equal(moves(images, again, 3), first)
    np.testing.assert_array_equal(layer(images, training=False), images)


def test_gradients_go_back_to_where_random_translation_took_the_pixels():
    images = tf.ones([20, 8, 8, 1])
    layer = RandomTranslation(0.25, seed=2)
    with tf.GradientTape() as tape:
        tape.watch(images)
        moved = layer(images, training=True)
        loss = tf.reduce_sum(moved * moved)
    # 2 for each pixel that is still in the image, 0 for those that left it.
    gradient = tape.gradient(loss, images).numpy()
    assert set(np.unique(gradient)) == {0.0, 2.0}
    np.testing.assert_array_equal(gradient.sum((1, 2)), 2 * moved.numpy().sum((1, 2)))


def test_random_translation_configuration_round_trip():
    layer = RandomTranslation(0.125, seed=4, name="t")
    assert RandomTranslation.from_config(layer.get_config()).get_config() == (
        layer.get_config()
    )


def test_dropout_keeps_the_mean_and_drops_the_rate():
    layer = Dropout(0.3, seed=1)
    ones = np.ones((100, 1000), "float32")
    first, second = (layer(ones, training=True).numpy() for _ in range(2))
    assert set(np.unique(first)) == {0, np.float32(1 / 0.7)}
    assert abs((first == 0).mean() - 0.3) < 4 * np.sqrt(0.21 / ones.size)
    # Two masks agree as often as independent ones do.
    assert abs((first == second).mean() - 0.58) < 0.01
    assert (layer(ones, training=False).numpy() == ones).all()
    again = Dropout(0.3, seed=1)(ones, training=True).numpy()
    assert (again == first).all()


@pytest.mark.parametrize("jit_compile", [False, True])
def test_dropout_of_whole_channels(jit_compile):
    ones = np.ones((20, 4, 4, 30), "float32")
    layer = Dropout(0.5, noise_shape=(None, 1, 1, None), seed=1)
    train = tf.function(lambda: layer(ones, training=True), jit_compile=jit_compile)
    found = train().numpy()
    np.testing.assert_array_equal(found, found[:, :1, :1] * ones)
    assert set(np.unique(found)) == {0.0, 2.0}
    assert 0.3 < (found == 0).mean() < 0.7


def test_dropout_of_everything_has_a_gradient():
    x = tf.ones([2, 3])
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = Dropout(1.0)(x, training=True)
    assert not np.any(found)
    gradient = tape.gradient(found, x, unconnected_gradients="zero")
    assert not np.any(gradient)


def test_dropout_in_half_precision():
    out = Dropout(0.5, seed=1, dtype="mixed_bfloat16")(np.ones((4, 5)), training=True)
    assert out.dtype == "bfloat16"


def normalized(seed, dtype, passes):
    """Returns the kernel and the estimated vector after some training passes."""
    dense = keras.layers.Dense(
        6, kernel_initializer=keras.initializers.RandomNormal(seed=seed), dtype=dtype
    )
    layer = SpectralNormalization(dense)
    x = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    layer.build(x.shape)
    for _ in range(passes):
        layer(x, training=True)
    return dense.kernel.numpy(), layer.vector_u.numpy()


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_spectral_normalization_keeps_weights_in_single_precision(dtype):
    for half, single in zip(
        normalized(1, dtype, 5), normalized(1, "float32", 5), strict=True
    ):
        np.testing.assert_allclose(half, single, rtol=1e-6, atol=1e-7)


def test_the_kernels_seed_decides_spectral_normalization():
    for first, again in zip(
        normalized(1, "float32", 3), normalized(1, "float32", 3), strict=True
    ):
        np.testing.assert_array_equal(first, again)
    assert np.abs(normalized(1, "float32", 3)[1] - normalized(2, "float32", 3)[1]).any()


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_spectral_normalization_of_an_embedding(dtype):
    embedding = keras.layers.Embedding(10, 4, dtype=dtype)
    layer = SpectralNormalization(embedding)
    found = layer(np.array([3, 1]), training=True)
    assert found.dtype == embedding.compute_dtype
    rows = embedding.embeddings.numpy()[[3, 1]]
    np.testing.assert_allclose(keras.ops.cast(found, "float32"), rows, rtol=1e-2)
    for _ in range(30):
        layer(np.array([3, 1]), training=True)
    assert abs(np.linalg.norm(embedding.embeddings.numpy(), 2) - 1) < 0.02


def moments_of_keras(kind):
    """Returns Keras's own layer, which is slower and has another epsilon."""
    if kind is StatelessBatchNormalization:
        return keras.layers.BatchNormalization(epsilon=1e-5)
    return keras.layers.GroupNormalization(groups=-1, epsilon=1e-5)


@pytest.mark.parametrize("kind", [InstanceNormalization, StatelessBatchNormalization])
def test_normalizations_in_training(kind):
    affine = {} if kind is StatelessBatchNormalization else {"scale": 1, "center": 1}
    layer, expected = kind(**affine), moments_of_keras(kind)
    x = tf.constant(RNG.normal(3, 2, size=(4, 5, 6, 3)), "float32")
    weight = tf.constant(RNG.normal(size=x.shape), "float32")
    found = []
    for each in (layer, expected):
        each.build(x.shape)
        each.gamma.assign([1.0, 0.5, -2.0])
        each.beta.assign([0.0, 1.0, -1.0])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = each(x, training=True)
        wanted = [x, *each.trainable_variables]
        found.append([y, *tape.gradient(y, wanted, output_gradients=weight)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5)


def test_stateless_batch_normalization_at_inference():
    layer = StatelessBatchNormalization(gamma_initializer="random_normal")
    alike = InstanceNormalization(scale=True, center=True)
    x = RNG.normal(3, 2, size=(4, 5, 6, 3)).astype("float32")
    for each in (layer, alike):
        each.build(x.shape)
    alike.set_weights(layer.get_weights())
    np.testing.assert_array_equal(layer(x), alike(x))
    layer(x + 1, training=True)
    np.testing.assert_array_equal(layer(x), alike(x))
    assert len(layer.weights) == 2


def test_the_normalization_of_one_pixel_is_zero():
    ones = RNG.normal(size=(2, 1, 1, 3)).astype("float32")
    np.testing.assert_array_equal(InstanceNormalization()(ones), 0 * ones)


def test_the_dtype_does_not_change_the_statistics():
    x = 1000 + RNG.normal(size=(2, 16, 16, 1)).astype("float32")
    for kind in (InstanceNormalization, StatelessBatchNormalization):
        layer = kind(dtype="mixed_float16")
        found = layer(x, training=True)
        assert found.dtype == "float16"
        assert float(keras.ops.std(keras.ops.cast(found, "float32"))) == pytest.approx(
            1, abs=0.2
        )


@pytest.mark.parametrize("pixels", [0, 1, 3])
def test_reflection_padding(pixels):
    layer = ReflectionPadding(pixels)
    x = RNG.normal(size=(2, 4, 5, 3)).astype("float32")
    sides = [(0, 0), (pixels, pixels), (pixels, pixels), (0, 0)]
    found = layer(x)
    np.testing.assert_array_equal(found, np.pad(x, sides, mode="reflect"))
    assert layer.compute_output_shape((None, 4, 5, 3)) == (None, *found.shape[1:])
    assert layer(keras.Input((None, None, 2))).shape == (None, None, None, 2)


def layers_of_translators():
    return keras.Sequential(
        [
            HalfTurn(),
            ReflectionPadding(2),
            InstanceNormalization(scale=True),
            keras.layers.ReLU(),
            StatelessBatchNormalization(epsilon=1e-3, gamma_initializer="ones"),
        ]
    )


def test_layers_of_translators_under_xla():
    x = tf.constant(RNG.normal(size=(2, 5, 6, 3)), "float32")
    network = layers_of_translators()
    network(x)

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = network(x, training=True)
            loss = tf.reduce_sum(y**3)
        return y, tape.gradient(loss, x)

    for a, b in zip(step(x), tf.function(step, jit_compile=True)(x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_configurations_of_layers_of_translators():
    for layer in layers_of_translators().layers:
        config = layer.get_config()
        assert type(layer).from_config(config).get_config() == config
