import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits

from keras_gan.metrics import nearest_neighbours


@pytest.mark.parametrize("dimensions", [1, 5, 300])
def test_agrees_with_all_distances(dimensions):
    rng = np.random.default_rng(dimensions)
    samples, reference = rng.normal(size=(40, dimensions)), rng.random((70, dimensions))
    every = cdist(samples, reference)
    indices, distances = nearest_neighbours(samples, reference)
    np.testing.assert_array_equal(indices, every.argmin(axis=1))
    np.testing.assert_allclose(distances, every.min(axis=1), rtol=1e-9)


def test_a_memorised_image_has_distance_zero():
    pixels = load_digits().data.astype("float32") / 255
    indices, distances = nearest_neighbours(pixels[[700, 3]], pixels)
    assert indices.tolist() == [700, 3]
    assert distances.tolist() == [0, 0]
    held_out = nearest_neighbours(pixels[:100], pixels[100:])[1]
    assert held_out.min() > 0
