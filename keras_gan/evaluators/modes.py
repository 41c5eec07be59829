"""How many modes of the data a model's samples hit, where the modes are known."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from keras_gan import datasets, features
from keras_gan.datasets import mixtures, stacked_mnist
from keras_gan.errors import InputError
from keras_gan.metrics import ModeCoverage, mode_coverage

_SURE = 0.9  # probability of a digit from which on a classifier counts as sure


@dataclasses.dataclass(frozen=True)
class ModeCounter:
    """How the modes of one source are counted.

    Args:
        modes: how many there are.
        samples: how many generated samples the published figures are of.
        protocol: what counts as hit and as high quality, in one phrase.
        count: function `(samples, data_dir) -> ModeCoverage`.

    Example:

    ```python
    from keras_gan.datasets.mixtures import RING
    from keras_gan.evaluators import mode_counter_for

    ring = mode_counter_for("ring")
    points, _ = RING.sample(ring.samples)
    assert ring(points).modes == ring.modes == 8
    ```
    """

    modes: int
    samples: int
    protocol: str
    count: Callable[[np.ndarray, str | None], ModeCoverage]

    def __call__(
        self, samples: np.ndarray, data_dir: str | None = None
    ) -> ModeCoverage:
        """Returns the number of modes hit and the share of high-quality samples.

        Args:
            samples: as `GAN.generate` gives them: float [N, 2] of `ring` and `grid`,
                uint8 [N, H, W, 3] of `stacked-mnist`.
            data_dir: where TensorFlow Datasets keeps its files.

        Raises:
            InputError: for samples of another shape, or data that cannot be read.
        """
        return self.count(samples, data_dir)


def mode_counter_for(source: str) -> ModeCounter | None:
    """Returns how the modes of a source are counted; None where they are not known.

    Args:
        source: string as `datasets.read` takes it.
    """
    return MODE_COUNTERS.get(source)


def stacked_coverage(probabilities: np.ndarray) -> ModeCoverage:
    """Returns the modes of Stacked-MNIST that classified images hit.

    Args:
        probabilities: float [N, 3, 10], of each digit in each channel.

    Returns:
        `(modes, high_quality)`: 0 to 1000 triples of most probable digits, and the
        share of images in [0, 1] whose three digits all have a probability above 0.9.
    """
    modes = stacked_mnist.mode_of(probabilities.argmax(axis=2))
    sure = (probabilities.max(axis=2) > _SURE).all(axis=1)
    return ModeCoverage(len(np.unique(modes)), float(sure.mean()))


def _of_mixture(mixture):
    return ModeCounter(
        modes=len(mixture.centres),
        samples=2500,
        protocol="a sample within three standard deviations of its nearest mode hits "
        "it and is of high quality (real ones: 98.9 %)",
        count=lambda samples, data_dir: mode_coverage(
            samples, mixture.centres, mixture.std
        ),
    )


def _count_stacked(samples, data_dir):
    if samples.ndim != 4 or samples.shape[3] != 3:
        raise InputError(
            f"samples of stacked-mnist are uint8 [N, H, W, 3], not {samples.dtype} "
            f"{list(samples.shape)}."
        )
    classify = _digit_classifier(samples.shape[1:3], data_dir)
    channels = [
        classify(np.ascontiguousarray(samples[..., i : i + 1])).probabilities
        for i in range(3)
    ]
    return stacked_coverage(np.stack(channels, axis=1))


@functools.lru_cache(maxsize=1)  # not read and hashed again at each epoch's measure
def _digit_classifier(size, data_dir):
    digits = datasets.read("tfds:mnist", size, 1, data_dir)
    return features.get("classifier", digits)


MODE_COUNTERS: dict[str, ModeCounter] = {
    "ring": _of_mixture(mixtures.RING),
    "grid": _of_mixture(mixtures.GRID),
    "stacked-mnist": ModeCounter(
        modes=stacked_mnist.MODES,
        samples=25_600,
        protocol="the most probable digit of each channel, by a classifier trained on "
        "the training set of MNIST, makes the mode; of high quality are samples whose "
        "three digits all have a probability above 0.9",
        count=_count_stacked,
    ),
}
