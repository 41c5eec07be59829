"""train_step against a hand-written loop of Algorithm 1 with its own forward passes."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import DCGAN, GAN, losses
from keras_gan.latents import Prior

RATE, BATCH, STEPS, L2 = 0.5, 6, 3, 0.05
DATA = np.random.default_rng(0).normal(1.0, 2.0, (STEPS * BATCH, 3)).astype("float32")


def log_d(logits):
    return tf.math.log_sigmoid(logits)


def cross_entropy(real, fake):
    return -tf.reduce_mean(log_d(real)) - tf.reduce_mean(log_d(-fake))


def non_saturating(real, fake):
    return -tf.reduce_mean(log_d(fake))


def saturating(real, fake):
    return tf.reduce_mean(log_d(-fake))


def relativistic(real, fake):
    return -tf.reduce_mean(log_d(real - fake))


def network(weights, x):
    first, b1, second, b2 = weights
    return tf.matmul(tf.tanh(tf.matmul(x, first) + b1), second) + b2


def decay_of(weights, l2):
    return l2 * (tf.reduce_sum(weights[0] ** 2) + tf.reduce_sum(weights[2] ** 2))


def descend(weights, gradients):
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.assign_sub(RATE * gradient)


def algorithm_1(
    gan, k=1, simultaneous=False, d_loss=cross_entropy, g_loss=non_saturating, r1=0.0,
    interval=1, l2=0.0,
):  # fmt: skip
    """Returns both networks' weights after training on DATA, and the last losses."""
    g = [tf.Variable(w) for w in gan.generator.get_weights()]
    d = [tf.Variable(w) for w in gan.discriminator.get_weights()]
    for step in range(STEPS):
        batch = DATA[step * BATCH : (step + 1) * BATCH]
        for i in range(k):
            real = tf.constant(batch[i::k])
            gan.step.assign(step)
            latent = gan.prior.draw(BATCH // k, gan.step_seed(2 * i))
            fake = network(g, latent)
            with tf.GradientTape() as tape:
                loss = d_loss(network(d, real), network(d, fake)) + decay_of(d, l2)
                with tf.GradientTape() as inner:
                    inner.watch(real)
                    logits = network(d, real)
                at_real = inner.gradient(logits, real)
                weight = r1(step * k + i) if callable(r1) else r1
                penalty = weight / 2 * tf.reduce_mean(tf.reduce_sum(at_real**2, axis=1))
                if (step * k + i) % interval == 0:
                    loss += interval * penalty
            before = [tf.identity(weight) for weight in d]
            descend(d, tape.gradient(loss, d))
        seen = before if simultaneous else d
        with tf.GradientTape() as tape:
            loss = g_loss(network(seen, real), network(seen, network(g, latent)))
            loss += decay_of(g, l2)
        descend(g, tape.gradient(loss, g))
    gan.step.assign(0)
    return [w.numpy() for w in g + d]


COSINE = keras.optimizers.schedules.CosineDecay(0.8, 2 * STEPS, 0.1)
CASES = {
    "plain": ({}, {}),
    "minimax": ({"objective": "minimax"}, {"g_loss": saturating}),
    "k=3": ({"discriminator_steps": 3}, {"k": 3}),
    "simultaneous": ({"update": "simultaneous"}, {"simultaneous": True}),
    "simultaneous k=2": (
        {"update": "simultaneous", "discriminator_steps": 2},
        {"simultaneous": True, "k": 2},
    ),
    "relativistic": (
        {"objective": "relativistic"},
        {"d_loss": relativistic, "g_loss": lambda r, f: relativistic(f, r)},
    ),
    "relativistic simultaneous": (
        {"objective": "relativistic", "update": "simultaneous"},
        {
            "d_loss": relativistic,
            "g_loss": lambda r, f: relativistic(f, r),
            "simultaneous": True,
        },
    ),
    "r1": ({"penalty": losses.R1(0.8)}, {"r1": 0.8}),
    "r1 along a cosine": (
        {"penalty": losses.R1(COSINE), "discriminator_steps": 2},
        {"r1": COSINE, "k": 2},
    ),
    "lazy r1": (
        {"penalty": losses.R1(0.8), "penalty_interval": 2, "discriminator_steps": 3},
        {"r1": 0.8, "interval": 2, "k": 3},
    ),
    "regularizer": ({"regularizer": keras.regularizers.L2(L2)}, {"l2": L2}),
    "all": (
        {
            "regularizer": keras.regularizers.L2(L2),
            "penalty": losses.R1(0.8),
            "discriminator_steps": 3,
        },
        {"l2": L2, "r1": 0.8, "k": 3},
    ),
}


def distances(first, second):
    """Returns the largest difference of each variable: some move less than others."""
    return np.array([np.abs(a - b).max() for a, b in zip(first, second, strict=True)])


def distance(first, second):
    return max(distances(first, second))


@pytest.mark.parametrize("case", CASES)
def test_training_is_algorithm_1(case, tiny_gan):
    options, reference = CASES[case]
    gan = tiny_gan(learning_rate=RATE, **options)
    start = gan.generator.get_weights() + gan.discriminator.get_weights()
    expected = algorithm_1(gan, **reference)
    # The same loop without what makes this case must end elsewhere.
    assert distance(start, expected) > 1e-2
    if reference:
        assert distance(algorithm_1(gan), expected) > 1e-4
    gan.fit(tf.data.Dataset.from_tensor_slices(DATA).batch(BATCH), verbose=0)
    found = gan.generator.get_weights() + gan.discriminator.get_weights()
    assert distance(found, expected) < 1e-6
    assert int(gan.step) == STEPS


def test_no_product_is_computed_twice_or_in_vain():
    gan = DCGAN((8, 8, 1), latent_dim=4, base_filters=4, seed=1)
    gan.compile("adam", "adam")
    graph = (
        tf.function(gan.train_step)
        .get_concrete_function(tf.TensorSpec((4, 8, 8, 1)))
        .graph
    )
    live, waiting = set(), [*(t.op for t in graph.outputs), *graph.control_outputs]
    while waiting:
        operation = waiting.pop()
        if operation not in live:
            live.add(operation)
            waiting += [t.op for t in operation.inputs] + operation.control_inputs
    kinds = collections.Counter(operation.type for operation in live)
    # The generator is a dense layer and a transposed convolution, whose pass is the
    # gradient of a convolution and the reverse; the discriminator a convolution and a
    # dense layer, seen by real images, by fake ones, and by those after its update.
    passes = {"g": 1, "d": 3}
    weight_gradients = {"g": 1, "d": 2}
    assert kinds["Conv2DBackpropFilter"] == sum(weight_gradients.values())
    # The only gradient of an input of the discriminator's is the one for the generator.
    assert kinds["Conv2DBackpropInput"] == passes["g"] + 1
    assert kinds["Conv2D"] == passes["d"] + 1
    dense_inputs = 3  # of both discriminator losses and the generator's
    assert kinds["MatMul"] == (
        sum(passes.values()) + sum(weight_gradients.values()) + dense_inputs
    )


def test_images_beyond_a_multiple_of_k_are_left_out(tiny_gan):
    first, second = (tiny_gan(discriminator_steps=3) for _ in range(2))
    second.set_weights(first.get_weights())
    first.train_on_batch(DATA[:6])
    second.train_on_batch(DATA[:8])
    assert distance(first.get_weights(), second.get_weights()) == 0


def test_a_short_last_batch_still_trains_k_times(tiny_gan):
    gan = tiny_gan(discriminator_steps=3)
    gan.fit(tf.data.Dataset.from_tensor_slices(DATA[:7]).batch(6), verbose=0)
    assert int(gan.step) == 2
    assert int(gan.discriminator_optimizer.iterations) == 6
    assert int(gan.generator_optimizer.iterations) == 2
    assert all(np.isfinite(w).all() for w in gan.get_weights())


def test_labels_go_with_their_own_part_of_the_batch():
    seen = []

    class Recorder(keras.layers.Layer):
        def call(self, inputs):
            images, label = inputs
            if tf.executing_eagerly() and len(label) == 2:
                seen.append((images.numpy()[:, 0].tolist(), label.numpy().tolist()))
            return keras.ops.sum(images, axis=1, keepdims=True)

    latent, label = keras.Input((2,)), keras.Input((), dtype="int64")
    # Of an unused label the model would not be connected (Keras before 3.13).
    of_label = keras.layers.Embedding(6, 3, "zeros")(label)
    generator = keras.Model([latent, label], keras.layers.Dense(3)(latent) + of_label)
    image, label = keras.Input((3,)), keras.Input((), dtype="int64")
    features = keras.layers.Dense(3, kernel_initializer="identity")(image)
    discriminator = keras.Model([image, label], Recorder()([features, label]))
    gan = GAN(generator, discriminator, 2, value_range=None, num_classes=6, seed=1)
    gan.compile(
        keras.optimizers.SGD(0.0),
        keras.optimizers.SGD(0.0),
        discriminator_steps=3,
        run_eagerly=True,
    )
    images = np.arange(18, dtype="float32").reshape(6, 3)
    gan.fit(images, np.arange(6), batch_size=6, shuffle=False, verbose=0)
    real = [(values, label) for values, label in seen if values[0] in images[:, 0]]
    assert real == [([0, 9], [0, 3]), ([3, 12], [1, 4]), ([6, 15], [2, 5])]
    assert [label for _, label in seen if label[0] == 2] == [[2, 5]] * 3
    assert len(seen) == 7


def test_latents_and_penalty_seeds_never_repeat(tiny_gan, monkeypatch):
    draws = []
    draw = Prior.draw

    def recorded(self, count, seed):
        latent = draw(self, count, seed)
        draws.append(latent.numpy())
        return latent

    seeds = []

    class Recorded(losses.R1):
        def __call__(self, discriminate, real, fake, seed):
            seeds.append(tuple(seed.numpy()))
            return super().__call__(discriminate, real, fake, seed)

    monkeypatch.setattr(Prior, "draw", recorded)
    gan = tiny_gan(discriminator_steps=3, penalty=Recorded(), run_eagerly=True)
    gan.fit(DATA, batch_size=BATCH, epochs=2, verbose=0)
    rows = np.concatenate(draws)
    assert len(draws) == len(seeds) == 2 * STEPS * 3
    assert len(np.unique(rows)) == rows.size
    step_seeds = {tuple(gan.step_seed(2 * i).numpy()) for i in range(3)}
    assert len(set(seeds)) == len(seeds)
    assert not step_seeds & set(seeds)


def test_batch_norm_sees_real_and_fake_images_separately():
    normalise = keras.layers.BatchNormalization(center=False, scale=False)
    discriminator = keras.Sequential(
        [
            keras.Input((1,)),
            normalise,
            keras.layers.Dense(1, kernel_initializer="ones"),
        ]
    )
    generator = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")]
    )
    gan = GAN(generator, discriminator, 1, value_range=None, seed=1)
    gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    real = np.random.default_rng(0).normal(10, 1, (8, 1)).astype("float32")
    fake = gan.prior.draw(8, gan.step_seed(0)).numpy()

    def d_real(*batches):
        together = np.concatenate(batches)
        x = (real - together.mean()) / np.sqrt(together.var() + normalise.epsilon)
        return float(np.mean(1 / (1 + np.exp(-x))))

    assert d_real(real, fake) - d_real(real) > 0.1
    found = gan.train_on_batch(real, return_dict=True)["d_real"]
    assert float(found) == pytest.approx(d_real(real), abs=1e-5)


