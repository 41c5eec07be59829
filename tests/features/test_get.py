import numpy as np
import pytest

from keras_gan import datasets, features
from keras_gan.errors import InputError

RNG = np.random.default_rng(0)
GREY = RNG.integers(256, size=(12, 8, 8, 1), dtype=np.uint8)


def test_default_is_a_classifier_where_labels_exist(cache):
    labels = np.arange(12) % 2
    extractor = features.get(None, datasets.Images(GREY, labels))
    assert isinstance(extractor, features.Classifier)


@pytest.mark.parametrize(
    "images",
    [
        datasets.Images(GREY),
        datasets.Images(GREY, np.zeros(12, int)),
        datasets.Images(GREY, np.arange(12)),  # nothing to hold out
        datasets.Images(np.zeros((6, 2), "float32"), np.arange(6) % 2),
    ],
    ids=["no labels", "one class", "one image per class", "points"],
)
def test_default_without_usable_labels(images):
    points = images.array.ndim == 2
    expected = features.Pixels if points else features.RandomNetwork
    assert isinstance(features.get(None, images), expected)
    with pytest.raises(InputError, match="classifier"):
        features.get("classifier", images)


@pytest.mark.parametrize("name", ["resnet", "pixels:8", "random:", ""])
def test_unknown_names(name):
    with pytest.raises(InputError, match=r"inception\[:WEIGHTS\], pixels"):
        features.get(name, datasets.Images(GREY))


def test_every_kind_is_described():
    assert list(features.EXTRACTORS) == ["classifier", "inception", "pixels", "random"]
    for name, kind in features.EXTRACTORS.items():
        assert kind.usage.startswith(name)
        assert kind.description and "\n" not in kind.description


def test_pixels(monkeypatch):
    monkeypatch.setattr(features.Pixels, "batch_size", 5)
    images = RNG.integers(256, size=(12, 5, 4, 3), dtype=np.uint8)
    pixels = features.get("pixels", datasets.Images(images))
    found = pixels(images)
    assert pixels.name == "raw pixels"
    assert pixels.class_names is None and found.probabilities is None
    assert found.features.dtype == np.float32
    np.testing.assert_allclose(found.features * 255, images.reshape(12, 60), rtol=1e-6)
    for wrong in (images / 255, images[0], images[:0]):
        with pytest.raises(InputError, match="uint8"):
            pixels(wrong)


def test_points_are_their_own_features():
    points = RNG.normal(size=(9, 2)).astype("float32")
    coordinates = features.get("pixels", datasets.Images(points))
    assert coordinates.name == "coordinates"
    np.testing.assert_array_equal(coordinates(points).features, points)
    with pytest.raises(InputError, match=r"\[12, 8, 8, 1\]"):
        coordinates(GREY)


@pytest.mark.parametrize("shape", [(8, 8, 1), (96, 70, 4), (256, 256, 3)])
def test_random_features_of_any_shape_are_finite_and_repeat(shape):
    images = datasets.Images(RNG.integers(256, size=(5, *shape), dtype=np.uint8))
    found = features.RandomNetwork(images)(images.array)
    assert found.features.dtype == np.float32 and found.probabilities is None
    np.testing.assert_allclose(found.features.mean(axis=0), 0, atol=1e-3)
    assert 0.9 < found.features.std(axis=0).mean() <= 1.001
    again = features.get("random", images)
    form = again.form(images)
    assert form.features.shape[1:] == found.features.shape[1:]
    assert form.probabilities is None
    np.testing.assert_array_equal(found.features, again(images.array).features)


def test_random_features_of_equal_images_and_of_points():
    equal = datasets.Images(np.zeros((4, 8, 8, 1), "uint8"))
    assert (features.RandomNetwork(equal)(equal.array).features == 0).all()
    with pytest.raises(InputError, match=r"points \[2\]"):
        features.get("random", datasets.Images(np.zeros((4, 2), "float32")))
    with pytest.raises(InputError, match=r"made for \[8, 8, 1\]"):
        features.RandomNetwork(equal)(np.zeros((4, 9, 9, 1), "uint8"))
