"""Score of samples by the class probabilities that a classifier gives them."""

import numpy as np
from scipy.special import rel_entr

from keras_gan.errors import InputError
from keras_gan.metrics._arrays import as_samples


def inception_score(probabilities: np.ndarray) -> float:
    """Returns exp(E[KL(p(y|x) || p(y))]) of a classifier's outputs.

    It is the Inception score if the classifier is InceptionV3. Compare scores only
    between samples judged by the same classifier.

    Args:
        probabilities: float [N, C], rows that sum to 1 within 0.01 (probabilities,
            not logits).

    Returns:
        The score, from 1 (all samples have the same probabilities) to C (each sample
        is surely of one class, and all classes are equally frequent).

    Raises:
        InputError: The array is not [N, C], or its rows are not probabilities.

    Source: Salimans et al. 2016, arXiv 1606.03498, section 4, on one split.
    """
    (probabilities,) = as_samples(probabilities=probabilities)
    totals = probabilities.sum(axis=1, keepdims=True)
    if probabilities.min() < 0 or np.abs(totals - 1).max() > 0.01:
        raise InputError(
            f"probabilities has values from {probabilities.min():.3g} and row sums "
            f"{totals.min():.3g} to {totals.max():.3g}. Use values of at least 0 whose "
            "rows sum to 1."
        )
    probabilities = probabilities / totals
    divergence = rel_entr(probabilities, probabilities.mean(axis=0)).sum(axis=1)
    return float(np.exp(divergence.mean()))
