"""What the tests of the models share: GANs that train in milliseconds."""

import keras
import pytest

from keras_gan import GAN

LATENT, HIDDEN, FEATURES = 2, 4, 3


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture
def dense_networks():
    """Returns a function that makes two small smooth networks for vectors."""

    def make(regularizer=None, features=FEATURES, dropout=0.0):
        layers = keras.layers

        def dense(units, activation=None):
            return layers.Dense(units, activation, kernel_regularizer=regularizer)

        generator = keras.Sequential(
            [keras.Input((LATENT,)), dense(HIDDEN, "tanh"), dense(features)]
        )
        drop = [layers.Dropout(dropout)] if dropout else []
        discriminator = keras.Sequential(
            [keras.Input((features,)), dense(HIDDEN, "tanh"), *drop, dense(1)]
        )
        return generator, discriminator

    return make


@pytest.fixture
def tiny_gan(dense_networks):
    """Returns a function that makes a compiled GAN on vectors, trained by plain SGD."""

    def make(
        regularizer=None, dropout=0.0, learning_rate=0.5, seed=1, gan=None, **compiling
    ):
        model = GAN(
            *dense_networks(regularizer, dropout=dropout),
            latent_dim=LATENT,
            **{"value_range": None, "seed": seed, **(gan or {})},
        )
        model.compile(
            keras.optimizers.SGD(learning_rate),
            keras.optimizers.SGD(learning_rate),
            **compiling,
        )
        return model

    return make


@pytest.fixture
def policy():
    """Returns keras's setter of the global dtype policy, which is undone after."""
    yield keras.mixed_precision.set_global_policy
    keras.mixed_precision.set_global_policy("float32")
