"""How well class maps agree: shares of pixels, and intersection over union."""

from typing import NamedTuple

import numpy as np


class SegmentationScores(NamedTuple):
    """How well class maps agree with true ones, each in [0, 1].

    Args:
        pixel_accuracy: share of the pixels that have the right class.
        class_accuracy: share of a class's pixels that have it, mean over the classes
            that occur in the true maps.
        mean_iou: pixels that are of a class in both maps, divided by those that are of
            it in either, mean over the classes that occur in either. Pixels of all maps
            are counted together.

    Example:

    ```python
    import numpy as np
    from keras_gan import metrics

    true, said = np.array([[0, 0], [1, 1]]), np.array([[0, 1], [1, 1]])
    scores = metrics.segmentation_scores(metrics.confusion(true, said, 3))
    assert scores.pixel_accuracy == 0.75
    assert scores.mean_iou == (1 / 2 + 2 / 3) / 2  # class 2 occurs in neither
    ```
    """

    pixel_accuracy: float
    class_accuracy: float
    mean_iou: float


def confusion(true: np.ndarray, said: np.ndarray, classes: int) -> np.ndarray:
    """Returns how many pixels of each true class have each class, int64 [K, K].

    Args:
        true, said: integers in 0..classes-1, of one shape.
        classes: their number, K.
    """
    places = true.astype("int64").ravel() * classes + said.ravel()
    return np.bincount(places, minlength=classes**2).reshape(classes, classes)


def segmentation_scores(confusion: np.ndarray) -> SegmentationScores:
    """Returns the scores of class maps, the three of Isola et al. 2016, section 4.1.

    Args:
        confusion: as `confusion` returns it, with at least one pixel.
    """
    right = np.diag(confusion).astype("float64")
    true, said = confusion.sum(axis=1), confusion.sum(axis=0)
    either = true + said - right
    return SegmentationScores(
        float(right.sum() / confusion.sum()),
        float(np.mean(right[true > 0] / true[true > 0])),
        float(np.mean(right[either > 0] / either[either > 0])),
    )
