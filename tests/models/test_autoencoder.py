"""The VAE on a model whose likelihood is known, and what an autoencoder refuses."""

import keras
import numpy as np
import pytest
import scipy.stats

from keras_gan import VAE, Autoencoder, InputError, losses, networks

DIM, LATENT, SIGMA = 6, 2, 0.5
ERROR = 0.2  # of an encoder that is not exact


@pytest.fixture(scope="module")
def linear():
    """Factor analysis: x = W z + b + noise. Columns of W are orthogonal, so that the
    posterior has independent latents, and the encoder can be exact."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(DIM, LATENT)))[0]
    weights = (basis * [2.0, 0.7]).astype("float32")
    offset = rng.normal(size=DIM).astype("float32")
    covariance = weights @ weights.T + SIGMA**2 * np.eye(DIM)
    density = scipy.stats.multivariate_normal(offset, covariance)
    rows = density.rvs(200, random_state=1).astype("float32")
    precision = 1 + (weights**2).sum(axis=0) / SIGMA**2
    encoding = (weights / SIGMA**2 / precision).astype("float32")
    return weights, offset, encoding, precision, density, rows


def model_of(linear, encoder_error=0.0, **compiling):
    weights, offset, encoding, precision, _, _ = linear
    image = keras.Input((DIM,))
    encoder = keras.Model(
        image,
        [keras.layers.Dense(LATENT)(image), keras.layers.Dense(LATENT)(image)],
    )
    encoder.set_weights(
        [
            encoding,
            -offset @ encoding + encoder_error,
            np.zeros_like(encoding),
            -np.log(precision) + encoder_error,
        ]
    )
    decoder = keras.Sequential([keras.Input((LATENT,)), keras.layers.Dense(DIM)])
    decoder.set_weights([weights.T, offset])
    model = VAE(encoder, decoder, LATENT, value_range=(-30, 30), seed=1)
    model.compile("adam", losses.Gaussian(SIGMA), **compiling)
    return model


def test_the_likelihood_of_a_linear_gaussian_model_is_the_one_of_scipy(linear):
    """With the exact posterior each importance weight is p(x), so few samples do."""
    *_, density, rows = linear
    found = model_of(linear).log_likelihood(rows[:20], samples=3)
    assert found.dtype == "float64"
    np.testing.assert_allclose(found, density.logpdf(rows[:20]), atol=2e-5)


def test_importance_sampling_mends_a_wrong_posterior(linear):
    *_, density, rows = linear
    model, exact = (
        model_of(linear, encoder_error=ERROR),
        density.logpdf(rows[:20]).mean(),
    )
    few, many = (model.log_likelihood(rows[:20], n).mean() for n in (2, 3000))
    assert few < exact - 0.02
    assert many == pytest.approx(exact, abs=0.01)


def test_the_bound_rises_with_the_samples_up_to_the_likelihood(linear):
    *_, density, rows = linear
    bounds = [
        model_of(linear, ERROR, importance_samples=k).evaluate(
            rows, batch_size=50, return_dict=True, verbose=0
        )["bound"]
        for k in (1, 5, 50)
    ]
    exact = density.logpdf(rows).mean()
    assert bounds[0] < bounds[1] < bounds[2] < exact + 0.01
    assert bounds[0] < exact - 0.1
    assert bounds[2] == pytest.approx(exact, abs=0.05)


@pytest.mark.parametrize("estimator", ["closed_form", "sampled"])
def test_both_estimators_have_the_mean_that_the_integral_has(linear, estimator):
    """Estimators A and B of 2013; every term is known for normal distributions."""
    weights, offset, encoding, precision, _, rows = linear
    mean = (rows - offset) @ encoding + ERROR
    variance = np.exp(-np.log(precision) + ERROR)
    residual = rows - offset - mean @ weights.T
    squares = (residual**2).sum(axis=1) + (weights**2 @ variance).sum()
    log_p = -DIM / 2 * np.log(2 * np.pi * SIGMA**2) - squares / (2 * SIGMA**2)
    divergence = (mean**2 + variance - np.log(variance) - 1).sum(axis=1) / 2
    model = model_of(linear, ERROR, estimator=estimator)
    many = np.tile(rows, (200, 1))
    found = model.evaluate(many, batch_size=4000, return_dict=True, verbose=0)
    assert found["bound"] == pytest.approx((log_p - divergence).mean(), abs=0.02)
    assert found["kl"] == pytest.approx(divergence.mean(), rel=1e-4)


@pytest.fixture(scope="module")
def digits():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (64, 8, 8, 1), "uint8")


def small(kind=VAE, **kwargs):
    return kind(
        networks.mlp_encoder(
            (8, 8, 1), 3, (16,), variational=kind is VAE, seed=1, **kwargs
        ),
        networks.mlp_decoder((8, 8, 1), 3, (16,), seed=2, **kwargs),
        latent_dim=3,
        value_range=(0, 1),
        seed=3,
        **kwargs,
    )


def trained(model, digits, **kwargs):
    model.compile(keras.optimizers.Adam(1e-2), "bernoulli", **kwargs)
    data = digits.astype("float32") / 255
    if model.num_classes:
        model.fit(data, np.arange(64) % 3, batch_size=16, epochs=1, verbose=0)
    else:
        model.fit(data, batch_size=16, epochs=1, verbose=0)
    return model


def test_a_vae_encodes_decodes_and_generates(digits):
    vae = trained(small(), digits)
    mean, log_variance = vae.posterior(digits[:5])
    np.testing.assert_array_equal(vae.encode(digits[:5]), mean)
    assert mean.shape == log_variance.shape == (5, 3)
    np.testing.assert_array_equal(vae.reconstruct(digits[:5]), vae.decode(mean))
    as_floats = digits[:5].astype("float32") / 255
    np.testing.assert_array_equal(vae.encode(as_floats), mean)
    expected = vae.decoder(vae.sample_latent(4, seed=1)).numpy()
    np.testing.assert_allclose(vae.generate(4, seed=1), expected * 255, atol=0.51)


def test_rows_of_one_number_have_the_same_latent_vector(digits):
    vae = small()
    given = {"image": digits[:3], "draw": np.array([0, 1, 0])}
    made = vae.samples(3, 1, given)
    assert made.keys() == {"sample", "image", "reconstruction"}
    np.testing.assert_array_equal(made["sample"][0], made["sample"][2])
    assert (made["sample"][0] != made["sample"][1]).any()


def test_a_conditional_vae_needs_the_label_for_all_that_it_makes(digits):
    vae = trained(small(num_classes=3), digits)
    labels = [0, 1, 2]
    assert (vae.generate(3, 1, labels) != vae.generate(3, 1, [1, 1, 1])).any()
    assert (vae.encode(digits[:3], labels) != vae.encode(digits[:3], 1)).any()
    assert vae.log_likelihood(digits[:3], 5, labels=labels).shape == (3,)


def test_the_weight_of_the_divergence_rises_and_the_bound_reported_does_not(digits):
    """With beta 0 at the first step the loss is the reconstruction alone."""
    vae = small()
    vae.compile(keras.optimizers.SGD(0.0), "bernoulli", beta=2, beta_warmup_steps=4)
    image = digits[:16].astype("float32") / 255
    for step in range(6):
        vae.reset_metrics()
        found = vae.train_on_batch(image, return_dict=True)
        beta = 2 * min(step / 4, 1)
        expected = found["reconstruction"] + beta * found["kl"]
        assert found["loss"] == pytest.approx(expected, rel=1e-5)
        assert found["bound"] == pytest.approx(
            -found["reconstruction"] - found["kl"], rel=1e-5
        )


def test_an_autoencoder_reconstructs_and_has_no_prior(digits):
    model = trained(small(Autoencoder), digits)
    assert model.reconstruct(digits[:4]).dtype == "uint8"
    with pytest.raises(AttributeError, match="no prior, so it cannot generate"):
        model.generate(4)
    assert not hasattr(model, "generate")


def test_its_code_is_as_good_as_the_best_linear_one():
    """A linear autoencoder learns the axes of principal component analysis."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(256, 3)) @ rng.normal(size=(3, 8)) * 0.1
    data = (data + 0.02 * rng.normal(size=data.shape)).astype("float32")
    dense = keras.layers.Dense
    model = Autoencoder(
        keras.Sequential([keras.Input((8,)), dense(2)]),
        keras.Sequential([keras.Input((2,)), dense(8)]),
        latent_dim=2,
        value_range=(-5, 5),
        seed=1,
    )
    keras.utils.set_random_seed(1)
    model.compile(keras.optimizers.Adam(0.02), losses.Gaussian(1.0))
    # Not 600 epochs, each of which costs Keras more than its step.
    model.fit(np.tile(data, (100, 1)), batch_size=256, epochs=6, verbose=0)
    centred = data - data.mean(axis=0)
    left_out = np.linalg.svd(centred)[1][2:] ** 2
    found = ((model.decoder(model.encoder(data)) - data).numpy() ** 2).sum()
    assert found == pytest.approx(left_out.sum(), rel=0.02)


