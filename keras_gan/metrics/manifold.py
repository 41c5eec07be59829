"""Fidelity and diversity, measured separately: balls around samples approximate a
distribution.
"""

from typing import NamedTuple

import numpy as np
from sklearn.neighbors import NearestNeighbors

from keras_gan.metrics._arrays import as_samples, check_count, squared_distances


class PrecisionRecall(NamedTuple):
    """Shares in [0, 1]: fakes that look real, reals that the fakes reach.

    Example:

    ```python
    import numpy as np
    from keras_gan import metrics

    real = np.random.default_rng(0).normal(size=(200, 8))
    assert metrics.precision_recall(real, real) == (1.0, 1.0)
    assert metrics.precision_recall(real, real + 100).recall == 0.0
    ```
    """

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Density, at least 0 and about 1 for equal sets; coverage, a share in [0, 1].

    Example:

    ```python
    import numpy as np
    from keras_gan import metrics

    real = np.random.default_rng(0).normal(size=(200, 8))
    assert metrics.density_coverage(real, real).coverage == 1.0
    assert metrics.density_coverage(real, real + 100).density == 0.0
    ```
    """

    density: float
    coverage: float


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> PrecisionRecall:
    """Returns the shares of each set that fall within the other's k-th-neighbour balls.

    Args:
        real: float [N, D] samples or features, N greater than k.
        fake: float [M, D], M greater than k. Compare runs at equal N and M only.
        k: The ball around a sample ends before its k-th neighbour in its own set.

    Returns:
        `(precision, recall)`, shares in [0, 1].

    Raises:
        InputError: A set is not [N, D] and finite, or has no k-th neighbour.

    Source: Kynkäänniemi et al. 2019, arXiv 1904.06991, section 2, with open
    balls as in the `prdc` package.
    """
    real, fake = _checked(real, fake, k)
    real_radii, fake_radii = _squared_radii(real, k), _squared_radii(fake, k)
    looks_real = np.zeros(len(fake), bool)
    is_reached = np.zeros(len(real), bool)
    for rows, squared in squared_distances(real, fake):
        looks_real |= (squared < real_radii[rows, None]).any(axis=0)
        is_reached[rows] = (squared < fake_radii).any(axis=1)
    return PrecisionRecall(float(looks_real.mean()), float(is_reached.mean()))


def symmetric_precision_recall(
    real: np.ndarray, fake: np.ndarray, k: int = 3
) -> PrecisionRecall:
    """Returns precision and recall that the balls of both sets confirm.

    Blurred or equal images lie in the middle of the real images, so `precision_recall`
    gives them a precision of 1. But their own balls are small and hold no real image.
    This precision is the lesser of two shares: the fakes that lie in real balls, and
    the fakes whose own ball holds a real image. Recall likewise.

    Args:
        real: float [N, D] samples or features, N greater than k.
        fake: float [M, D], M greater than k. Compare runs at equal N and M only.
        k: The ball around a sample ends before its k-th neighbour in its own set.

    Returns:
        `(precision, recall)`, shares in [0, 1], at most those of `precision_recall`.

    Raises:
        InputError: A set is not [N, D] and finite, or has no k-th neighbour.

    Source: after the symmetric metrics of Khayatkhoei and AbdAlmageed 2023,
    arXiv 2306.09618.
    """
    fakes, reals = precision_recall(real, fake, k), density_coverage(real, fake, k)
    mirrored = density_coverage(fake, real, k)
    return PrecisionRecall(
        min(fakes.precision, mirrored.coverage), min(fakes.recall, reals.coverage)
    )


def density_coverage(real: np.ndarray, fake: np.ndarray, k: int = 5) -> DensityCoverage:
    """Returns how many real balls a fake lies in, and the share of balls with a fake.

    Args:
        real: float [N, D] samples or features, N greater than k.
        fake: float [M, D], M greater than k. Compare runs at equal N and M only.
        k: The ball around a real sample ends before its k-th real neighbour.

    Returns:
        `(density, coverage)`: the number of real balls that hold a fake, as a mean over
        the fakes divided by k (0 or more), and the share of real balls that hold at
        least one fake.

    Raises:
        InputError: A set is not [N, D] and finite, or has no k-th neighbour.

    Source: Naeem et al. 2020, arXiv 2002.09797, section 3.
    """
    real, fake = _checked(real, fake, k)
    radii = _squared_radii(real, k)
    held = np.zeros(len(real), int)
    for rows, squared in squared_distances(real, fake):
        held[rows] = (squared < radii[rows, None]).sum(axis=1)
    density = held.sum() / (k * len(fake))
    return DensityCoverage(float(density), float((held > 0).mean()))


def _checked(real, fake, k):
    check_count("k", k)
    return as_samples(rows=k + 1, real=real, fake=fake)


def _squared_radii(samples, k):
    distances, _ = NearestNeighbors(n_neighbors=k).fit(samples).kneighbors()
    # A copy of the k-th neighbour lies on the surface: shrink the ball a little, so
    # that rounding cannot put the copy inside.
    return np.square(distances[:, -1]) * (1 - 1e-9)
