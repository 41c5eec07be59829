"""Distance between two sets of samples by a polynomial kernel."""

from typing import NamedTuple

import numpy as np

from keras_gan.errors import InputError
from keras_gan.metrics._arrays import as_samples, check_count


class KernelDistance(NamedTuple):
    """Mean and standard deviation of the squared distance over subsets.

    Example:

    ```python
    import numpy as np
    from keras_gan import metrics

    real, fake = np.random.default_rng(0).normal(size=(2, 200, 8))
    distance = metrics.kernel_distance(real, fake)
    print(f"{distance.mean:.4f} ± {distance.std:.4f}")
    ```
    """

    mean: float
    std: float


def kernel_distance(
    real: np.ndarray,
    fake: np.ndarray,
    subsets: int = 100,
    subset_size: int | None = None,
    seed: int = 0,
) -> KernelDistance:
    """Returns the unbiased MMD^2 with the kernel (x.y / D + 1)^3, known as KID.

    Args:
        real: float [N, D] samples or features, N at least 4.
        fake: float [M, D], M at least 4.
        subsets: How many pairs of subsets are drawn, without replacement in each.
        subset_size: Rows per subset, 2 to min(N, M). None takes 1000, or half of the
            smaller set if that is less.
        seed: The same seed draws the same subsets.

    Returns:
        `(mean, std)` over the subsets, without unit. For equal distributions the mean
        is often a little below zero. `std` is the spread of the subsets, not the error
        of the mean.

    Raises:
        InputError: A set is not [N, D] and finite, or a number is out of range.

    Source: Binkowski et al. 2018, arXiv 1801.01401, section 4; the estimator is
    Gretton et al. 2012, equation 3.
    """
    real, fake = as_samples(rows=4, real=real, fake=fake)
    check_count("subsets", subsets)
    smaller = min(len(real), len(fake))
    if subset_size is None:
        subset_size = min(1000, smaller // 2)
    check_count("subset_size", subset_size, least=2)
    if subset_size > smaller:
        raise InputError(
            f"subset_size is {subset_size}, but the smaller set has {smaller} rows. "
            f"Use 2 to {smaller}."
        )
    rng = np.random.default_rng(seed)
    values = [
        _mmd2(*(rng.choice(rows, subset_size, replace=False) for rows in (real, fake)))
        for _ in range(subsets)
    ]
    return KernelDistance(float(np.mean(values)), float(np.std(values)))


def _mmd2(x, y):
    def kernel(a, b):
        k = a @ b.T / a.shape[1] + 1
        return k * k * k  # NumPy's ** 3 takes about sixty times longer

    def mean_of_distinct(k):
        return (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))

    within = mean_of_distinct(kernel(x, x)) + mean_of_distinct(kernel(y, y))
    return within - 2 * kernel(x, y).mean()