def test_extreme_log_variances_stay_finite(digits):
    vae = small()
    vae.encoder.get_layer("log_variance").bias.assign([1e4, -1e4, 0])
    trained(vae, digits)
    vae.require_finite()
    assert np.isfinite(vae.log_likelihood(digits[:2], 10)).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: small().compile("adam", losses.Gaussian(None)),
            "needs a scale of the decoder, and the decoder has one",
        ),
        (
            lambda: small().compile("adam", "discretized_logistic"),
            r"needs images in \(-1.0, 1.0\)",
        ),
        (
            lambda: small().compile(
                "adam", "bernoulli", importance_samples=5, estimator="closed_form"
            ),
            "no closed form. Use 'sampled'",
        ),
        (lambda: small().compile("adam", "bernoulli", beta=0), "beta is 0"),
        (lambda: small().compile("adam", "bernouli"), "mean 'bernoulli'"),
        (
            lambda: VAE(
                networks.mlp_encoder((8, 8, 1), 3, variational=False),
                networks.mlp_decoder((8, 8, 1), 3),
                3,
            ),
            r"gives \(1, 3\) for one image; it must give mean and log variance",
        ),
        (
            lambda: Autoencoder(
                networks.mlp_encoder((8, 8, 1), 3),
                networks.mlp_decoder((8, 8, 1), 3),
                3,
            ),
            "it must give one code",
        ),
        (lambda: small().encode(np.zeros((2, 4, 4, 1), "uint8")), "Use .count, 8, 8"),
        (lambda: small().encode(np.full((2, 8, 8, 1), 7.0)), "values from 7 to 7"),
        (lambda: small().log_likelihood(np.zeros((2, 8, 8, 1), "uint8")), "compile"),
    ],
)
def test_other_arguments_are_refused_in_a_sentence(make, words):
    with pytest.raises((InputError, ValueError), match=words):
        make()
