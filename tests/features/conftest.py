"""What the tests of features share."""

import os

import pytest
from sklearn.datasets import load_digits

from keras_gan import datasets, features


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Returns the empty folder in which this test's classifiers are kept."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "keras_gan"


@pytest.fixture(scope="package")
def digits():
    return datasets.read("digits")


@pytest.fixture(scope="package")
def half(digits):
    """The first 900 digits, which `classifier` learns from."""
    assert len(load_digits().images) == len(digits)
    return datasets.Images(digits.array[:900], digits.labels[:900])


@pytest.fixture(scope="package")
def home(tmp_path_factory):
    """Returns the Keras home in which `classifier` is cached."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="package")
def classifier(half, home):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "KERAS_HOME", str(home))
        return features.get("classifier", half)
