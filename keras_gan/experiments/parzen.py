"""Log-likelihood of test images under Gaussian windows on samples (2014, table 1).

The estimate has high variance and flatters blurry models (Theis et al. 2016, arXiv
1511.01844): read it beside other measures, never alone. The paper chose sigma on images
that its GAN had not seen: train with --data "tfds:mnist:train[:50000]" for that.

Source: Goodfellow et al. 2014, arXiv 1406.2661, section 5.
"""

import argparse

import numpy as np

from keras_gan import pictures
from keras_gan.errors import InputError
from keras_gan.experiments import arguments
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun
from keras_gan.metrics import parzen_log_likelihood, validate_sigma
from keras_gan.metrics.neighbours import pixels

NEEDS = ("generate",)  # of the model
PAPER = {"data": "MNIST", "mean": 225, "standard_error": 2}
_SHOWN = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    arguments.run(parser)
    count = arguments.at_least(1)
    parser.add_argument(
        "--samples", type=count, default=10_000, help="generated images (10000)"
    )
    parser.add_argument(
        "--validation", type=count, default=1000, help="images that choose sigma (1000)"
    )
    parser.add_argument(
        "--test", type=count, default=10_000, help="images to score (10000)"
    )


def run(options: argparse.Namespace) -> Outcome:
    """Returns the mean log-likelihood of test images in nats.

    Raises:
        InputError: where the run's images cannot be read or are fewer than two.
    """
    trained = TrainedRun.load(options.run, options.best, needs=NEEDS)
    validation, test, origin = real_images(trained, options.validation, options.test)
    generated = trained.model.generate(options.samples, seed=options.seed)
    samples = pixels(generated)
    sigma = validate_sigma(samples, pixels(validation))
    values = parzen_log_likelihood(samples, pixels(test), sigma)
    measured = {
        "mean": values.mean(),
        "standard_error": values.std() / np.sqrt(len(values)),
        "unit": "nats",
        "sigma": sigma,
    }
    shape = trained.image_shape
    on_mnist = trained.tfds_name() == "mnist" and shape == (28, 28, 1)
    paper = PAPER if on_mnist else None
    summary = "{mean:.1f} ± {standard_error:.1f} nats, sigma {sigma:.3f}"
    return Outcome(
        "parzen",
        summary.format(**measured)
        + (
            f"; the paper: {PAPER['mean']} ± {PAPER['standard_error']}" if paper else ""
        ),
        pictures.hstack(
            ("samples", _samples(trained, generated[:_SHOWN])),
            ("test images", pictures.grid(test[:_SHOWN])),
        ),
        trained.report(
            measured,
            paper,
            options.seed,
            "8-bit pixels in [0, 1]",
            f"{options.samples} samples",
            "sigma from 10 values of logspace(-1, 0)",
            origin,
        ),
    )


def _samples(trained, shown):
    """A grid of the samples, of which a conditional model has made classes in turn."""
    if trained.model.num_classes is None:
        return pictures.grid(shown)
    names = trained.class_captions(np.arange(len(shown)) % trained.model.num_classes)
    return pictures.grid(shown, captions=names)


def real_images(
    trained: TrainedRun, validation: int, test: int
) -> tuple[np.ndarray, np.ndarray, str]:
    """Returns images to choose sigma on, images to score, and what both are.

    Images that the run has not trained on are preferred: the split `test`, and for
    validation what is left of `train` where the run trained on `train[:NUMBER]`.

    Args:
        trained: `TrainedRun`.
        validation, test: greatest number of each.

    Returns:
        Two arrays uint8 [N, H, W, C] without a common image, and a part of a sentence.

    Raises:
        InputError: where there are fewer than two images.
    """
    split, rest = trained.test_images(), trained.rest_of_split()
    pool = trained.training_images if rest is None else rest
    if rest is None:
        pool_name = "training images, seen in training"
    else:
        pool_name = "images of its split that the run left out"
    if len(pool) < 2:
        raise InputError(
            f"the run in {trained.run.path} has {len(pool)} image to choose sigma on "
            "and to score, and at least 2 are needed. Train a run on more images."
        )
    # At most half: some are left to score where there is no split of their own.
    validation = min(validation, len(pool) // 2)
    chosen = f"chosen on the last {validation} of {len(pool)} {pool_name}"
    if split is not None:
        scored = split[:test]
        origin = f"the first {len(scored)} of {len(split)} images of the test split"
    else:
        scored = pool[:-validation][-test:]
        origin = f"the {len(scored)} {pool_name}, before those"
    return pool[-validation:], scored, f"{chosen}, mean over {origin}"
