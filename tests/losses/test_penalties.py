"""Penalties against discriminators whose gradients are known in closed form."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import losses
from keras_gan.errors import InputError

SEED = (3, 4)
RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(6, 2, 3)).astype("float32")
FAKE = RNG.normal(2.0, 3.0, size=(6, 2, 3)).astype("float32")
W = RNG.normal(size=(2, 3)).astype("float32")
NAMES = ("gradient_penalty", "r1", "r1r2", "r2")


def linear(images):
    return tf.reduce_sum(W * images, axis=[1, 2])[:, None] + 5.0


def quadratic(images):
    return tf.reduce_sum(W * tf.square(images), axis=[1, 2])[:, None]


def squared_norms_of_quadratic(images):
    return np.sum((2 * W.astype("float64") * images) ** 2, axis=(1, 2))


def penalty_of(penalty, discriminate, real=REAL, fake=FAKE, seed=SEED):
    return losses.get_penalty(penalty)(
        discriminate, tf.constant(real), tf.constant(fake), tf.constant(seed)
    )


def test_every_penalty_is_tested():
    assert sorted(losses.PENALTIES) == list(NAMES)


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (losses.R1(3.0), 3.0 / 2 * np.sum(W**2)),
        (losses.R2(3.0), 3.0 / 2 * np.sum(W**2)),
        (losses.R1R2(3.0), 3.0 * np.sum(W**2)),
        (losses.GradientPenalty(3.0), 3.0 * (np.sqrt(np.sum(W**2)) - 1) ** 2),
        ("r1", 0.5 * np.sum(W**2)),
        ("r2", 0.5 * np.sum(W**2)),
        ("r1r2", np.sum(W**2)),
        ("gradient_penalty", 10 * (np.sqrt(np.sum(W**2)) - 1) ** 2),
    ],
)
def test_linear_discriminator_has_the_norm_of_its_weights_everywhere(penalty, expected):
    value = penalty_of(penalty, linear)
    assert value.shape == ()
    assert value.dtype == "float32"
    assert float(value) == pytest.approx(expected, rel=1e-5)


def test_quadratic_discriminator_tells_real_from_fake_images():
    at_real = 0.7 / 2 * squared_norms_of_quadratic(REAL).mean()
    at_fake = 0.7 / 2 * squared_norms_of_quadratic(FAKE).mean()
    assert float(penalty_of(losses.R1(0.7), quadratic)) == pytest.approx(at_real, 1e-5)
    assert float(penalty_of(losses.R2(0.7), quadratic)) == pytest.approx(at_fake, 1e-5)
    both = float(penalty_of(losses.R1R2(0.7), quadratic))
    assert both == pytest.approx(at_real + at_fake, rel=1e-5)


def points_of_gradient_penalty(seed):
    points = []

    def discriminate(images):
        points.append(images.numpy())
        return quadratic(images)

    value = penalty_of("gradient_penalty", discriminate, seed=seed)
    (points,) = points
    return points, float(value)


def test_gradient_penalty_is_taken_at_one_point_between_each_pair():
    points, value = points_of_gradient_penalty(SEED)
    fractions = (points - FAKE) / (REAL - FAKE)
    of_image = fractions.mean(axis=(1, 2))
    np.testing.assert_allclose(
        fractions, np.broadcast_to(of_image[:, None, None], REAL.shape), atol=1e-3
    )
    assert ((of_image > 0) & (of_image < 1)).all()
    assert np.std(of_image) > 0.05
    norms = np.sqrt(squared_norms_of_quadratic(points))
    assert value == pytest.approx(10 * np.mean((norms - 1) ** 2), rel=1e-5)


def test_gradient_penalty_draws_its_points_from_the_seed():
    first, again = points_of_gradient_penalty(SEED), points_of_gradient_penalty(SEED)
    other = points_of_gradient_penalty((3, 5))
    np.testing.assert_array_equal(first[0], again[0])
    assert np.abs(first[0] - other[0]).max() > 0.01


def gradient_of_quadratic(penalty, a):
    with tf.GradientTape() as tape:
        value = penalty_of(
            penalty, lambda x: tf.reduce_sum(a * tf.square(x), axis=[1, 2])[:, None]
        )
    return value, tape.gradient(value, a)


@pytest.mark.parametrize("name", ["r1", "r2", "r1r2"])
def test_gradient_by_weights_is_the_closed_form(name):
    # d/da of weight / 2 * mean sum (2 a x)^2 = 4 * weight * a * mean x^2.
    a = tf.Variable(W)
    _, gradient = gradient_of_quadratic(name, a)
    images = {"r1": [REAL], "r2": [FAKE], "r1r2": [REAL, FAKE]}[name]
    expected = 4 * W * sum(np.mean(x**2, axis=0) for x in images)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["r1", "r2", "r1r2"])
def test_gradient_by_weights_is_the_finite_difference(name):
    real, fake = REAL.astype("float64"), FAKE.astype("float64")
    w = tf.Variable(W.astype("float64"))

    def value():
        def discriminate(x):
            return tf.tanh(tf.reduce_sum(w * x, axis=[1, 2]) / 3)[:, None]

        return penalty_of(name, discriminate, real, fake)

    with tf.GradientTape() as tape:
        penalty = value()
    gradient = tape.gradient(penalty, w).numpy()
    start = w.numpy()
    for place in np.ndindex(*start.shape):
        ends = []
        for step in (1e-5, -1e-5):
            moved = start.copy()
            moved[place] += step
            w.assign(moved)
            ends.append(float(value()))
        expected = (ends[0] - ends[1]) / 2e-5
        assert gradient[place] == pytest.approx(expected, rel=1e-5, abs=1e-8)


def test_gradient_of_the_gradient_penalty_is_the_finite_difference():
    a = tf.Variable(W)
    _, gradient = gradient_of_quadratic("gradient_penalty", a)
    for place in np.ndindex(*W.shape):
        ends = []
        for step in (1e-2, -1e-2):
            moved = W.copy()
            moved[place] += step
            a.assign(moved)
            ends.append(float(gradient_of_quadratic("gradient_penalty", a)[0]))
        a.assign(W)
        expected = (ends[0] - ends[1]) / 2e-2
        assert gradient.numpy()[place] == pytest.approx(expected, rel=2e-2)


@pytest.mark.parametrize("name", NAMES)
def test_a_flat_discriminator_keeps_value_and_gradient_finite(name):
    a = tf.Variable(np.zeros_like(W))
    value, gradient = gradient_of_quadratic(name, a)
    expected = 10.0 if name == "gradient_penalty" else 0.0
    assert float(value) == pytest.approx(expected, abs=1e-3)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("shape", [(5, 2), (5, 4, 4, 3)])
@pytest.mark.parametrize("name", NAMES)
def test_vectors_and_images_are_both_accepted(name, shape):
    images = RNG.normal(size=shape).astype("float32")
    axes = list(range(1, len(shape)))
    value = penalty_of(
        name, lambda x: tf.reduce_sum(x, axis=axes)[:, None], images, images
    )
    squared = np.prod(shape[1:])
    expected = {
        "r1": squared / 2,
        "r2": squared / 2,
        "r1r2": squared,
        "gradient_penalty": 10 * (np.sqrt(squared) - 1) ** 2,
    }
    assert float(value) == pytest.approx(expected[name], rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weight", [0, -1.0, float("nan")])
def test_weights_that_are_not_positive_are_refused(name, weight):
    with pytest.raises(ValueError, match=f"weight is {weight}"):
        losses.PENALTIES[name](weight=weight)


@pytest.mark.parametrize("name", NAMES)
def test_get_penalty_by_name_instance_and_configuration(name):
    penalty = losses.PENALTIES[name](weight=0.25)
    assert type(losses.get_penalty(name)) is type(penalty)
    assert losses.get_penalty(penalty) is penalty
    copy = losses.get_penalty(keras.saving.serialize_keras_object(penalty))
    assert type(copy) is type(penalty)
    assert float(penalty_of(copy, quadratic)) == float(penalty_of(penalty, quadratic))


def test_no_penalty_is_none():
    assert losses.get_penalty(None) is None


@pytest.mark.parametrize("unknown", ["r3", "hinge", 1.0, losses.Hinge()])
def test_unknown_penalty_is_refused_with_the_accepted_names(unknown):
    with pytest.raises(InputError) as error:
        losses.get_penalty(unknown)
    message = str(error.value)
    assert repr(unknown) in message
    assert all(name in message for name in NAMES)


def test_a_penalty_of_no_name_cannot_come_from_a_file():
    with pytest.raises(InputError):
        losses.get_penalty(keras.saving.serialize_keras_object(losses.Hinge()))
