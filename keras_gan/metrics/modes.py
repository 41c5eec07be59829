"""Coverage of a mixture with known modes by samples."""

from typing import NamedTuple

import numpy as np

from keras_gan.metrics._arrays import as_samples, check_positive
from keras_gan.metrics.neighbours import nearest_neighbours


class ModeCoverage(NamedTuple):
    """Number of modes hit, and share in [0, 1] of samples that lie at a mode.

    Example:

    ```python
    import numpy as np
    from keras_gan import metrics

    centres = np.array([[-1.0, 0.0], [1.0, 0.0]])
    covered = metrics.mode_coverage(centres[:1], centres, std=0.1)
    assert (covered.modes, covered.high_quality) == (1, 1.0)
    ```
    """

    modes: int
    high_quality: float


def mode_coverage(samples: np.ndarray, centres: np.ndarray, std: float) -> ModeCoverage:
    """Returns how many modes the samples hit, and the share that lies at a mode.

    A sample lies at its nearest centre if it is within three standard deviations.

    Args:
        samples: float [N, D].
        centres: float [K, D], one row per mode.
        std: Standard deviation of every mode in each dimension, in the samples' unit.

    Returns:
        `(modes, high_quality)`: 0 to K modes with at least one sample, and the share
        of samples in [0, 1]. A perfect model on two dimensions has 1 - exp(-4.5) =
        0.989.

    Raises:
        InputError: An array is not [N, D] and finite, or std is not positive.

    Source: Srivastava et al. 2017 (VEEGAN), arXiv 1705.07761, section 4.1.
    """
    samples, centres = as_samples(samples=samples, centres=centres)
    check_positive("std", std)
    nearest, distances = nearest_neighbours(samples, centres)
    at_mode = distances <= 3 * std
    return ModeCoverage(len(np.unique(nearest[at_mode])), float(at_mode.mean()))
