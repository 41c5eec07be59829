import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits

from keras_gan.metrics import nearest_neighbours, neighbours
from keras_gan.metrics.neighbours import blocks, nearest_images


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


# Of many images ---------------------------------------------------------------


def rows(images):
    return images.reshape(len(images), -1) / 255


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (60, 5, 4, 3)).astype("uint8")


@pytest.fixture
def few_bytes(monkeypatch):
    monkeypatch.setattr(neighbours, "_BLOCK_BYTES", 8 * 5 * 4 * 3 * 7)  # 7 images


def test_agrees_with_brute_force_over_blocks(images, few_bytes):
    nearest = nearest_images(images[:20], blocks(images[20:]), "images")
    every = cdist(rows(images[:20]), rows(images[20:]))
    np.testing.assert_array_equal(nearest.rows, every.argmin(axis=1))
    np.testing.assert_array_equal(nearest.images, images[20:][nearest.rows])
    np.testing.assert_allclose(nearest.distances, every.min(axis=1), rtol=1e-12)


def test_finds_planted_copies_and_of_several_the_first(images, few_bytes):
    images[50] = images[4]
    nearest = nearest_images(images[[31, 50, 59]], blocks(images), "images")
    assert nearest.rows.tolist() == [31, 4, 59]
    assert nearest.distances.tolist() == [0, 0, 0]


def test_leave_one_out_leaves_only_itself_out(images, few_bytes):
    images[50] = images[3]
    own = np.array([3, 50, 10])
    nearest = nearest_images(images[own], blocks(images), "images", own)
    assert nearest.rows[:2].tolist() == [50, 3]
    assert nearest.distances[:2].tolist() == [0, 0]
    every = cdist(rows(images), rows(images))
    np.fill_diagonal(every, np.inf)
    assert nearest.rows[2] == every[10].argmin()
    assert nearest.distances[2] == pytest.approx(every[10].min())


def test_memory_is_bounded_in_bytes(monkeypatch):
    """No array of pixels or distances is larger than a block, whatever the images."""
    made = []

    def recorded(function):
        def call(*arguments):
            made.append(function(*arguments))
            return made[-1]

        return call

    for name in ("pixels", "pairwise_distances"):
        monkeypatch.setattr(neighbours, name, recorded(getattr(neighbours, name)))
    monkeypatch.setattr(neighbours, "_BLOCK_BYTES", 20_000)
    rng = np.random.default_rng(0)
    for side, count in ((24, 30), (2, 800)):
        images = rng.integers(0, 256, (count, side, side, 1)).astype("uint8")
        nearest_images(images, blocks(images), "images")
    assert max(array.nbytes for array in made) <= 20_000
    assert min(map(len, made)) >= 1
