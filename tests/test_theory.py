import math

import keras
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.spatial.distance import jensenshannon
from scipy.special import expit
from scipy.stats import gaussian_kde, norm

from keras_gan import GAN, InputError
from keras_gan.theory import (
    EQUILIBRIUM,
    jensen_shannon_divergence,
    optimal_discriminator,
    value,
)

LOG_4 = 1.3862943611198906
X = np.linspace(-20, 20, 4001)
LEFT, RIGHT = norm(-1, 1), norm(0.5, 2)


def value_of_optimal(p_data, p_g, x=X):
    return value(optimal_discriminator(p_data, p_g), p_data, p_g, x)


def test_equal_densities_are_the_equilibrium():
    p = LEFT.pdf(X)
    np.testing.assert_array_equal(optimal_discriminator(p, p), 0.5)
    assert value_of_optimal(p, p) == pytest.approx(-LOG_4)
    assert jensen_shannon_divergence(p, p, X) == pytest.approx(0, abs=1e-12)
    assert pytest.approx(-LOG_4) == EQUILIBRIUM


@pytest.mark.parametrize("distance", [20, 60, 500])
def test_disjoint_densities_are_told_apart(distance):
    # Between them both densities underflow, first to subnormal numbers, then to 0.
    x = np.linspace(-20, distance + 20, 20_001)
    p, q = norm(0).pdf(x), norm(distance).pdf(x)
    d = optimal_discriminator(p, q)
    assert np.isfinite(d).all()
    assert value_of_optimal(p, q, x) == pytest.approx(0, abs=1e-6)
    assert jensen_shannon_divergence(p, q, x) == pytest.approx(math.log(2))


def test_no_density_at_all_tells_nothing():
    assert optimal_discriminator([0.0, 5e-324], [0.0, 0.0]).tolist() == [0.5, 1.0]


def test_divergence_agrees_with_scipy():
    weights = np.gradient(X)
    weights[[0, -1]] /= 2
    p, q = LEFT.pdf(X), RIGHT.pdf(X)
    expected = jensenshannon(p * weights, q * weights) ** 2
    assert jensen_shannon_divergence(p, q, X) == pytest.approx(expected, rel=1e-9)


def test_values_agree_with_sampling():
    rng = np.random.default_rng(0)
    count = 400_000
    real, fake = (
        LEFT.rvs(count, random_state=rng),
        RIGHT.rvs(count, random_state=rng),
    )

    def log_d(x, sign):
        # log D* and log(1 - D*), from the logit log p_data - log p_g.
        return -np.logaddexp(0, -sign * (LEFT.logpdf(x) - RIGHT.logpdf(x)))

    terms = log_d(real, 1) + log_d(fake, -1)
    error = terms.std() / math.sqrt(count)
    measured = value_of_optimal(LEFT.pdf(X), RIGHT.pdf(X))
    assert measured == pytest.approx(terms.mean(), abs=4 * error)
    assert error < 0.003


def test_value_of_the_best_is_minus_log_4_plus_twice_the_divergence():
    p, q = LEFT.pdf(X), RIGHT.pdf(X)
    expected = -LOG_4 + 2 * jensen_shannon_divergence(p, q, X)
    assert value_of_optimal(p, q) == pytest.approx(expected, abs=1e-12)


def test_any_other_discriminator_has_a_lower_value():
    p, q = LEFT.pdf(X), RIGHT.pdf(X)
    best = value_of_optimal(p, q)
    rng = np.random.default_rng(0)
    for size in (0.01, 0.1, 1, 10):
        logits = LEFT.logpdf(X) - RIGHT.logpdf(X) + rng.normal(0, size, X.shape)
        assert value(expit(logits), p, q, X) < best
    assert value(np.full_like(X, 0.5), p, q, X) == pytest.approx(-LOG_4)


def test_value_of_a_given_discriminator():
    p, q = norm(0).pdf(X), norm(1, 0.5).pdf(X)

    def integrand(x):
        return norm(0).pdf(x) * np.log(expit(x)) + norm(1, 0.5).pdf(x) * np.log(
            1 - expit(x)
        )

    expected, _ = quad(integrand, -20, 20)
    assert value(expit(X), p, q, X) == pytest.approx(expected, rel=1e-8)


