"""Scores of class maps against counts by hand."""

import numpy as np
import pytest

from keras_gan import metrics


def scores(true, said, classes):
    counts = metrics.confusion(np.array(true), np.array(said), classes)
    return metrics.segmentation_scores(counts)


def test_scores_of_four_pixels():
    found = scores([[0, 0], [1, 2]], [[0, 1], [1, 1]], 4)
    assert found.pixel_accuracy == 2 / 4
    assert found.class_accuracy == pytest.approx((1 / 2 + 1 + 0) / 3)
    # Class 1: both at one place, either at three. Class 3 occurs nowhere.
    assert found.mean_iou == pytest.approx((1 / 2 + 1 / 3 + 0) / 3)


def test_a_class_that_is_only_said_counts_for_the_union_alone():
    found = scores([0, 0, 0, 0], [0, 0, 0, 2], 3)
    assert found.class_accuracy == found.pixel_accuracy == 3 / 4
    assert found.mean_iou == pytest.approx((3 / 4 + 0) / 2)
    assert scores([1, 2], [1, 2], 5) == (1, 1, 1)


def test_confusion_counts_each_pair():
    rng = np.random.default_rng(0)
    true, said = rng.integers(0, 3, (2, 5, 7)), rng.integers(0, 3, (2, 5, 7))
    found = metrics.confusion(true.astype("uint8"), said.astype("uint8"), 3)
    for a in range(3):
        for b in range(3):
            assert found[a, b] == np.sum((true == a) & (said == b))
