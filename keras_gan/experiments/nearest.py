"""Samples beside their nearest training example: memorised? (2014, figure 2)

Distances of samples to the training images are compared with those of other real
images: the test split where the run has one, else training images to all others.

Source: Goodfellow et al. 2014, arXiv 1406.2661, figure 2.
"""

import argparse

import numpy as np

from keras_gan import pictures
from keras_gan.errors import InputError
from keras_gan.experiments import arguments
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun
from keras_gan.metrics.neighbours import blocks, nearest_images

NEEDS = ("generate",)  # of the model
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    arguments.run(parser)
    count = arguments.at_least(1)
    parser.add_argument(
        "--samples", type=count, default=1000, help="samples to measure (1000)"
    )
    parser.add_argument("--pairs", type=count, default=24, help="pairs to show (24)")


def run(options: argparse.Namespace) -> Outcome:
    """Returns distances to the nearest training image, of samples and of real images.

    Raises:
        InputError: where the run's images cannot be read or are no longer the same.
    """
    trained = TrainedRun.load(options.run, options.best, needs=NEEDS)
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
    samples = trained.model.generate(count, seed=seed)
    nearest = nearest_images(samples, blocks(training), "samples")
    distances = nearest.distances
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
        captions = None
        if trained.model.num_classes is not None:
            captions = trained.class_captions(rows % trained.model.num_classes)
        return _pairs(samples[rows], nearest.images[rows], captions)

    return Outcome(
        "nearest",
        f"median distance to the nearest training image "
        f"{measured['samples']['0.5']:.2f} of samples, {measured['real']['0.5']:.2f} "
        f"of real images; {measured['copies']} copies",
        pictures.hstack(
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


def _real_distances(trained, count, seed):
    training, test = trained.training_images, trained.test_images()
    if test is not None:
        distances = _distances(test[:count], training)
        origin = f"the first {len(distances)} of {len(test)} images of the test split"
        return distances, origin
    if len(training) < 2:
        raise InputError(
            f"the run in {trained.run.path} has 1 training image, and at least 2 are "
            "needed. Train a run on more images."
        )
    rng = np.random.default_rng(seed)
    own = rng.permutation(len(training))[:count]
    distances = _distances(training[own], training, own)
    return distances, f"{len(own)} training images to all others (leave-one-out)"


def _distances(images, training, own=None):
    return nearest_images(images, blocks(training), "real images", own).distances


def _ratio(one, other):
    return one / other if other else None


def _quantiles(distances):
    values = np.quantile(distances, QUANTILES)
    return {str(share): value for share, value in zip(QUANTILES, values, strict=True)}


def _pairs(left, right, captions):
    """Pictures in pairs, with a white column of half a picture between pairs."""
    count, height, width, channels = left.shape
    space = np.full((count, height, width // 2, channels), 255, "uint8")
    line = np.full((count, height, 1, channels), 255, "uint8")
    pairs = np.concatenate([left, line, right, space], axis=2)
    return pictures.sheet(pairs, captions=captions)
