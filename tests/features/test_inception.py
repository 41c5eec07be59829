import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from keras_gan import datasets, features
from keras_gan.errors import InputError

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(256, size=(3, 299, 299, 3), dtype=np.uint8)

_OFFLINE = """
from keras_gan import features
from keras_gan.errors import InputError
try:
    features.Inception()
except InputError as error:
    print(error)
"""


def test_without_a_network(tmp_path):
    nowhere = "http://127.0.0.1:9"  # the port that discards
    environment = {
        **os.environ,
        "KERAS_HOME": str(tmp_path),
        "https_proxy": nowhere,
        "HTTPS_PROXY": nowhere,
    }
    result = subprocess.run(
        [sys.executable, "-c", _OFFLINE],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    *_, message = result.stdout.strip().splitlines()
    assert "Connection refused" in message
    assert "inception_v3_weights_tf_dim_ordering_tf_kernels.h5" in message
    assert "inception:PATH" in message


@pytest.mark.parametrize("name", ["missing.h5", "text.h5", "text.weights.h5", "x.bin"])
def test_files_that_are_no_weights(tmp_path, name):
    for text in ("text.h5", "text.weights.h5", "x.bin"):
        (tmp_path / text).write_text("no weights")
    with pytest.raises(InputError, match=name):
        features.get(f"inception:{tmp_path / name}", datasets.Images(COLOUR))


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(3)
    return keras.applications.InceptionV3(weights=None)


@pytest.fixture(scope="module")
def extractor(network, tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "random.weights.h5"
    network.save_weights(file)
    return features.get(f"inception:{file}", datasets.Images(COLOUR))


@pytest.mark.slow
def test_agrees_with_keras_applications(network, extractor):
    """Images of 299x299 are not resized: the same as the models of Keras by name."""
    pooled = keras.applications.InceptionV3(
        include_top=False, weights=None, pooling="avg"
    )
    pooled.set_weights(network.get_weights()[:-2])
    batch = keras.applications.inception_v3.preprocess_input(COLOUR.astype("float32"))
    found = extractor(COLOUR)
    assert found.features.shape == (3, 2048)
    assert found.probabilities.shape == (3, 1000)
    assert found.features.dtype == found.probabilities.dtype == np.float32
    assert "random.weights.h5" in extractor.name
    np.testing.assert_allclose(found.features, pooled(batch), rtol=1e-4)
    np.testing.assert_allclose(found.probabilities, network(batch), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("side", [64, 700])
def test_resizes_as_pillow_does(extractor, side):
    """Pillow's bilinear filter is antialiased, and leaves whole numbers."""
    images = RNG.integers(256, size=(2, side, side, 3), dtype=np.uint8)
    size = (299, 299)
    resized = [Image.fromarray(image).resize(size, 2) for image in images]
    expected = extractor(np.stack(resized)).features
    found = extractor(images).features
    between = np.abs(found[0] - found[1]).max()
    assert np.abs(found - expected).max() < 0.05 * between


@pytest.mark.slow
def test_grey_and_alpha(extractor):
    grey = COLOUR[..., :1]
    expected = extractor(np.repeat(grey, 3, axis=-1)).features
    np.testing.assert_array_equal(extractor(grey).features, expected)
    with_alpha = np.concatenate([COLOUR, grey], axis=-1)
    np.testing.assert_array_equal(
        extractor(with_alpha).features, extractor(COLOUR).features
    )


@pytest.mark.slow
def test_whole_models_and_headless_ones(network, tmp_path):
    network.save(tmp_path / "whole.h5")
    extractor = features.Inception(str(tmp_path / "whole.h5"))
    expected = network((COLOUR / 127.5 - 1).astype("float32"))
    np.testing.assert_allclose(extractor(COLOUR).probabilities, expected, rtol=1e-4)
    headless = keras.applications.InceptionV3(include_top=False, weights=None)
    headless.save_weights(tmp_path / "notop.weights.h5")
    with pytest.raises(InputError, match="top"):
        features.Inception(str(tmp_path / "notop.weights.h5"))
