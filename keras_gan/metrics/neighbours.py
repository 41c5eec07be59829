"""Nearest reference sample of each sample: has the model memorised?"""

import numpy as np
from sklearn.metrics import pairwise_distances_argmin

from keras_gan.metrics._arrays import as_samples


def nearest_neighbours(
    samples: np.ndarray, reference: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the nearest row of the reference to each sample, and how far it is.

    Args:
        samples: float [N, D].
        reference: float [M, D], such as the training images as rows of pixels.

    Returns:
        `(indices, distances)`: int [N] row numbers of the reference, and float64 [N]
        Euclidean distances in the unit of the data; a copy has distance 0 exactly.

    Raises:
        InputError: A set is not [N, D] and finite.

    Source: Goodfellow et al. 2014, arXiv 1406.2661, figure 2.
    """
    samples, reference = as_samples(samples=samples, reference=reference)
    indices = pairwise_distances_argmin(samples, reference)
    # Compute the distances from the differences: the search uses |x|^2 + |y|^2 - 2 x.y,
    # whose rounding makes the distance of a copy more than 0.
    return indices, np.linalg.norm(samples - reference[indices], axis=1)
