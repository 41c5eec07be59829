import numpy as np
import pytest
from scipy.spatial.distance import cdist

from keras_gan import datasets, runs
from keras_gan.experiments import nearest
from keras_gan.experiments.nearest import nearest_training


def rows(images):
    return images.reshape(len(images), -1) / 255


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (60, 5, 4, 3)).astype("uint8")


def test_agrees_with_brute_force_over_blocks(images, monkeypatch):
    monkeypatch.setattr(nearest, "_BLOCK", 7)
    found, distances = nearest_training(images[:20], images[20:])
    every = cdist(rows(images[:20]), rows(images[20:]))
    np.testing.assert_array_equal(found, every.argmin(axis=1))
    np.testing.assert_allclose(distances, every.min(axis=1), rtol=1e-12)


def test_finds_planted_copies(images):
    found, distances = nearest_training(images[[31, 4, 59]], images)
    assert found.tolist() == [31, 4, 59]
    assert distances.tolist() == [0, 0, 0]


def test_leave_one_out_leaves_only_itself_out(images, monkeypatch):
    monkeypatch.setattr(nearest, "_BLOCK", 7)
    images[50] = images[3]
    own = np.array([3, 50, 10])
    found, distances = nearest_training(images[own], images, own)
    assert found[:2].tolist() == [50, 3]
    assert distances[:2].tolist() == [0, 0]
    every = cdist(rows(images), rows(images))
    np.fill_diagonal(every, np.inf)
    assert found[2] == every[10].argmin()
    assert distances[2] == pytest.approx(every[10].min())


def test_quantiles_of_samples_and_of_real_images(experiment, run_folder):
    arguments = ("--samples", 200, "--pairs", 8, "--seed", 2)
    _, report, picture = experiment("nearest", run_folder, *arguments)
    training = rows(datasets.read("digits", image_size=8).array)
    samples = rows(runs.load(run_folder).generate(200, seed=2))
    distances = cdist(samples, training).min(axis=1)
    measured = report["measured"]
    for share in (0.0, 0.05, 0.5, 1.0):
        value = measured["samples"][str(share)]
        assert value == pytest.approx(np.quantile(distances, share), rel=1e-6)
    own = np.random.default_rng(2).permutation(1797)[:200]
    every = cdist(training[own], training)
    every[np.arange(200), own] = np.inf
    real = every.min(axis=1)
    assert measured["real"]["0.5"] == pytest.approx(np.median(real), rel=1e-6)
    ratio = np.median(distances) / np.median(real)
    assert measured["ratio_of_medians"] == pytest.approx(ratio, rel=1e-6)
    assert measured["copies"] == 0
    share = (distances < np.quantile(real, 0.05)).mean()
    assert measured["share_below_real_5_percent"] == pytest.approx(share)
    assert "leave-one-out" in report["protocol"]
    assert picture.shape[1] > picture.shape[0]
