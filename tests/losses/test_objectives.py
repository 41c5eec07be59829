"""Objectives against formulas in numpy float64 and the closed forms of the papers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import losses
from keras_gan.errors import InputError

REAL = np.array([[-2.0], [-0.3], [0.0], [0.9], [3.0]])
FAKE = np.array([[1.5], [-1.2], [0.4], [0.0], [-2.5]])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cross_entropy(real, fake):
    return -np.mean(np.log(sigmoid(real))) - np.mean(np.log(1 - sigmoid(fake)))


# name: (discriminator's loss, generator's loss), from the papers' equations.
FORMULAS = {
    "minimax": (cross_entropy, lambda r, f: np.mean(np.log(1 - sigmoid(f)))),
    "non_saturating": (cross_entropy, lambda r, f: -np.mean(np.log(sigmoid(f)))),
    "least_squares": (
        lambda r, f: 0.5 * np.mean((r - 1) ** 2) + 0.5 * np.mean(f**2),
        lambda r, f: 0.5 * np.mean((f - 1) ** 2),
    ),
    "hinge": (
        lambda r, f: -np.mean(np.minimum(0, r - 1)) - np.mean(np.minimum(0, -f - 1)),
        lambda r, f: -np.mean(f),
    ),
    "wasserstein": (
        lambda r, f: -(np.mean(r) - np.mean(f)),
        lambda r, f: -np.mean(f),
    ),
    "relativistic": (
        lambda r, f: -np.mean(np.log(sigmoid(r - f))),
        lambda r, f: -np.mean(np.log(sigmoid(f - r))),
    ),
}
NAMES = sorted(FORMULAS)
PLAYERS = ("discriminator", "generator")


def loss_of(objective, player):
    return getattr(losses.get_objective(objective), f"{player}_loss")


def value_and_gradients(loss, real, fake):
    real, fake = tf.constant(real), tf.constant(fake)
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        value = loss(real, fake)
    gradients = tape.gradient(value, [real, fake], unconnected_gradients="zero")
    return value.numpy(), [gradient.numpy() for gradient in gradients]


def test_every_objective_is_tested():
    assert sorted(losses.OBJECTIVES) == NAMES


@pytest.mark.parametrize("player", PLAYERS)
@pytest.mark.parametrize("name", NAMES)
def test_value_is_the_formula(name, player):
    formula = FORMULAS[name][PLAYERS.index(player)]
    value, _ = value_and_gradients(loss_of(name, player), REAL, FAKE)
    assert value.shape == ()
    assert value == pytest.approx(formula(REAL, FAKE), abs=1e-12)


@pytest.mark.parametrize("player", PLAYERS)
@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_the_finite_difference_of_the_formula(name, player):
    formula = FORMULAS[name][PLAYERS.index(player)]
    _, gradients = value_and_gradients(loss_of(name, player), REAL, FAKE)
    if (
        player == "generator"
        and not loss_of(name, player).__self__.generator_needs_real
    ):
        assert not gradients[0].any()
    for which, gradient in enumerate(gradients):
        for i in range(len(REAL)):
            ends = []
            for step in (1e-5, -1e-5):
                logits = [REAL.copy(), FAKE.copy()]
                logits[which][i] += step
                ends.append(formula(*logits))
            expected = (ends[0] - ends[1]) / 2e-5
            assert gradient[i, 0] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("player", PLAYERS)
@pytest.mark.parametrize("name", NAMES)
def test_extreme_logits_stay_finite(name, player, dtype):
    real = np.array([1e4, -1e4, 1e4, -1e4], dtype)
    fake = np.array([1e4, -1e4, -1e4, 1e4], dtype)
    value, gradients = value_and_gradients(loss_of(name, player), real, fake)
    assert np.isfinite(value)
    assert np.isfinite(gradients).all()


def test_extreme_logits_have_the_exact_cross_entropy_where_the_formula_overflows():
    real, fake = np.array([-1e4]), np.array([1e4])
    with np.errstate(all="ignore"):
        assert not np.isfinite(cross_entropy(real, fake))
    for name in ("minimax", "non_saturating"):
        assert value_and_gradients(loss_of(name, "discriminator"), real, fake)[0] == 2e4
    assert value_and_gradients(loss_of("minimax", "generator"), real, fake)[0] == -1e4


def test_saturating_gradient_is_minus_d_of_each_sample():
    _, (_, gradient) = value_and_gradients(loss_of("minimax", "generator"), REAL, FAKE)
    np.testing.assert_allclose(gradient * len(FAKE), -sigmoid(FAKE), rtol=1e-12)


def test_non_saturating_gradient_is_minus_one_minus_d_of_each_sample():
    loss = loss_of("non_saturating", "generator")
    _, (_, gradient) = value_and_gradients(loss, REAL, FAKE)
    np.testing.assert_allclose(gradient * len(FAKE), sigmoid(FAKE) - 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        ("minimax", 1.386294, -0.693147),
        ("non_saturating", 1.386294, 0.693147),
        ("least_squares", 0.5, 0.5),
        ("hinge", 2.0, 0.0),
        ("wasserstein", 0.0, 0.0),
        ("relativistic", 0.693147, 0.693147),
    ],
)
def test_landmarks_at_logits_of_zero(name, discriminator, generator):
    objective, zeros = losses.get_objective(name), tf.zeros([4, 1])
    found = [
        float(objective.discriminator_loss(zeros, zeros)),
        float(objective.generator_loss(zeros, zeros)),
    ]
    assert found == pytest.approx([discriminator, generator], abs=1e-6)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "relativistic"])
def test_generator_loss_does_not_need_real_logits(name):
    objective = losses.get_objective(name)
    assert not objective.generator_needs_real
    without = objective.generator_loss(None, tf.constant(FAKE))
    assert float(without) == float(objective.generator_loss(REAL, tf.constant(FAKE)))


def test_relativistic_pairs_the_images_of_one_place():
    objective = losses.Relativistic()
    assert objective.generator_needs_real
    shuffled = REAL[[1, 0, 2, 4, 3]]
    first = float(objective.discriminator_loss(REAL, FAKE))
    assert abs(first - float(objective.discriminator_loss(shuffled, FAKE))) > 1e-3


@pytest.mark.parametrize("kind", [losses.Minimax, losses.NonSaturating])
def test_label_smoothing_lowers_the_target_of_real_images_only(kind):
    s = 0.1
    real = -(1 - s) * np.log(sigmoid(REAL)) - s * np.log(1 - sigmoid(REAL))
    fake = -np.log(1 - sigmoid(FAKE))
    smooth = kind(label_smoothing=s)
    loss = float(smooth.discriminator_loss(tf.constant(REAL), tf.constant(FAKE)))
    assert loss == pytest.approx(real.mean() + fake.mean(), abs=1e-12)
    generator_loss = smooth.generator_loss(None, tf.constant(FAKE))
    assert float(generator_loss) == float(
        kind().generator_loss(None, tf.constant(FAKE))
    )


def test_smoothed_discriminator_is_best_at_the_smoothed_target():
    best = np.log(0.9 / 0.1)
    loss = losses.NonSaturating(label_smoothing=0.1).discriminator_loss
    _, (gradient, _) = value_and_gradients(loss, np.array([best]), np.array([0.0]))
    assert gradient[0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("smoothing", [-0.1, 0.5, 1.0, float("nan")])
def test_label_smoothing_out_of_range_is_refused(smoothing):
    with pytest.raises(ValueError, match=f"label_smoothing is {smoothing}"):
        losses.NonSaturating(label_smoothing=smoothing)


@pytest.mark.parametrize("name", NAMES)
def test_get_objective_by_name_and_instance(name):
    objective = losses.get_objective(name)
    assert type(objective) is losses.OBJECTIVES[name]
    assert losses.get_objective(objective) is objective


@pytest.mark.parametrize(
    "objective",
    [losses.OBJECTIVES[name]() for name in NAMES]
    + [losses.Minimax(0.2), losses.NonSaturating(0.1)],
)
def test_configuration_round_trip(objective):
    config = keras.saving.serialize_keras_object(objective)
    copy = losses.get_objective(config)
    assert type(copy) is type(objective)
    assert copy.get_config() == objective.get_config()
    assert float(copy.discriminator_loss(REAL, FAKE)) == float(
        objective.discriminator_loss(REAL, FAKE)
    )


def test_an_own_objective_is_accepted():
    class Own(losses.Objective):
        pass

    own = Own()
    assert losses.get_objective(own) is own


@pytest.mark.parametrize("unknown", ["wgan", "r1", None, 3, losses.R1(), []])
def test_unknown_objective_is_refused_with_the_accepted_names(unknown):
    with pytest.raises(InputError) as error:
        losses.get_objective(unknown)
    message = str(error.value)
    assert repr(unknown) in message
    assert all(name in message for name in NAMES)
