"""How good a model is: measures of its samples, and what takes them.

A user adds a measure by `MEASURES["mine"] = Measure(...)`, a way to count the modes of
a source by `modes.COVERAGES["source"] = Coverage(...)`, and measures of another kind by
a subclass of `Evaluator`, which the recipe of a family returns.
"""

from keras_gan.evaluators.base import Evaluator, Quantity, together
from keras_gan.evaluators.distribution import DistributionEvaluator, most_images
from keras_gan.evaluators.measures import (
    LEAST_IMAGES,
    MEASURES,
    Comparison,
    Measure,
)
from keras_gan.evaluators.modes import Coverage, coverage_of

__all__ = [
    "LEAST_IMAGES",
    "MEASURES",
    "Comparison",
    "Coverage",
    "DistributionEvaluator",
    "Evaluator",
    "Measure",
    "Quantity",
    "coverage_of",
    "most_images",
    "together",
]