# The average of the generator -------------------------------------------------


def test_average_equals_a_hand_computation():
    generator = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(4),
            keras.layers.BatchNormalization(momentum=0.5),
            keras.layers.Dense(3),
        ]
    )
    discriminator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    gan = GAN(generator, discriminator, 2, value_range=None, seed=1)
    gan.compile(
        keras.optimizers.SGD(0.5), keras.optimizers.SGD(0.5), generator_average=0.15
    )
    expected = [w.astype("float64") for w in generator.get_weights()]
    assert distance(gan.averaged_generator.get_weights(), expected) == 0
    # (1 + step) / (10 + step) at the first step, then the value asked for.
    for decay in (0.1, 0.15, 0.15):
        gan.train_on_batch(DATA[:6])
        expected = [
            decay * mean + (1 - decay) * now
            for mean, now in zip(expected, generator.get_weights(), strict=True)
        ]
    assert distance(gan.averaged_generator.get_weights(), expected) < 1e-6
    assert distance(generator.get_weights(), expected) > 1e-3
    # The moving statistics are averaged with the weights.
    names = [v.name for v in gan.averaged_generator.weights]
    moving = gan.averaged_generator.weights[names.index("moving_mean")]
    assert np.abs(moving.numpy()).max() > 1e-3


def test_warm_up_of_the_average(tiny_gan):
    gan = tiny_gan(generator_average=0.999)
    gan.generator_optimizer.learning_rate = 0.0
    for step in (0, 5, 90):
        gan.step.assign(step)
        for weight in gan.averaged_generator.weights:
            weight.assign(tf.zeros_like(weight))
        gan.train_on_batch(DATA[:6])
        decay = (1 + step) / (10 + step)
        expected = [(1 - decay) * w for w in gan.generator.get_weights()]
        assert distance(gan.averaged_generator.get_weights(), expected) < 1e-6


