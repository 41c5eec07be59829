import numpy as np
import pytest
from scipy.spatial.distance import cdist

from keras_gan import datasets, runs


def rows(images):
    return images.reshape(len(images), -1) / 255


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
