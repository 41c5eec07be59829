"""Error of a 1-nearest-neighbour classifier that knows samples only (2015, appendix).

Samples of a conditional model, each with the class it was asked for, classify real
images that the model has not seen; the training images themselves do it for comparison.
The error is low where samples have the right class and no kind of image is missing.

Source: Radford et al. 2015, arXiv 1511.06434, appendix.
"""

import argparse
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_gan import examples, pictures, seeding
from keras_gan.errors import InputError
from keras_gan.experiments import arguments, labelled
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun
from keras_gan.metrics.neighbours import blocks, nearest_images, rows_in_memory
from keras_gan.models import GAN

NEEDS = ("generate", "image_shape")  # of the model
# Test errors in percent, with 50,000 and with 10 million samples.
PAPER = {"data": "MNIST", "unit": "percent", "training_images": 3.1}
PAPER_DCGAN = {"samples_50000": 2.98, "samples_10000000": 1.48}
PAPER_GAN = {"samples_50000": 6.28, "samples_10000000": 5.65}
_MOST_AT_ONCE = 10_000  # samples of one seed
_PAIRS, _PAIRS_IN_ROW = 32, 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    arguments.run(parser)
    parser.add_argument(
        "--samples",
        type=arguments.at_least(1),
        default=50_000,
        help="generated images, classes in turn (50000)",
    )
    labelled.add_arguments(parser)


def run(options: argparse.Namespace) -> Outcome:
    """Returns the error of samples, and of the training images, as a classifier.

    Raises:
        InputError: where the run is unconditional, or its images cannot be read.
    """
    trained = TrainedRun.load(options.run, options.best, needs=NEEDS)
    gan = trained.model
    if gan.num_classes is None:
        raise InputError(
            f"the run in {options.run} is unconditional, so its samples have no class. "
            "Name a run that was trained with --conditional."
        )
    teaching, scored, origin = sets = labelled.read(
        trained, options.validation, options.seed
    )
    truth = scored.require_labels()
    nearest = nearest_images(
        scored.array, samples(gan, options.samples, options.seed), "samples"
    )
    labels = nearest.rows % gan.num_classes
    nearest_real = nearest_images(
        scored.array, blocks(teaching.array), "training images"
    )
    measured: dict[str, Any] = {
        "unit": "percent",
        "samples": labelled.scores(truth, labels, sets.names),
        "training_images": labelled.scores(
            truth, teaching.require_labels()[nearest_real.rows], sets.names
        ),
    }
    error, real_error = (measured[x]["error"] for x in ("samples", "training_images"))
    paper = paper_figures(trained)
    return Outcome(
        "one-nn",
        f"error {error:.2f} ± {measured['samples']['standard_error']:.2f} % by "
        f"{options.samples} samples, {real_error:.2f} % by {len(teaching)} training "
        "images"
        + (
            f"; the paper: {paper['samples_50000']} % by 50000 samples, "
            f"{paper['training_images']} % by training images"
            if paper
            else ""
        ),
        pictures.hstack(
            ("samples of each class", _by_class(gan, options.seed, sets.names)),
            (
                "scored images, each with its nearest sample; errors first",
                _pairs(scored, nearest.images, labels, sets.names),
            ),
        ),
        trained.report(
            measured,
            paper,
            options.seed,
            "1-nearest neighbour by Euclidean distance of 8-bit pixels in [0, 1]",
            f"{options.samples} samples and {len(teaching)} training images",
            origin,
            "± binomial standard error",
        ),
    )


def paper_figures(trained: TrainedRun) -> dict | None:
    """Returns the paper's errors for that kind of model, None if it has none."""
    if trained.tfds_name() != "mnist" or trained.image_shape != (28, 28, 1):
        return None
    generator = trained.model.networks().get("generator")
    if generator is None:
        return None  # the paper's models are GANs
    convolutional = any(
        isinstance(layer, keras.layers.Conv2DTranspose) for layer in generator.layers
    )
    return PAPER | (PAPER_DCGAN if convolutional else PAPER_GAN)


def samples(gan: GAN, count: int, seed: int) -> Iterator[np.ndarray]:
    """Yields blocks of images, uint8 [n, H, W, C]; sample i has class i modulo all.

    Args:
        gan: trained conditional `GAN`.
        count: images in all; each class has as many, or one more than others.
        seed: decides all of them.
    """
    rng = seeding.generator(seed)
    size = min(_MOST_AT_ONCE, rows_in_memory(math.prod(gan.image_shape)))
    for start in range(0, count, size):
        labels = np.arange(start, min(start + size, count)) % (gan.num_classes or 1)
        yield gan.generate(len(labels), seeding.draw(rng), labels)


def _by_class(gan, seed, names):
    drawing = pictures.drawing_of(gan, class_names=names)
    labels = drawing.labels(drawing.count)
    given = examples.spread(gan, None, drawing.count, labels)
    samples = gan.samples(drawing.count, seed, given)
    return drawing.draw(samples, labels)


def _pairs(scored, nearest, labels, names):
    wrong = scored.labels != labels
    shown = np.argsort(~wrong, kind="stable")[:_PAIRS]
    height, width, channels = scored.shape
    space = np.full((len(shown), height, width // 4, channels), 255, "uint8")
    line = np.full((len(shown), height, 1, channels), 255, "uint8")
    pairs = [space, scored.array[shown], line, nearest[shown], space]
    return pictures.sheet(
        np.concatenate(pairs, axis=2),
        _PAIRS_IN_ROW,
        [f"{names[scored.labels[i]]} as {names[labels[i]]}" for i in shown],
    )