def test_images_come_from_the_average(tiny_gan):
    gan = tiny_gan(generator_average=0.9)
    gan.fit(DATA, batch_size=BATCH, verbose=0)
    latent = gan.sample_latent(4, seed=1)
    averaged = gan.averaged_generator(latent).numpy()
    assert np.abs(averaged - gan.generator(latent)).max() > 1e-3
    np.testing.assert_allclose(gan.generate(4, seed=1), averaged, atol=1e-6)
    np.testing.assert_allclose(gan(latent), averaged, atol=1e-6)
    np.testing.assert_allclose(gan.predict(latent, verbose=0), averaged, atol=1e-6)
    assert gan.inference_generator is gan.averaged_generator


def test_the_average_is_not_trained(tiny_gan):
    gan = tiny_gan(generator_average=0.9)
    assert not gan.averaged_generator.trainable_variables
    assert len(gan.generator_optimizer.variables) == len(
        tiny_gan().generator_optimizer.variables
    )


# Metrics ----------------------------------------------------------------------


def test_metrics_equal_hand_values(tiny_gan):
    gan = tiny_gan(learning_rate=0.0, discriminator_steps=1)
    g, d = gan.generator.get_weights(), gan.discriminator.get_weights()
    real, fake = [], []
    for step in range(STEPS):
        gan.step.assign(step)
        latent = gan.prior.draw(BATCH, gan.step_seed(0))
        batch = DATA[step * BATCH : (step + 1) * BATCH]
        real.append(1 / (1 + np.exp(-network(d, batch).numpy())))
        fake.append(1 / (1 + np.exp(-network(d, network(g, latent)).numpy())))
    gan.step.assign(0)
    value = np.mean(np.log(real)) + np.mean(np.log(1 - np.array(fake)))
    dataset = tf.data.Dataset.from_tensor_slices(DATA).batch(BATCH)
    history = gan.fit(dataset, verbose=0).history
    expected = {
        "d_real": np.mean(real),
        "d_fake": np.mean(fake),
        "value": value,
        "discriminator_loss": -value,
        "generator_loss": -np.mean(np.log(fake)),
    }
    assert set(history) == set(expected)
    for name, number in expected.items():
        assert history[name] == [pytest.approx(number, abs=1e-6)]


