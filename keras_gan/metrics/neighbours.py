"""Nearest reference sample of each sample: has the model memorised?"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from sklearn.metrics import pairwise_distances, pairwise_distances_argmin
from tqdm import tqdm

from keras_gan.metrics._arrays import as_samples

_BLOCK_BYTES = 2**26  # of an array of float64; larger ones are slower, too


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


class Nearest(NamedTuple):
    """The nearest of the known images to each query.

    Args:
        rows: int [N], its place among the known images.
        images: uint8 [N, H, W, C], the image itself.
        distances: float64 [N], Euclidean of pixels in [0, 1]; exactly 0 for a copy.

    Example:

    ```python
    from keras_gan.metrics.neighbours import blocks, nearest_images

    nearest = nearest_images(gan.generate(4), blocks(images.array), "searching")
    print(nearest.rows, nearest.distances)
    ```
    """

    rows: np.ndarray
    images: np.ndarray
    distances: np.ndarray


def nearest_images(
    queries: np.ndarray,
    known: Iterable[np.ndarray],
    description: str,
    own: np.ndarray | None = None,
) -> Nearest:
    """Returns the nearest known image to each query; of equally near ones the first.

    Args:
        queries: uint8 [N, H, W, C].
        known: blocks of images, uint8 [n, H, W, C], as `blocks` yields them.
        description: of the progress bar.
        own: int [N], places of the queries themselves among the known images, which
            do not count (leave-one-out), or None.
    """
    nearest = Nearest(
        np.zeros(len(queries), int),
        np.zeros(queries.shape, queries.dtype),
        np.full(len(queries), np.inf),
    )
    first = 0
    with tqdm(desc=description, unit=" images", disable=None) as bar:
        for images in known:
            values = pixels(images)
            for part in _slices(len(queries), max(values.shape)):
                distances = pairwise_distances(pixels(queries[part]), values)
                if own is not None:
                    places = first + np.arange(len(images))
                    distances[own[part, None] == places] = np.inf
                found, shortest = distances.argmin(axis=1), distances.min(axis=1)
                closer = np.flatnonzero(shortest < nearest.distances[part])
                nearest.rows[part][closer] = first + found[closer]
                nearest.images[part][closer] = images[found[closer]]
                nearest.distances[part][closer] = shortest[closer]
            first += len(images)
            bar.update(len(images))
    # Again from the differences, as in `nearest_neighbours`.
    for part in _slices(len(queries), math.prod(queries.shape[1:])):
        differences = pixels(queries[part]) - pixels(nearest.images[part])
        nearest.distances[part] = np.linalg.norm(differences, axis=1)
    return nearest


def blocks(images: np.ndarray) -> Iterator[np.ndarray]:
    """Yields images in parts whose pixels have room in memory as float64.

    Args:
        images: uint8 [N, H, W, C], in memory or memory-mapped.
    """
    for part in _slices(len(images), math.prod(images.shape[1:])):
        yield np.asarray(images[part])


def pixels(images: np.ndarray) -> np.ndarray:
    """Returns uint8 images [N, ...] as rows of values in [0, 1], float64 [N, D]."""
    return images.reshape(len(images), -1) / 255


def rows_in_memory(width: int) -> int:
    """Returns how many rows of so many float64 values have 64 MiB, at least 1."""
    return max(1, _BLOCK_BYTES // (8 * width))


def _slices(count, width):
    size = rows_in_memory(width)
    return (slice(start, start + size) for start in range(0, count, size))
