"""Numbers that no client should send: every format answers with the same picture."""

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from export import litert, onnx, saved_model
from export.exportable import Exportable
from keras_gan import networks, serving
from keras_gan.latents import Prior

pytest.importorskip("ai_edge_litert", reason="pip install '.[litert]'")
from ai_edge_litert.interpreter import Interpreter

_BAD = [np.nan, np.inf, -np.inf, 3e38, -101.0, 1.5, -0.0]


@pytest.fixture
def generator():
    return networks.mlp_generator((6, 5, 1), latent_dim=7, hidden_units=(16,))


def answers(exportable, folder, rows):
    """Returns the first output in each format, in which runtimes treat NaN apart."""
    saved_model.write(exportable, folder / "saved")
    onnx.write(exportable.only("serving_default"), folder / "x.onnx")
    litert.write(exportable.only("serving_default"), folder / "x.tflite")
    loaded = tf.saved_model.load(folder / "saved").signatures["serving_default"]
    (output,) = loaded(**{name: tf.constant(x) for name, x in rows.items()}).values()
    session = onnxruntime.InferenceSession(folder / "x.onnx")
    several = Interpreter(str(folder / "x.tflite")).get_signature_runner("several")
    (tflite,) = several(**rows).values()
    return {
        "saved-model": output.numpy(),
        "onnx": session.run(None, rows)[0],
        "litert": tflite,
    }


@pytest.mark.parametrize("low", [-1, 1])
def test_bad_latent_vectors(low, generator, tmp_path):
    prior = Prior(7, "uniform", (low, 3))
    bad = np.tile(np.float32(_BAD), (2, 1))
    centre, half = (low + 3) / 2, (3 - low) / 2
    good = np.clip(bad, centre - 100 * half, centre + 100 * half)
    good = np.where(np.isnan(bad), np.float32(centre), good)
    expected = generator(good).numpy()
    assert np.isfinite(expected).all()
    signatures = serving.latent_to_image(
        generator, prior, serving.image((6, 5, 1), (0, 1))
    )
    exportable = Exportable("m", {"generator": generator}, signatures, {})
    for found in answers(exportable, tmp_path, {"latent": bad}).values():
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    between = signatures["interpolate"].function(bad, good, tf.constant([0.5, np.nan]))
    assert np.isfinite(between["image"]).all()


@pytest.mark.parametrize("value_range", [(0, 1), None])
def test_bad_images(value_range, tmp_path):
    network = keras.Sequential([keras.Input((1, 7, 1)), keras.layers.Rescaling(0.5)])
    image = serving.image((1, 7, 1), value_range)
    signatures = serving.image_to_image(network, image, image)
    signatures |= serving.image_to_latent(network, image, 7)
    bad = np.float32(_BAD).reshape(1, 1, 7, 1)
    if value_range is None:
        good = [0, 0, 0, 3e38, -101, 1.5, 0]
    else:
        good = [0.5, 50.5, -49.5, 50.5, -49.5, 1.5, 0]
    expected = 0.5 * np.float32(good).reshape(bad.shape)
    exportable = Exportable("m", {"network": network}, signatures, {})
    for found in answers(exportable, tmp_path, {"source": bad}).values():
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    encoded = signatures["encode"].function(tf.constant(bad))["latent"]
    np.testing.assert_allclose(encoded, expected, rtol=1e-6)


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_a_truncation_below_0_or_nan_gives_the_centre(distribution):
    prior = Prior(4, distribution, (1, 3))
    truncation = tf.constant([-1, -np.inf, np.nan, 0.0, np.inf, 1e30])
    latent = prior.from_seeds(tf.ones(6, "int64"), truncation).numpy()
    np.testing.assert_array_equal(latent[:4], np.full((4, 4), prior.centre, "float32"))
    np.testing.assert_array_equal(latent[4], latent[5])
    assert len(np.unique(latent[4])) == 4


def test_good_values_give_what_the_network_gives_bit_for_bit(generator):
    image = serving.image((6, 5, 1), (0, 1))
    signature = serving.latent_to_image(generator, Prior(7), image)["serving_default"]
    latent = signature.examples(64)["latent"]
    found = tf.function(signature.function)(latent)["image"]
    np.testing.assert_array_equal(found, tf.function(generator)(latent))
