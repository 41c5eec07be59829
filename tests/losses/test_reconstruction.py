"""Likelihoods against scipy's, and what binarization does to images."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from keras_gan import InputError, losses, networks

SHAPE = (5, 4, 3, 2)
SEED = tf.constant([3, 7], "int64")


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(0)


def summed(values):
    return values.reshape(len(values), -1).sum(axis=1)


def test_bernoulli_is_the_one_of_scipy(rng):
    image = rng.integers(0, 2, SHAPE).astype("float32")
    mean = rng.uniform(0.01, 0.99, SHAPE).astype("float32")
    expected = summed(scipy.stats.bernoulli.logpmf(image, mean))
    found = losses.Bernoulli().log_prob(tf.constant(image), tf.constant(mean))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_saturated_pixel_still_has_its_gradient():
    decoder = networks.mlp_decoder((4,), latent_dim=2, hidden_units=(3,))
    bias = decoder.get_layer("output").bias
    bias.assign([40.0, -40.0, 40.0, -40.0])

    @tf.function
    def gradient():
        with tf.GradientTape() as tape:
            mean = decoder(tf.zeros([1, 2]))
            log_p = losses.Bernoulli().log_prob(tf.constant([[0.0, 0, 1, 1]]), mean)
        return log_p, tape.gradient(log_p, bias.value)

    log_p, of_bias = gradient()
    np.testing.assert_allclose(log_p, [-80])  # log(1 - sigmoid(40)) is -40
    np.testing.assert_allclose(of_bias, [-1, 0, 0, 1], atol=1e-6)


@pytest.mark.parametrize("sigma", [0.3, None])
def test_gaussian_is_the_one_of_scipy(rng, sigma):
    image, mean = rng.normal(size=(2, *SHAPE)).astype("float32")
    log_sigma = rng.normal(size=(len(image), 1, 1, 1)).astype("float32")
    deviation = np.exp(log_sigma) if sigma is None else sigma
    expected = summed(scipy.stats.norm.logpdf(image, mean, deviation))
    found = losses.Gaussian(sigma).log_prob(image, mean, tf.constant(log_sigma))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("scale", [0.02, 0.5])
def test_the_levels_of_a_discretized_logistic_have_the_mass_of_its_density(scale):
    """By the distribution function of scipy; together they have the mass 1."""
    levels = np.arange(256) / 127.5 - 1
    edges = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    expected = np.diff(scipy.stats.logistic.cdf(edges, 0.3, scale))
    image = tf.constant(levels[:, np.newaxis], "float32")
    mean = tf.fill([256, 1], 0.3)
    found = losses.DiscretizedLogistic(scale).log_prob(image, mean).numpy()
    np.testing.assert_allclose(np.exp(found), expected, rtol=2e-3, atol=1e-7)
    assert np.exp(found.astype("float64")).sum() == pytest.approx(1, abs=1e-4)
    learned = losses.DiscretizedLogistic(None)
    log_scale = tf.fill([256, 1], np.float32(np.log(scale)))
    np.testing.assert_allclose(learned.log_prob(image, mean, log_scale), found, 1e-4)


def test_far_from_an_image_all_likelihoods_are_finite(rng):
    image, mean = tf.fill(SHAPE, -1.0), tf.fill(SHAPE, 1.0)
    for likelihood in (losses.Gaussian(None), losses.DiscretizedLogistic(None)):
        for log_scale in (-50.0, 50.0):
            found = likelihood.log_prob(image, mean, tf.fill([5, 1, 1, 1], log_scale))
            assert np.isfinite(found).all()


@pytest.mark.parametrize("how", ["random", "fixed"])
def test_binarization_draws_black_and_white_by_the_grey_value(rng, how):
    grey = np.broadcast_to(np.linspace(0, 1, 256, dtype="float32"), (2000, 256)).copy()
    # The fixed draws of equal images are equal: a pixel makes them different ones.
    grey = np.concatenate([grey, rng.uniform(size=(2000, 4))], axis=1).astype("float32")
    drawn = losses.Bernoulli(how).observed(tf.constant(grey), SEED).numpy()
    assert set(np.unique(drawn)) == {0, 1}
    share = drawn[:, :256].mean(axis=0)
    deviation = np.sqrt(grey[0, :256] * (1 - grey[0, :256]) / 2000)
    assert (abs(share - grey[0, :256]) <= 4.5 * deviation).all()
    # Neighbouring pixels and images are independent: correlations are of noise.
    middle = drawn[:, 64:192] - grey[:, 64:192]
    assert abs(np.mean(middle[:, 1:] * middle[:, :-1])) < 4 * 0.25 / np.sqrt(2000 * 127)
    assert abs(np.mean(middle[1:] * middle[:-1])) < 4 * 0.25 / np.sqrt(1999 * 128)


def test_fixed_draws_belong_to_the_image_and_random_ones_to_the_step(rng):
    grey = tf.constant(rng.uniform(size=(6, 8, 8, 1)).astype("float32"))
    later = SEED + 1
    fixed = losses.Bernoulli("fixed", seed=1)
    once = fixed.observed(grey, SEED).numpy()
    np.testing.assert_array_equal(fixed.observed(grey[::-1], later)[::-1], once)
    assert (
        (losses.Bernoulli("fixed", seed=2).observed(grey, SEED) != once).numpy().any()
    )
    random = losses.Bernoulli("random")
    assert (random.observed(grey, SEED) != random.observed(grey, later)).numpy().any()
    np.testing.assert_array_equal(losses.Bernoulli(None).observed(grey, SEED), grey)


def test_only_grey_values_have_a_pseudo_likelihood():
    assert losses.Bernoulli(None).caveat.startswith("a pseudo-likelihood")
    assert losses.Bernoulli("fixed").caveat is None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: losses.Bernoulli("often"), "binarization is 'often'. Use one of"),
        (lambda: losses.Gaussian(0), "sigma is 0; it must be a number above 0"),
        (lambda: losses.DiscretizedLogistic("wide"), "scale is 'wide'"),
        (lambda: losses.get_likelihood("gausian"), "mean 'gaussian'"),
    ],
)
def test_other_values_are_refused_in_a_sentence(make, words):
    with pytest.raises(InputError, match=words):
        make()
