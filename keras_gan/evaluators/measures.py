"""Measures of generated images against real ones, all on the same features."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from keras_gan import metrics
from keras_gan.errors import InputError, did_you_mean
from keras_gan.evaluators.base import Quantity
from keras_gan.features.extractor import Extracted

# On each side, for all measures: coverage looks at the fifth neighbour of each image.
LEAST_IMAGES = 6


class FeatureComparison:
    """Features of generated images beside those of real ones.

    What several measures share is computed once, and nothing that none asks for.

    Args:
        real: `features.Extracted` of real images.
        fake: `features.Extracted` of generated images, or of other real ones.
        count_modes: function without arguments that returns the `metrics.ModeCoverage`
            of the generated images; None where the data have no known modes.
        class_names: one name per column of the probabilities, or None.
        sees_blur: as in `features.Extractor`.
        class_accuracy: share of the generated images that are of the class asked for;
            None if no class was asked for or the features do not know it.

    Example:

    ```python
    from keras_gan import features
    from keras_gan.evaluators import FeatureComparison

    extractor = features.get("pixels", images)
    comparison = FeatureComparison(extractor(images.array), extractor(gan.generate(64)))
    print(comparison.names)
    print(comparison.measure(["frechet_distance", "recall"]))
    ```
    """

    def __init__(
        self,
        real: Extracted,
        fake: Extracted,
        count_modes: Callable[[], metrics.ModeCoverage] | None = None,
        class_names: Sequence[str] | None = None,
        sees_blur: bool = True,
        class_accuracy: float | None = None,
    ):
        self.real = real
        self.fake = fake
        self.count_modes = count_modes
        self.class_names = class_names
        self.sees_blur = sees_blur
        self.class_accuracy = class_accuracy

    @property
    def names(self) -> list[str]:
        """Names of the measures that can be taken."""
        return [name for name, m in MEASURES.items() if m.available(self)]

    def check(self, names: Iterable[str]) -> None:
        """Raises InputError for a measure that is not known or cannot be taken."""
        for name in names:
            if name not in MEASURES:
                known = ", ".join(MEASURES)
                raise InputError(
                    f"measure {name!r} is not known. Expected some of: {known}."
                    f"{did_you_mean(name, MEASURES)}"
                )
            if name not in self.names:
                raise InputError(
                    f"{name} cannot be measured with these features, data and model. "
                    f"Choose from: {', '.join(self.names)}."
                )

    def measure(self, names: Iterable[str] | None = None) -> dict[str, float]:
        """Returns the value of each measure.

        Args:
            names: keys of `MEASURES`; None takes all that these features allow.

        Raises:
            InputError: for a measure that is not known or cannot be taken, or too few
                images for it.
        """
        names = self.names if names is None else list(names)
        self.check(names)
        return {name: MEASURES[name].compute(self) for name in names}

    def classes(self) -> dict | None:
        """Returns how often each class is the most probable one.

        Returns:
            `names`, and the shares `generated` and `real`, a list each; None where the
            features know no classes.
        """
        if self.class_names is None or self.fake.probabilities is None:
            return None

        def shares(extracted):
            said = extracted.probabilities.argmax(axis=1)
            counts = np.bincount(said, minlength=len(self.class_names))
            return (counts / len(said)).tolist()

        return {
            "names": list(self.class_names),
            "generated": shares(self.fake),
            "real": shares(self.real),
        }

    @functools.cached_property
    def kernel_distance(self) -> metrics.KernelDistance:
        return metrics.kernel_distance(self.real.features, self.fake.features)

    @functools.cached_property
    def precision_recall(self) -> metrics.PrecisionRecall:
        return metrics.symmetric_precision_recall(
            self.real.features, self.fake.features
        )

    @functools.cached_property
    def density_coverage(self) -> metrics.DensityCoverage:
        return metrics.density_coverage(self.real.features, self.fake.features)

    @functools.cached_property
    def mode_coverage(self) -> metrics.ModeCoverage:
        if self.count_modes is None:
            raise InputError("the data have no known modes to count.")
        return self.count_modes()


@dataclasses.dataclass(frozen=True)
class Measure(Quantity):
    """One number about generated images, computed from a `FeatureComparison`.

    Args:
        title, better, meaning, when: as of `Quantity`.
        compute: function of a `FeatureComparison` for which it is available.
        available: function of a `FeatureComparison` that says whether it can be taken.
        least: images that it needs on each side.

    Example:

    ```python
    from keras_gan.evaluators import MEASURES

    recall = MEASURES["recall"]
    print(recall.title, recall.meaning)
    assert recall.improves(0.5, best=0.4)
    ```
    """

    # Any, as `available` has looked that what it needs is not None.
    compute: Callable[[Any], float]
    available: Callable[[FeatureComparison], bool] = lambda comparison: True
    least: int = 2


def _knows_classes(comparison):
    return comparison.fake.probabilities is not None


def _compares_neighbours(comparison):
    return comparison.sees_blur


def _asked_for_classes(comparison):
    return comparison.class_accuracy is not None


def _knows_modes(comparison):
    return comparison.count_modes is not None


MEASURES: dict[str, Measure] = {
    "frechet_distance": Measure(
        "Fréchet distance",
        "lower",
        "How far apart two Gaussians are that fit the features; sees both quality and "
        "variety.",
        lambda c: metrics.frechet_distance(c.real.features, c.fake.features),
        when="training",
    ),
    "kernel_distance": Measure(
        "Kernel distance (KID)",
        "lower",
        "Difference of the two sets under a polynomial kernel, without bias by their "
        "size; near 0, also below, where they do not differ.",
        lambda c: c.kernel_distance.mean,
        least=4,
        when="end",  # it takes seconds
    ),
    "kernel_distance_std": Measure(
        "its standard deviation",
        None,
        "Of the kernel distance, over the subsets that it is the mean of.",
        lambda c: c.kernel_distance.std,
        least=4,
    ),
    "precision": Measure(
        "Precision",
        "higher",
        "Share of generated samples that lie among real ones and have real ones among "
        "them (symmetric precision).",
        lambda c: c.precision_recall.precision,
        _compares_neighbours,
        least=4,
    ),
    "recall": Measure(
        "Recall",
        "higher",
        "Share of real samples that lie among generated ones and have generated ones "
        "among them (symmetric recall).",
        lambda c: c.precision_recall.recall,
        _compares_neighbours,
        least=4,
    ),
    "coverage": Measure(
        "Coverage",
        "higher",
        "Share of real samples that have a generated one nearby.",
        lambda c: c.density_coverage.coverage,
        _compares_neighbours,
        least=LEAST_IMAGES,
    ),
    "class_score": Measure(
        "Class score",
        "higher",
        "The Inception score of this classifier: 1 where all samples look alike to it, "
        "up to the number of classes where each is surely of one and all are as "
        "frequent.",
        lambda c: metrics.inception_score(c.fake.probabilities),
        _knows_classes,
    ),
    "class_accuracy": Measure(
        "Class accuracy",
        "higher",
        "Share of generated samples that the classifier takes for the class asked for; "
        "beside it, of real ones it did not learn from, that it takes for theirs.",
        lambda c: c.class_accuracy,
        _asked_for_classes,
        when="end",
    ),
    "modes": Measure(
        "Modes hit",
        "higher",
        "Modes of the data with at least one generated sample.",
        lambda c: c.mode_coverage.modes,
        _knows_modes,
        when="training",
    ),
    "high_quality": Measure(
        "High-quality samples",
        "higher",
        "Share of generated samples that lie at a mode.",
        lambda c: c.mode_coverage.high_quality,
        _knows_modes,
        when="training",
    ),
}
