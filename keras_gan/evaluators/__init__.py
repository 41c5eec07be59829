"""How good generated samples are: measures of them against real ones."""

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
