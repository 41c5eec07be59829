"""Exports of generators that compute in half precision and hold own layers."""

import json

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

import export
from export.__main__ import _table
from export.exportable import describe
from keras_gan import GAN, InputError

SCALE = 2.0


class Linear(keras.layers.Layer):
    """An own layer as scripts have them, of no registered class."""

    def __init__(self, units, slope=1.0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.slope = slope

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units))

    def call(self, inputs):
        return self.slope * inputs @ self.kernel


class Forgetful(Linear):
    """One whose config lacks an argument."""

    def get_config(self):
        return {"units": self.units, "name": self.name, "dtype": self.dtype_policy}


class Applied(Linear):
    """One whose config Keras cannot write."""

    def __init__(self, function, units, **kwargs):
        super().__init__(units, **kwargs)
        self.function = function

    def call(self, inputs):
        return self.function(super().call(inputs))


def stacked(*layers, units=3):
    latent = x = keras.Input((2,))
    for layer in layers:
        x = layer(x)
    return keras.Model(latent, keras.layers.Dense(units)(x))


def within_float32():
    half = stacked(Linear(4, slope=3.0), units=2)
    keras.config.set_dtype_policy("float32")
    return stacked(half)


def with_lambda():
    # Keras writes the code of a function, but not what SCALE and tf are.
    return stacked(Linear(4), keras.layers.Lambda(lambda x: tf.tanh(SCALE * x)))


def gan_of(make_generator, policy="mixed_bfloat16", **compiling):
    keras.config.set_dtype_policy(policy)
    try:
        generator = make_generator()
    finally:
        keras.config.set_dtype_policy("float32")
    discriminator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    gan = GAN(generator, discriminator, 2, value_range=None, seed=1)
    gan.compile("sgd", "sgd", **compiling)
    return gan


@pytest.mark.parametrize(
    ("make_generator", "policy", "compiling"),
    [
        (lambda: stacked(Linear(4, slope=3.0)), "mixed_bfloat16", {}),
        (with_lambda, "mixed_float16", {}),
        (with_lambda, "mixed_bfloat16", {"generator_average": 0.9}),
        (within_float32, "mixed_bfloat16", {}),
    ],
    ids=["own layer", "Lambda", "average of a Lambda", "within a float32 model"],
)
def test_own_layers_are_exported_in_float32(
    make_generator, policy, compiling, tmp_path
):
    gan = gan_of(make_generator, policy, **compiling)
    row = export.to_onnx(gan, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(row.path)
    latent = gan.sample_latent(16, seed=3).numpy()
    (images,) = session.run(["image"], {"latent": latent})
    expected = gan.inference_generator(latent, training=False)
    expected = np.asarray(tf.cast(expected, "float32"))
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(
        images, expected, rtol=0, atol=0.02 * np.abs(expected).max()
    )


@pytest.mark.parametrize(
    ("make_layer", "words"),
    [
        (
            lambda: Forgetful(4, slope=3.0, name="forgetful"),
            "gives another image.*arguments of its class: look at forgetful of class "
            "Forgetful, or",
        ),
        (
            lambda: Applied(tf.tanh, 4, name="applied"),
            "the layer applied of class Applied cannot be copied.*Give it get_config",
        ),
    ],
    ids=["config lacks an argument", "no config"],
)
def test_a_layer_that_cannot_be_copied_is_named(make_layer, words, tmp_path):
    gan = gan_of(lambda: stacked(make_layer()))
    with pytest.raises(InputError, match=words):
        export.to_onnx(gan, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_the_report_says_how_far_the_trained_model_is(tmp_path):
    gan = gan_of(lambda: stacked(Linear(4, slope=3.0)))
    row = export.to_onnx(gan, tmp_path / "model.onnx")
    assert row.largest_difference < 1e-5  # from the copy in float32
    inputs = describe(gan, "model").default.examples(64)
    expected = gan.inference_generator(inputs["latent"], training=False)
    session = onnxruntime.InferenceSession(row.path)
    (images,) = session.run(["image"], inputs)
    difference = np.abs(images - np.asarray(tf.cast(expected, "float32"))).max()
    assert row.trained_difference == pytest.approx(difference, rel=1e-6)
    assert difference > 1e-3
    export.write_report([row], tmp_path / "report.json")
    (written,) = json.loads((tmp_path / "report.json").read_text())
    assert written["trained_difference"] == row.trained_difference
    assert "from half precision)" in _table([row])


def test_a_float32_model_has_one_difference(tmp_path):
    gan = gan_of(lambda: stacked(Linear(4)), policy="float32")
    row = export.to_onnx(gan, tmp_path / "model.onnx")
    assert row.trained_difference is None
    assert "half precision" not in _table([row])