def test_certainty_costs_much_and_not_everything():
    p = norm(0).pdf(X)
    assert value(np.zeros_like(X), p, p, X) == pytest.approx(math.log(5e-324))
    assert value(np.ones_like(X), p, p, X) == pytest.approx(math.log(2**-53))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"p_g": np.ones(3)}, "shape"),
        ({"p_data": np.array([1.0, -0.1])}, "p_data"),
        ({"p_g": np.array([1.0, np.nan])}, "p_g"),
        ({"x": np.array([1.0, 0.0])}, "rising"),
        ({"x": np.array([0.0, 1.0, 2.0])}, "grid"),
        ({"discriminator": np.array([0.5, 1.1])}, "1.1"),
        ({"discriminator": np.array([0.5])}, "probabilities"),
    ],
)
def test_what_is_no_density_or_discriminator_is_named(changes, words):
    arguments = {
        "discriminator": np.full(2, 0.5),
        "p_data": np.ones(2),
        "p_g": np.ones(2),
        "x": np.array([0.0, 1.0]),
    }
    with pytest.raises(InputError, match=words):
        value(**{**arguments, **changes})


def game(start, generator_rate, discriminator_rate):
    """Returns a GAN whose generator is x = scale * z + shift of a normal z."""
    scale, shift = start
    generator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    generator.set_weights([np.full((1, 1), scale), np.full(1, shift)])
    hidden = [
        keras.layers.Dense(
            32, "tanh", kernel_initializer=keras.initializers.GlorotUniform(seed)
        )
        for seed in (1, 2)
    ]
    logit = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.GlorotUniform(3)
    )
    discriminator = keras.Sequential([keras.Input((1,)), *hidden, logit])
    # In one dimension, biases of 0 would let no unit bend away from 0.
    hidden[0].set_weights([np.ones((1, 32)), np.linspace(-4, 4, 32)])
    gan = GAN(generator, discriminator, latent_dim=1, value_range=None, seed=0)
    gan.compile(
        keras.optimizers.Adam(generator_rate, beta_1=0.0),
        keras.optimizers.Adam(discriminator_rate, beta_1=0.0),
    )
    return gan


def real_points(count):
    return np.random.default_rng(0).normal(size=(count, 1)).astype("float32")


def test_a_trained_discriminator_approaches_the_best():
    gan = game((1.5, 2.0), 0.0, 3e-3)
    p_data, p_g = norm(0).pdf(X), norm(2, 1.5).pdf(X)
    best = optimal_discriminator(p_data, p_g)
    optimum = -LOG_4 + 2 * jensen_shannon_divergence(p_data, p_g, X)
    seen = p_data + p_g > 0.04

    def distances():
        d = expit(np.asarray(gan.discriminator(X[:, None].astype("float32")), float))
        d = d.ravel()
        return np.abs(d - best)[seen].max(), optimum - value(d, p_data, p_g, X)

    error, loss = distances()
    assert error > 0.4
    gan.fit(real_points(100_000), batch_size=500, epochs=2, verbose=0)
    error, loss = distances()
    assert error < 0.06
    assert 0 <= loss < 0.01
    # The generator, whose density is known, has not moved.
    np.testing.assert_array_equal(gan.generator.get_weights()[0], [[1.5]])


def test_the_value_falls_to_minus_log_4_as_the_generator_converges():
    gan = game((0.5, 2.5), 1e-2, 1e-2)
    p_data, x = norm(0).pdf(X[::10]), X[::10]
    divergences, values = [], []
    for epoch in range(4):
        if epoch:
            gan.fit(real_points(50_000), batch_size=250, verbose=0)
        p_g = gaussian_kde(gan.generate(5000, seed=1).ravel(), 0.1)(x)
        divergences.append(jensen_shannon_divergence(p_data, p_g, x))
        values.append(value_of_optimal(p_data, p_g, x))
    assert divergences == sorted(divergences, reverse=True)
    assert divergences[0] > 0.5
    assert divergences[-1] < 0.005
    assert values[0] > -0.4
    assert values[-1] == pytest.approx(-LOG_4, abs=0.01)
