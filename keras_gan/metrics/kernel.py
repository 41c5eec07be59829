"""Distance between two sets of samples by a polynomial kernel."""

from typing import NamedTuple

import numpy as np

from keras_gan.errors import InputError
from keras_gan.metrics._arrays import as_samples, check_count

_ROWS = 1000  # whose kernel with all others is in memory at a time


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
    chosen = [
        [rng.choice(len(rows), subset_size, replace=False) for rows in (real, fake)]
        for _ in range(subsets)
    ]
    # The kernel of all pairs at once, if the subsets have more pairs than there are.
    pairs = max(len(real), len(fake)) ** 2
    width = real.shape[1]
    if pairs * (width + subsets) < subsets * subset_size**2 * width:
        values = _of_all_pairs(real, fake, chosen)
    else:
        values = np.array([_mmd2(real[i], fake[j]) for i, j in chosen])
    return KernelDistance(float(np.mean(values)), float(np.std(values)))


def _kernel(a, b):
    k = a @ b.T / a.shape[1] + 1
    return k * k * k  # NumPy's ** 3 takes about sixty times longer


def _mmd2(x, y):
    def mean_of_distinct(k):
        return (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))

    within = mean_of_distinct(_kernel(x, x)) + mean_of_distinct(_kernel(y, y))
    return within - 2 * _kernel(x, y).mean()


def _of_all_pairs(real, fake, chosen):
    """Returns `_mmd2` of each pair of subsets.

    Args:
        real: [N, D] rows.
        fake: [M, D] rows.
        chosen: numbers of the rows in each pair of subsets.
    """
    size = len(chosen[0][0])
    in_real, in_fake = (np.zeros((len(chosen), len(rows))) for rows in (real, fake))
    for number, (i, j) in enumerate(chosen):
        in_real[number, i] = in_fake[number, j] = 1

    def sums(a, b, in_a, in_b):
        parts = [slice(i, i + _ROWS) for i in range(0, len(a), _ROWS)]
        return sum(
            ((in_a[:, part] @ _kernel(a[part], b)) * in_b).sum(axis=1) for part in parts
        )

    def mean_of_distinct(a, in_a):
        itself = (np.square(a).sum(axis=1) / a.shape[1] + 1) ** 3
        return (sums(a, a, in_a, in_a) - in_a @ itself) / (size * (size - 1))

    within = mean_of_distinct(real, in_real) + mean_of_distinct(fake, in_fake)
    return within - 2 * sums(real, fake, in_real, in_fake) / size**2
