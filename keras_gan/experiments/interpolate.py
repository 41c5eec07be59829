"""Walks between random latent vectors, straight and on the sphere (2015, section 6.1).

Each row goes from one random point to the next. A sharp jump, most of the change in
one step, would mean that the generator has memorised images.

Source: Radford et al. 2015, arXiv 1511.06434, section 6.1; Goodfellow et al. 2014,
arXiv 1406.2661, figure 3.
"""

import argparse
import itertools
from typing import Any

import numpy as np

from keras_gan import pictures
from keras_gan.experiments import arguments
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun
from keras_gan.latents import linear, spherical
from keras_gan.metrics.neighbours import pixels

NEEDS = ("sample_latent", "render")  # of the model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    arguments.run(parser)
    parser.add_argument(
        "--points", type=arguments.at_least(2), default=9, help="random points (9)"
    )
    parser.add_argument(
        "--steps",
        type=arguments.at_least(3),
        default=9,
        help="pictures from one point to the next, both among them (9)",
    )


def run(options: argparse.Namespace) -> Outcome:
    """Returns how even the steps of walks in latent space are."""
    trained = TrainedRun.load(options.run, options.best, needs=NEEDS)
    gan = trained.model
    points = np.asarray(gan.sample_latent(options.points, options.seed))
    measured: dict[str, Any] = {}
    blocks = []
    fraction = np.linspace(0, 1, options.steps, dtype="float32")
    for path in (linear, spherical):
        walks = [
            gan.render(path(start, end, fraction), _label(gan, row))
            for row, (start, end) in enumerate(itertools.pairwise(points))
        ]
        measured[path.__name__] = [largest_step(walk) for walk in walks]
        sheet = pictures.sheet(
            np.concatenate(walks), options.steps, _captions(trained, walks)
        )
        blocks.append((f"{path.__name__} interpolation", sheet))
    measured["of_a_walk_with_one_jump"] = float(options.steps - 1)
    largest = {
        name: max((v for v in measured[name] if v is not None), default=float("nan"))
        for name in ("linear", "spherical")
    }
    return Outcome(
        "interpolate",
        f"largest step over mean step, worst of {options.points - 1} walks: "
        f"{largest['linear']:.2f} linear, {largest['spherical']:.2f} spherical "
        f"({options.steps - 1} if all changed at once)",
        pictures.hstack(*blocks),
        trained.report(
            measured,
            None,
            options.seed,
            "largest over mean Euclidean distance of raw pixels between neighbours",
            f"{options.points - 1} walks of {options.steps} pictures",
            classes="one class for each walk",
        ),
    )


def largest_step(walk: np.ndarray) -> float | None:
    """Returns the largest step between neighbouring pictures over the mean step.

    Args:
        walk: uint8 [N, H, W, C], N at least 2.

    Returns:
        1 for even steps, N - 1 where all changes at once; None where nothing changes.
    """
    steps = np.linalg.norm(np.diff(pixels(walk), axis=0), axis=1)
    return float(steps.max() / steps.mean()) if steps.any() else None


def _captions(trained, walks):
    """The class of each walk under its first picture, None without classes."""
    classes = trained.model.num_classes
    if classes is None:
        return None
    names = trained.class_captions(np.arange(len(walks)) % classes)
    return [
        name if i == 0 else ""
        for name, walk in zip(names, walks, strict=True)
        for i in range(len(walk))
    ]


def _label(gan, row):
    return None if gan.num_classes is None else row % gan.num_classes
