"""Optimizers against those of Keras and against rules worked out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import InputError
from keras_gan.optimizers import Adam, LinearDecay, RisingMomentumSGD

SHAPES = [(7, 5), (5,)]
STEPS = 20


def after_training(optimizer, gradients, jit=False):
    """Returns weights and the state of the optimizer after those gradients."""
    variables = [keras.Variable(np.ones(shape, "float32")) for shape in SHAPES]
    optimizer.build(variables)

    @tf.function(jit_compile=jit)
    def apply(*step):
        optimizer.apply(step, variables)

    for step in gradients:
        apply(*step)
    return [variable.numpy() for variable in variables + optimizer.variables]


def drawn():
    rng = np.random.default_rng(0)
    return [
        [tf.constant(rng.normal(size=shape), "float32") for shape in SHAPES]
        for _ in range(STEPS)
    ]


def assert_alike(ours, kerases):
    """Weights and state agree up to roundings: weights of 1 have moved by 0.1 to 1."""
    assert len(ours) == len(kerases)
    assert np.abs(ours[0] - 1).max() > 0.1
    for one, other in zip(ours, kerases, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"beta_1": 0.0, "beta_2": 0.99, "epsilon": 1e-3},
        {"amsgrad": True},
        {"weight_decay": 0.01, "clipnorm": 1.0},
        {"gradient_accumulation_steps": 4},
    ],
    ids=str,
)
def test_adam_equals_that_of_keras(settings, jit):
    def optimizer(kind):
        rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
        return kind(rate, **settings)

    ours = after_training(optimizer(Adam), drawn(), jit)
    assert_alike(ours, after_training(optimizer(keras.optimizers.Adam), drawn()))


def test_adam_of_sparse_gradients():
    def gradients():
        for dense in drawn():
            rows = tf.constant([0, 3])
            whole = tf.constant(SHAPES[0])
            yield [tf.IndexedSlices(dense[0][:2], rows, whole), dense[1]]

    ours = after_training(Adam(0.1), gradients())
    assert_alike(ours, after_training(keras.optimizers.Adam(0.1), gradients()))
    assert (ours[0][1] == 1).all()  # of a row without gradients


def test_adam_goes_on_from_a_checkpoint_of_that_of_keras(tmp_path):
    first, second = drawn()[:10], drawn()[10:]
    before = keras.optimizers.Adam(0.1, beta_1=0.5)
    weights = after_training(before, first)[: len(SHAPES)]
    path = tf.train.Checkpoint(all=[v.value for v in before.variables]).write(
        str(tmp_path / "checkpoint")
    )

    optimizer = Adam(0.1, beta_1=0.5)
    variables = [keras.Variable(weight) for weight in weights]
    optimizer.build(variables)
    tf.train.Checkpoint(all=[v.value for v in optimizer.variables]).read(
        path
    ).assert_consumed()
    for step in second:
        optimizer.apply(step, variables)
    ours = [variable.numpy() for variable in variables + optimizer.variables]
    whole = after_training(keras.optimizers.Adam(0.1, beta_1=0.5), drawn())
    assert_alike(ours, whole)


def test_adam_survives_serialisation():
    optimizer = Adam(1e-2, beta_1=0.3, epsilon=1e-4)
    config = keras.saving.serialize_keras_object(optimizer)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is Adam
    assert copy.get_config() == optimizer.get_config()


def test_rising_momentum_against_the_rule_by_hand():
    optimizer = RisingMomentumSGD(0.1, 0.5, 0.7, momentum_steps=4)
    variable = keras.Variable([1.0, -2.0])
    optimizer.build([variable])
    weight, velocity = np.array([1.0, -2.0]), np.zeros(2)
    for step in range(7):
        gradient = 2 * weight
        momentum = 0.5 + 0.2 * min(step / 4, 1)
        velocity = momentum * velocity - 0.1 * gradient
        weight = weight + velocity
        optimizer.apply([keras.ops.convert_to_tensor(2 * variable)], [variable])
        np.testing.assert_allclose(variable.numpy(), weight, rtol=1e-5)


@pytest.mark.parametrize("nesterov", [False, True])
def test_steady_momentum_equals_that_of_keras(nesterov):
    ours = RisingMomentumSGD(0.1, 0.5, 0.5, nesterov=nesterov)
    theirs = keras.optimizers.SGD(0.1, momentum=0.5, nesterov=nesterov)
    found = after_training(ours, drawn())
    assert_alike(found, after_training(theirs, drawn()))


def test_rising_momentum_of_sparse_gradients():
    def gradients(sparse):
        for dense in drawn():
            rows, whole = tf.constant([0, 3]), tf.constant(SHAPES[0])
            slices = tf.IndexedSlices(dense[0][:2], rows, whole)
            yield [slices if sparse else tf.convert_to_tensor(slices), dense[1]]

    found = after_training(RisingMomentumSGD(0.1), gradients(True))
    assert_alike(found, after_training(RisingMomentumSGD(0.1), gradients(False)))


def test_momentum_that_falls_to_nothing():
    found = after_training(RisingMomentumSGD(0.1, 0.5, 0.0, 5), drawn())
    plain = after_training(keras.optimizers.SGD(0.1), drawn())
    assert np.abs(found[0] - plain[0]).max() > 1e-3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"initial_momentum": -0.1}, "initial_momentum is -0.1"),
        ({"final_momentum": 1.5}, "final_momentum is 1.5"),
        ({"momentum_steps": 0}, "momentum_steps is 0"),
    ],
)
def test_momenta_out_of_range(settings, said):
    with pytest.raises(ValueError, match=said):
        RisingMomentumSGD(**settings)


def test_rising_momentum_survives_serialisation():
    optimizer = RisingMomentumSGD(0.2, 0.4, 0.6, momentum_steps=9, nesterov=True)
    config = keras.saving.serialize_keras_object(optimizer)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == optimizer.get_config()
    assert copy.momentum_steps == 9
    assert copy.nesterov


def test_the_rate_of_the_paper_on_cyclegan():
    """Constant for 100 epochs, then linearly to 0 in 100; here of 7 steps each."""
    schedule = LinearDecay(2e-4, total_steps=1400, share=0.5)
    rates = [float(schedule(7 * epoch)) for epoch in (0, 100, 150, 200, 201)]
    np.testing.assert_allclose(rates, [2e-4, 2e-4, 1e-4, 0, 0], atol=1e-10)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(schedule)
    )
    assert float(copy(1050)) == rates[2]
    with pytest.raises(InputError, match="total_steps is 0"):
        LinearDecay(2e-4, total_steps=0, share=0.5)  # would be a rate of NaN


@pytest.mark.parametrize("sparse", [False, True])
def test_adam_takes_beta_2_of_each_update_from_a_schedule(sparse):
    schedule = keras.optimizers.schedules.CosineDecay(0.5, 4, alpha=1.9)
    optimizer = Adam(0.1, beta_1=0.0, beta_2=schedule, epsilon=1e-8)
    optimizer = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    variable, expected, velocity = keras.Variable(np.ones((3, 2))), np.ones((3, 2)), 0
    optimizer.build([variable])
    for step in range(6):
        gradient = np.full((3, 2), step + 1.0, "float32")
        given = tf.constant(gradient)
        if sparse:
            given = tf.IndexedSlices(given, tf.range(3), tf.constant([3, 2]))
        optimizer.apply([given], [variable])
        beta = 0.95 - 0.45 * (1 + np.cos(np.pi * min(step / 4, 1))) / 2
        velocity = beta * velocity + (1 - beta) * gradient**2
        unbiased = velocity / (1 - beta ** (step + 1))
        expected = expected - 0.1 * gradient / (np.sqrt(unbiased) + 1e-8)
    np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5)


def test_amsgrad_and_a_schedule_of_beta_2_are_refused():
    schedule = keras.optimizers.schedules.CosineDecay(0.9, 4)
    with pytest.raises(InputError, match="turn amsgrad off"):
        Adam(0.1, beta_2=schedule, amsgrad=True)
