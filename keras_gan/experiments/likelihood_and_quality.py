"""A good likelihood with bad samples, and the reverse (Theis et al. 2016, section 3.2).

Four models of one data set, each with its log-likelihood and its samples measured:

- the trained VAE;
- a mixture that draws from it once in a hundred times and noise otherwise: its
  log-likelihood can fall by log 100 = 4.6 nats an image at most, and nearly all of its
  samples are noise;
- the noise alone;
- one that has memorised the training images, a mixture of narrow densities at them: its
  samples are as good as real ones, and held-out images are all but impossible.

So neither number can stand for the other. Images, samples and likelihoods are of what
the likelihood of the run observes, such as black and white pixels.

Source: Theis et al. 2016, arXiv 1511.01844, section 3.2.
"""

import argparse
import math

import numpy as np
from scipy.special import logsumexp
from tqdm import tqdm

from keras_gan import datasets, features, metrics, pictures
from keras_gan.errors import InputError
from keras_gan.experiments import arguments
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun
from keras_gan.metrics.neighbours import blocks
from keras_gan.models import VAE
from keras_gan.pictures.charts import Figure, plain_style

NEEDS = ("generate", "log_likelihood")  # of the model
SUCH_AS = "vae-digits"  # a recipe whose models have them
SHARE = 0.01  # of the mixture's samples that the trained model draws
PAPER = {"largest_fall": math.log(100), "noise_share": 0.99, "unit": "nats"}
_LEVELS = 255
_SHOWN = 64
_ROWS = 1000  # images that are observed at a time
_DPI = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    arguments.run(parser)
    count = arguments.at_least(2)
    parser.add_argument(
        "--images",
        type=count,
        default=100,
        help="held-out images to score, and as many training images (100)",
    )
    parser.add_argument(
        "--importance-samples",
        type=arguments.at_least(1),
        default=1000,
        help="of the posterior of each image (1000)",
    )
    parser.add_argument(
        "--samples",
        type=count,
        default=2000,
        help="most samples of each model for its Fréchet distance (2000)",
    )
    parser.add_argument(
        "--width",
        type=_share,
        default=0.001,
        help="of the memorising model: how probably a pixel differs from the training "
        "image's; for densities their standard deviation as a share of the range "
        "(0.001)",
    )


