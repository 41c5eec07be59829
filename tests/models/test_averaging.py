"""Averages of generators that Keras can copy, and of those that it cannot."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import GAN
from keras_gan.models.averaging import Twin

SCALE = 2.0
VECTORS = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")


class Linear(keras.layers.Layer):
    """An own layer as scripts have them, of no registered class."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units))

    def call(self, inputs):
        return inputs @ self.kernel


class Applied(Linear):
    """One whose config Keras cannot write."""

    def __init__(self, function, units, **kwargs):
        super().__init__(units, **kwargs)
        self.function = function

    def call(self, inputs):
        return self.function(super().call(inputs))


@keras.saving.register_keras_serializable("tests")
class Forgetful(Linear):
    """One whose config lacks an argument."""

    def __init__(self, units=4, slope=1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.slope = slope

    def call(self, inputs):
        return self.slope * super().call(inputs)

    def get_config(self):
        return {"units": self.units, "name": self.name}


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(4)
        self.norm = keras.layers.BatchNormalization()
        self.out = keras.layers.Dense(3)
        self.function = lambda x: SCALE * x

    def call(self, inputs, training=False):
        return self.out(self.function(self.norm(self.dense(inputs), training=training)))


def stacked(*layers):
    latent = x = keras.Input((2,))
    for layer in layers:
        x = layer(x)
    return keras.Model(latent, keras.layers.Dense(3)(x))


def shared():
    linear = Linear(2)
    return stacked(linear, keras.layers.ReLU(), linear)


GENERATORS = {
    "own layer": lambda: stacked(Linear(4)),
    "own layer without config": lambda: stacked(Applied(tf.tanh, 4)),
    "config that lacks an argument": lambda: stacked(Forgetful(4, slope=3.0)),
    # Keras writes the code of a function, but not what SCALE and tf are.
    "Lambda": lambda: stacked(
        keras.layers.Dense(4), keras.layers.Lambda(lambda x: tf.tanh(SCALE * x))
    ),
    "subclassed": Subclassed,
    "shared layer": shared,
    "nested": lambda: stacked(stacked(Linear(2)), keras.layers.BatchNormalization()),
    "sequential": lambda: keras.Sequential(
        [keras.Input((2,)), Linear(4), keras.layers.Dense(3)]
    ),
    "of Keras alone": lambda: stacked(keras.layers.Dense(4)),
}


def averaged_gan(generator, **compiling):
    discriminator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    gan = GAN(generator, discriminator, 2, value_range=None, seed=1)
    gan.compile(
        keras.optimizers.SGD(0.5),
        keras.optimizers.SGD(0.5),
        generator_average=0.9,
        **compiling,
    )
    return gan


@pytest.mark.parametrize("name", GENERATORS)
def test_images_are_those_of_the_averaged_weights(name):
    gan = averaged_gan(GENERATORS[name](), run_eagerly=True)
    expected = [w.copy() for w in gan.generator.get_weights()]
    for step in range(1, 4):
        gan.train_on_batch(VECTORS)
        decay = min(0.9, (1 + step - 1) / (10 + step - 1))
        trained = gan.generator.get_weights()
        expected = [
            decay * average + (1 - decay) * weight
            for average, weight in zip(expected, trained, strict=True)
        ]
    moved = [abs(a - b).max() for a, b in zip(expected, trained, strict=True)]
    assert max(moved) > 1e-3
    found = [v.numpy() for v in gan.training_state()["averaged_generator"]]
    for average, weight in zip(found, expected, strict=True):
        np.testing.assert_allclose(average, weight, atol=1e-5)
    images = gan.generate(4, seed=1)
    gan.generator.set_weights(found)
    latent = gan.sample_latent(4, seed=1)
    np.testing.assert_allclose(images, gan.generator(latent, training=False), atol=1e-5)


def test_a_generator_that_keras_can_copy_is_copied():
    assert not isinstance(
        averaged_gan(GENERATORS["of Keras alone"]()).averaged_generator, Twin
    )


def test_an_average_of_own_layers_trains_with_xla():
    gan = averaged_gan(GENERATORS["Lambda"](), jit_compile=True)
    gan.train_on_batch(VECTORS)
    assert np.isfinite(gan.generate(4)).all()


@pytest.mark.parametrize("registered", [False, True])
def test_an_average_of_own_layers_is_saved_and_loaded(registered, tmp_path):
    # Where the classes are known, Keras could copy; the file holds another form.
    gan = averaged_gan(GENERATORS["nested"]())
    gan.train_on_batch(VECTORS)
    gan.save(tmp_path / "gan.keras")
    gan.save_weights(tmp_path / "gan.weights.h5")
    custom = {"Linear": Linear}
    copy = keras.models.load_model(tmp_path / "gan.keras", custom_objects=custom)
    np.testing.assert_array_equal(copy.generate(4, seed=1), gan.generate(4, seed=1))
    if registered:
        with keras.saving.CustomObjectScope(custom):
            copy.train_on_batch(VECTORS)
    copy.load_weights(tmp_path / "gan.weights.h5")
    np.testing.assert_array_equal(copy.generate(4, seed=1), gan.generate(4, seed=1))
