"""How good a model is: measures of its samples, and what takes them.

A user adds a measure by `MEASURES["mine"] = Measure(...)`, a way to count the modes of
a source by `modes.MODE_COUNTERS["source"] = ModeCounter(...)`, and measures of another
kind by a subclass of `Evaluator`, which the recipe of a family returns.
"""

from keras_gan.evaluators.base import Evaluator, Quantity, together
from keras_gan.evaluators.distribution import (
    DistributionEvaluator,
    default_sample_count,
)
from keras_gan.evaluators.measures import (
    LEAST_IMAGES,
    MEASURES,
    FeatureComparison,
    Measure,
)
from keras_gan.evaluators.modes import ModeCounter, mode_counter_for
from keras_gan.evaluators.palette import Palette
from keras_gan.evaluators.translation import CycleEvaluator, PairedEvaluator

__all__ = [
    "LEAST_IMAGES",
    "MEASURES",
    "CycleEvaluator",
    "DistributionEvaluator",
    "Evaluator",
    "FeatureComparison",
    "Measure",
    "ModeCounter",
    "PairedEvaluator",
    "Palette",
    "Quantity",
    "default_sample_count",
    "mode_counter_for",
    "together",
]