def _share(text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 0.5:
        raise argparse.ArgumentTypeError(f"{text!r} is no number between 0 and 0.5")
    return value


def run(options: argparse.Namespace) -> Outcome:
    """Returns likelihood and distance of each of the four models.

    Raises:
        InputError: where the run's model has classes or no true likelihood, or its
            images cannot be read or are too few.
    """
    trained = TrainedRun.load(options.run, options.best, needs=NEEDS, instead=SUCH_AS)
    model = trained.model
    if model.num_classes is not None:
        raise InputError(
            f"the run in {options.run} is conditional, so it has a likelihood for each "
            "class only. Name a run that was trained without --conditional."
        )
    if model.likelihood.caveat is not None:
        raise InputError(
            f"the likelihood of the run in {options.run} is none of images: it is "
            f"{model.likelihood.caveat}. Name a run with another --binarization."
        )
    scored = trained.scored(options.images)
    training = observed(model, trained.training_images, options.seed)
    if len(training) < 4:
        raise InputError(
            f"the run in {options.run} has {len(training)} training images, and at "
            "least 4 are needed to compare samples with. Train a run on more images."
        )
    rows = np.linspace(0, len(training) - 1, options.images).astype(int)
    images = {
        "training": training[np.unique(rows)],
        "held_out": observed(model, scored.array, options.seed + 1),
    }
    if not scored.held_out:
        del images["held_out"]
    likelihoods = {
        kind: log_likelihoods(model, each, training, options)
        for kind, each in images.items()
    }
    drawn, shares = samples(model, training, options)
    extractor = features.get(
        trained.run.recipe.features,
        datasets.Images(training, trained.training_set.labels),
    )
    distances = _distances(extractor, training, drawn, options.seed)
    measured = {
        name: {
            **{
                f"log_likelihood_{kind}": _mean(each[name])
                for kind, each in likelihoods.items()
            },
            "frechet_distance": distances[name],
            "noise_share": shares[name],
        }
        for name in drawn
    }
    falls = np.concatenate([v["trained"] - v["mixture"] for v in likelihoods.values()])
    measured["fall_of_mixture"] = {
        "largest": falls.max(),
        "mean": falls.mean(),
        "bound": -math.log(SHARE),
    }
    measured["real"] = {"frechet_distance": distances["real"]}
    kind = "held_out" if "held_out" in likelihoods else "training"
    values = {name: likelihoods[kind][name].mean() for name in drawn}
    return Outcome(
        "likelihood-and-quality",
        f"log p of {kind.replace('_', '-')} images: trained model "
        f"{values['trained']:.1f} nats, with {1 - SHARE:.0%} noise "
        f"{values['mixture']:.1f} (fell by {falls.max():.2f} at most), memorising "
        f"{values['memorising']:.1f}; Fréchet distance: {distances['trained']:.3g}, "
        f"{distances['mixture']:.3g}, {distances['memorising']:.3g}",
        _picture(training, drawn, measured, options.seed),
        trained.discriminator_report(
            measured,
            PAPER,
            options.seed,
            f"{scored.words} and {len(images['training'])} training images",
            f"log p(x) in nats by {options.importance_samples} importance samples",
            "images are what the likelihood observes of real ones, and samples of the "
            "trained model what it observes of decoder means, in 8 bits",
            f"mixture of {SHARE:.0%} trained model and uniform noise",
            f"memorising: {len(training)} training images, width {options.width}",
            f"Fréchet distance of {len(drawn['trained'])} samples to as many training "
            f"images on {extractor.name}",
        ),
    )


def observed(model: VAE, images: np.ndarray, seed: int) -> np.ndarray:
    """Returns what the likelihood of a model observes of images, as uint8.

    Args:
        model: a `VAE`.
        images: uint8 [N, H, W, C].
        seed: decides what is drawn of them.
    """
    return model.pixels.to_uint8(model.observed(images, seed))


def log_likelihoods(
    model: VAE, images: np.ndarray, training: np.ndarray, options: argparse.Namespace
) -> dict[str, np.ndarray]:
    """Returns log p of each image under each of the four models, float64 [N].

    Args:
        model: the trained `VAE`.
        images: observed ones, uint8 [N, H, W, C].
        training: observed training images, uint8 [M, H, W, C].
        options: of the command line.
    """
    with tqdm(
        total=len(images), unit=" img", desc="likelihood", disable=None, leave=False
    ) as bar:
        of_model = model.log_likelihood(
            images, options.importance_samples, options.seed, each=bar.update
        )
    values = model.likelihood.levels or model.pixels.high - model.pixels.low
    noise = np.full(len(images), -math.prod(images.shape[1:]) * math.log(values))
    return {
        "trained": of_model,
        "mixture": np.logaddexp(math.log(SHARE) + of_model, math.log1p(-SHARE) + noise),
        "noise": noise,
        "memorising": memorised(model, images, training, options.width),
    }


def memorised(
    model: VAE, images: np.ndarray, training: np.ndarray, width: float
) -> np.ndarray:
    """Returns log p of images under narrow densities at the training images.

    If pixels have levels, each is that of a training image with probability 1 - width
    and any other one else; if not, it has a normal error with a standard deviation of
    `width` of the range.
    """
    dims, levels = math.prod(images.shape[1:]), model.likelihood.levels
    if levels is not None:
        same = math.log1p(-width)
        factor, constant = math.log(width / (levels - 1)) - same, dims * same
    else:
        sigma = width * (model.pixels.high - model.pixels.low)
        factor = -1 / (2 * (width * _LEVELS) ** 2)
        constant = -dims * (math.log(sigma) + math.log(2 * math.pi) / 2)
    values = []
    for image in images:
        found = []
        for block in blocks(training):
            errors = block.astype("float32") - image
            errors = errors != 0 if levels is not None else errors**2
            found.append(errors.reshape(len(block), -1).sum(axis=1, dtype="float64"))
        values.append(logsumexp(constant + factor * np.concatenate(found)))
    return np.array(values) - math.log(len(training))


def samples(
    model: VAE, training: np.ndarray, options: argparse.Namespace
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Returns samples of each of the four models, uint8, and the share that is noise.

    Args:
        model, training, options: as of `log_likelihoods`.
    """
    count = min(options.samples, len(training) // 2)
    rng = np.random.default_rng(options.seed)
    steps = (model.likelihood.levels or _LEVELS + 1) - 1
    level, shape = _LEVELS // steps, (count, *training.shape[1:])
    of_model = observed(model, model.generate(count, options.seed), options.seed + 2)
    noise = (rng.integers(0, steps + 1, shape) * level).astype("uint8")
    by_model = rng.random(count) < SHARE
    remembered = training[rng.integers(0, len(training), count)].astype("int64")
    if model.likelihood.levels is None:
        errors = rng.normal(0, options.width * _LEVELS, shape)
        remembered = np.rint(remembered + errors).clip(0, _LEVELS)
    else:
        other = rng.integers(1, steps + 1, shape) * (rng.random(shape) < options.width)
        remembered = (remembered // level + other) % (steps + 1) * level
    drawn = {
        "trained": of_model,
        "mixture": np.where(by_model[:, None, None, None], of_model, noise),
        "noise": noise,
        "memorising": remembered.astype("uint8"),
    }
    shares = {
        "trained": 0.0,
        "mixture": float(1 - by_model.mean()),
        "noise": 1.0,
        "memorising": 0.0,
    }
    return drawn, shares


def _distances(extractor, training, drawn, seed):
    """Returns the Fréchet distance of samples, and of other real images, to real ones.

    Half of the training images are those that all are compared with.
    """
    count = len(drawn["trained"])
    order = np.random.default_rng(seed).permutation(len(training))
    real = extractor(training[np.sort(order[:count])]).features
    others = training[np.sort(order[count : 2 * count])]
    return {
        name: metrics.frechet_distance(real, extractor(images).features)
        for name, images in {**drawn, "real": others}.items()
    }


def _mean(values):
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else None
    return {"mean": values.mean(), "standard_error": error}


_TITLES = {
    "trained": "trained model",
    "mixture": f"{SHARE:.0%} trained model, {1 - SHARE:.0%} noise",
    "noise": "noise",
    "memorising": "memorises the training images",
}


def _picture(training, drawn, measured, seed):
    order = np.random.default_rng(seed).permutation(len(training))[:_SHOWN]
    grids = [("real images, as observed", pictures.grid(training[order]))]
    for name in ("trained", "mixture", "memorising"):
        grids.append((_TITLES[name], pictures.grid(drawn[name][:_SHOWN])))
    images = pictures.hstack(*grids)
    return pictures.vstack(images, _table(measured, images.width))


@plain_style()
def _table(measured, width):
    """Draws the figures of all models as a table, some pixels wide."""
    kinds = {
        "log_likelihood_held_out": "held-out images, nats",
        "log_likelihood_training": "training images, nats",
    }
    kinds = {k: v for k, v in kinds.items() if k in measured["trained"]}
    rows = [
        [
            title,
            *(f"{measured[name][kind]['mean']:,.1f}" for kind in kinds),
            f"{measured[name]['frechet_distance']:,.2f}",
            f"{measured[name]['noise_share']:.1%}",
        ]
        for name, title in _TITLES.items()
    ]
    real = f"{measured['real']['frechet_distance']:,.2f}"
    rows.append(["real images", *["" for _ in kinds], real, ""])
    heads = ["", *kinds.values(), "Fréchet distance", "noise among samples"]
    letters = 0.011 * width  # pixels
    height = 2.2 * letters * (len(rows) + 2)
    figure = Figure((width / _DPI, height / _DPI), dpi=_DPI)
    axes = figure.add_axes((0.01, 0, 0.98, 1))
    axes.set_axis_off()
    table = axes.table(rows, colLabels=heads, bbox=(0, 0.05, 1, 0.9))
    table.auto_set_font_size(False)
    table.set_fontsize(letters * 72 / _DPI)
    for cell in table.get_celld().values():
        cell.visible_edges = "horizontal"
        cell.set_linewidth(0.5)
    return pictures.rendered(figure)
