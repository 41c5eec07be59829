"""Directions in latent space found without labels (Shen and Zhou 2021).

Each row walks along one direction from -3 to 3 standard deviations, through a sample
in the middle. The directions are the singular vectors of the first layer that takes
the latent vector: nothing is trained, and no sample is needed to find them.

Source: Shen and Zhou 2021, arXiv 2007.06600, section 3.2.
"""

import argparse

import numpy as np

from keras_gan import latent_directions, pictures, seeding
from keras_gan.experiments import arguments
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun
from keras_gan.metrics.neighbours import pixels

NEEDS = ("sample_latent", "render")  # of the model
_FURTHEST = 3  # standard deviations
_MEASURED = 64  # samples that the figures are about
_RANDOM = 8  # directions to compare with


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    arguments.run(parser)
    parser.add_argument(
        "--directions", type=arguments.at_least(1), default=6, help="rows (6)"
    )
    parser.add_argument(
        "--steps", type=arguments.at_least(2), default=7, help="pictures in a row (7)"
    )
    parser.add_argument(
        "--samples",
        type=arguments.at_least(1),
        default=2,
        help="samples to walk through, side by side (2)",
    )


def run(options: argparse.Namespace) -> Outcome:
    """Returns walks along the directions that change a run's samples most.

    Raises:
        InputError: where the run's model makes no images from latent vectors, or its
            first layer has no kernel.
    """
    trained = TrainedRun.load(options.run, options.best, needs=NEEDS)
    model = trained.model
    found, strengths = latent_directions.of_first_layer(
        model.inference_network(), model.latent_dim, model.num_classes
    )
    found = found[: options.directions]
    rng = seeding.generator(options.seed)
    others = rng.standard_normal((_RANDOM, model.latent_dim)).astype("float32")
    others /= np.linalg.norm(others, axis=1, keepdims=True)

    latent = model.sample_latent(max(_MEASURED, options.samples), options.seed).numpy()
    labels = np.arange(len(latent)) % (model.num_classes or 1)
    places = np.linspace(-_FURTHEST, _FURTHEST, options.steps)
    names = trained.numbered(range(options.samples))
    captions = [f"{place:+.3g}" if place else "0" for place in places]
    blocks = []
    for row in range(options.samples):
        walks = [
            _render(model, _moved(model, latent[row], one, places), labels[row])
            for one in found
        ]
        sheet = pictures.sheet(
            np.concatenate(walks),
            options.steps,
            [
                f"{number}: {captions[0]}" if i == 0 else captions[i]
                for number in range(1, len(found) + 1)
                for i in range(options.steps)
            ],
        )
        blocks.append((f"sample {names[row]}", sheet))

    latent, labels = latent[:_MEASURED], labels[:_MEASURED]
    changes = [_change(model, latent, labels, one) for one in found]
    random = [_change(model, latent, labels, one) for one in others]
    measured = {
        "unit": "root mean square difference of pixels in [0, 1], from "
        f"-{_FURTHEST} to {_FURTHEST} standard deviations",
        "changes": changes,
        "random_directions": float(np.mean(random)),
        "singular_values": [float(one) for one in strengths[: len(found)]],
        "directions": found.tolist(),
    }
    return Outcome(
        "directions",
        f"along the first direction pixels change by {changes[0]:.3f}, along the last "
        f"of these {len(found)} by {changes[-1]:.3f}, along random ones by "
        f"{measured['random_directions']:.3f} (root mean square)",
        pictures.hstack(*blocks),
        trained.report(
            measured,
            None,
            options.seed,
            f"{len(found)} singular vectors of the first kernel, times the scale of a "
            "batch norm after it",
            f"changes of {len(latent)} samples, random directions: mean of {_RANDOM}",
        ),
    )


def _moved(model, latent, direction, places):
    """Returns latent vectors so many standard deviations along a direction."""
    prior = model.prior
    uniform = prior.distribution == "uniform"
    deviation = prior.spread / np.sqrt(3) if uniform else prior.spread
    moved = latent + np.multiply.outer(deviation * np.asarray(places), direction)
    if uniform:
        # Training never saw a vector beyond the bounds.
        moved = moved.clip(*prior.bounds)
    return moved.astype("float32")


def _change(model, latent, labels, direction):
    ends = [
        pixels(
            _render(
                model,
                np.concatenate(
                    [_moved(model, one, direction, [end]) for one in latent]
                ),
                labels,
            )
        )
        for end in (-_FURTHEST, _FURTHEST)
    ]
    return float(np.sqrt(np.mean((ends[1] - ends[0]) ** 2)))


def _render(model, latent, labels):
    return model.render(latent, None if model.num_classes is None else labels)
