"""The nearest of many images to each of some others, in bounded memory."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from sklearn.metrics import pairwise_distances
from tqdm import tqdm

from keras_gan.experiments.trained_run import pixels

_BLOCK_BYTES = 2**26  # of an array of float64; larger ones are slower, too


class Nearest(NamedTuple):
    """The nearest of the known images to each query.

    Args:
        rows: int [N], its place among the known images.
        images: uint8 [N, H, W, C], the image itself.
        distances: float64 [N], Euclidean of pixels in [0, 1]; exactly 0 for a copy.

    Example:

    ```python
    from keras_gan.experiments.neighbours import blocks, nearest_images

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
    # Anew from the differences: |x|^2 + |y|^2 - 2 x.y rounds a copy's off.
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


def rows_in_memory(width: int) -> int:
    """Returns how many rows of so many float64 values have 64 MiB, at least 1."""
    return max(1, _BLOCK_BYTES // (8 * width))


def _slices(count, width):
    size = rows_in_memory(width)
    return (slice(start, start + size) for start in range(0, count, size))
