"""The images of all latents of a VAE in the plane (Kingma and Welling 2013, figure 4).

The decoder draws a grid of latents that divides the prior evenly: equally spaced
quantiles, so that neighbours are as many draws apart in the middle as at the edge.

Source: Kingma and Welling 2013, arXiv 1312.6114, appendix A and figure 4.
"""

import argparse

import numpy as np
from scipy.stats import norm

from keras_gan import pictures
from keras_gan.errors import InputError
from keras_gan.experiments import arguments
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun
from keras_gan.metrics.neighbours import pixels
from keras_gan.pictures.grids import near_square

NEEDS = ("decode", "sample_latent")  # of the model
SUCH_AS = "vae-digits"  # a recipe whose models have them
_LATENTS = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    arguments.run(parser)
    parser.add_argument(
        "--side",
        type=arguments.at_least(2),
        default=20,
        help="images along each side of the grid (20)",
    )


def run(options: argparse.Namespace) -> Outcome:
    """Returns the grid, and how much neighbours in it differ.

    Raises:
        InputError: where the run's model has another number of latents than two.
    """
    trained = TrainedRun.load(options.run, options.best, needs=NEEDS, instead=SUCH_AS)
    model, side = trained.model, options.side
    if model.latent_dim != _LATENTS:
        raise InputError(
            f"the run in {options.run} has a latent_dim of {model.latent_dim}. A grid "
            f"in the plane needs {_LATENTS}: train a run with train.py "
            f"{trained.run.recipe_name} --latent-dim {_LATENTS}."
        )
    classes = [None] if model.num_classes is None else range(model.num_classes)
    latents = grid_of_latents(side)
    images = [model.decode(latents, label) for label in classes]
    drawn = pixels(np.concatenate(images)).reshape(len(images), side, side, -1)
    measured = {
        "unit": "root mean square difference of pixels in [0, 1]",
        "neighbours": _difference(drawn, 1),
        "half_a_grid_apart": _difference(drawn, side // 2),
    }
    return Outcome(
        "manifold",
        f"neighbours in a grid of {side}x{side} differ by {measured['neighbours']:.3f}"
        f", images half the grid apart by {measured['half_a_grid_apart']:.3f} (root "
        "mean square of pixels)",
        _picture(trained, images, side),
        trained.discriminator_report(
            measured,
            None,
            options.seed,
            f"decoder means of {side}x{side} latents at the inverse normal CDF of "
            f"equally spaced quantiles, {0.5 / side:.3g} to {1 - 0.5 / side:.3g}, the "
            "first latent from left to right and the second from top to bottom",
            *(["each class a grid of its own"] if len(images) > 1 else []),
            "nothing is drawn at random",
        ),
    )


def grid_of_latents(side: int) -> np.ndarray:
    """Returns latents of N(0, I) at equally spaced quantiles, float32 [side^2, 2].

    Row by row: the first latent grows within a row, the second from row to row.

    Args:
        side: latents along each side.
    """
    quantiles = norm.ppf((np.arange(side) + 0.5) / side)
    second, first = np.meshgrid(quantiles, quantiles, indexing="ij")
    return np.stack([first, second], axis=-1).reshape(-1, 2).astype("float32")


def _difference(drawn, apart):
    """Returns how much images differ that are so far apart in a row or a column."""
    pairs = [
        drawn[:, apart:] - drawn[:, :-apart],
        drawn[:, :, apart:] - drawn[:, :, :-apart],
    ]
    return float(np.sqrt(np.mean([np.mean(pair**2) for pair in pairs])))


def _picture(trained, images, side):
    grids = [pictures.grid(each, columns=side) for each in images]
    if len(grids) == 1:
        return grids[0]
    names = trained.class_captions(np.arange(len(grids)))
    titled = list(zip(names, grids, strict=True))
    columns = near_square(len(grids), grids[0].height, grids[0].width)
    rows = [titled[i : i + columns] for i in range(0, len(titled), columns)]
    return pictures.vstack(*(pictures.hstack(*row) for row in rows))
