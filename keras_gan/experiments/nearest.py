"""Samples beside their nearest training example: memorised? (2014, figure 2)

Distances of samples to the training images are compared with those of other real
images: the test split where the run has one, else training images to all others.

Source: Goodfellow et al. 2014, arXiv 1406.2661, figure 2.
"""

import numpy as np
from sklearn.metrics import pairwise_distances

from keras_gan.errors import InputError
from keras_gan.experiments import arguments, figures
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun, pixels

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_BLOCK = 4096  # training images compared at a time, which bounds the memory
_PAIRS_IN_ROW = 4


def add_arguments(parser) -> None:
    """Adds the options of this experiment."""
    arguments.run(parser)
    count = arguments.at_least(1)
    parser.add_argument(
        "--samples", type=count, default=1000, help="samples to measure (1000)"
    )
    parser.add_argument("--pairs", type=count, default=24, help="pairs to show (24)")


def run(options) -> Outcome:
    """Returns distances to the nearest training image, of samples and of real images.

    Raises:
        InputError: where the run's images cannot be read or are no longer the same.
    """
    trained = TrainedRun.load(options.run, options.best)
    return compare(trained, options.samples, options.pairs, options.seed)


def compare(trained: TrainedRun, count: int, shown: int, seed: int) -> Outcome:
    """Returns the outcome of this experiment for a run that is loaded.

    Args:
        trained: the run.
        count: samples to measure.
        shown: pairs in the picture.
        seed: decides the samples.

    Raises:
        InputError: where the run's images cannot be read or are no longer the same.
    """
    training = trained.training_images
    samples = trained.gan.generate(count, seed=seed)
    nearest, distances = nearest_training(samples, training)
    real_distances, origin = _real_distances(trained, count, seed)
    measured = {
        "samples": _quantiles(distances),
        "real": _quantiles(real_distances),
        "ratio_of_medians": _ratio(np.median(distances), np.median(real_distances)),
        "copies": int((distances == 0).sum()),
        "share_below_real_5_percent": (
            distances < np.quantile(real_distances, 0.05)
        ).mean(),
    }
    first = np.arange(min(shown, len(samples)))
    closest = distances.argsort(kind="stable")[:shown]

    def pairs(rows):
        return _pairs(samples[rows], training[nearest[rows]])

    return Outcome(
        "nearest",
        f"median distance to the nearest training image "
        f"{measured['samples']['0.5']:.2f} of samples, {measured['real']['0.5']:.2f} "
        f"of real images; {measured['copies']} copies",
        figures.beside(
            ("first samples, each with its nearest training image", pairs(first)),
            ("the closest pairs of all", pairs(closest)),
        ),
        trained.report(
            measured,
            None,
            seed,
            "Euclidean distance of raw pixels in [0, 1]",
            f"{len(samples)} samples to all {len(training)} training images",
            f"beside {origin}",
        ),
    )


def nearest_training(
    images: np.ndarray, training: np.ndarray, own: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the nearest training image of each image, and how far it is.

    Args:
        images: uint8 [N, H, W, C].
        training: uint8 [M, H, W, C], in memory or memory-mapped.
        own: int [N], rows of `training` that are the images themselves and do not
            count (leave-one-out), or None.

    Returns:
        int [N] rows of `training`, and float64 [N] Euclidean distances of pixels in
        [0, 1]; exactly 0 for a copy.
    """
    queries = pixels(images)
    nearest, shortest = np.zeros(len(images), int), np.full(len(images), np.inf)
    for start in range(0, len(training), _BLOCK):
        block = pixels(np.asarray(training[start : start + _BLOCK]))
        distances = pairwise_distances(queries, block)
        if own is not None:
            inside = np.flatnonzero((start <= own) & (own < start + len(block)))
            distances[inside, own[inside] - start] = np.inf
        rows = distances.argmin(axis=1)
        found = distances[np.arange(len(rows)), rows]
        closer = found < shortest
        nearest[closer], shortest[closer] = start + rows[closer], found[closer]
    # Anew from the differences: |x|^2 + |y|^2 - 2 x.y rounds a copy's off.
    return nearest, np.linalg.norm(queries - pixels(training[nearest]), axis=1)


def _real_distances(trained, count, seed):
    training, test = trained.training_images, trained.test_images()
    if test is not None:
        _, distances = nearest_training(test[:count], training)
        origin = f"the first {len(distances)} of {len(test)} images of the test split"
        return distances, origin
    if len(training) < 2:
        raise InputError(
            f"the run in {trained.run.path} has 1 training image; 2 are needed."
        )
    rng = np.random.default_rng(seed)
    own = rng.permutation(len(training))[:count]
    _, distances = nearest_training(training[own], training, own)
    return distances, f"{len(own)} training images to all others (leave-one-out)"


def _ratio(one, other):
    return one / other if other else None


def _quantiles(distances):
    values = np.quantile(distances, QUANTILES)
    return {str(share): value for share, value in zip(QUANTILES, values, strict=True)}


def _pairs(left, right):
    """Pictures in pairs, with a white column of half a picture between pairs."""
    count, height, width, channels = left.shape
    space = np.full((count, height, width // 2, channels), 255, "uint8")
    line = np.full((count, height, 1, channels), 255, "uint8")
    return figures.sheet(
        np.concatenate([left, line, right, space], axis=2), _PAIRS_IN_ROW
    )
