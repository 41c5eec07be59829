"""Measures of samples or features, independent of the model that made them."""

from keras_gan.metrics.frechet import frechet_distance
from keras_gan.metrics.inception import inception_score
from keras_gan.metrics.kernel import KernelDistance, kernel_distance
from keras_gan.metrics.manifold import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    precision_recall,
    symmetric_precision_recall,
)
from keras_gan.metrics.modes import ModeCoverage, mode_coverage
from keras_gan.metrics.neighbours import nearest_neighbours
from keras_gan.metrics.parzen import parzen_log_likelihood, validate_sigma
from keras_gan.metrics.segmentation import (
    SegmentationScores,
    confusion,
    segmentation_scores,
)
from keras_gan.metrics.two_sample import TwoSampleTest, classifier_test, mmd_test

__all__ = [
    "DensityCoverage",
    "KernelDistance",
    "ModeCoverage",
    "PrecisionRecall",
    "SegmentationScores",
    "TwoSampleTest",
    "classifier_test",
    "confusion",
    "density_coverage",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "mmd_test",
    "mode_coverage",
    "nearest_neighbours",
    "parzen_log_likelihood",
    "precision_recall",
    "segmentation_scores",
    "symmetric_precision_recall",
    "validate_sigma",
]
