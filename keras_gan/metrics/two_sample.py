"""Tests of whether two sets of samples come from one distribution."""

import warnings
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import pdist
from scipy.stats import binom
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from keras_gan.metrics._arrays import as_samples, check_count, squared_distances


class TwoSampleTest(NamedTuple):
    """A statistic, and the probability of at least this value for like sets.

    Example:

    ```python
    import numpy as np
    from keras_gan import metrics

    a, b = np.random.default_rng(0).normal(size=(2, 50, 4))
    test = metrics.mmd_test(a, b + 1)
    assert test.p_value < 0.05
    ```
    """

    statistic: float
    p_value: float


def mmd_test(
    a: np.ndarray, b: np.ndarray, permutations: int = 999, seed: int = 0
) -> TwoSampleTest:
    """Returns the unbiased MMD^2 of a Gaussian kernel and its permutation p-value.

    The kernel is exp(-|x - y|^2 / (2 s^2)). s is the median distance between rows of
    both sets, of which at most 1,000 are used.

    Args:
        a: float [N, D], N at least 2.
        b: float [M, D], M at least 2.
        permutations: How often all rows are shuffled into new sets of N and M; the
            smallest p-value is 1 / (1 + permutations).
        seed: The same seed gives the same permutations.

    Returns:
        `(statistic, p_value)`: MMD^2, no unit, at most 2 and about 0 for like sets;
        p = (1 + number of permutations with at least this MMD^2) / (1 + permutations).

    Raises:
        InputError: A set is not [N, D] and finite, or `permutations` is below 1.

    Source: Gretton et al. 2012, A Kernel Two-Sample Test, JMLR 13, equation 3; the
    count of permutations as in Phipson and Smyth 2010.
    """
    a, b = as_samples(rows=2, a=a, b=b)
    check_count("permutations", permutations)
    rng = np.random.default_rng(seed)
    pooled = np.concatenate([a, b])
    # A column for each split: 1 if the row is in the first set. Column 0 is the given
    # split.
    given = (np.arange(len(pooled)) < len(a)).astype("float64")
    dealt = rng.permuted(np.tile(given, (permutations, 1)), axis=1)
    first = np.column_stack([given, dealt.T])
    values = _mmd2(pooled, first, _median_distance(pooled, rng))
    # A tie counts, though its sums may differ in their last digits.
    as_great = int(np.count_nonzero(values[1:] >= values[0] - 1e-12))
    return TwoSampleTest(float(values[0]), (1 + as_great) / (1 + permutations))


def _median_distance(pooled, rng):
    rows = rng.permutation(len(pooled))[:1000]
    distances = pdist(pooled[rows])
    apart = distances[distances > 0]
    return np.median(apart) if len(apart) else 1.0


def _mmd2(pooled, first, bandwidth):
    """Returns MMD^2 for each column of `first`, the marks of the first set's rows."""
    within_first = np.zeros(first.shape[1])
    row_sums = np.empty(len(pooled))
    for rows, squared in squared_distances(pooled, pooled):
        kernel = np.exp(squared / (-2 * bandwidth**2))
        within_first += np.einsum("ij,ij->j", kernel @ first, first[rows])
        row_sums[rows] = kernel.sum(axis=1)
    between = row_sums @ first - within_first
    within_second = row_sums.sum() - within_first - 2 * between
    n = first[:, 0].sum()
    m = len(first) - n
    # The kernel of a row with itself is 1; leave it out.
    return (
        (within_first - n) / (n * (n - 1))
        + (within_second - m) / (m * (m - 1))
        - 2 * between / (n * m)
    )


def classifier_test(a: np.ndarray, b: np.ndarray, seed: int = 0) -> TwoSampleTest:
    """Returns the held-out accuracy of a small network that tells the sets apart.

    The network is the paper's: one hidden layer of 20 rectified units, 100 epochs of
    Adam. It learns from half the rows and is judged on the others.

    Args:
        a: float [N, D], N at least 4.
        b: float [M, D], M at least 4; of the larger set min(N, M) rows are drawn.
        seed: The same seed gives the same rows, split and training.

    Returns:
        `(statistic, p_value)`: accuracy, a share that is about 0.5 for like sets; p is
        the probability of at least this accuracy by chance, from Binomial(held-out
        rows, 1/2).

    Raises:
        InputError: A set is not [N, D] and finite, or too small.

    Source: Lopez-Paz and Oquab 2017, arXiv 1610.06545, sections 3 and 5.
    """
    a, b = as_samples(rows=4, a=a, b=b)
    rng = np.random.default_rng(seed)
    size = min(len(a), len(b))
    x = np.concatenate([rng.permutation(rows)[:size] for rows in (a, b)])
    y = np.repeat([0, 1], size)
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=0.5, stratify=y, random_state=seed
    )
    network = MLPClassifier((20,), max_iter=100, random_state=seed)
    classifier = make_pipeline(StandardScaler(), network)
    with warnings.catch_warnings():
        # The number of epochs is the paper's, converged or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(x_train, y_train)
    right = int(np.count_nonzero(classifier.predict(x_test) == y_test))
    p_value = binom.sf(right - 1, len(y_test), 0.5)
    return TwoSampleTest(right / len(y_test), float(p_value))