def test_reported_loss_holds_the_penalty_but_not_the_regularizer(tiny_gan):
    found = []
    for options in ({}, {"penalty": losses.R1(2.0), "regularizer": "l2"}):
        keras.utils.set_random_seed(0)
        gan = tiny_gan(**options)
        weights = [tf.constant(w) for w in gan.discriminator.get_weights()]
        found.append(gan.train_on_batch(DATA[:6], return_dict=True))
    real = tf.constant(DATA[:6])
    with tf.GradientTape() as tape:
        tape.watch(real)
        logits = network(weights, real)
    penalty = np.sum(tape.gradient(logits, real).numpy() ** 2, axis=1).mean()
    losses_, values = (
        [float(logs[name]) for logs in found]
        for name in ("discriminator_loss", "value")
    )
    assert losses_[1] - losses_[0] == pytest.approx(penalty, abs=1e-5)
    assert values[1] == pytest.approx(values[0], abs=1e-6)


def test_value_at_the_equilibrium_is_minus_log_4(tiny_gan):
    gan = tiny_gan(learning_rate=0.0)
    gan.discriminator.set_weights(
        [np.zeros_like(w) for w in gan.discriminator.get_weights()]
    )
    history = gan.fit(DATA, batch_size=BATCH, verbose=0).history
    assert history["value"] == [pytest.approx(-np.log(4), abs=1e-6)]
    assert history["discriminator_loss"] == [pytest.approx(2 * np.log(2), abs=1e-6)]
    assert history["generator_loss"] == [pytest.approx(np.log(2), abs=1e-6)]
    assert history["d_real"] == history["d_fake"] == [0.5]


