"""How good generated images are: measures against real ones, and a report."""

from keras_gan.errors import Diverged
from keras_gan.evaluators import (
    MEASURES,
    Comparison,
    Measure,
    RealImages,
    most_images,
)

__all__ = [
    "MEASURES",
    "Comparison",
    "Diverged",
    "Measure",
    "RealImages",
    "most_images",
]
