"""Likelihood of data under Gaussian windows placed on the samples of a model."""

from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp

from keras_gan.metrics._arrays import (
    as_samples,
    check_count,
    check_positive,
    squared_distances,
)

PAPER_SIGMAS = np.logspace(-1, 0, 10)


def parzen_log_likelihood(
    samples: np.ndarray, x: np.ndarray, sigma: float
) -> np.ndarray:
    """Returns the log-density of each row of x under windows on the samples.

    The estimate has high variance and flatters blurry models (Theis et al. 2016,
    arXiv 1511.01844): report it beside other measures, never alone.

    Args:
        samples: float [N, D] samples of the model.
        x: float [M, D] held-out data in the same range, [0, 1] for the paper's figures.
        sigma: Standard deviation of the isotropic window, in the unit of x.

    Returns:
        float64 [M], in nats. The paper reports the mean and its standard error.

    Raises:
        InputError: A set is not [N, D] and finite, or sigma is not positive.

    Source: Goodfellow et al. 2014, arXiv 1406.2661, section 5.
    """
    samples, x = as_samples(samples=samples, x=x)
    check_positive("sigma", sigma)
    return _log_likelihoods(samples, x, [sigma])[:, 0]


def validate_sigma(
    samples: np.ndarray,
    validation: np.ndarray,
    sigmas: np.ndarray | Sequence[float] = PAPER_SIGMAS,
) -> float:
    """Returns the window under which the validation data are most likely.

    Args:
        samples: float [N, D] samples of the model.
        validation: float [M, D] data that is not the test set; the authors used the
            first 1,000 validation images.
        sigmas: float [S] standard deviations to try, in the unit of the data; by
            default ten from 0.1 to 1, evenly spaced in the logarithm.

    Returns:
        The one of `sigmas` with the greatest mean log-likelihood.

    Raises:
        InputError: A set is not [N, D] and finite, or a sigma is not positive.

    Source: Goodfellow et al. 2014, arXiv 1406.2661, section 5, and the authors'
    published code for the ten values.
    """
    samples, validation = as_samples(samples=samples, validation=validation)
    tried = np.ravel(sigmas).tolist()
    check_count("number of sigmas", len(tried))
    for sigma in tried:
        check_positive("sigmas", sigma)
    means = _log_likelihoods(samples, validation, tried).mean(axis=0)
    return tried[means.argmax()]


def _log_likelihoods(samples, x, sigmas):
    """Returns [M, S]; computes the distances, which cost most, once for all sigmas."""
    result = np.empty((len(x), len(sigmas)))
    count, dimensions = samples.shape
    for rows, squared in squared_distances(x, samples):
        for column, sigma in enumerate(sigmas):
            normaliser = np.log(count) + dimensions / 2 * np.log(2 * np.pi * sigma**2)
            windows = logsumexp(squared / (-2 * sigma**2), axis=1)
            result[rows, column] = windows - normaliser
    return result
