"""How good generated samples are: measures of them against real ones.

A user adds a measure by `MEASURES["mine"] = Measure(...)`, and a way to count the modes
of a source by `modes.COVERAGES["source"] = Coverage(...)`.
"""

from keras_gan.evaluators.distribution import (
    LEAST_IMAGES,
    MEASURES,
    Comparison,
    Measure,
    RealImages,
    most_images,
)
from keras_gan.evaluators.modes import Coverage, coverage_of

__all__ = [
    "LEAST_IMAGES",
    "MEASURES",
    "Comparison",
    "Coverage",
    "Measure",
    "RealImages",
    "coverage_of",
    "most_images",
]
