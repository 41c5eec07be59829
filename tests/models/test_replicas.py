"""Two replicas with half the batch each train as one device does with the whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_gan import InputError, seeding

STEPS = 20
CASES = {
    "conditional": {},
    "spectral norm, translation, lazy R1": {
        "spectral": True,
        "penalty": "r1",
        "penalty_interval": 3,
    },
    "relativistic, k = 2, both penalties": {
        "discriminator_steps": 2,
        "objective": "relativistic",
        "penalty": "r1r2",
    },
    "dropout, regularizers, lazy gradient penalty, simultaneous, k = 2": {
        "discriminator_steps": 2,
        "update": "simultaneous",
        "penalty": "gradient_penalty",
        "penalty_interval": 3,
        "dense": True,
    },
}

# One process for all: both devices must be there before TensorFlow begins.
TRAIN_BOTH = """
import json, sys
import keras, numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)
from keras_gan import DCGAN, GAN, datasets, distribution, seeding
from keras_gan.networks.layers import Dropout
from keras_gan.optimizers import Adam

# Roundings that differ from one tracing to the next grow to 1e-3 in 20 steps.
seeding.make_deterministic()
images = datasets.read("digits", image_size=16)
layers = keras.layers


def dense(units, activation=None):
    return layers.Dense(
        units, activation, kernel_regularizer=keras.regularizers.L2(0.01)
    )


def dense_gan():
    generator = [keras.Input((4,)), dense(8, "tanh"), dense(256, "tanh")]
    discriminator = [layers.Flatten(), dense(8, "tanh"), Dropout(0.5, seed=3), dense(1)]
    return GAN(
        keras.Sequential([*generator, layers.Reshape((16, 16, 1))]),
        keras.Sequential([keras.Input((16, 16, 1)), *discriminator]),
        latent_dim=4,
        latent_distribution="uniform",
        seed=1,
    )


def dcgan(spectral):
    return DCGAN(
        *((16, 16, 1), 8, 8, 10),
        batch_normalization=not spectral,
        spectral_normalization=spectral,
        translation=0.25 if spectral else 0.0,
        seed=1,
    )


def train(name, steps, dense=False, spectral=False, **options):
    keras.utils.set_random_seed(0)
    strategy = distribution.create(name)
    with strategy.scope():
        gan = dense_gan() if dense else dcgan(spectral)
        # Adam's own epsilon makes whole steps of the roundings of a gradient near zero;
        # this one also lets losses scaled wrongly show.
        gan.compile(
            Adam(2e-4, beta_1=0.5, epsilon=1e-3),
            Adam(2e-4, beta_1=0.5, epsilon=1e-3),
            generator_average=0.9,
            jit_compile=False,
            **options,
        )
    start = gan.generator.get_weights() + gan.discriminator.get_weights()

    def data(context):
        k = gan.discriminator_steps
        labels = gan.num_classes is not None
        return images.batches(32 * k, labels=labels, first_step=0, context=context)

    # Divided here by `batches`, or by the strategy itself.
    dataset = data(None)
    if options:
        dataset = strategy.distribute_datasets_from_function(data)
    history = gan.fit(dataset, steps_per_epoch=steps, verbose=0).history
    assert int(keras.ops.convert_to_numpy(gan.step)) == steps
    state = gan.training_state()
    assert len(state["averaged_generator"]) == len(gan.generator.weights)
    del state["metrics"]  # sums; their means are in the history
    end = [v.numpy() for variables in state.values() for v in variables]
    weights = gan.generator.get_weights() + gan.discriminator.get_weights()
    return start, weights, end, history


out, steps, cases = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
found = {}
for name, options in cases.items():
    start, weights, one, history = train("one-device", steps, **options)
    _, _, two, histories = train("mirrored", steps, **options)
    moved = max(np.abs(a - b).max() for a, b in zip(start, weights, strict=True))
    # Mean squared gradients reach 42, of which float32 has 4e-6 as its last digit.
    apart = max(
        np.abs(a - b).max() / max(1, np.abs(a).max())
        for a, b in zip(one, two, strict=True)
        if a.size
    )
    logs = max(abs(history[key][0] - histories[key][0]) for key in history)
    found[name] = [float(moved), float(apart), float(logs)]

seed = tf.constant([1, 2], "int64")
strategy = distribution.create("mirrored")
drawn = strategy.run(lambda: seeding.normal((4, 3), seed)).values
found["drawn"] = np.concatenate(drawn).tolist()
with open(out, "w") as file:
    json.dump(found, file)
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """How far each case moved, and how far its two trainings ended from each other."""
    out = tmp_path_factory.mktemp("replicas") / "found.json"
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join([*filter(None, sys.path), root])
    arguments = [str(out), str(STEPS), json.dumps(CASES)]
    result = subprocess.run(
        [sys.executable, "-c", TRAIN_BOTH, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    return json.loads(out.read_text())


@pytest.mark.parametrize("case", CASES)
def test_two_replicas_train_as_one_device_does(both, case):
    moved, apart, logs_apart = both[case]
    assert moved > 1e-3
    assert apart < 1e-5
    assert logs_apart < 1e-5


def test_replicas_draw_what_one_device_draws(both):
    seed = tf.constant([1, 2], "int64")
    drawn = np.array(both["drawn"])
    np.testing.assert_allclose(drawn, seeding.normal((8, 3), seed), atol=1e-6)
    assert len(np.unique(drawn)) == drawn.size


class Replicas:
    num_replicas_in_sync = 2


@pytest.mark.parametrize("size", [6, 8, None])
def test_batches_that_replicas_cannot_share_alike(tiny_gan, size):
    gan = tiny_gan(discriminator_steps=2)
    gan._distribute_strategy = Replicas()
    if size == 8:
        gan._check_split([size])
        return
    with pytest.raises(InputError, match="multiple of 4"):
        gan._check_split([8, size])
