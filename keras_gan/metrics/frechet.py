"""Distance between two sets of samples as if both were Gaussian."""

import numpy as np

from keras_gan.metrics._arrays import as_samples


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Returns |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)) of two sets of samples.

    Args:
        real: float [N, D] samples or features, N at least 2.
        fake: float [M, D], M at least 2.

    Returns:
        The squared distance, 0 or more, in the squared unit of the data. Its bias
        falls with N and M: compare at equal numbers only.

    Raises:
        InputError: A set is not [N, D] and finite, or has one row.

    Source: Dowson and Landau 1982; as a measure of images Heusel et al. 2017,
    arXiv 1706.08500, equation 6.
    """
    real, fake = as_samples(rows=2, real=real, fake=fake)
    mean_difference = real.mean(axis=0) - fake.mean(axis=0)
    # With C = X^T X, the trace of (C1 C2)^(1/2) is the sum of the singular values of
    # X1 X2^T. This is exact for singular covariances too, and cheap if N < D.
    real = (real - real.mean(axis=0)) / np.sqrt(len(real) - 1)
    fake = (fake - fake.mean(axis=0)) / np.sqrt(len(fake) - 1)
    if real.shape[1] < min(len(real), len(fake)):
        # NumPy's own types say that it returns Q too.
        real, fake = (np.linalg.qr(part, mode="r") for part in (real, fake))  # type: ignore[assignment]
    cross = np.linalg.svd(real @ fake.T, compute_uv=False).sum()
    traces = np.square(real).sum() + np.square(fake).sum()
    # For equal sets, rounding may give a result below zero.
    return max(0.0, float(mean_difference @ mean_difference + traces - 2 * cross))
