"""Modes of the data: planted samples whose coverage is known, and real images."""

import numpy as np
import pytest

from keras_gan import InputError, datasets
from keras_gan.evaluators.modes import mode_counter_for, stacked_coverage


@pytest.mark.parametrize(("source", "modes"), [("ring", 8), ("grid", 25)])
def test_points_of_the_data_hit_all_modes_and_a_collapsed_set_one(source, modes):
    coverage = mode_counter_for(source)
    points = datasets.read(source).array
    hit, high_quality = coverage(points)
    assert hit == coverage.modes == modes
    # Within three standard deviations in two dimensions: 1 - exp(-9 / 2).
    assert high_quality == pytest.approx(0.98889, abs=0.002)
    assert coverage(np.repeat(points[:1], 100, axis=0)) == (1, 1.0)
    assert coverage(points[:100] + 1.0) == (0, 0.0)


def test_sources_without_known_modes():
    for source in ("digits", "tfds:mnist", "ring:8", "folder:ring"):
        assert mode_counter_for(source) is None


def certain(digits, probability=1.0):
    """Probabilities [N, 3, 10] with `probability` at each digit, the rest spread."""
    hits = np.eye(10)[digits]
    return hits * probability + (1 - hits) * (1 - probability) / 9


def test_stacked_modes_are_triples_of_digits():
    every = np.stack(np.unravel_index(np.arange(1000), (10, 10, 10)), axis=1)
    assert stacked_coverage(certain(every)) == (1000, 1.0)
    assert stacked_coverage(certain(every[[7, 70, 700, 7]])) == (3, 1.0)
    assert stacked_coverage(certain(np.zeros((50, 3), int))) == (1, 1.0)


def test_one_unsure_digit_makes_an_image_one_of_low_quality():
    probabilities = certain(np.zeros((4, 3), int), 0.95)
    probabilities[0, 1] = certain(0, 0.85)
    probabilities[1, :2] = certain(0, 0.5)
    assert stacked_coverage(probabilities) == (1, 0.5)


def test_samples_that_are_no_stacked_digits():
    for samples in (np.zeros((4, 2)), np.zeros((4, 28, 28, 1), "uint8")):
        with pytest.raises(InputError, match=r"\[N, H, W, 3\], not"):
            mode_counter_for("stacked-mnist")(samples)


@pytest.mark.slow
def test_real_stacked_images_hit_the_modes_that_they_should(
    tfds_dir, tmp_path, monkeypatch
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    count = mode_counter_for("stacked-mnist")
    images = datasets.read("stacked-mnist", data_dir=tfds_dir)
    hit, high_quality = count(images.array[:1000], tfds_dir)
    # The digits of MNIST are not equally frequent, and the labels say which came.
    assert abs(hit - len(np.unique(images.labels[:1000]))) <= 10
    # A coupon collector's share after 1,000 draws of 1,000 equally likely modes.
    assert hit == pytest.approx(1000 * (1 - np.exp(-1)), abs=40)
    assert high_quality > 0.9
    collapsed = np.repeat(images.array[:1], 200, axis=0)
    assert count(collapsed, tfds_dir) == (1, 1.0)
    noise = np.random.default_rng(0).integers(0, 256, (200, 28, 28, 3), "uint8")
    assert count(noise, tfds_dir).modes < 100