def test_metrics_start_anew_each_epoch(tiny_gan):
    gan = tiny_gan(learning_rate=0.0)
    zeros = [np.zeros_like(w) for w in gan.discriminator.get_weights()]

    def set_logit(epoch, logs=None):
        gan.discriminator.set_weights([*zeros[:3], np.full_like(zeros[3], epoch)])

    set_logit(0)
    callback = keras.callbacks.LambdaCallback(on_epoch_begin=set_logit)
    history = gan.fit(DATA, epochs=3, verbose=0, callbacks=[callback]).history
    expected = [1 / (1 + np.exp(-logit)) for logit in range(3)]
    assert history["d_real"] == pytest.approx(expected, abs=1e-6)


# Ways to run ------------------------------------------------------------------


def losses_of_some_steps(make, **options):
    keras.utils.set_random_seed(0)
    dataset = tf.data.Dataset.from_tensor_slices(np.tile(DATA, (2, 1))).batch(BATCH)
    gan = make(learning_rate=0.05, **options)
    return gan.fit(dataset, epochs=2, verbose=0).history


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"steps_per_execution": 3}])
def test_other_ways_to_run_give_the_same_losses(options, tiny_gan):
    lazy = {"penalty": "gradient_penalty", "penalty_interval": 2}
    plain = losses_of_some_steps(tiny_gan, **lazy)
    other = losses_of_some_steps(tiny_gan, **lazy, **options)
    for name, values in plain.items():
        assert other[name] == pytest.approx(values, abs=1e-5)


def test_regularizer_is_scaled_under_float16(policy, tiny_gan):
    results = []
    for name in ("float32", "mixed_float16"):
        policy(name)
        keras.utils.set_random_seed(0)
        gan = tiny_gan(regularizer=keras.regularizers.L2(0.1), learning_rate=0.1)
        gan.fit(DATA, batch_size=BATCH, shuffle=False, verbose=0)
        results.append(gan.generator.get_weights() + gan.discriminator.get_weights())
    assert distance(*results) < 1e-2


def test_float64_data_sets_train_as_float32_ones(tiny_gan):
    results = []
    for dtype in ("float32", "float64"):
        keras.utils.set_random_seed(0)
        gan = tiny_gan(penalty="gradient_penalty", learning_rate=0.1)
        dataset = tf.data.Dataset.from_tensor_slices(DATA.astype(dtype)).batch(6)
        gan.fit(dataset, verbose=0)
        results.append(gan.get_weights())
    assert distance(*results) < 1e-6


def test_the_generated_mean_moves_to_the_mean_of_the_data():
    mean = np.array([2.0, -1.0])
    data = np.random.default_rng(0).normal(mean, 0.5, (2048, 2)).astype("float32")
    dense = keras.layers.Dense
    gan = GAN(
        keras.Sequential([keras.Input((2,)), dense(16, "relu"), dense(2)]),
        keras.Sequential([keras.Input((2,)), dense(32, "relu"), dense(1)]),
        latent_dim=2,
        value_range=None,
        seed=1,
    )
    gan.compile(
        keras.optimizers.Adam(5e-3, beta_1=0.5),
        keras.optimizers.Adam(5e-3, beta_1=0.5),
        penalty=losses.R1(0.1),
        generator_average=0.98,
    )
    before = np.linalg.norm(gan.generate(2000, seed=1).mean(axis=0) - mean)
    gan.fit(data, batch_size=128, epochs=25, verbose=0)
    samples = gan.generate(2000, seed=1)
    assert before > 1.5
    assert np.linalg.norm(samples.mean(axis=0) - mean) < 0.3
    assert (samples.std(axis=0) > 0.1).all()


class Passes(keras.layers.Layer):
    """Counts the training passes of the network that it is in."""

    def build(self, input_shape):
        self.count = self.add_weight(initializer="zeros", trainable=False)

    def call(self, inputs, training=False):
        if training:
            self.count.assign_add(1.0)
        return inputs


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_the_generator_costs_one_pass_of_the_discriminator(update):
    layers = keras.layers
    generator = keras.Sequential([keras.Input((2,)), layers.Dense(3)])
    passes = Passes()
    discriminator = keras.Sequential([keras.Input((3,)), passes, layers.Dense(1)])
    gan = GAN(generator, discriminator, 2, value_range=None, seed=1)
    sgd = keras.optimizers.SGD
    gan.compile(sgd(0.1), sgd(0.1), discriminator_steps=4, update=update)
    gan.train_on_batch(np.ones((8, 3), "float32"))
    # Real and fake for each of its own updates, fake again for the generator's.
    assert float(passes.count) == 4 * 2 + 1
