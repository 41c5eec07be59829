"""Images, latent vectors, and what the GAN refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import DCGAN, GAN, InputError
from keras_gan.networks import ConcatenateLabel

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(12, 3)).astype("float32")
IMAGES = RNG.uniform(-1, 1, size=(12, 8, 8, 1)).astype("float32")


def small_dcgan(compiled=True, **kwargs):
    gan = DCGAN((8, 8, 1), latent_dim=4, base_filters=2, **{"seed": 1, **kwargs})
    if compiled:
        gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    return gan


def label_painter(value_range=(0.0, 1.0)):
    """A conditional GAN whose images are label / 2 everywhere."""
    layers = keras.layers
    latent, label = keras.Input((2,)), keras.Input((), dtype="int64")
    x = ConcatenateLabel(3)([layers.Rescaling(0.0)(latent), label])
    x = layers.Dense(4, use_bias=False)(x)
    generator = keras.Model([latent, label], layers.Reshape((2, 2, 1))(x))
    kernel = np.repeat([[0.0], [0.0], [0.0], [0.5], [1.0]], 4, axis=1)
    generator.set_weights([kernel])
    image, label = keras.Input((2, 2, 1)), keras.Input((), dtype="int64")
    x = ConcatenateLabel(3)([layers.Flatten()(image), label])
    discriminator = keras.Model([image, label], layers.Dense(1)(x))
    return GAN(
        generator, discriminator, 2, value_range=value_range, num_classes=3, seed=1
    )


# Latent vectors ---------------------------------------------------------------


def test_normal_latents_have_mean_0_and_variance_1(dense_networks):
    gan = GAN(*dense_networks(), 2, value_range=None, seed=1)
    latents = gan.sample_latent(50_000, seed=3).numpy()
    assert latents.shape == (50_000, 2)
    assert latents.dtype == "float32"
    assert latents.mean(axis=0) == pytest.approx([0, 0], abs=0.03)
    assert latents.var(axis=0) == pytest.approx([1, 1], abs=0.04)
    assert np.mean(np.abs(latents) > 1.96) == pytest.approx(0.05, abs=0.005)
    assert np.corrcoef(latents.T)[0, 1] == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("bounds", [(-1, 1), (-(3**0.5), 3**0.5), (2, 5)])
def test_uniform_latents_fill_their_bounds(bounds, dense_networks):
    gan = GAN(*dense_networks(), 2, "uniform", bounds, value_range=None, seed=1)
    latents = gan.sample_latent(50_000, seed=3).numpy()
    low, high = bounds
    assert low <= latents.min() < low + 1e-3 * (high - low)
    assert high - 1e-3 * (high - low) < latents.max() <= high
    assert latents.mean() == pytest.approx((low + high) / 2, abs=0.01 * (high - low))
    assert latents.var() == pytest.approx((high - low) ** 2 / 12, rel=0.02)


def test_dcgan_latents_are_those_of_the_paper():
    latents = small_dcgan(compiled=False).sample_latent(10_000, seed=1).numpy()
    assert -1 <= latents.min() < -0.99
    assert 0.99 < latents.max() <= 1


def test_latents_of_training_follow_the_distribution(dense_networks):
    gan = GAN(*dense_networks(), 2, value_range=None, seed=1)
    gan.compile("sgd", "sgd", discriminator_steps=2)
    draws = []
    for step in range(500):
        gan.step.assign(step)
        draws += [gan.prior.draw(16, gan.step_seed(2 * i)).numpy() for i in range(2)]
    draws = np.array(draws)
    rows = draws.reshape(-1, 2)
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert draws.mean() == pytest.approx(0, abs=0.03)
    assert draws.var() == pytest.approx(1, abs=0.04)
    # Nor does one step's draw tell anything about the next one's.
    flat = draws.reshape(1000, -1)
    assert np.mean(flat[1:] * flat[:-1]) == pytest.approx(0, abs=0.03)


def test_latents_of_training_are_not_those_of_generate(dense_networks):
    gan = GAN(*dense_networks(), 2, value_range=None, seed=1)
    gan.compile("sgd", "sgd")
    training = gan.prior.draw(4, gan.step_seed(0)).numpy()
    assert not np.isin(gan.sample_latent(4, seed=1), training).any()


# Images -----------------------------------------------------------------------


def test_generate_gives_uint8_images():
    images = small_dcgan(compiled=False).generate(3, seed=1)
    assert images.shape == (3, 8, 8, 1)
    assert images.dtype == "uint8"


def test_generate_depends_on_the_seed_alone():
    gan = small_dcgan(compiled=False)
    first, again, other = (gan.generate(4, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_generate_without_a_seed_gives_a_sequence_that_the_model_seed_decides():
    gan, twin = small_dcgan(compiled=False), small_dcgan(compiled=False)
    first, second = gan.generate(4), gan.generate(4)
    assert (first != second).any()
    np.testing.assert_array_equal(twin.generate(4), first)
    np.testing.assert_array_equal(twin.generate(4), second)


@pytest.mark.parametrize("count", [1, 255, 256, 257, 600])
def test_generate_gives_as_many_images_as_asked_for(count):
    gan = small_dcgan(compiled=False)
    latent = gan.sample_latent(count, seed=1)
    values = (gan.generator(latent, training=False).numpy() + 1) * 127.5
    images = gan.generate(count, seed=1)
    assert images.shape == (count, 8, 8, 1)
    assert np.abs(images - values).max() < 0.51


@pytest.mark.parametrize(
    ("value_range", "expected"),
    [
        # Values 0, 0.5 and 1; what is out of range is cut off.
        ((0, 1), [0, 128, 255]),
        ((-1, 1), [128, 191, 255]),
        ((0.5, 0.75), [0, 0, 255]),
    ],
)
def test_value_range_becomes_0_to_255(value_range, expected):
    gan = label_painter(value_range)
    images = gan.generate(3, seed=1, labels=[0, 1, 2])
    assert images[:, 0, 0, 0].tolist() == expected


def test_without_a_range_values_are_given_as_they_are():
    images = label_painter(None).generate(3, seed=1, labels=[0, 1, 2])
    assert images.dtype == "float32"
    assert images[:, 1, 1, 0].tolist() == [0, 0.5, 1]


DIGEST = """
import hashlib, keras, numpy as np
from keras_gan import DCGAN
gan = DCGAN((8, 8, 1), latent_dim=4, base_filters=2, seed=1)
images = np.linspace(-1, 1, 12 * 64, dtype="float32").reshape(12, 8, 8, 1)
gan.compile(keras.optimizers.Adam(1e-2), keras.optimizers.Adam(1e-2))
start = gan.generate(4, seed=5).tobytes()
gan.fit(images, batch_size=4, epochs=2, shuffle=False, verbose=0)
trained = gan.generate(4, seed=5).tobytes()
assert start != trained
digest = hashlib.sha256(start + trained).hexdigest()
"""


def test_two_processes_generate_the_same_bytes(run_python):
    here = {}
    exec(DIGEST, here)
    assert run_python(DIGEST + "print(digest)").split()[-1] == here["digest"]


def test_calling_the_model_is_calling_the_generator(dense_networks):
    gan = GAN(*dense_networks(), 2, value_range=None, seed=1)
    latent = gan.sample_latent(3, seed=1)
    np.testing.assert_array_equal(gan(latent), gan.generator(latent))
    assert gan.image_shape == (3,)


def test_render_takes_an_array_beside_labels():
    images = label_painter().render(np.zeros((2, 2)), labels=np.array([0, 2]))
    assert (images[0] == 0).all()
    assert (images[1] == 255).all()


def test_render_takes_given_latents():
    gan = small_dcgan(compiled=False)
    latent = gan.sample_latent(3, seed=1)
    np.testing.assert_array_equal(gan.render(latent.numpy()), gan.generate(3, seed=1))


# Labels -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (2, [255, 255, 255, 255]),
        ([2, 0, 1, 0], [255, 0, 128, 0]),
        (np.array([2, 2, 1, 0], "uint8"), [255, 255, 128, 0]),
        (None, [0, 128, 255, 0]),
    ],
)
def test_labels_are_honoured(labels, expected):
    images = label_painter().generate(4, seed=1, labels=labels)
    assert images[:, 0, 0, 0].tolist() == expected


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (-1, "-1"),
        (3, "3"),
        ([0, 1, 2, -1], "-1"),
        ([0, 1, 2, 3], "3"),
        ([0, 1], r"\(2,\)"),
        ([[0], [1], [2], [0]], r"\(4, 1\)"),
        (1.0, "float"),
        ([0.0, 1.0, 2.0, 0.0], "float"),
        ("cat", "<U3"),
    ],
)
def test_labels_that_the_model_does_not_have_are_refused(labels, named):
    with pytest.raises(InputError, match=named):
        label_painter().generate(4, seed=1, labels=labels)


def test_labels_for_a_model_without_classes_are_refused():
    with pytest.raises(InputError, match="num_classes"):
        small_dcgan(compiled=False).generate(2, seed=1, labels=[0, 1])


def test_a_subclass_decides_latent_vectors_and_generated_images():
    class Middle(DCGAN):
        def sample_latent(self, count, seed=None):
            return tf.fill([count, self.latent_dim], 0.5)

    class White(DCGAN):
        def generate(self, count, seed=None, labels=None):
            return np.full([count, 8, 8, 1], 255, "uint8")

    gan = Middle((8, 8, 1), latent_dim=4, base_filters=2, seed=1)
    expected = gan.render(np.full([2, 4], 0.5))
    np.testing.assert_array_equal(gan.generate(2, seed=1), expected)
    np.testing.assert_array_equal(gan.samples(2)["sample"], expected)
    half = gan.render(np.full([2, 4], 0.25))  # of a uniform prior
    np.testing.assert_array_equal(gan.samples(2, truncation=0.5)["sample"], half)
    white = White((8, 8, 1), latent_dim=4, base_filters=2)
    assert (white.samples(2)["sample"] == 255).all()


@pytest.mark.parametrize("count", [0, -3])
def test_a_count_below_one_is_refused(count):
    gan = small_dcgan(compiled=False)
    for call in (gan.generate, gan.sample_latent):
        with pytest.raises(InputError, match=f"count is {count}"):
            call(count)


# Data of fit ------------------------------------------------------------------


def test_fit_on_numpy_arrays_and_on_data_sets(tiny_gan):
    for data in (VECTORS, tf.data.Dataset.from_tensor_slices(VECTORS).batch(4)):
        gan = tiny_gan()
        history = gan.fit(data, epochs=2, verbose=0).history
        assert all(np.isfinite(values).all() for values in history.values())
        assert gan.generate(5, seed=1).dtype == "float32"


def test_conditional_fit_on_numpy_arrays_and_on_data_sets():
    labels = np.arange(12) % 3
    bytes_ = labels.astype("uint8")
    pairs = tf.data.Dataset.from_tensor_slices((IMAGES, bytes_)).batch(4)
    for arguments in ((IMAGES, labels), (pairs,)):
        gan = small_dcgan(num_classes=3)
        history = gan.fit(*arguments, verbose=0).history
        assert all(np.isfinite(values).all() for values in history.values())
        assert int(gan.step) >= 1


def test_conditional_training_uses_the_labels():
    # The data is its label, so only a discriminator that sees it can tell.
    results = []
    for labels in (np.arange(12) % 3, (np.arange(12) + 1) % 3):
        gan = small_dcgan(num_classes=3)
        gan.train_on_batch(IMAGES, labels)
        results.append(gan.generator.get_weights())
    assert any((a != b).any() for a, b in zip(*results, strict=True))


def with_nan(images, value=np.nan):
    images = images.copy()
    images[3, 2, 1] = value
    return images


@pytest.mark.parametrize("as_data_set", [False, True])
@pytest.mark.parametrize(
    ("images", "named"),
    [
        (((IMAGES + 1) * 127).astype("uint8"), "uint8"),
        (IMAGES[:, :4], r"\(4, 8, 1\)"),
        (IMAGES[..., 0], r"\(8, 8\)"),
        (np.repeat(IMAGES, 3, axis=-1), r"\(8, 8, 3\)"),
        (with_nan(IMAGES), "NaN"),
        (with_nan(IMAGES, np.inf), "infinite"),
        (np.abs(IMAGES), r"\[-1, 1\]"),
        (IMAGES * 1.1, r"from -1\.\d+ to 1\.\d+"),
        ((IMAGES + 1) * 127.5, "from 0"),
        (IMAGES[:0], "0 rows|empty"),
    ],
)
def test_images_that_the_networks_were_not_made_for_are_refused(
    images, named, as_data_set
):
    data = images
    if as_data_set:
        data = tf.data.Dataset.from_tensor_slices(images).batch(12)
    gan = small_dcgan()
    with pytest.raises(InputError, match=named):
        gan.fit(data, verbose=0)
    assert int(gan.step) == 0


def test_images_in_minus_1_to_1_for_a_generator_of_0_to_1_are_refused():
    gan = label_painter()
    gan.compile("sgd", "sgd")
    with pytest.raises(InputError, match=r"\[0, 1\]"):
        gan.fit(IMAGES[:, :2, :2], np.arange(12) % 3, verbose=0)


def test_labels_and_num_classes_need_each_other():
    with pytest.raises(InputError, match=r"takes image, .* is 2.*num_classes"):
        small_dcgan().fit(IMAGES, np.arange(12) % 3, verbose=0)
    with pytest.raises(InputError, match=r"takes image and label, .* is 1"):
        small_dcgan(num_classes=3).fit(IMAGES, verbose=0)


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (np.arange(12), "11"),
        (np.arange(12) % 3 - 1, "-1"),
        ((np.arange(12) % 3).astype("float32"), "float32"),
        (np.eye(3, dtype="int64")[np.arange(12) % 3], r"\(12, 3\)"),
    ],
)
def test_labels_of_the_data_are_checked(labels, named):
    with pytest.raises(InputError, match=named):
        small_dcgan(num_classes=3).fit(IMAGES, labels, verbose=0)


def test_a_batch_smaller_than_k_is_refused(tiny_gan):
    gan = tiny_gan(discriminator_steps=5)
    batches = tf.data.Dataset.from_tensor_slices(VECTORS).batch(4)
    with pytest.raises(InputError, match=r"holds 4 rows\. A step needs at least 5"):
        gan.fit(batches, verbose=0)


# Arguments of the constructor and of compile ----------------------------------


def test_unknown_latent_distribution_is_refused(dense_networks):
    with pytest.raises(InputError, match=r"'gaussian'.*normal, uniform"):
        GAN(*dense_networks(), 2, latent_distribution="gaussian")


@pytest.mark.parametrize("outputs", [2, 10])
def test_a_discriminator_must_give_one_logit(outputs, dense_networks):
    generator, _ = dense_networks()
    discriminator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(outputs)])
    with pytest.raises(InputError, match=rf"\(1, {outputs}\)"):
        GAN(generator, discriminator, 2)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"update": "both"}, "'both'.*alternating, simultaneous"),
        ({"objective": "wgan"}, "'wgan'.*minimax.*relativistic"),
        ({"penalty": "r3"}, "'r3'.*r1.*gradient_penalty"),
        ({"discriminator_steps": 0}, "discriminator_steps is 0"),
        ({"discriminator_steps": -1}, "discriminator_steps is -1"),
        ({"penalty_interval": 0}, "penalty_interval is 0"),
        ({"penalty_interval": 2.5}, "penalty_interval is 2.5"),
        ({"generator_average": 1.5}, "generator_average is 1.5"),
        ({"generator_average": 1.0}, "generator_average is 1.0"),
        ({"generator_average": 0.0}, "generator_average is 0.0"),
        ({"generator_average": -0.1}, "generator_average is -0.1"),
        ({"generator_average": float("nan")}, "generator_average is nan"),
    ],
)
def test_compile_refuses(options, named, tiny_gan):
    with pytest.raises(InputError, match=named):
        tiny_gan(**options)


@pytest.mark.parametrize("name", ["float32", "mixed_float16"])
def test_one_optimizer_for_both_players_is_refused(name, policy):
    policy(name)
    gan = small_dcgan(compiled=False)
    optimizer = keras.optimizers.SGD(0.1)
    with pytest.raises(InputError, match="same optimizer"):
        gan.compile(optimizer, optimizer)


def test_a_fraction_of_a_discriminator_step_is_refused(tiny_gan):
    with pytest.raises(InputError, match=r"steps is 1\.5"):
        tiny_gan(discriminator_steps=1.5)


def test_compile_takes_names(tiny_gan):
    gan = small_dcgan(compiled=False)
    gan.compile("adam", "sgd", objective="hinge", penalty="r1")
    assert isinstance(gan.generator_optimizer, keras.optimizers.Adam)
    assert isinstance(gan.discriminator_optimizer, keras.optimizers.SGD)
    gan.train_on_batch(IMAGES[:4])


# The DCGAN --------------------------------------------------------------------


def test_dcgan_seed_decides_weights_and_training(deterministic):
    results = []
    for seed in (1, 1, 2):
        gan = small_dcgan(seed=seed)
        start = gan.get_weights()
        gan.train_on_batch(IMAGES[:4])
        results.append((start, gan.get_weights()))
    for first, again in zip(results[0], results[1], strict=True):
        for a, b in zip(first, again, strict=True):
            np.testing.assert_array_equal(a, b)
    kernels = [start[1] for start, _ in (results[0], results[2])]
    assert np.abs(kernels[0] - kernels[1]).max() > 0.01


def test_dcgan_without_a_seed_follows_the_global_one():
    weights = []
    for seed in (3, 3, 4):
        keras.utils.set_random_seed(seed)
        weights.append(small_dcgan(compiled=False, seed=None).get_weights()[1])
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).any()


def test_dcgan_passes_its_options_to_its_networks():
    gan = small_dcgan(batch_normalization=False, spectral_normalization=True)
    kinds = {type(layer).__name__ for layer in gan.discriminator.layers}
    assert "BatchNormalization" not in kinds
    assert "SpectralNormalization" in kinds
    assert gan.image_shape == (8, 8, 1)
    assert gan.value_range == (-1, 1)


def test_dcgan_of_an_impossible_size_is_refused():
    with pytest.raises(InputError, match="31x31"):
        DCGAN((31, 31, 1))
